"""Two queues and a memory of what left the small one.

J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. Vinayak, "FIFO queues are all you need for cache eviction", SOSP 2023.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from postopt.caching.eviction.policy import Newcomer, Policy


class S3FIFO(Policy):
    """Gives up what was not used again soon after it came, and of the rest what was not used since the last look.

    Newcomers queue in a tenth of the store. At the head of that queue, those used twice go on to the large one; the
    others leave, but are remembered for as long as a large queue of them takes to pass: those that come back then join
    the large queue at once. At the head of that, what was used goes back to the tail, at most three times in a row.
    """

    SMALL = 0.1
    MOST_HITS = 3

    def __init__(self) -> None:
        super().__init__()
        self._small: OrderedDict[int, int] = OrderedDict()  # with the weight
        self._large: OrderedDict[int, int] = OrderedDict()  # with the hits not yet used up
        self._small_bytes = 0
        self._ghosts: OrderedDict[Hashable, None] = OrderedDict()

    def added(self, slot: int, newcomer: Newcomer) -> None:
        """Queue it, in the large queue if it is remembered."""
        if newcomer.key in self._ghosts:
            del self._ghosts[newcomer.key]
            self._large[slot] = 0
        else:
            self._small[slot] = newcomer.weight
            self._small_bytes += newcomer.weight

    def hit(self, slot: int) -> None:
        """Take note of another weight."""
        if slot in self._small:
            weight = self.entries.weights[slot]
            self._small_bytes += weight - self._small[slot]
            self._small[slot] = weight

    def removed(self, slot: int) -> None:
        """Forget it."""
        self._large.pop(slot, None)
        if slot in self._small:
            self._leave_small(slot)

    def victims(self, newcomer: Newcomer, weight: int, count: int) -> list[int]:  # noqa: ARG002 - all are let in
        """Return what leaves the queues next."""
        return self._first(iter(self._next, None), weight, count)

    def _next(self) -> int | None:
        """Take the next one out of the queues, None from empty ones."""
        while self._small or self._large:
            if self._small and (not self._large or self._small_bytes >= self.SMALL * self.entries.bytes):
                slot = next(iter(self._small))
                self._leave_small(slot)
                if self.entries.take_hits(slot) < 2:
                    self._remember(slot)
                    return slot
                self._large[slot] = 0
            else:
                slot, left = self._large.popitem(last=False)
                hits = min(left + self.entries.take_hits(slot), self.MOST_HITS)
                if not hits:
                    return slot
                self._large[slot] = hits - 1
        return None

    def _leave_small(self, slot: int) -> None:
        self._small_bytes -= self._small.pop(slot)

    def _remember(self, slot: int) -> None:
        self._ghosts[self.entries.item(slot)[0]] = None
        while len(self._ghosts) > max(len(self._large), len(self._small)):
            self._ghosts.popitem(last=False)
