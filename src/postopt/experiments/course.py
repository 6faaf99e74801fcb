"""How an experiment went: what a plot of it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from postopt.experiments.blocks import NOTHING
from postopt.experiments.decision import Decision
from postopt.experiments.records import Totals
from postopt.experiments.tally import Tally
from postopt.stats.interval import Interval

# Both arbitrary: more points than a plot shows, and more arms than one tells apart.
_MOST_POINTS = 512
_MOST_ARMS = 12


class Point(NamedTuple):
    """The lift of the leader when there were so many outcomes in all."""

    n: float
    lift: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Course:
    """What to draw.

    Attributes:
        title: name and state.
        leader: of whom the lift is.
        against: over whom.
        points: in order of n; all by the sums of that moment.
        shares: of the outcomes between a point and the one before, by the name of the arm.
    """

    title: str
    leader: str
    against: str
    points: tuple[Point, ...]
    shares: Mapping[str, tuple[float, ...]]


class Trail:
    """The sums of the arms at some moments, thinned out: every second goes when there are too many.

    It begins with the ends of the periods that the store knows, and goes on with the looks of one object.
    """

    def __init__(self) -> None:
        self._moments: list[dict[int, Totals]] = []
        self._every = 1
        self._seen = 0

    def begin(self, periods: Mapping[int, Mapping[int, Totals]]) -> None:
        """Begin with the sums at the end of each period, of the arms by number."""
        sums = dict.fromkeys(periods, NOTHING)
        for period in sorted({period for cells in periods.values() for period in cells}):
            sums = {place: totals + periods[place].get(period, NOTHING) for place, totals in sums.items()}
            self._keep(sums)

    def add(self, tally: Tally) -> None:
        """Keep the sums of now, or pass them over."""
        self._keep({place: tally.totals(place) for place in largest(tally)})

    def _keep(self, moment: dict[int, Totals]) -> None:
        self._seen += 1
        if self._seen % self._every == 0:
            self._moments.append(moment)
        if len(self._moments) > _MOST_POINTS:
            self._moments = self._moments[1::2]
            self._every *= 2

    def moments(self, tally: Tally) -> list[dict[int, Totals]]:
        """Return what was kept and the sums of now, without those between which nothing came."""
        kept: list[dict[int, Totals]] = []
        for moment in [*self._moments, {place: tally.totals(place) for place in largest(tally)}]:
            if moment and (not kept or _n(moment) > _n(kept[-1])):
                kept.append(moment)
        return kept


def largest(tally: Tally) -> list[int]:
    """Return the numbers of the arms with most outcomes."""
    seen = tally.n.nonzero()[0]
    return sorted(seen[(-tally.n[seen]).argsort(kind="stable")[:_MOST_ARMS]].tolist())


def course_of(
    decision: Decision,
    moments: Sequence[Mapping[int, Totals]],
    names: Sequence[str],
    compare: Callable[[Totals, Totals], tuple[float, Interval]],
) -> Course:
    """Return the course of the comparison that a decision makes.

    Args:
        decision: whose leader and rival are compared at each moment.
        moments: sums of the arms, in order of time.
        names: of the arms, by number.
        compare: returns lift and interval of one arm over another.
    """
    leader, rival = names.index(decision.leader.name), names.index(decision.against.name)
    points, shares = [], {}
    for moment in moments:
        lift, interval = compare(moment.get(leader, NOTHING), moment.get(rival, NOTHING))
        points.append(Point(_n(moment), lift, interval))
    for place in sorted(moments[-1]) if moments else ():
        ns = [0.0, *(moment.get(place, NOTHING).n for moment in moments)]
        alls = [0.0, *(point.n for point in points)]
        shares[names[place]] = tuple(max(ns[i + 1] - ns[i], 0.0) / (alls[i + 1] - alls[i]) for i in range(len(points)))
    return Course(
        title=f"{decision.experiment}: {decision.state}",
        leader=decision.leader.name,
        against=decision.against.name,
        points=tuple(points),
        shares=shares,
    )


def _n(moment: Mapping[int, Totals]) -> float:
    return sum(totals.n for totals in moment.values())
