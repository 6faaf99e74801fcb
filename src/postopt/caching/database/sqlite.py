"""SQLite connections that several threads and processes may use, forks of each other among them."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

_Identity: TypeAlias = tuple[int, int]

_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_lock = threading.Lock()
_connections: weakref.WeakSet[Connection] = weakref.WeakSet()


class Connection(sqlite3.Connection):
    """A connection with a write-ahead log and no implicit transactions, which the child of a fork closes.

    SQLite keeps account of its file locks by process and file. The child of a fork inherits the account but not the
    locks: a connection of its own would take itself for protected, and when the parent closes, the log is deleted
    under the child, with what it commits (https://www.sqlite.org/howtocorrupt.html, 2.6). The account is right again
    once the child has closed what it inherited. As that is possible only while no other thread is inside of SQLite,
    each call holds a lock, and a fork waits until it has them all.

    What is committed survives the process (kill -9). After a power failure the last commits may be missing, but the
    file is whole (`synchronous=NORMAL`).

    For the same reason it never waits for a lock: where another connection has it, a call fails at once with
    SQLITE_BUSY. Were it to wait inside of SQLite, for a connection that the fork has stopped, both would wait in vain.

    Where the file is deleted, emptied or replaced by another, SQLite would go on with what nobody else sees, or take
    its log for the other file's. So each statement first looks whether the file is still the one that was opened, and
    so does a call that failed. If not, the error is SQLITE_READONLY_DBMOVED, all connections of this process to the old
    one are closed, and its log is deleted.
    """

    def __init__(self, database: str, **options: Any) -> None:
        self.step = threading.Lock()
        path = Path(database)
        make_file(path)
        try:
            self.file = _File(path)
        except FileNotFoundError:
            raise _moved() from None
        self._holds_file = True  # until it is closed: then its number may be given to another file
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
        with _lock:
            others = [other for other in _connections if other.file.path == path]
            _connections.add(self)
        for other in others:
            other.leave_if_moved()
        with self.step:
            super().__init__(database, **{**options, "timeout": 0, "isolation_level": None, "check_same_thread": False})
        try:
            self.execute("PRAGMA journal_mode=WAL")
            self.execute("PRAGMA synchronous=NORMAL")
        except BaseException:
            self.close()
            raise

    @contextmanager
    def inside(self, *, look_first: bool = True) -> Iterator[None]:
        """Hold the lock of each call; raises OperationalError if the file is not the one that was opened any more."""
        if look_first and self.leave_if_moved():
            raise _moved()
        try:
            with self.step:
                yield
        except sqlite3.Error as error:
            if self.leave_if_moved():
                raise _moved() from error
            raise

    def leave_if_moved(self) -> bool:
        """Say whether the file is not the one that was opened any more; all connections to that are closed then."""
        if not self.file.is_moved():
            return False
        with _lock:
            if self._holds_file:
                self.file.delete_log()
            others = [other for other in _connections if other.file.is_same(self.file)]
        for other in others:
            with suppress(sqlite3.Error):  # one that never opened
                other.close()
        return True

    def cursor(self, factory: Any = None) -> Any:
        """Return a `Cursor`, or what `factory` makes."""
        cursor = (factory or Cursor)(self)
        self._cursors.add(cursor)
        return cursor

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Return a cursor that has executed this."""
        return self.cursor().execute(sql, parameters)

    def commit(self) -> None:
        """Commit the transaction, if there is one."""
        with self.inside():
            super().commit()

    def rollback(self) -> None:
        """Roll the transaction back, if there is one."""
        with self.step:
            super().rollback()

    def close(self) -> None:
        """Roll back what is open and close."""
        with _lock:
            self._holds_file = False
        with self.step:
            # A statement that a cursor still holds would keep the connection open inside of SQLite.
            for cursor in self._cursors:
                with suppress(sqlite3.ProgrammingError):  # closed before, with this connection
                    sqlite3.Cursor.close(cursor)
            self._cursors.clear()
            super().close()
        with _lock:
            _connections.discard(self)

    def __del__(self) -> None:
        # One that an attempt to connect left behind when it was cancelled: nobody else can close it.
        with suppress(sqlite3.Error):
            super().close()


class Opener:
    """Opens connections, each in a thread of its own, and waits for these threads to end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def __call__(self, database: str, **options: Any) -> Connection:
        """Return a new connection."""
        with self._lock:
            self._threads = [*filter(threading.Thread.is_alive, self._threads), threading.current_thread()]
        return Connection(database, **options)

    def join(self, seconds: float) -> None:
        """Wait for each thread, and no longer than so long."""
        for thread in self._threads:
            thread.join(seconds)


class Cursor(sqlite3.Cursor):
    """A cursor whose calls hold its connection's lock, and which has all rows once a statement was executed.

    One that was dropped in the midst of its rows would end its statement inside of SQLite when and where the garbage
    collector likes, without the lock.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._step = connection.step
        self._inside = connection.inside
        self._rows: Iterator[Any] = iter(())

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Execute once."""
        with self._inside():
            super().execute(sql, parameters)
            self._rows = iter(super().fetchall())
        return self

    def executemany(self, sql: str, parameters: Any) -> Any:
        """Execute once for each of `parameters`, in a transaction that has begun."""
        self._rows = iter(())
        with self._inside(look_first=False):
            return super().executemany(sql, parameters)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self._rows)

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return next(self, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        return list(islice(self, self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return list(self)

    def close(self) -> None:
        """Let go of the rows."""
        self._rows = iter(())
        with self._step:
            super().close()


class _File:
    """A database's file and log, as they were when they were opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened = _identity(path)
        self._filled = False
        self._log: dict[Path, _Identity] = {}

    def is_same(self, other: _File) -> bool:
        """Say whether both are the same file under the same path."""
        return (self.path, self._opened) == (other.path, other._opened)

    def is_moved(self) -> bool:
        """Say whether another file, or none, or an empty one, is now where this one was."""
        try:
            found = self.path.stat()
            if (found.st_dev, found.st_ino) != self._opened or (self._filled and not found.st_size):
                return True
            self._filled = self._filled or found.st_size > 0
            return not self._log and self._find_log()
        except OSError:
            return True

    def _find_log(self) -> bool:
        """Take note of the log, which SQLite makes with the first transaction; say whether it is another file's."""
        with suppress(FileNotFoundError):
            names = (f"{self.path.name}-wal", f"{self.path.name}-shm")
            log = {path: _identity(path) for path in map(self.path.with_name, names)}
            if _identity(self.path) != self._opened:
                return True
            self._log = log
        return False

    def delete_log(self) -> None:
        """Delete the log of a file that is gone: SQLite would take it for that of the file which is there now."""
        with suppress(OSError):
            if _identity(self.path) == self._opened:  # it was only emptied
                return
        for path, identity in self._log.items():
            with suppress(OSError):
                if _identity(path) == identity:
                    path.unlink()


def is_passing(error: BaseException) -> bool:
    """Say whether another attempt may well succeed: a lock was held, or the file or the tables were lost."""
    moved = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_DBMOVED
    return moved or _kind(error) in _PASSING or _is_closed(error) or str(error).startswith("no such table")


def is_lost(error: BaseException) -> bool:
    """Say whether connections are of no use after this error, though new ones may be, now or later."""
    return is_damage(error) or _kind(error) == sqlite3.SQLITE_READONLY or _is_closed(error)


def is_damage(error: BaseException) -> bool:
    """Say whether the file is no database, or a damaged one."""
    return _kind(error) in _DAMAGE


def _moved() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the file was deleted, emptied or replaced by another")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY_DBMOVED
    return error


def _kind(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # the rest says what kind of that


def _is_closed(error: BaseException) -> bool:
    return isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error)


def _identity(path: Path) -> _Identity:
    found = path.stat()
    return found.st_dev, found.st_ino


def make_file(path: Path) -> None:
    """Make an empty database of mode 0600, and its folder with 0700, where there is none.

    Raises:
        OSError: that cannot be done.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Closing a file gives up all the locks that this process has on it, those of other connections too. So one that
    # is there is not opened, and nobody else here opens it between the two calls.
    with _lock, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _before_fork() -> None:
    _lock.acquire()
    for connection in _connections:
        connection.step.acquire()


def _after_fork() -> None:
    for connection in _connections:
        connection.step.release()
    _lock.release()


def _after_fork_in_child() -> None:
    inherited = list(_connections)
    _after_fork()
    for connection in inherited:
        with suppress(sqlite3.Error):  # one that never opened
            connection.close()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
