"""The textbook's other policy: popular is what was popular."""

from __future__ import annotations

from collections import OrderedDict

from postopt.caching.eviction.policy import Newcomer, Policy


class LFU(Policy):
    """Gives up the least frequently used; of equals, the one that came to its count first."""

    eager = True

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[int, int] = {}
        self._slots: dict[int, OrderedDict[int, None]] = {}  # by count

    def added(self, slot: int, newcomer: Newcomer) -> None:  # noqa: ARG002 - the newcomer says nothing more
        """Count it once."""
        self._put(slot, 1)

    def hit(self, slot: int) -> None:
        """Count it once more."""
        count = self._counts[slot]
        self.removed(slot)
        self._put(slot, count + 1)

    def removed(self, slot: int) -> None:
        """Forget it and its count."""
        count = self._counts.pop(slot)
        del self._slots[count][slot]
        if not self._slots[count]:
            del self._slots[count]

    def victims(self, newcomer: Newcomer, weight: int, count: int) -> list[int]:  # noqa: ARG002 - all are let in
        """Return those of the lowest counts."""
        ordered = (slot for times in sorted(self._slots) for slot in self._slots[times])
        return self._first(ordered, weight, count)

    def _put(self, slot: int, count: int) -> None:
        self._counts[slot] = count
        self._slots.setdefault(count, OrderedDict())[slot] = None
