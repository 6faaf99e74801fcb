"""What was changed in the last few seconds, for whoever comes a moment too late."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection

from postopt.caching.base import Key
from postopt.clock import Clock

SECONDS = 5.0
"""How long a thread may take from giving an entry up to handing it on; arbitrary."""

MOST = 4096
"""Keys and tags that are remembered; arbitrary."""


class Lately:
    """Keys and tags that were deleted or invalidated within `SECONDS`.

    A level in memory that is shrunk by somebody else hands on what it gave up a moment later, when that may have been
    deleted already.

    Args:
        timer: monotonic seconds.
    """

    def __init__(self, timer: Clock) -> None:
        self._timer = timer
        self._until: OrderedDict[str, float] = OrderedDict()
        self._all_until = -math.inf

    def note(self, key: Key) -> None:
        """Take note of a key."""
        self._note("key " + key)

    def note_tag(self, tag: str) -> None:
        """Take note of a tag."""
        self._note("tag " + tag)

    def note_all(self) -> None:
        """Take note that everything was deleted."""
        self._until.clear()
        self._all_until = self._timer() + SECONDS

    def covers(self, key: Key, tags: Collection[str]) -> bool:
        """Say whether an entry may have been deleted just now."""
        if not self._until and self._all_until == -math.inf:
            return False
        now = self._timer()
        names = ["key " + key, *("tag " + tag for tag in tags)]
        return now < self._all_until or any(now < self._until.get(name, -math.inf) for name in names)

    def _note(self, name: str) -> None:
        until = self._timer() + SECONDS
        self._until[name] = until
        self._until.move_to_end(name)
        if len(self._until) > MOST:
            _, oldest = self._until.popitem(last=False)
            self._all_until = max(self._all_until, oldest)
