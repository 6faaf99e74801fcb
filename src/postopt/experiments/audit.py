"""Whether the sums of an experiment store are those of its log."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Finding(NamedTuple):
    """Something in a store that is not as it should be.

    Attributes:
        kind: "assigned" or "bucket" for a sum that differs from the log, "orphan" for a row that belongs to nothing,
            "damage" for a file that SQLite finds damaged.
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
        "SELECT post, decision FROM links WHERE decision NOT IN (SELECT id FROM decisions)",
    ),
)


def findings(connection: sqlite3.Connection) -> list[Finding]:
    """Return all that is found, in a transaction that has begun."""
    found = []
    for (message,) in connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            found.append(Finding("damage", "the file", "", str(message)))
    for experiment, arm, half, day, logged, stored in connection.execute(_ASSIGNED):
        where = f"decisions of {experiment} / {arm}, half {half}, day {day}"
        found.append(Finding("assigned", where, str(logged), str(stored)))
    for experiment, arm, half, metric, day, *sums in connection.execute(_BUCKETS):
        where = f"{metric} of {experiment} / {arm}, half {half}, day {day}"
        found.append(Finding("bucket", where, _sums(sums[:3]), _sums(sums[3:])))
    for kind, query in _ORPHANS:
        found += [Finding("orphan", f"{a} ({b})", "", kind) for a, b in connection.execute(query)]
    return found


def _sums(sums: list[float]) -> str:
    n, total, squares = sums
    return f"n {n:g}, total {total:g}, squares {squares:g}"
