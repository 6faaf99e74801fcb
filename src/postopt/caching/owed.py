"""Changes that a level of a cache has not taken over yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from postopt.caching.base import Key
from postopt.caching.eviction.frequency import FrequencySketch, key_hash

MOST_OWED = 100_000
"""Keys, and tags, that are remembered one by one; arbitrary."""

_SKETCHED = 1 << 16  # entries that the sketch has room for: 1 MiB


class Owed:
    """Keys and tags whose change a level failed to take over; until it has, it is not believed about them.

    Of more than `MOST_OWED` the oldest go to a sketch, and stay there: what they are is not known any more, so that the
    level cannot be told. Others then count as owed as well, one key of a hundred after another hundred thousand.

    Attributes:
        keys: by which change; the oldest first.
        tags: the same.
        forgotten: how many are only in the sketch.
    """

    def __init__(self) -> None:
        self.keys: OrderedDict[Key, int] = OrderedDict()
        self.tags: OrderedDict[str, int] = OrderedDict()
        self.forgotten = 0
        self._changes = 0
        self._sketch = FrequencySketch()

    def __bool__(self) -> bool:
        return bool(self.keys or self.tags or self.forgotten)

    def __len__(self) -> int:
        return len(self.keys) + len(self.tags) + self.forgotten

    def add(self, key: Key) -> None:
        """Take note of a key that was set or deleted."""
        self._add(self.keys, key, "key ")

    def add_tag(self, tag: str) -> int:
        """Take note of a tag that was invalidated, and return the number of that change."""
        self._add(self.tags, tag, "tag ")
        return self._changes

    def covers(self, key: Key, tags: Collection[str] = ()) -> bool:
        """Say whether the level must not be believed about an entry."""
        if key in self.keys or not self.tags.keys().isdisjoint(tags):
            return True
        if not self.forgotten:
            return False
        return self._is_sketched("key " + key) or any(self._is_sketched("tag " + tag) for tag in tags)

    def settle(self, key: Key, change: int) -> None:
        """Forget a key that the level has taken over, unless it has changed again since that change."""
        if self.keys.get(key) == change:
            del self.keys[key]

    def settle_tag(self, tag: str, change: int) -> None:
        """Do the same for a tag."""
        if self.tags.get(tag) == change:
            del self.tags[tag]

    def _add(self, names: OrderedDict[str, int], name: str, kind: str) -> None:
        self._changes += 1
        names[name] = self._changes
        names.move_to_end(name)
        if len(names) > MOST_OWED:
            oldest, _ = names.popitem(last=False)
            self._sketch.grow(_SKETCHED)
            self._sketch.remember(key_hash(kind + oldest), 1)
            self.forgotten += 1

    def _is_sketched(self, name: str) -> bool:
        return self._sketch.count(key_hash(name)) > 0
