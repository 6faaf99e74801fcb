"""A budget's sums in a file, for the processes of one machine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from postopt._checks import check_callable, check_name, check_positive
from postopt.clock import Clock
from postopt.errors import LedgerError
from postopt.resilience.ledger import Limits, Sums

T = TypeVar("T")

_ledgers: weakref.WeakSet[SQLiteLedger] = weakref.WeakSet()
_stopped: list[SQLiteLedger] = []  # for the moment of a fork

_VERSION = 1

# Numbers begin with the time, so that a file that takes the place of another gives none that the other gave.
_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE days (
    budget TEXT NOT NULL, day INTEGER NOT NULL, spent INTEGER NOT NULL, held INTEGER NOT NULL,
    PRIMARY KEY (budget, day)
) WITHOUT ROWID;
CREATE TABLE totals (
    budget TEXT PRIMARY KEY NOT NULL, spent INTEGER NOT NULL, held INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE reservations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, budget TEXT NOT NULL, day INTEGER NOT NULL, amount INTEGER NOT NULL
);
INSERT INTO sqlite_sequence SELECT 'reservations', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) << 10;
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_ADD_TO_DAY = """
INSERT INTO days VALUES (:budget, :day, :spent, :held)
ON CONFLICT (budget, day) DO UPDATE SET spent = spent + :spent, held = held + :held
"""
_ADD_TO_TOTAL = """
INSERT INTO totals VALUES (:budget, :spent, :held)
ON CONFLICT (budget) DO UPDATE SET spent = spent + :spent, held = held + :held
"""
_SUMS = """
SELECT coalesce(sum(d.spent), 0), coalesce(sum(d.held), 0), coalesce(sum(t.spent), 0), coalesce(sum(t.held), 0)
FROM (SELECT :budget AS budget) AS b
LEFT JOIN days AS d ON d.budget = b.budget AND d.day = :day
LEFT JOIN totals AS t ON t.budget = b.budget
"""


class SQLiteLedger:
    """A `Ledger` in an SQLite file, for any number of tasks, threads and processes of one machine.

    Each call is a transaction of its own (BEGIN IMMEDIATE), in a thread. What it has answered is on the disk: it
    survives the process (kill -9) and a power failure (`synchronous=FULL`). A reservation whose process dies stays as a
    row of the table `reservations`.

    It connects at the first call. The child of a fork makes a connection of its own. A file system that several
    machines share is not enough: SQLite's locks do not reach across it.

    Args:
        path: the file; made with mode 0600, and its folder with 0700, if it is not there.
        budget: which budget's sums; one file may hold those of several.
        seconds: after which a call gives up waiting for others, of this process and of other ones (5 is arbitrary).
        clock: monotonic.

    Raises:
        ValueError: an argument is none of its kind.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        budget: str = "default",
        seconds: float = 5.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._path = Path(path).absolute()
        self._budget = check_name("budget", budget)
        self._seconds = check_positive("seconds", seconds, "seconds")
        check_callable("clock", clock, "returns seconds")
        self._clock = clock
        self.lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        _ledgers.add(self)

    async def reserve(self, day: int, amount: int, limits: Limits) -> int | Sums:
        """Hold an amount and return its number, or return the sums that leave no room for it."""

        def reserve(connection: sqlite3.Connection) -> int | Sums:
            sums = self._sums(connection, day)
            left = sums.left(limits)
            if left is not None and amount > left:
                return sums
            self._add(connection, day, spent=0, held=amount)
            values = (self._budget, day, amount)
            added = connection.execute("INSERT INTO reservations (budget, day, amount) VALUES (?, ?, ?)", values)
            return int(added.lastrowid or 0)

        return await self._run(reserve)

    async def settle(self, number: int, spent: int) -> None:
        """Let go of what is held under this number and count `spent` instead, once however often it is called."""

        def settle(connection: sqlite3.Connection) -> None:
            which = (number, self._budget)
            found = connection.execute(
                "SELECT day, amount FROM reservations WHERE number = ? AND budget = ?", which
            ).fetchone()
            if found is not None:
                day, amount = found
                connection.execute("DELETE FROM reservations WHERE number = ? AND budget = ?", which)
                self._add(connection, day, spent=spent, held=-amount)

        await self._run(settle)

    async def sums(self, day: int) -> Sums:
        """Return what is spent and held."""
        return await self._run(lambda connection: self._sums(connection, day))

    async def aclose(self) -> None:
        """Close the connection; the next call opens another."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Do what `aclose` does, here."""
        with self.lock:
            self.disconnect()

    def disconnect(self) -> None:
        """Close the connection; for those who hold the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    async def _run(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make a change in a thread; its time begins here, so that the wait for a thread counts."""
        return await asyncio.to_thread(self._transact, change, self._clock() + self._seconds)

    def _transact(self, change: Callable[[sqlite3.Connection], T], until: float) -> T:
        with self._locked(until), self._errors():
            connection = self._connected()
            connection.execute(f"PRAGMA busy_timeout={max(0, round((until - self._clock()) * 1000))}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = change(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # it may have been rolled back already
                    connection.execute("ROLLBACK")
                raise
            return result

    def _connected(self) -> sqlite3.Connection:
        """Return a connection to the file that is there now: what one writes to a deleted one, nobody else sees."""
        if self._connection is not None and self._file != _identity(self._path):
            self.disconnect()
        if self._connection is None:
            self._connection = self._connect()
            self._file = _identity(self._path)
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if not self._path.exists():
            _make(self._path)
        connection = sqlite3.connect(self._path, timeout=self._seconds, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except BaseException:
            connection.close()
            raise
        if version != _VERSION:
            connection.close()
            raise sqlite3.DatabaseError(f"it is no ledger of version {_VERSION}")
        return connection

    def _sums(self, connection: sqlite3.Connection, day: int) -> Sums:
        with closing(connection.execute(_SUMS, {"budget": self._budget, "day": day})) as found:
            day_spent, day_held, total_spent, total_held = found.fetchone()
        return Sums(day_spent=day_spent, day_held=day_held, total_spent=total_spent, total_held=total_held)

    def _add(self, connection: sqlite3.Connection, day: int, *, spent: int, held: int) -> None:
        values = {"budget": self._budget, "day": day, "spent": spent, "held": held}
        connection.execute(_ADD_TO_DAY, values)
        connection.execute(_ADD_TO_TOTAL, values)

    @contextmanager
    def _locked(self, until: float) -> Iterator[None]:
        left = until - self._clock()
        if left <= 0 or not self.lock.acquire(timeout=min(left, threading.TIMEOUT_MAX)):
            raise LedgerError(
                f"the budget's file {self._path.name} was busy for {self._seconds:g} s",
                hint="nothing is spent until it is not",
            )
        try:
            yield
        finally:
            self.lock.release()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what SQLite and the file system raise into LedgerError; the next call connects anew."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self.disconnect()
            raise LedgerError(
                f"the budget's file {self._path.name} cannot be used: {error}",
                hint="nothing is spent until it can be; a file that is damaged has to be restored or deleted by hand",
            ) from error


def _make(path: Path) -> None:
    """Make an empty ledger, unless another process is the first.

    It appears as a whole: of connections that make one file a database at a time, SQLite fails some at once instead of
    letting them wait. A log without its file is another's, whose changes SQLite would add to this one.
    """
    if path.with_name(f"{path.name}-wal").exists() and not path.exists():
        raise FileNotFoundError("it is gone, but its log is there (-wal): restore it, or delete the log, too")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    os.close(descriptor)
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_TABLES)
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


# SQLite keeps account of its file locks by process: a connection that a fork has copied must be closed in the child
# before there is another (https://www.sqlite.org/howtocorrupt.html, 2.6), and not while a thread is inside of it.
def _before_fork() -> None:
    for ledger in list(_ledgers):
        ledger.lock.acquire()
        _stopped.append(ledger)


def _after_fork() -> None:
    while _stopped:
        _stopped.pop().lock.release()


def _after_fork_in_child() -> None:
    for ledger in _stopped:
        ledger.disconnect()
    _after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
