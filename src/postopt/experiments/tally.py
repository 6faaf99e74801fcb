"""The sums of one metric of an experiment, as they grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from postopt.experiments.blocks import NOTHING
from postopt.experiments.records import Bucket, Totals


class Tally:
    """How many outcomes each arm has, their sum and that of their squares: in all, and by half and UTC day.

    It is kept in memory so that neither choosing an arm nor deciding reads the log. Its size is the number of arms and
    days that have outcomes, whatever the number of units.

    Args:
        places: the number of each arm, from 0, by its name.

    Attributes:
        n: outcomes by arm.
        total: their sums by arm.
    """

    def __init__(self, places: Mapping[str, int]) -> None:
        self._places = places
        self.n: npt.NDArray[np.float64] = np.zeros(len(places))
        self.total: npt.NDArray[np.float64] = np.zeros(len(places))
        self._cells: dict[int, dict[tuple[int, int], Totals]] = {}

    def add(self, place: int, half: int, day: int, totals: Totals) -> None:
        """Count so much for one arm, one half of it (-1: nobody knows which) and one day."""
        self.n[place] += totals.n
        self.total[place] += totals.total
        cells = self._cells.setdefault(place, {})
        cells[half, day] = cells.get((half, day), NOTHING) + totals

    def load(self, buckets: Iterable[Bucket]) -> None:
        """Count what the store says; arms that this experiment does not have are left out."""
        for bucket in buckets:
            place = self._places.get(bucket.arm)
            if place is not None:
                self.add(place, bucket.half, bucket.day, bucket.totals)

    def of_assignments(self) -> npt.NDArray[np.float64]:
        """Return the outcomes that assignments have, without those of reports, by arm."""
        n = self.n.copy()
        for place, cells in self._cells.items():
            n[place] -= sum(totals.n for (half, _), totals in cells.items() if half < 0)
        return n

    def totals(self, place: int) -> Totals:
        """Return an arm's sums."""
        return sum(self._cells.get(place, {}).values(), NOTHING)

    def days(self, place: int) -> dict[int, Totals]:
        """Return an arm's sums by day."""
        days: dict[int, Totals] = {}
        cells = self._cells.get(place)
        if cells is None:  # as most of very many arms
            return days
        for (_, day), totals in cells.items():
            days[day] = days.get(day, NOTHING) + totals
        return days

    def buckets(self, arms: Sequence[str], metric: str) -> list[Bucket]:
        """Return all sums, ordered by arm, half and day."""
        return [
            Bucket(str(arms[place]), half, metric, day, self._cells[place][half, day])
            for place in sorted(self._cells)
            for half, day in sorted(self._cells[place])
        ]
