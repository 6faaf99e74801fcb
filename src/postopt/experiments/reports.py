"""The counts of reports by their number: the first of each arm, the second, and so on."""

from __future__ import annotations

from collections.abc import Sequence

from postopt.experiments.blocks import NOTHING
from postopt.experiments.records import Bucket, Totals

# Periods that are kept; arbitrary, more than enough to learn from. Beyond, two neighbours become one.
_MOST = 1_024


class Reports:
    """What came in each period, where the n-th report of each arm is taken for the same period.

    Days are too long to learn from how much outcomes vary where a report comes every minute. Their number says nothing
    about time if the arms are reported unevenly; then periods differ more than they would, and the design effect that
    is learned from them is on the safe side.
    """

    def __init__(self) -> None:
        self._width = 1
        self._seen: dict[int, int] = {}
        self._cells: dict[tuple[int, int], Totals] = {}

    def add(self, place: int, totals: Totals) -> None:
        """Count a report of an arm."""
        number = self._seen.get(place, 0)
        self._seen[place] = number + 1
        key = (place, number // self._width)
        self._cells[key] = self._cells.get(key, NOTHING) + totals
        if key[1] >= _MOST:
            self._halve()

    def buckets(self, arms: Sequence[str], metric: str) -> list[Bucket]:
        """Return the sums; periods are negative, so that none is taken for a day."""
        return [Bucket(arms[place], -1, metric, -1 - period, totals) for (place, period), totals in self._cells.items()]

    def periods(self, place: int) -> dict[int, Totals]:
        """Return an arm's sums by period, the first one first."""
        return {period: totals for (arm, period), totals in self._cells.items() if arm == place}

    def _halve(self) -> None:
        cells: dict[tuple[int, int], Totals] = {}
        for (place, period), totals in self._cells.items():
            key = (place, period // 2)
            cells[key] = cells.get(key, NOTHING) + totals
        self._cells, self._width = cells, self._width * 2
