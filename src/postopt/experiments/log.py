"""What an experiment store logs, and the sums over it: one transaction writes both.

These are the SQL statements alone; `ExperimentStore` says what they promise.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from postopt.experiments.entries import Rows
from postopt.experiments.records import Bucket, CountRow, DecisionRow, OutcomeRow, Totals

_APPEND_DECISIONS = """
INSERT INTO new_decisions (id, experiment, arm, unit, half, propensity, policy, context, at, day)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_APPEND_OUTCOMES = "INSERT INTO new_outcomes (id, metric, value, at) VALUES (?, ?, ?, ?)"
_DECIDE = """
INSERT INTO decisions (id, experiment, arm, unit, half, propensity, policy, context, at, day)
SELECT id, experiment, arm, unit, half, propensity, policy, context, at, day FROM new_decisions WHERE true
ORDER BY number ON CONFLICT (id) DO NOTHING
"""
_ADD_DECISIONS = """
INSERT INTO assigned SELECT experiment, arm, half, day, count(*) AS added FROM decisions WHERE number > ?
GROUP BY experiment, arm, half, day
ON CONFLICT (experiment, arm, half, day) DO UPDATE SET n = n + excluded.n
"""
_RECORD = """
INSERT INTO outcomes (decision, metric, value, at)
SELECT d.number, o.metric, o.value, o.at FROM new_outcomes AS o CROSS JOIN decisions AS d ON d.id = o.id
ORDER BY o.number ON CONFLICT (decision, metric) DO NOTHING
"""
_ADD_OUTCOMES = """
INSERT INTO buckets
SELECT d.experiment, d.arm, d.half, o.metric, d.day, count(*), sum(o.value), sum(o.value * o.value)
FROM outcomes AS o JOIN decisions AS d ON d.number = o.decision WHERE o.number > ?
GROUP BY d.experiment, d.arm, d.half, o.metric, d.day
ON CONFLICT (experiment, arm, half, metric, day)
DO UPDATE SET n = n + excluded.n, total = total + excluded.total, squares = squares + excluded.squares
"""
_COUNT = """
INSERT INTO counts (id, experiment, arm, metric, n, total, squares, at, day)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
_ADD_COUNTS = """
INSERT INTO buckets SELECT experiment, arm, -1, metric, day, sum(n), sum(total), sum(squares)
FROM counts WHERE number > ? GROUP BY experiment, arm, metric, day
ON CONFLICT (experiment, arm, half, metric, day)
DO UPDATE SET n = n + excluded.n, total = total + excluded.total, squares = squares + excluded.squares
"""
_LINK = "INSERT INTO links (post, decision) VALUES (?, ?) ON CONFLICT (post, decision) DO NOTHING"

_DECISIONS = """
SELECT d.id, d.experiment, d.arm, d.unit, d.half, d.propensity, d.policy, d.context, d.at
FROM json_each(?) AS j CROSS JOIN decisions AS d ON d.id = j.value
"""


def append(connection: sqlite3.Connection, rows: Rows) -> None:
    """Write rows: decisions and outcomes as new ones, which the sums do not have until they are folded into the log."""
    if rows.decisions:
        connection.executemany(_APPEND_DECISIONS, rows.decisions)
    if rows.outcomes:
        connection.executemany(_APPEND_OUTCOMES, rows.outcomes)
    if rows.counts:
        (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM counts").fetchone()
        connection.executemany(_COUNT, rows.counts)
        connection.execute(_ADD_COUNTS, (last,))
    if rows.links:
        connection.executemany(_LINK, rows.links)


def has_new(connection: sqlite3.Connection) -> bool:
    """Say whether there are new rows, whoever wrote them."""
    query = "SELECT EXISTS (SELECT 1 FROM new_decisions) OR EXISTS (SELECT 1 FROM new_outcomes)"
    return bool(connection.execute(query).fetchone()[0])


def fold(connection: sqlite3.Connection) -> None:
    """Move all new rows into the log, but those whose key it has, and add them to the sums."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM decisions").fetchone()
    connection.execute(_DECIDE)
    connection.execute(_ADD_DECISIONS, (last,))
    connection.execute("DELETE FROM new_decisions")
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM outcomes").fetchone()
    connection.execute(_RECORD)
    connection.execute(_ADD_OUTCOMES, (last,))
    connection.execute("DELETE FROM new_outcomes")


def decisions(connection: sqlite3.Connection, ids: Iterable[str]) -> Iterator[DecisionRow]:
    """Return those of these decisions that there are."""
    return map(DecisionRow._make, connection.execute(_DECISIONS, (json.dumps(list(ids)),)))


def outcome(connection: sqlite3.Connection, decision_id: str, metric: str) -> OutcomeRow | None:
    """Return an outcome, or None."""
    query = """
    SELECT d.id, o.metric, o.value, o.at FROM decisions AS d JOIN outcomes AS o ON o.decision = d.number
    WHERE d.id = ? AND o.metric = ?
    """
    found = connection.execute(query, (decision_id, metric)).fetchone()
    return None if found is None else OutcomeRow._make(found)


def outcomes(connection: sqlite3.Connection, ids: Iterable[str], metric: str) -> dict[str, float]:
    """Return the outcomes of those of these decisions that have one, by decision."""
    query = """
    SELECT d.id, o.value FROM json_each(?) AS j CROSS JOIN decisions AS d ON d.id = j.value
    CROSS JOIN outcomes AS o ON o.decision = d.number AND o.metric = ?
    """
    return dict(connection.execute(query, (json.dumps(list(ids)), metric)).fetchall())


def counts(connection: sqlite3.Connection, experiment: str, after: int) -> list[tuple[int, CountRow]]:
    """Return the counts of an experiment with their numbers, from the first above a number."""
    query = "SELECT number, id, experiment, arm, metric, n, total, squares, at FROM counts"
    found = connection.execute(f"{query} WHERE number > ? AND experiment = ? ORDER BY number", (after, experiment))
    return [(number, count_row(row)) for number, *row in found]


def count(connection: sqlite3.Connection, count_id: str) -> CountRow | None:
    """Return a count, or None."""
    query = "SELECT id, experiment, arm, metric, n, total, squares, at FROM counts WHERE id = ?"
    found = connection.execute(query, (count_id,)).fetchone()
    return None if found is None else count_row(found)


def count_row(row: Sequence[Any]) -> CountRow:
    """Return a count as others know it."""
    return CountRow(row[0], row[1], row[2], row[3], Totals(row[4], row[5], row[6]), row[7])


def buckets(connection: sqlite3.Connection, experiment: str, metric: str | None) -> list[Bucket]:
    """Return the sums of outcomes."""
    query = """
    SELECT arm, half, metric, day, n, total, squares FROM buckets
    WHERE experiment = :experiment AND (:metric IS NULL OR metric = :metric) ORDER BY arm, half, metric, day
    """
    found = connection.execute(query, {"experiment": experiment, "metric": metric})
    return [Bucket._make((*row[:4], Totals(*row[4:]))) for row in found]


def assigned(connection: sqlite3.Connection, experiment: str) -> dict[str, int]:
    """Return how many decisions each arm has that has any."""
    query = "SELECT arm, sum(n) FROM assigned WHERE experiment = ? GROUP BY arm"
    return dict(connection.execute(query, (experiment,)).fetchall())


def linked(connection: sqlite3.Connection, post_id: str) -> list[str]:
    """Return the decisions that a post was linked to, the first link first."""
    query = "SELECT decision FROM links WHERE post = ? ORDER BY number"
    return [decision for (decision,) in connection.execute(query, (post_id,))]


def new_rows(connection: sqlite3.Connection) -> Rows:
    """Return all decisions and outcomes that are new rows, whoever wrote them, in the order in which they came."""
    decided = "SELECT id, experiment, arm, unit, half, propensity, policy, context, at, day FROM new_decisions"
    recorded = "SELECT id, metric, value, at FROM new_outcomes"
    return Rows(*(connection.execute(f"{query} ORDER BY number").fetchall() for query in (decided, recorded)))
