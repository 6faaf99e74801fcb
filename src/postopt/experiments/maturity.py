"""Sums over the decisions that are old enough, from one look to the next: the SQL of it and what is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from postopt.experiments.entries import DAY, day_of
from postopt.experiments.records import Bucket, Totals

Cell: TypeAlias = tuple[str, int]
"""An arm and a half of it; half -1 for counts."""

_LAST = """
SELECT (SELECT coalesce(max(number), 0) FROM decisions), (SELECT coalesce(max(number), 0) FROM outcomes),
    (SELECT coalesce(max(number), 0) FROM counts)
"""
# A unary plus keeps SQLite from another index than the one by which few rows are found.
_GROUPED = """
SELECT d.arm, d.half, count(*), count(o.value), total(o.value), total(o.value * o.value)
FROM decisions AS d LEFT JOIN outcomes AS o ON o.decision = d.number AND o.metric = :metric
"""
_GROWN_OLD = f"{_GROUPED} WHERE d.experiment = :experiment AND d.at >= :since AND d.at < :before GROUP BY d.arm, d.half"
_CAME_OLD = f"""
{_GROUPED} WHERE d.number > :decisions AND +d.experiment = :experiment AND +d.at >= :begin AND +d.at < :since
GROUP BY d.arm, d.half
"""
_CAME_LATE = """
SELECT d.arm, d.half, 0, count(*), total(o.value), total(o.value * o.value)
FROM outcomes AS o CROSS JOIN decisions AS d ON d.number = o.decision
WHERE o.number > :outcomes AND +o.metric = :metric AND d.number <= :decisions AND +d.experiment = :experiment
AND +d.at >= :begin AND +d.at < :since GROUP BY d.arm, d.half
"""
_COUNTED = "SELECT arm, -1, 0, total(n), total(total), total(squares) FROM counts"
_COUNTS_GROWN_OLD = f"""
{_COUNTED} WHERE experiment = :experiment AND at >= :since AND at < :before AND +metric = :metric GROUP BY arm
"""
_COUNTS_CAME_OLD = f"""
{_COUNTED} WHERE number > :counts AND +experiment = :experiment AND +at >= :begin AND +at < :since AND metric = :metric
GROUP BY arm
"""
_STEPS = (_GROWN_OLD, _CAME_OLD, _CAME_LATE, _COUNTS_GROWN_OLD, _COUNTS_CAME_OLD)

_DAYS = """
SELECT arm, half, metric, day, n, total, squares FROM buckets
WHERE experiment = ? AND metric = ? AND day < ?
"""
_OVERDUE_DAYS = """
SELECT arm, half, day, sum(n) FROM (
    SELECT arm, half, day, n FROM assigned WHERE experiment = :experiment AND day < :day
    UNION ALL
    SELECT arm, half, day, -n FROM buckets
    WHERE experiment = :experiment AND metric = :metric AND half >= 0 AND day < :day
) GROUP BY arm, half, day HAVING sum(n) > 0
"""


class Mature(NamedTuple):
    """The sums of one metric over the decisions and counts of the UTC day of `before` that were made before it.

    The next look adds to them what has grown old since, what came late, and nothing else: it costs as much as there is
    new, however many units the day has. Rows of the log are never changed, and their numbers rise, so that what is new
    is what has a higher one.

    Attributes:
        before: as of when.
        last: the highest numbers of decisions, outcomes and counts that were there.
        cells: by arm and half: decisions, outcomes, their sum and that of their squares.
    """

    before: float
    last: tuple[int, int, int]
    cells: dict[Cell, tuple[int, int, float, float]]

    @property
    def day(self) -> int:
        """The day, in days since the epoch."""
        return day_of(self.before)


def mature(connection: sqlite3.Connection, experiment: str, metric: str, before: float, known: Mature | None) -> Mature:
    """Return the sums as of `before`, from those that are known if they are of an earlier time of the same day."""
    last = connection.execute(_LAST).fetchone()
    begin = float(day_of(before) * DAY)
    if known is None or known.before > before or known.before < begin or any(map(int.__gt__, known.last, last)):
        known = Mature(begin, last, {})
    if (known.before, known.last) == (before, last):
        return known
    values = dict(zip(("decisions", "outcomes", "counts"), known.last, strict=True)) | {
        "experiment": experiment,
        "metric": metric,
        "begin": begin,
        "since": known.before,
        "before": before,
    }
    cells = dict(known.cells)
    for arm, half, decided, n, total, squares in _added(connection, values):
        was = cells.get((arm, half), (0, 0, 0.0, 0.0))
        cells[arm, half] = was[0] + decided, was[1] + n, was[2] + total, was[3] + squares
    return Mature(before, last, cells)


def _added(
    connection: sqlite3.Connection, values: dict[str, object]
) -> Iterator[tuple[str, int, int, int, float, float]]:
    for query in _STEPS:
        yield from connection.execute(query, values)


class Maturity:
    """What each metric of each experiment had grown old at the last look, as long as one connection lasts.

    Args:
        after_commit: calls a function once what was read is there for sure: at once outside of a transaction.
    """

    def __init__(self, after_commit: Callable[[Callable[[], object]], object]) -> None:
        self._after_commit = after_commit
        self._known: dict[tuple[str, str], tuple[sqlite3.Connection, Mature]] = {}

    def buckets(
        self, connection: sqlite3.Connection, experiment: str, metric: str | None, before: float
    ) -> list[Bucket]:
        """Return the sums of outcomes of decisions, and of counts, before a time."""
        with _snapshot(connection):
            names = _metrics(connection, experiment) if metric is None else [metric]
            return sorted(
                bucket
                for name in names
                for bucket in _buckets(connection, experiment, name, self._look(connection, experiment, name, before))
            )

    def overdue(
        self, connection: sqlite3.Connection, experiment: str, metric: str, before: float
    ) -> dict[tuple[str, int, int], Totals]:
        """Return how many decisions made before a time have no outcome of a metric, by arm, half and day."""
        with _snapshot(connection):
            return _overdue(connection, experiment, metric, self._look(connection, experiment, metric, before))

    def _look(self, connection: sqlite3.Connection, experiment: str, metric: str, before: float) -> Mature:
        key = experiment, metric
        of, known = self._known.get(key, (None, None))
        found = mature(connection, experiment, metric, before, known if of is connection else None)
        self._after_commit(lambda: self._known.__setitem__(key, (connection, found)))
        return found


def _buckets(connection: sqlite3.Connection, experiment: str, metric: str, found: Mature) -> list[Bucket]:
    """Return the sums of outcomes: those of whole days, and what of the day that the limit cuts lies before it."""
    whole = connection.execute(_DAYS, (experiment, metric, found.day))
    sums = [Bucket._make((*row[:4], Totals(*row[4:]))) for row in whole]
    cut = [Bucket(*cell, metric, found.day, Totals(*rest)) for cell, (_, *rest) in found.cells.items() if rest[0]]
    return sums + cut


def _overdue(
    connection: sqlite3.Connection, experiment: str, metric: str, found: Mature
) -> dict[tuple[str, int, int], Totals]:
    """Return how many of the decisions have no outcome, by arm, half and day."""
    values = {"experiment": experiment, "metric": metric, "day": found.day}
    late = {(arm, half, day): Totals(n, 0.0, 0.0) for arm, half, day, n in connection.execute(_OVERDUE_DAYS, values)}
    for (arm, half), (decided, outcomes, *_) in found.cells.items():
        if half >= 0 and decided > outcomes:
            late[arm, half, found.day] = Totals(decided - outcomes, 0.0, 0.0)
    return late


def _metrics(connection: sqlite3.Connection, experiment: str) -> list[str]:
    """Return the metrics that an experiment has outcomes of."""
    query = "SELECT DISTINCT metric FROM buckets WHERE experiment = ?"
    return [metric for (metric,) in connection.execute(query, (experiment,))]


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let queries agree with each other, also if other processes write meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")
