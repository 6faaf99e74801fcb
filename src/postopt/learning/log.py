"""The log of everything a learning loop was given, from which a replay makes the same state again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from postopt.errors import ReplayError, shown
from postopt.learning.canonical import canonical, parsed
from postopt.learning.rows import KINDS, expanded

TABLES = (
    "CREATE TABLE IF NOT EXISTS learning_log (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL)",
)
FORMAT = "postopt learning log"
VERSION = 1
ENTRIES = ("feedback", "step", "stop", "resume", "restore", "spent")
"""Kinds of line besides the first ("log"), the last ("end") and the store's rows."""

_PAGE = 1000  # lines in memory at a time; arbitrary


class Transacting(Protocol):
    """What the log is kept in; `ExperimentStore` is one."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...  # noqa: D102 - said above


class Entry(NamedTuple):
    """One line of a log.

    Attributes:
        line: its number, from 1.
        kind: what it is.
        body: plain JSON.
    """

    line: int
    kind: str
    body: Any


class LearningLog:
    r"""A loop's log as lines of JSON, oldest first; it can be iterated again and again, and grows with the loop.

    The first line names the format, the last one says how many there are. Each line carries a hash over itself and
    all lines before it, so that a line that is changed, missing or out of place is found. At most 1,000 lines are in
    memory, and the store has to be open.

    To keep a log: `file.writelines(f"{line}\n" for line in loop.log)`; a replay takes the open file.
    """

    def __init__(self, store: Transacting, tables: Sequence[str], seed: int) -> None:
        self._store = store
        self._tables = tables
        self._seed = seed

    def __iter__(self) -> Iterator[str]:
        seal = Seal()
        yield seal.line("log", canonical({"format": FORMAT, "version": VERSION, "seed": self._seed}))
        for kind, text in self._texts():
            yield seal.line(kind, text)
        yield seal.line("end", canonical({"lines": seal.lines + 1}))

    def _texts(self) -> Iterator[tuple[str, str]]:
        last = 0
        while page := self._page(last):
            last = page[-1][0]
            for _, kind, text in page:
                if kind == "rows":
                    yield from self._rows(json.loads(text))
                else:
                    yield kind, text

    def _page(self, after: int) -> list[tuple[int, str, str]]:
        query = "SELECT number, kind, body FROM learning_log WHERE number > ? ORDER BY number LIMIT ?"
        with self._store.transaction() as connection:
            for table in self._tables:
                connection.execute(table)
            return connection.execute(query, (after, _PAGE)).fetchall()

    def _rows(self, new: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for part in _parts(new):
            with self._store.transaction() as connection:
                rows = list(expanded(connection, part))
            yield from ((kind, canonical(row)) for kind, row in rows)


class Seal:
    """Makes lines, each with a hash over itself and all before it."""

    def __init__(self) -> None:
        self.lines = 0
        self.check = ""

    def line(self, kind: str, body: str) -> str:
        """Return the next line; `body` is canonical JSON."""
        self.lines += 1
        self.check = hashlib.sha256(f"{self.check} {kind} {body}".encode()).hexdigest()[:16]
        return f'{{"body":{body},"check":"{self.check}","kind":"{kind}"}}'


def append(connection: sqlite3.Connection, kind: str, bodies: Sequence[str]) -> range:
    """Add entries of one kind, and return their numbers."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM learning_log").fetchone()
    numbers = range(last + 1, last + 1 + len(bodies))
    rows = ((number, kind, body) for number, body in zip(numbers, bodies, strict=True))
    connection.executemany("INSERT INTO learning_log VALUES (?, ?, ?)", rows)
    return numbers


def entries(log: str | bytes | Iterable[str | bytes], *, seed: int) -> Iterator[Entry]:
    """Yield the entries of a log without its first and last line, each once it is known to be whole.

    Raises:
        ReplayError: the log is damaged, foreign, of a newer version, of another seed, or only a part of one.
    """
    if not isinstance(log, Iterable):
        raise ReplayError(f"the log is {shown(log)}; its lines are needed")
    seal = Seal()
    lines = iter(_split(log))
    kind, body = _first(next(lines, ""), seal)
    if body != {"format": FORMAT, "version": VERSION, "seed": seed}:
        raise ReplayError(f"line 1 of the log: it says {shown(body)}; version {VERSION} and seed {seed} are needed")
    for line in lines:
        kind, body = _opened(line, seal)
        if kind == "end":
            break
        if kind not in ENTRIES and kind not in KINDS:
            raise ReplayError(f"line {seal.lines} of the log: nobody knows the kind {shown(kind)}")
        yield Entry(seal.lines, kind, body)
    if kind != "end" or body != {"lines": seal.lines}:
        raise ReplayError(f"line {seal.lines + 1} of the log: it is missing; only a part of the log is here")
    if any(line.strip() for line in lines):
        raise ReplayError(f"line {seal.lines + 1} of the log: nothing can follow the end")


def _split(log: str | bytes | Iterable[str | bytes]) -> Iterable[str | bytes]:
    # Not splitlines(): it splits at more than line ends.
    if isinstance(log, str):
        return log.split("\n")
    return log.split(b"\n") if isinstance(log, bytes) else log


def _first(line: str | bytes, seal: Seal) -> tuple[str, Any]:
    kind, body = _opened(line, seal)
    if kind != "log" or not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ReplayError("line 1 of the log: it is no log of a learning loop, or not from its beginning")
    return kind, body


def _opened(line: str | bytes, seal: Seal) -> tuple[str, Any]:
    """Return the kind and the body of the next line."""
    number = seal.lines + 1
    try:
        kind, body, check = _fields(line)
        seal.line(kind, canonical(body))
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise ReplayError(f"line {number} of the log: it is cut off or damaged: {shown(line)}") from error
    if check != seal.check:
        raise ReplayError(f"line {number} of the log: it was changed, or lines before it are missing")
    return kind, body


def _fields(line: str | bytes) -> tuple[str, Any, str]:
    value = parsed(line)
    if not isinstance(value, dict) or value.keys() != {"body", "check", "kind"}:
        raise ValueError("it is no line of a log")
    kind, check = value["kind"], value["check"]
    if not isinstance(kind, str) or not isinstance(check, str):
        raise ValueError("it is no line of a log")  # noqa: TRY004 - as above
    return kind, value["body"], check


def _parts(new: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut ranges of rows into such as fit into memory, in the order of a replay."""
    for name in KINDS:
        if name == "arm" and name in new:
            yield {name: new[name]}
        elif name in new:
            first, last = new[name]
            for start in range(first, last + 1, _PAGE):
                yield {name: [start, min(start + _PAGE - 1, last)]}
