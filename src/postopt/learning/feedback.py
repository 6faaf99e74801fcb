"""The ledger of feedback: which reports came, whose they are, and which of them have been learned from."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
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
    "CREATE INDEX IF NOT EXISTS learning_reports_by_post ON learning_reports (post, state, at, id)",
    "CREATE TABLE IF NOT EXISTS learning_judged (decision TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
)
# The last of each post that is due.
_LAST = """
SELECT r.post, r.at, r.id FROM learning_reports AS r
WHERE r.state = :known AND r.at <= :until AND r.decided + :window <= :until AND (r.at, r.id) > (:at, :id)
AND NOT EXISTS (
    SELECT 1 FROM learning_reports AS s WHERE s.post = r.post
    AND s.state = :known AND s.at <= :until AND s.decided + :window <= :until AND (s.at, s.id) > (r.at, r.id)
) ORDER BY r.at, r.id LIMIT :page
"""
_DUE = """
SELECT l.body FROM json_each(:posts) AS p CROSS JOIN learning_reports AS r ON r.post = p.value
JOIN learning_log AS l ON l.number = r.entry
WHERE r.state = :known AND r.at <= :until AND r.decided + :window <= :until ORDER BY p.key, r.at, r.id
"""
_TAKE = """
UPDATE learning_reports SET state = :taken
WHERE post IN (SELECT value FROM json_each(:posts)) AND state = :known AND at <= :until AND decided + :window <= :until
"""
_OF_STATE = """
SELECT id, post, at FROM learning_reports WHERE state = ? AND (at, id) > (?, ?) ORDER BY at, id LIMIT ?
"""
# Reports of a state whose posts are decisions, or were linked to one, by the number of that row.
_LED_TO = {
    "decision": """
SELECT r.id, r.post FROM decisions AS d CROSS JOIN learning_reports AS r ON r.post = d.id
WHERE r.state = ? AND d.number BETWEEN ? AND ? LIMIT ?""",
    "link": """
SELECT DISTINCT r.id, r.post FROM links AS l CROSS JOIN learning_reports AS r ON r.post = l.post
JOIN decisions AS d ON d.id = l.decision WHERE r.state = ? AND l.number BETWEEN ? AND ? LIMIT ?""",
}


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
    revenue = None if feedback.revenue is None else float(feedback.revenue)
    return canonical({**asdict(feedback), "at": float(feedback.at), "revenue": revenue})


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


def identify(
    connection: sqlite3.Connection,
    *,
    looked: Mapping[str, int],
    present: Mapping[str, int],
    previous: float | None,
    window: float,
) -> Counter[str]:
    """Look up whose the reports are that are new, and those that decisions and links since then make known.

    What it costs depends on these, not on how many reports are of posts that nobody knows.

    Args:
        connection: inside a transaction.
        looked: the numbers of the last decision and the last link when this was done before.
        present: the same now.
        previous: the time of the step before this one, or None if this is the first.
        window: seconds from a decision until reports about it are mature.

    Returns:
        How many are unknown (new, for a post that nobody knows), found (unknown until now) and late (new, but
        the previous step would have learned from them).
    """
    counts: Counter[str] = Counter()
    for led in _led_to(connection, looked, present):
        known = origins(connection, {post for _, post in led})
        _know(connection, [(report, known[post].at) for report, post in led])
        counts["found"] += len(led)
    for page in _pages(connection, NEW):
        known = origins(connection, {post for _, post, _ in page})
        _know(connection, [(report, known[post].at) for report, post, _ in page if post in known])
        unknown = [(UNKNOWN, report) for report, post, _ in page if post not in known]
        connection.executemany("UPDATE learning_reports SET state = ? WHERE id = ?", unknown)
        counts["unknown"] += len(unknown)
        if previous is not None:
            due = (max(at, known[post].at + window) for _, post, at in page if post in known)
            counts["late"] += sum(at <= previous for at in due)
    return counts


def mature(
    connection: sqlite3.Connection, *, now: float, window: float
) -> Iterator[tuple[list[str], Iterator[Feedback]]]:
    """Yield (posts, their reports whose time has come), and note these as taken.

    A report is mature once `at` has come and its post's last decision is `window` seconds old. Posts are ordered by
    (`at`, `id`) of their last mature report; reports by their post, and those of a post by (`at`, `id`). They have to
    be read before the next posts are asked for.
    """
    at, last = float("-inf"), ""
    due = {"known": KNOWN, "until": now, "window": window}
    while page := connection.execute(_LAST, {**due, "at": at, "id": last, "page": PAGE}).fetchall():
        _, at, last = page[-1]
        posts = [post for post, _, _ in page]
        these = {**due, "posts": canonical(posts)}
        yield posts, (from_body(text) for (text,) in connection.execute(_DUE, these))
        connection.execute(_TAKE, {**these, "taken": TAKEN})


def judge(connection: sqlite3.Connection, decisions: Collection[str]) -> bool:
    """Note that decisions were judged by what readers did; return whether one of them had been before."""
    before = connection.total_changes
    rows = [(decision,) for decision in decisions]
    connection.executemany("INSERT OR IGNORE INTO learning_judged VALUES (?)", rows)
    return connection.total_changes - before < len(rows)


def waiting(connection: sqlite3.Connection, *, window: float, unknown: int) -> Waiting:
    """Return what has not been learned from yet; `unknown` is counted by the caller."""
    query = "SELECT count(*), min(max(at, decided + ?)) FROM learning_reports WHERE state = ?"
    known, due = connection.execute(query, (window, KNOWN)).fetchone()
    return Waiting(known, unknown, due)


def _know(connection: sqlite3.Connection, reports: Sequence[tuple[str, float]]) -> None:
    changes = [(KNOWN, decided, report) for report, decided in reports]
    connection.executemany("UPDATE learning_reports SET state = ?, decided = ? WHERE id = ?", changes)


def _led_to(
    connection: sqlite3.Connection, looked: Mapping[str, int], present: Mapping[str, int]
) -> Iterator[list[tuple[str, str]]]:
    """Yield (id, post) of unknown reports whose post is known since; each has to become known before the next page."""
    if connection.execute("SELECT 1 FROM learning_reports WHERE state = ? LIMIT 1", (UNKNOWN,)).fetchone() is None:
        return
    for kind, query in _LED_TO.items():
        last = present[kind]
        for first in range(looked.get(kind, 0) + 1, last + 1, PAGE):
            rows = (UNKNOWN, first, min(first + PAGE - 1, last), PAGE)
            while page := connection.execute(query, rows).fetchall():
                yield page


def _pages(connection: sqlite3.Connection, state: int) -> Iterator[list[tuple[str, str, float]]]:
    at, last = float("-inf"), ""
    while page := connection.execute(_OF_STATE, (state, at, last, PAGE)).fetchall():
        last, _, at = page[-1]
        yield page
