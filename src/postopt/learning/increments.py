"""Reports that say how much there is in all, turned into what came since the report before."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from postopt.types import Feedback

TABLES = (
    """CREATE TABLE IF NOT EXISTS learning_posts (
    post TEXT PRIMARY KEY NOT NULL, at REAL NOT NULL, impressions INTEGER NOT NULL, clicks INTEGER NOT NULL,
    reactions INTEGER, hides INTEGER, revenue REAL)""",
)
_COUNTS = ("impressions", "clicks", "reactions", "hides")
_AMOUNTS = (*_COUNTS, "revenue")


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
    at, *before = found
    added = {name: _more(getattr(report, name), count) for name, count in zip(_AMOUNTS, before, strict=True)}
    if report.at < at or not any(added.values()):
        return "superseded"
    if any((added[name] or 0) < 0 for name in _COUNTS):
        return "refused"
    if max(added["clicks"] or 0, added["hides"] or 0) > (added["impressions"] or 0):
        return "deferred"
    _note(connection, report, before)
    fields: dict[str, Any] = added  # fields of the report by name
    return replace(report, **fields)


def _more(now: float | None, before: float | None) -> float | None:
    """Return what came since; what nobody counted now is not known, and what nobody counted before came since."""
    if now is None or before is None:
        return now
    # A millionth of a dollar: differences of floats are not exact. Those of whole numbers stay what they are.
    return round(now - before, 6)


def _note(connection: sqlite3.Connection, report: Feedback, before: Sequence[float | None] = (None,) * 5) -> None:
    """Write down what was counted last, of each."""
    now = [getattr(report, name) for name in _AMOUNTS]
    amounts = (count if amount is None else amount for amount, count in zip(now, before, strict=True))
    connection.execute(
        "INSERT OR REPLACE INTO learning_posts VALUES (?, ?, ?, ?, ?, ?, ?)", (report.post_id, report.at, *amounts)
    )
