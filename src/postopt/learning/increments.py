"""Reports that say how much there is in all, turned into what came since the report before."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from postopt.types import Feedback

TABLES = (
    """CREATE TABLE IF NOT EXISTS learning_posts (
    post TEXT PRIMARY KEY NOT NULL, at REAL NOT NULL, impressions INTEGER NOT NULL, clicks INTEGER NOT NULL,
    reactions INTEGER NOT NULL, hides INTEGER NOT NULL, revenue REAL NOT NULL)""",
)
_COUNTS = ("impressions", "clicks", "reactions", "hides")


def increment(connection: sqlite3.Connection, report: Feedback) -> Feedback | str:
    """Return what a cumulative report adds to those of its post that were taken before, and note it as taken.

    Or return, and note nothing, why it adds nothing:
        - "superseded": a newer report of the post was taken, or it says the same again;
        - "refused": a count is smaller than it was before; what was learned stays, and a later report may be right;
        - "deferred": more new clicks or hides than new impressions, as where clicks come in faster than impressions
          are counted; the next report of the post holds them, too.
    """
    query = "SELECT at, impressions, clicks, reactions, hides, revenue FROM learning_posts WHERE post = ?"
    found = connection.execute(query, (report.post_id,)).fetchone()
    if found is None:
        _note(connection, report)
        return report
    at, *counts, revenue = found
    added = {name: getattr(report, name) - count for name, count in zip(_COUNTS, counts, strict=True)}
    # A millionth of a dollar: differences of floats are not exact.
    earned = round(report.revenue - revenue, 6)
    if report.at < at or not (any(added.values()) or earned):
        return "superseded"
    if min(added.values()) < 0:
        return "refused"
    if max(added["clicks"], added["hides"]) > added["impressions"]:
        return "deferred"
    _note(connection, report)
    return replace(report, **added, revenue=earned)


def _note(connection: sqlite3.Connection, report: Feedback) -> None:
    counts = (getattr(report, name) for name in _COUNTS)
    row = (report.post_id, report.at, *counts, report.revenue)
    connection.execute("INSERT OR REPLACE INTO learning_posts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
