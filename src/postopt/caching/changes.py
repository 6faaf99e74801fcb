"""What has changed while somebody was away: fetching a value, or making one."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from postopt.caching.base import Key


class Changes:
    """Remembers changes for as long as somebody may have to know of them.

    Whoever is about to keep what it read or made some time ago keeps nothing if the key, one of its tags or everything
    was changed since: what it has may be from before.
    """

    def __init__(self) -> None:
        self._now = 0
        self._keys: dict[Key, int] = {}
        self._tags: dict[str, int] = {}
        self._everything = 0
        self._watching = 0
        self._lock = threading.Lock()

    @contextmanager
    def watch(self) -> Iterator[int]:
        """Yield the present, to compare with in `since`; changes are remembered until the end of the block."""
        with self._lock:
            self._watching += 1
            now = self._now
        try:
            yield now
        finally:
            with self._lock:
                self._watching -= 1
                if not self._watching:
                    self._keys.clear()
                    self._tags.clear()

    def note(self, keys: Collection[Key] = (), tag: str | None = None, *, everything: bool = False) -> None:
        """Take note of a change."""
        with self._lock:
            self._now += 1
            if everything:
                self._everything = self._now
            if self._watching:
                self._keys.update(dict.fromkeys(keys, self._now))
                if tag is not None:
                    self._tags[tag] = self._now

    def since(self, then: int, key: Key, tags: Collection[str]) -> bool:
        """Say whether the key, one of the tags or everything has changed since `then`."""
        with self._lock:
            latest = [self._everything, self._keys.get(key, 0), *(self._tags.get(tag, 0) for tag in tags)]
        return max(latest) > then
