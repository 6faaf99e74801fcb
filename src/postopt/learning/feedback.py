"""The ledger of feedback: which reports came, whose they are, and which of them have been learned from."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

from postopt.errors import OutcomeError, shown
from postopt.learning.canonical import canonical, parsed
from postopt.learning.rows import origins
from postopt.types import Feedback

PAGE = 1000
"""Reports that are in memory at a time; the number is arbitrary."""

_UNKEPT = re.compile("[\x00\ud800-\udfff]")  # what SQLite cuts a text at, and what no encoding has

NEW, UNKNOWN, KNOWN, TAKEN = range(4)

TABLES = (
    """CREATE TABLE IF NOT EXISTS learning_reports (
    id TEXT PRIMARY KEY NOT NULL, post TEXT NOT NULL, at REAL NOT NULL, entry INTEGER NOT NULL,
    state INTEGER NOT NULL, decided REAL)""",
    "CREATE INDEX IF NOT EXISTS learning_reports_by_state ON learning_reports (state, at, id)",
)
_MATURE = """
SELECT r.id, r.at, l.body FROM learning_reports AS r JOIN learning_log AS l ON l.number = r.entry
WHERE r.state = ? AND r.at <= ? AND r.decided + ? <= ? AND (r.at, r.id) > (?, ?) ORDER BY r.at, r.id LIMIT ?
"""
_OF_STATE = """
SELECT id, post, at FROM learning_reports WHERE state = ? AND (at, id) > (?, ?) ORDER BY at, id LIMIT ?
"""


class Waiting(NamedTuple):
    """What has not been learned from yet.

    Attributes:
        known: reports that are not mature.
        unknown: reports whose post nobody knows.
        due: when the first of the known ones will be mature, in seconds since the epoch, or None.
    """

    known: int
    unknown: int
    due: float | None


NOTHING_WAITS = Waiting(0, 0, None)


def checked(feedback: object) -> Feedback:
    """Return a report that can be kept.

    Raises:
        OutcomeError: it is no `Feedback`, or a name in it is no text that a file can hold.
    """
    if not isinstance(feedback, Feedback):
        raise OutcomeError(f"feedback is {shown(feedback)}; a Feedback is needed, or several")
    for name in (feedback.id, feedback.post_id):
        if _UNKEPT.search(name):
            raise OutcomeError(f"{shown(name)} holds a NUL or a lone surrogate; a text without is needed")
    return feedback


def body(feedback: Feedback) -> str:
    """Return a report as the log keeps it; equal reports have equal bodies."""
    fields = asdict(feedback)
    return canonical({**fields, "at": float(feedback.at), "revenue": float(feedback.revenue)})


def from_body(text: str) -> Feedback:
    """Return the report of a body.

    Raises:
        ValueError, TypeError: it is none.
    """
    return Feedback(**parsed(text))


def receive(connection: sqlite3.Connection, entries: Sequence[tuple[int, Feedback, str]]) -> Counter[str]:
    """Keep reports that the log has under these numbers, each id once: the first one holds.

    Returns:
        How many were received, duplicate (same id, same content) and conflicting (same id, other content).
    """
    rows = [(report.id, report.post_id, report.at, number, NEW) for number, report, _ in entries]
    before = connection.total_changes
    connection.executemany("INSERT OR IGNORE INTO learning_reports VALUES (?, ?, ?, ?, ?, NULL)", rows)
    counts = Counter(received=len(entries))
    if connection.total_changes - before == len(entries):
        return counts
    for number, report, text in entries:
        found = connection.execute(
            "SELECT l.number, l.body FROM learning_reports AS r JOIN learning_log AS l ON l.number = r.entry"
            " WHERE r.id = ?",
            (report.id,),
        ).fetchone()
        if found[0] != number:
            counts["duplicate" if found[1] == text else "conflicting"] += 1
    return counts


def identify(connection: sqlite3.Connection, *, previous: float | None, window: float) -> Counter[str]:
    """Look up whose the reports are that are new, or whose post nobody knew.

    Args:
        connection: inside a transaction.
        previous: the time of the step before this one, or None if this is the first.
        window: seconds from a decision until reports about it are mature.

    Returns:
        How many are unknown (new, for a post that nobody knows), found (unknown until now) and late (new, but
        the previous step would have learned from them).
    """
    counts: Counter[str] = Counter()
    for state in (UNKNOWN, NEW):
        for page in _pages(connection, state):
            known = origins(connection, {post for _, post, _ in page})
            changes: list[tuple[int, float | None, str]] = []
            for report, post, at in page:
                if post not in known:
                    counts["unknown"] += state == NEW
                    changes.append((UNKNOWN, None, report))
                    continue
                decided = known[post].at
                late = state == NEW and previous is not None and max(at, decided + window) <= previous
                counts["late"] += late
                counts["found"] += state == UNKNOWN
                changes.append((KNOWN, decided, report))
            connection.executemany("UPDATE learning_reports SET state = ?, decided = ? WHERE id = ?", changes)
    return counts


def mature(connection: sqlite3.Connection, *, now: float, window: float) -> Iterator[list[Feedback]]:
    """Yield the known reports whose time has come, ordered by (`at`, `id`), and note them as taken.

    A report is mature once `at` has come and its post's last decision is `window` seconds old.
    """
    at, last = float("-inf"), ""
    while page := connection.execute(_MATURE, (KNOWN, now, window, now, at, last, PAGE)).fetchall():
        last, at, _ = page[-1]
        connection.executemany("UPDATE learning_reports SET state = ? WHERE id = ?", [(TAKEN, row[0]) for row in page])
        yield [from_body(text) for _, _, text in page]


def waiting(connection: sqlite3.Connection, *, window: float) -> Waiting:
    """Return what has not been learned from yet."""
    query = (
        "SELECT state, count(*), min(max(at, decided + ?)) FROM learning_reports WHERE state IN (?, ?) GROUP BY state"
    )
    found = {state: (n, due) for state, n, due in connection.execute(query, (window, UNKNOWN, KNOWN))}
    known, due = found.get(KNOWN, (0, None))
    return Waiting(known, found.get(UNKNOWN, (0, None))[0], due)


def _pages(connection: sqlite3.Connection, state: int) -> Iterator[list[tuple[str, str, float]]]:
    at, last = float("-inf"), ""
    while page := connection.execute(_OF_STATE, (state, at, last, PAGE)).fetchall():
        last, _, at = page[-1]
        yield page
