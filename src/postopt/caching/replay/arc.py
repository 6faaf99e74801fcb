"""ARC, for comparison.

N. Megiddo, D. Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, figure 4.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

Queue = OrderedDict[int, None]


class ARC:
    """What was asked for once lately and what was more often, each with a memory of what left; they compete for room.

    Args:
        entries: how many it holds.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._recent, self._frequent = Queue(), Queue()
        self._left_recent, self._left_frequent = Queue(), Queue()
        self._target = 0.0  # how many of the entries are to be recent ones

    def hits(self, keys: Iterable[int]) -> int:
        """Return how many of these requests are hits."""
        return sum(map(self._request, keys))

    def _request(self, key: int) -> bool:
        if key in self._recent:
            del self._recent[key]
        elif key in self._frequent:
            del self._frequent[key]
        elif key in self._left_recent or key in self._left_frequent:
            self._adapt(key)
            self._frequent[key] = None
            return False
        else:
            self._make_room()
            self._recent[key] = None
            return False
        self._frequent[key] = None
        return True

    def _adapt(self, key: int) -> None:
        """Give more room to the part that should not have given up `key`."""
        recent, frequent = len(self._left_recent), len(self._left_frequent)
        was_recent = key in self._left_recent
        if was_recent:
            self._target = min(float(self._entries), self._target + max(1.0, frequent / recent))
        else:
            self._target = max(0.0, self._target - max(1.0, recent / frequent))
        self._give_up(to_frequent=not was_recent)
        (self._left_recent if was_recent else self._left_frequent).pop(key, None)

    def _make_room(self) -> None:
        held = len(self._recent) + len(self._frequent)
        if len(self._recent) + len(self._left_recent) == self._entries:
            if len(self._recent) == self._entries:
                self._recent.popitem(last=False)
                return
            self._left_recent.popitem(last=False)
        elif held + len(self._left_recent) + len(self._left_frequent) == 2 * self._entries:
            self._left_frequent.popitem(last=False)
        if held == self._entries:
            self._give_up(to_frequent=False)

    def _give_up(self, *, to_frequent: bool) -> None:
        recent = len(self._recent)
        if recent and (recent > self._target or (to_frequent and recent == self._target)):
            self._left_recent[self._recent.popitem(last=False)[0]] = None
        else:
            self._left_frequent[self._frequent.popitem(last=False)[0]] = None
