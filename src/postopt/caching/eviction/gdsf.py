"""Frequency x cost / weight, aged by what was given up last.

L. Cherkasova, "Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy", HP Labs HPL-98-69,
1998.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Hashable, Iterator

from postopt.caching.eviction.policy import LEAST_COST, Newcomer, Policy


class GDSF(Policy):
    """Gives up the least frequency x cost / weight, counted from the value of what was given up last.

    Args:
        history: how many entries that left have their frequency remembered, the last ones.
    """

    eager = True

    def __init__(self, *, history: int = 0) -> None:
        super().__init__()
        self._age = 0.0
        self._counts: dict[int, int] = {}
        self._values: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []
        self._history: OrderedDict[Hashable, int] = OrderedDict()
        self._most = history

    def added(self, slot: int, newcomer: Newcomer) -> None:
        """Value it, by the uses before it left as well if those are remembered."""
        self._counts[slot] = self._history.pop(newcomer.key, 0)
        self.hit(slot)

    def hit(self, slot: int) -> None:
        """Count it once more."""
        self._counts[slot] += 1
        density = max(self.entries.costs[slot], LEAST_COST) / max(self.entries.weights[slot], 1)
        self._values[slot] = value = self._age + self._counts[slot] * density
        heapq.heappush(self._heap, (value, slot))
        if len(self._heap) > 4 * len(self._values) + 64:  # most are values of before
            self._heap = [(value, slot) for slot, value in self._values.items()]
            heapq.heapify(self._heap)

    def removed(self, slot: int) -> None:
        """Forget it, but for its count."""
        self._history[self.entries.item(slot)[0]] = self._counts.pop(slot)
        if len(self._history) > self._most:
            self._history.popitem(last=False)
        del self._values[slot]

    def victims(self, newcomer: Newcomer, weight: int, count: int) -> list[int]:  # noqa: ARG002 - all are let in
        """Return those of the least value."""
        return self._first(self._least(), weight, count)

    def _least(self) -> Iterator[int]:
        """Yield slots from the least value on, each once: one that was emptied and filled again may be there twice."""
        yielded: set[int] = set()
        while self._heap:
            value, slot = heapq.heappop(self._heap)
            if self._values.get(slot) == value and slot not in yielded:
                yielded.add(slot)
                self._age = value
                yield slot
