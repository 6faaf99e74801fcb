"""The counts of reports by their number: the first of each arm, the second, and so on."""

from __future__ import annotations

from collections.abc import Sequence

from postopt.experiments.records import Bucket, Totals

# Periods that are kept; arbitrary, more than enough to learn from. Beyond, two neighbours become one.
_MOST = 1_024


class Reports:
    """What came in each period, where the n-th report of each arm is taken for the same period.

    Days are too long to learn from how much outcomes vary where a report comes every minute. Their number says nothing
    about time if the arms are reported unevenly; then periods differ more than they would, and the design effect that
    is learned from them is on the safe side.

    Args:
        arms: names, by number.
        metric: of which the counts are.
    """

    def __init__(self, arms: Sequence[str], metric: str) -> None:
        self._arms = arms
        self._metric = metric
        self._width = 1
        self._seen: dict[int, int] = {}
        self._cells: dict[tuple[int, int], Bucket] = {}  # made once, as all are asked for at each look

    def add(self, place: int, totals: Totals) -> None:
        """Count a report of an arm."""
        number = self._seen.get(place, 0)
        self._seen[place] = number + 1
        period = number // self._width
        self._count(place, period, totals)
        if period >= _MOST:
            self._halve()

    def buckets(self) -> list[Bucket]:
        """Return the sums; periods are negative, so that none is taken for a day."""
        return list(self._cells.values())

    def periods(self, place: int) -> dict[int, Totals]:
        """Return an arm's sums by period, the first one first."""
        return {period: bucket.totals for (arm, period), bucket in self._cells.items() if arm == place}

    def _count(self, place: int, period: int, totals: Totals) -> None:
        before = self._cells.get((place, period))
        sums = totals if before is None else before.totals + totals
        self._cells[place, period] = Bucket(self._arms[place], -1, self._metric, -1 - period, sums)

    def _halve(self) -> None:
        cells, self._cells = self._cells, {}
        for (place, period), bucket in cells.items():
            self._count(place, period // 2, bucket.totals)
        self._width *= 2
