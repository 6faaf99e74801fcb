"""What others wrote into the store since the last step: decisions, outcomes, counts, links, documents, paused arms.

Learners look at these, so a replay needs them. Rows are numbered in the order in which they came and never change: the
loop's log names ranges of numbers instead of keeping every row twice. Only the status of an arm changes, so the log
keeps what it was changed to.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, runtime_checkable

from postopt.experiments.records import Arm, CountRow, DecisionRow, OutcomeRow, Totals

Row = list[Any]  # texts and numbers, as SQLite gives them
Marks = Mapping[str, int]
"""The number of the last row of each kind that a step has seen."""


@runtime_checkable
class RowStore(Protocol):
    """What a replay writes to, and a step reads from; `ExperimentStore` is one."""

    @property
    def lock(self) -> AbstractContextManager[bool]: ...  # noqa: D102 - said above
    def transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...  # noqa: D102
    def define(self, experiment: str, settings: Mapping[str, Any], arms: Sequence[Arm], /) -> None: ...  # noqa: D102
    def log_decisions(self, rows: Sequence[DecisionRow], /) -> None: ...  # noqa: D102
    def log_outcomes(self, rows: Sequence[OutcomeRow], /) -> None: ...  # noqa: D102
    def log_counts(self, rows: Sequence[CountRow], /) -> None: ...  # noqa: D102
    def link(self, post_id: str, decision_id: str, /) -> None: ...  # noqa: D102
    def put(self, kind: str, key: str, value: Any, at: float, /) -> None: ...  # noqa: D102
    def set_arm(self, experiment: str, arm: str, status: str, reason: str, at: float, /) -> None: ...  # noqa: D102


class Kind(NamedTuple):
    """One kind of row.

    Attributes:
        table: that holds it.
        query: gives the rows from one number to another.
        write: puts rows into a store.
    """

    table: str
    query: str
    write: Callable[[RowStore, Sequence[Row]], None]


def _definitions(store: RowStore, rows: Sequence[Row]) -> None:
    for (experiment, settings), group in groupby(rows, key=itemgetter(0, 1)):
        store.define(experiment, json.loads(settings), [Arm(arm, text) for _, _, arm, text in group])


def _count(*row: Any) -> CountRow:
    count, experiment, arm, metric, n, total, squares, at = row
    return CountRow(count, experiment, arm, metric, Totals(n, total, squares), at)


def _links(store: RowStore, rows: Sequence[Row]) -> None:
    for post, decision in rows:
        store.link(post, decision)


def _documents(store: RowStore, rows: Sequence[Row]) -> None:
    for kind, key, value, at in rows:
        store.put(kind, key, json.loads(value), at)


def _arms(store: RowStore, rows: Sequence[Row]) -> None:
    for experiment, arm, status, reason, at in rows:
        store.set_arm(experiment, arm, status, reason, at)


# In the order in which a replay writes them: a decision needs its arm, an outcome its decision.
KINDS: Mapping[str, Kind] = {
    "definition": Kind(
        "arms",
        "SELECT e.name, e.settings, a.arm, a.text FROM arms AS a JOIN experiments AS e ON e.name = a.experiment"
        " WHERE a.number BETWEEN ? AND ? ORDER BY a.number",
        _definitions,
    ),
    "decision": Kind(
        "decisions",
        "SELECT id, experiment, arm, unit, half, propensity, policy, context, at FROM decisions"
        " WHERE number BETWEEN ? AND ? ORDER BY number",
        lambda store, rows: store.log_decisions([DecisionRow(*row) for row in rows]),
    ),
    "outcome": Kind(
        "outcomes",
        "SELECT d.id, o.metric, o.value, o.at FROM outcomes AS o JOIN decisions AS d ON d.number = o.decision"
        " WHERE o.number BETWEEN ? AND ? ORDER BY o.number",
        lambda store, rows: store.log_outcomes([OutcomeRow(*row) for row in rows]),
    ),
    "count": Kind(
        "counts",
        "SELECT id, experiment, arm, metric, n, total, squares, at FROM counts"
        " WHERE number BETWEEN ? AND ? ORDER BY number",
        lambda store, rows: store.log_counts([_count(*row) for row in rows]),
    ),
    "link": Kind("links", "SELECT post, decision FROM links WHERE number BETWEEN ? AND ? ORDER BY number", _links),
    "document": Kind(
        "documents",
        "SELECT kind, key, value, at FROM documents WHERE number BETWEEN ? AND ? ORDER BY number",
        _documents,
    ),
    # One row for each arm that was changed, with what it was changed to last.
    "arm": Kind(
        "arm_changes",
        "SELECT DISTINCT a.experiment, a.arm, a.status, a.reason, a.since FROM arm_changes AS c"
        " JOIN arms AS a ON a.experiment = c.experiment AND a.arm = c.arm"
        " WHERE c.number BETWEEN ? AND ? ORDER BY a.experiment, a.arm",
        _arms,
    ),
}


class Origin(NamedTuple):
    """Where a post came from.

    Attributes:
        decisions: ids of what was decided for it: itself, if it is a decision, then those it was linked to in order.
        at: when the last of them was made.
    """

    decisions: tuple[str, ...]
    at: float


_ORIGINS = """
SELECT p.value, 0 AS place, d.id, d.at FROM json_each(:posts) AS p JOIN decisions AS d ON d.id = p.value
UNION ALL
SELECT l.post, l.number, d.id, d.at FROM json_each(:posts) AS p JOIN links AS l ON l.post = p.value
JOIN decisions AS d ON d.id = l.decision ORDER BY 1, 2
"""


def origins(connection: sqlite3.Connection, posts: Collection[str]) -> dict[str, Origin]:
    """Return where posts came from; those that nobody knows are left out."""
    found: dict[str, Origin] = {}
    for post, _, decision, at in connection.execute(_ORIGINS, {"posts": json.dumps(sorted(posts))}):
        known = found.get(post, Origin((), at))
        found[post] = Origin(tuple(dict.fromkeys((*known.decisions, decision))), max(known.at, at))
    return found


def marks(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of the last row of each kind; 0 if there is none."""
    query = "SELECT coalesce(max(number), 0) FROM "
    return {name: connection.execute(query + kind.table).fetchone()[0] for name, kind in KINDS.items()}


def since(connection: sqlite3.Connection, seen: Marks) -> dict[str, Any]:
    """Return what came since, as the loop's log keeps it: kind -> [first, last], and the rows of changed arms."""
    new: dict[str, Any] = {
        name: [seen.get(name, 0) + 1, last] for name, last in marks(connection).items() if last > seen.get(name, 0)
    }
    if "arm" in new:
        new["arm"] = [list(row) for row in connection.execute(KINDS["arm"].query, new["arm"])]
    return new


def expanded(connection: sqlite3.Connection, new: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    """Yield (kind, row) for what `since` returned."""
    for name, kind in KINDS.items():
        if name == "arm":
            yield from ((name, row) for row in new.get("arm", ()))
        elif name in new:
            yield from ((name, list(row)) for row in connection.execute(kind.query, new[name]))
