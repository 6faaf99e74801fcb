"""How far a learning loop has come: one small document in its store."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from postopt.learning.canonical import canonical, parsed
from postopt.types import Feedback

TABLES = (
    "CREATE TABLE IF NOT EXISTS learning_progress (value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS learning_snapshots (step INTEGER PRIMARY KEY, now REAL, body TEXT NOT NULL)",
)
MICRO = 1_000_000  # sums of money are whole millionths of a dollar, so that their order does not matter


@dataclass(slots=True)
class Progress:
    """How far a loop has come.

    Attributes:
        version: how often the learners were changed; whoever's learners have another one is behind.
        step: steps taken.
        now: time of the last one.
        newest: greatest `at` of all reports.
        marks: number of the last row of each kind of the store that a step has seen.
        looked: the same as the last step found it, before it wrote rows of its own.
        unknown: reports that wait because nobody knows their post.
        arrived: what came since the last step (received, duplicate, conflicting, out_of_order).
        sums: what was learned from, in all: reports, impressions, clicks, and of what anybody counted reactions, hides
            and revenue in millionths of a dollar.
        stopped: why nothing may be changed, or None.
        day: UTC day of the last change or expense.
        changes: made on that day.
        spent: on that day, in millionths of a dollar.
    """

    version: int = 0
    step: int = 0
    now: float | None = None
    newest: float | None = None
    marks: dict[str, int] = field(default_factory=dict)
    looked: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    arrived: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    stopped: str | None = None
    day: int = 0
    changes: int = 0
    spent: int = 0

    def learned(self, report: Feedback) -> None:
        """Count a report that was learned from."""
        revenue = None if report.revenue is None else round(report.revenue * MICRO)
        counts = {name: getattr(report, name) for name in ("impressions", "clicks", "reactions", "hides")}
        counts |= {"reports": 1, "revenue": revenue}
        add(self.sums, {name: count for name, count in counts.items() if count is not None})

    def on(self, now: float) -> None:
        """Begin a new day's budget if `now` is on a later UTC day; a clock that goes back begins none."""
        if (day := int(now // 86_400)) > self.day:
            self.day, self.changes, self.spent = day, 0, 0


def add(sums: dict[str, int], more: Mapping[str, int]) -> None:
    """Add counts to sums."""
    for name, count in more.items():
        sums[name] = sums.get(name, 0) + count


def load(connection: sqlite3.Connection) -> Progress:
    """Return how far the loop of this store has come."""
    found = connection.execute("SELECT value FROM learning_progress").fetchone()
    if found is None:
        return Progress()
    fields: dict[str, Any] = parsed(found[0])
    return Progress(**fields)


def save(connection: sqlite3.Connection, progress: Progress) -> None:
    """Write down how far it has come."""
    connection.execute("DELETE FROM learning_progress")
    connection.execute("INSERT INTO learning_progress VALUES (?)", (canonical(asdict(progress)),))
