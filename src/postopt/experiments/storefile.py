"""The SQLite file under an experiment store: connecting, transactions, faults and forks."""

from __future__ import annotations

import math
import os
import secrets
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from postopt.errors import ExperimentStoreError, NewerStoreError, shown
from postopt.experiments.schema import APPLICATION, VERSION, upgrade

MEMORY = ":memory:"

_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)

_files: weakref.WeakSet[StoreFile] = weakref.WeakSet()
_stopped: list[StoreFile] = []  # for the moment of a fork
_forking = threading.Lock()


class StoreFile:
    """One connection to a store's file, or to memory, shared by the threads of a process.

    It connects at the first use. `lock` is held for as long as a transaction lasts, and a fork waits until no other
    thread has it: the child closes the connection that it inherits and makes one of its own
    (https://www.sqlite.org/howtocorrupt.html, 2.6). A store in memory is simply copied by a fork.

    What is committed survives the process (kill -9). After a power failure the last commits may be missing, but the
    file is whole (`synchronous=NORMAL` with a write-ahead log).

    Args:
        path: of the file, or ":memory:".
        salt: that a new file gets, or None for a random one.
        seconds: after which a call gives up waiting for other threads and processes.
    """

    def __init__(self, path: str | os.PathLike[str], *, salt: bytes | None, seconds: float) -> None:
        self.path = None if os.fspath(path) == MEMORY else Path(path).absolute()
        self.lock = threading.RLock()
        self.seconds = seconds
        self._salt = salt
        self._known = False  # a file was opened once; from then on no other may take its place
        self._depth = 0
        self._owner: int | None = None  # the thread whose transaction is open
        self._most = math.inf  # seconds; changed by who holds the lock
        self._patience = -1.0
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        _files.add(self)

    @property
    def name(self) -> str:
        """How messages call it."""
        return "in memory" if self.path is None else self.path.name

    @property
    def salt(self) -> bytes:
        """What keys the hashes of this store."""
        if not self._known:
            with self.reading():
                pass
        return self._salt or b""

    @property
    def transacting(self) -> bool:
        """Whether this thread has a transaction open."""
        return self._owner == threading.get_ident()

    @contextmanager
    def held(self, seconds: float | None = None) -> Iterator[None]:
        """Hold the lock, and wait for it no longer than so long.

        Raises:
            ExperimentStoreError: another thread had it for all of that time.
        """
        if not self.lock.acquire(timeout=min(self.seconds if seconds is None else seconds, threading.TIMEOUT_MAX)):
            raise self._error("another thread had it for too long")
        try:
            yield
        finally:
            self.lock.release()

    @contextmanager
    def hurrying(self, seconds: float, lock_seconds: float | None = None) -> Iterator[None]:
        """Hold the lock, and wait for other processes no longer than so long inside; for the lock, as `held` does."""
        with self.held(lock_seconds):
            before, self._most = self._most, min(self._most, seconds)
            try:
                yield
            finally:
                self._most = before

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for one or more queries that need not agree with each other."""
        with self.held(), self._errors(sqlite3.Error, OSError):
            yield self._connected(min(self.seconds, self._most))

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give a connection of its own for queries that agree with each other, while others read and write.

        In memory, and inside of a transaction of this thread, it is the one that all share.
        """
        if self.path is None or self.transacting:
            with self.reading() as shared:
                yield shared
            return
        try:
            with closing(self._opened(self.path)) as connection:
                connection.text_factory = _as_far_as_it_is_text
                connection.execute("PRAGMA query_only=ON")
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise self._error(str(error), error) from error

    @contextmanager
    def transaction(self, seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """Give a connection whose changes are made whole or not at all.

        One inside of another, in the same thread, is a part of it that can fail alone.
        """
        patience = self.seconds if seconds is None else seconds
        begin, end, undo = _INNER if self.transacting else _OUTER
        with self.held(patience), self._errors(sqlite3.Error):
            patience = min(patience, self._most)
            with self._errors(OSError):  # what else raises that inside of it is no error of the store
                connection = self._connected(patience)
            connection.execute(begin)
            self._depth += 1
            self._owner = threading.get_ident()
            try:
                yield connection
                self._connected(patience).execute(end)
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have undone it already
                    for statement in undo:
                        connection.execute(statement)
                raise
            finally:
                self._depth -= 1
                if not self._depth:
                    self._owner = None

    def disconnect(self) -> None:
        """Close the connection to a file; for those who hold the lock."""
        if self.path is not None:
            self.close()

    def close(self) -> None:
        """Close the connection, for those who hold the lock; what was in memory is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    __del__ = close

    def _connected(self, seconds: float) -> sqlite3.Connection:
        if self._depth:
            # SQLite itself undoes a transaction when the disk is full, say. What came after would be committed alone.
            if self._connection is None or not self._connection.in_transaction:
                raise sqlite3.OperationalError("the transaction was undone, by an error or a fork inside of it")
            return self._connection
        if self._connection is not None and self.path is not None and self._identity != _identity(self.path):
            self.disconnect()
        if self._connection is None:
            self._connection = self._connect()
            self._known, self._patience = True, -1.0
        if seconds != self._patience:
            self._connection.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")
            self._patience = seconds
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self.path is None:
            connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
        else:
            if not self.path.exists():
                if self._known:
                    raise FileNotFoundError("it was there and is gone; restore it")
                _make(self.path, self._salt)
            self._identity = _identity(self.path)
            connection = self._opened(self.path)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened(self, path: Path) -> sqlite3.Connection:
        # Not to be made by SQLite, whoever deletes it just now: it would have the mode of any other file.
        place = f"{path.as_uri()}?mode=rw"
        connection = sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout={round(self.seconds * 1000)}")
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Look at what was opened before anything in it is changed, then bring it up to date."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION and (application or tables):
            raise sqlite3.DatabaseError("it is an SQLite file, but no experiment store")
        if version > VERSION:
            raise NewerStoreError(
                f"the experiment store {self.name} has version {version}; this postopt knows up to {VERSION}",
                hint="upgrade postopt, or use another file",
            )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        # Folding writes a large part of the index of ids: 16 MB keep it in memory and out of a checkpoint each time.
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute("PRAGMA cache_size=-16000")
        # The child of a fork closes the connection. That it undoes a transaction which has begun is harmless only if
        # nothing of it is in the log yet.
        connection.execute("PRAGMA cache_spill=OFF")
        if version < VERSION:
            _fill(connection, self._salt)
        salt = next(iter(connection.execute("SELECT salt FROM store").fetchone() or ()), None)
        if not isinstance(salt, bytes):
            raise sqlite3.DatabaseError("it has no salt")
        if self._salt is not None and salt != self._salt:
            raise sqlite3.DatabaseError("it is another store than expected: its salt differs")
        self._salt = salt

    @contextmanager
    def _errors(self, *kinds: type[Exception]) -> Iterator[None]:
        """Turn what SQLite or the file system raises into ExperimentStoreError.

        The next call connects anew, unless the error passes by itself: on a full disk there may be no connecting.
        """
        try:
            yield
        except kinds as error:
            if not self._depth and not passes(error):
                self.disconnect()
            raise self._error(str(error), error) from error

    def _error(self, why: str, cause: Exception | None = None) -> ExperimentStoreError:
        if isinstance(cause, sqlite3.Error) and not passes(cause):
            hint = "what is queued is kept: restore the file if it is damaged, or use another path if it is no store"
        else:
            hint = "what was queued is kept and written once it can be; `flush()` tries again"
        return ExperimentStoreError(f"the experiment store {self.name} cannot be used: {why}", hint=hint)


def in_use(error: BaseException | None) -> bool:
    """Tell whether an error of SQLite says no more than that another process is writing."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def passes(error: BaseException | None) -> bool:
    """Tell whether an error of SQLite says that a file is in use or a disk full, not that something is broken."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING


def check_place(path: object, salt: object) -> None:
    """Refuse what is no path, or no salt."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValueError(f'path is {shown(path)}; a path or ":memory:" is needed')
    if salt is not None and (not isinstance(salt, bytes) or not salt):
        raise ValueError(f"salt is {shown(salt)}; bytes that are not empty, or None, are needed")


_OUTER = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_INNER = ("SAVEPOINT part", "RELEASE part", ("ROLLBACK TO part", "RELEASE part"))


def _fill(connection: sqlite3.Connection, salt: bytes | None) -> None:
    """Bring a store up to date, and make an empty database one, unless another process was the first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        upgrade(connection, version)
        if not version:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute("INSERT INTO store VALUES (?)", (salt or secrets.token_bytes(16),))
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have undone it already
            connection.execute("ROLLBACK")
        raise


def _make(path: Path, salt: bytes | None) -> None:
    """Make an empty store, unless another process is the first.

    It appears as a whole: of connections that make one file a database at a time, SQLite fails some at once instead of
    letting them wait. A log without its file is another's, whose changes SQLite would add to this one.
    """
    if path.with_name(f"{path.name}-wal").exists():
        raise FileNotFoundError("it is gone, but its log is there (-wal): restore it, or delete the log, too")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    os.close(descriptor)
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            _fill(connection, salt)
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()


def _as_far_as_it_is_text(found: bytes) -> str:
    return found.decode(errors="backslashreplace")


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _before_fork() -> None:
    _forking.acquire()
    for file in list(_files):
        file.lock.acquire()
        _stopped.append(file)


def _after_fork() -> None:
    while _stopped:
        _stopped.pop().lock.release()
    _forking.release()


def _after_fork_in_child() -> None:
    for file in _stopped:
        file.disconnect()
    _after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
