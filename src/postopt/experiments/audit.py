"""Whether the sums of an experiment store are those of its log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple  # Any: what a damaged file gives

from postopt.errors import ExperimentStoreError
from postopt.experiments.entries import DAY, MAX_TIME, MAX_VALUE
from postopt.experiments.storefile import StoreFile, passes
from postopt.experiments.writebehind import WriteBehind


class Finding(NamedTuple):
    """Something in a store that is not as it should be.

    Attributes:
        kind: "assigned" or "bucket" for a sum that differs from the log, "orphan" for a row that belongs to nothing,
            "range" for a number that cannot be, "damage" for a file that SQLite finds damaged, or cannot read.
        where: which row, in words.
        logged: what the log says, or "".
        stored: what the store says.
    """

    kind: str
    where: str
    logged: str
    stored: str

    def __str__(self) -> str:
        said = f"the log says {self.logged}, the store {self.stored}" if self.logged else self.stored
        return f"{self.kind}: {self.where}: {said}"


_ASSIGNED = """
SELECT experiment, arm, half, day, sum(logged), sum(stored) FROM (
    SELECT experiment, arm, half, day, count(*) AS logged, 0 AS stored FROM decisions
    GROUP BY experiment, arm, half, day
    UNION ALL
    SELECT experiment, arm, half, day, 0, n FROM assigned
) GROUP BY experiment, arm, half, day HAVING sum(logged) <> sum(stored) ORDER BY 1, 2, 3, 4
"""
# Sums of fractions depend on the order of their terms, in the last digits.
_BUCKETS = """
SELECT experiment, arm, half, metric, day, sum(n), sum(total), sum(squares), sum(n2), sum(total2), sum(squares2) FROM (
    SELECT d.experiment, d.arm, d.half, o.metric, d.day, 1 AS n, o.value AS total, o.value * o.value AS squares,
        0 AS n2, 0 AS total2, 0 AS squares2 FROM outcomes AS o JOIN decisions AS d ON d.number = o.decision
    UNION ALL
    SELECT experiment, arm, -1, metric, day, n, total, squares, 0, 0, 0 FROM counts
    UNION ALL
    SELECT experiment, arm, half, metric, day, 0, 0, 0, n, total, squares FROM buckets
) GROUP BY experiment, arm, half, metric, day
HAVING abs(sum(n) - sum(n2)) > 1e-9 * sum(n) OR abs(sum(total) - sum(total2)) > 1e-9 * sum(total)
OR abs(sum(squares) - sum(squares2)) > 1e-9 * sum(squares) ORDER BY 1, 2, 3, 4, 5
"""
_ORPHANS = (
    (
        "an outcome of no decision",
        "SELECT number, metric FROM outcomes AS o WHERE NOT EXISTS (SELECT 1 FROM decisions WHERE number = o.decision)",
    ),
    (
        "a decision of no arm",
        """
        SELECT id, experiment || ' / ' || arm FROM decisions AS d
        WHERE NOT EXISTS (SELECT 1 FROM arms AS a WHERE a.experiment = d.experiment AND a.arm = d.arm)
        """,
    ),
    (
        "a count of no arm",
        """
        SELECT id, experiment || ' / ' || arm FROM counts AS c
        WHERE NOT EXISTS (SELECT 1 FROM arms AS a WHERE a.experiment = c.experiment AND a.arm = c.arm)
        """,
    ),
    (
        "an arm of no experiment",
        "SELECT arm, experiment FROM arms WHERE experiment NOT IN (SELECT name FROM experiments)",
    ),
    (
        "a link to no decision",
        """
        SELECT post, decision FROM links WHERE decision NOT IN (SELECT id FROM decisions)
        AND decision NOT IN (SELECT id FROM new_decisions)
        """,
    ),
)
# What is no number is above all numbers, and NULL is not true.
_RANGES = (
    (
        "a decision that cannot be",
        """
        SELECT id, 'propensity ' || propensity || ', half ' || half || ', at ' || at || ', day ' || day FROM decisions
        WHERE (propensity > 0 AND propensity <= 1 AND half IN (0, 1) AND abs(at) <= :time
        AND at >= day * :day AND at < (day + 1) * :day) IS NOT TRUE
        """,
    ),
    (
        "an outcome that cannot be",
        """
        SELECT number, metric || ' ' || value || ', at ' || at FROM outcomes
        WHERE (value BETWEEN 0 AND :most AND abs(at) <= :time) IS NOT TRUE
        """,
    ),
    (
        "a count that cannot be",
        """
        SELECT id, 'n ' || n || ', total ' || total || ', squares ' || squares || ', at ' || at || ', day ' || day
        FROM counts WHERE (n BETWEEN 0 AND :most AND total BETWEEN 0 AND :most AND squares BETWEEN 0 AND :most
        AND total * total <= n * squares * (1 + 1e-9) AND abs(at) <= :time
        AND at >= day * :day AND at < (day + 1) * :day) IS NOT TRUE
        """,
    ),
    (
        "an imported count that cannot be",
        """
        SELECT experiment || ' / ' || arm, successes || ' of ' || n FROM imported
        WHERE (successes >= 0 AND successes <= n AND n <= :most) IS NOT TRUE
        """,
    ),
)
_LIMITS = {"time": MAX_TIME, "most": MAX_VALUE, "day": DAY}


def of_store(behind: WriteBehind, file: StoreFile) -> list[Finding]:
    """Return all that is found; others write while the log is read.

    Raises:
        ExperimentStoreError: the store is closed or gone, or what waits cannot be written though nothing is broken.
    """
    found = []
    if not file.transacting:
        try:
            with behind.transaction():
                pass
        except ExperimentStoreError as error:
            cause = error.__cause__
            if not isinstance(cause, sqlite3.Error) or passes(cause):
                raise
            found.append(Finding("damage", "what waits to be written", "", str(cause)))
    with file.snapshot() as connection:
        return found + list(_findings(connection))


def _findings(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Ask each question; what breaks one off is a finding, and the others are asked all the same."""
    for where, query, finding in _QUESTIONS:
        try:
            for row in connection.execute(query, _LIMITS):
                if row != ("ok",):  # as the integrity check says
                    yield finding(*row)
        except sqlite3.Error as error:
            yield Finding("damage", where, "", str(error))


def _damage(message: Any) -> Finding:
    return Finding("damage", "the file", "", str(message))


def _assigned(experiment: Any, arm: Any, half: Any, day: Any, logged: Any, stored: Any) -> Finding:
    return Finding("assigned", f"decisions of {experiment} / {arm}, half {half}, day {day}", str(logged), str(stored))


def _bucket(experiment: Any, arm: Any, half: Any, metric: Any, day: Any, *sums: Any) -> Finding:
    where = f"{metric} of {experiment} / {arm}, half {half}, day {day}"
    return Finding("bucket", where, _sums(sums[:3]), _sums(sums[3:]))


def _row(kind: str, what: str) -> Callable[..., Finding]:
    return lambda key, more: Finding(kind, f"{key} ({more})", "", what)


def _sums(sums: tuple[Any, ...]) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, int | float) else f"{name} {value!r}"
        for name, value in zip(("n", "total", "squares"), sums, strict=True)
    )


_QUESTIONS: tuple[tuple[str, str, Callable[..., Finding]], ...] = (
    ("the file", "PRAGMA integrity_check", _damage),
    ("sums of decisions", _ASSIGNED, _assigned),
    ("sums of outcomes", _BUCKETS, _bucket),
    *((f"a look for {what}", query, _row("orphan", what)) for what, query in _ORPHANS),
    *((f"a look for {what}", query, _row("range", what)) for what, query in _RANGES),
)
