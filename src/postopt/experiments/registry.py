"""Which experiments and arms a store knows, and past experiments: the SQL of it.

`ExperimentStore` says what it promises.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from postopt.errors import ExperimentChangedError, UnknownArmError, UnknownExperimentError, shown
from postopt.experiments.records import Arm

STATUSES = ("active", "paused", "removed")


class ArmRow(NamedTuple):
    """An arm as the store knows it.

    Attributes:
        name: unique in its experiment.
        text: what it shows.
        status: "active", "paused" or "removed".
        reason: why it has that status, in words.
        since: when it got it, in seconds since the epoch.
    """

    name: str
    text: str
    status: str
    reason: str
    since: float


def define(connection: sqlite3.Connection, experiment: str, settings: str, arms: Sequence[Arm], at: float) -> None:
    """Note an experiment, and its arms that are new."""
    found = connection.execute("SELECT settings FROM experiments WHERE name = ?", (experiment,)).fetchone()
    if found is None:
        connection.execute(
            "INSERT INTO experiments (name, settings, since) VALUES (?, ?, ?)", (experiment, settings, at)
        )
    elif found[0] != settings:
        raise ExperimentChangedError(
            f"the store knows {shown(experiment)} with the settings {found[0]}, not {settings}",
            hint="what was learned under other settings would be mixed in: give the experiment another name",
        )
    texts = {str(arm): arm.text for arm in arms}
    known = dict(connection.execute("SELECT arm, text FROM arms WHERE experiment = ?", (experiment,)))
    for name, text in texts.items():
        if known.get(name, text) != text:
            raise ExperimentChangedError(
                f"the arm {shown(name)} of {shown(experiment)} shows another text than before",
                hint="another text is another arm: give it another name",
            )
    new = [(experiment, name, text, STATUSES[0], "", at) for name, text in texts.items() if name not in known]
    connection.executemany(
        "INSERT INTO arms (experiment, arm, text, status, reason, since) VALUES (?, ?, ?, ?, ?, ?)", new
    )


def settings(connection: sqlite3.Connection, experiment: str) -> str:
    """Return the settings of an experiment, as JSON."""
    found = connection.execute("SELECT settings FROM experiments WHERE name = ?", (experiment,)).fetchone()
    if found is None:
        raise UnknownExperimentError(f"the store has no experiment {shown(experiment)}")
    return str(found[0])


def experiments(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all experiments, in order."""
    return [name for (name,) in connection.execute("SELECT name FROM experiments ORDER BY name")]


def arms(connection: sqlite3.Connection, experiment: str, *, changed: bool) -> list[ArmRow]:
    """Return the arms of an experiment in the order in which they were defined, or those whose status was changed."""
    settings(connection, experiment)
    query = """
    SELECT arm, text, status, reason, since FROM arms
    WHERE experiment = ? AND (NOT ? OR (status, reason) <> (?, '')) ORDER BY number
    """
    return list(map(ArmRow._make, connection.execute(query, (experiment, changed, STATUSES[0]))))


def arm(connection: sqlite3.Connection, experiment: str, name: str) -> ArmRow:
    """Return one arm."""
    query = "SELECT arm, text, status, reason, since FROM arms WHERE experiment = ? AND arm = ?"
    found = connection.execute(query, (experiment, name)).fetchone()
    if found is None:
        settings(connection, experiment)
        raise UnknownArmError(f"the experiment {shown(experiment)} has no arm {shown(name)}")
    return ArmRow._make(found)


def set_arm(connection: sqlite3.Connection, experiment: str, name: str, status: str, reason: str, at: float) -> None:
    """Change an arm's status, and keep what it was."""
    was = arm(connection, experiment, name)
    if (was.status, was.reason) != (status, reason):
        keep = "INSERT INTO arm_changes (experiment, arm, status, reason, since) VALUES (?, ?, ?, ?, ?)"
        connection.execute(keep, (experiment, name, was.status, was.reason, was.since))
        change = "UPDATE arms SET status = ?, reason = ?, since = ? WHERE experiment = ? AND arm = ?"
        connection.execute(change, (status, reason, at, experiment, name))


def arm_history(connection: sqlite3.Connection, experiment: str, name: str) -> list[ArmRow]:
    """Return each status that an arm had, the first one first and the current one last."""
    now = arm(connection, experiment, name)
    query = "SELECT status, reason, since FROM arm_changes WHERE experiment = ? AND arm = ? ORDER BY number"
    before = connection.execute(query, (experiment, name))
    return [*(ArmRow(now.name, now.text, *row) for row in before), now]


def finish(connection: sqlite3.Connection, experiment: str, metric: str, at: float) -> None:
    """Note that an experiment is over, and which metric it was about."""
    settings(connection, experiment)
    connection.execute("UPDATE experiments SET metric = ?, finished = ? WHERE name = ?", (metric, at, experiment))


def import_counts(
    connection: sqlite3.Connection, experiment: str, rows: Iterable[tuple[str, str, float, float]]
) -> None:
    """Note the counts of an experiment that was run elsewhere, in place of those noted before."""
    connection.execute("DELETE FROM imported WHERE experiment = ?", (experiment,))
    connection.executemany(
        "INSERT INTO imported (experiment, arm, text, n, successes) VALUES (?, ?, ?, ?, ?)",
        [(experiment, *row) for row in rows],
    )


def past(connection: sqlite3.Connection) -> list[list[tuple[str, float, float]]]:
    """Return the (text, n, successes) of each experiment that is over, imported ones first."""
    query = """
    SELECT 0, experiment, number, text, n, successes FROM imported
    UNION ALL
    SELECT 1, a.experiment, a.number, a.text, sum(b.n), sum(b.total)
    FROM experiments AS e JOIN arms AS a ON a.experiment = e.name
    JOIN buckets AS b ON b.experiment = a.experiment AND b.arm = a.arm AND b.metric = e.metric
    WHERE e.finished IS NOT NULL GROUP BY a.number
    ORDER BY 1, 2, 3
    """
    groups: dict[tuple[int, str], list[tuple[str, float, float]]] = {}
    for own, experiment, _, *row in connection.execute(query):
        groups.setdefault((own, experiment), []).append((row[0], row[1], row[2]))
    return list(groups.values())
