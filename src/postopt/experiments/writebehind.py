"""Writing behind: rows of an experiment store are queued in memory and written together."""

from __future__ import annotations

import atexit
import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from postopt.errors import ExperimentStoreError
from postopt.experiments import log
from postopt.experiments.entries import Rows
from postopt.experiments.queue import Queue
from postopt.experiments.storefile import StoreFile, in_use, passes

_log = logging.getLogger(__name__)

MAX_WAITING = 10_000  # rows; arbitrary, a few megabytes
_MAX_NEW = 10_000  # rows that are not folded into the log yet; arbitrary
_PATIENCE = 0.1  # seconds that a write which nobody asked for waits for others; arbitrary

_alive: weakref.WeakSet[WriteBehind] = weakref.WeakSet()


class WriteBehind:
    """A queue of rows before a store's file; `ExperimentStore` says what it promises.

    Args:
        file: where to.
        flush_rows: that wait at most before they are written.
        flush_seconds: that a row waits at most.
    """

    def __init__(self, file: StoreFile, *, flush_rows: int, flush_seconds: float) -> None:
        self.queue = Queue(MAX_WAITING)
        self._file = file
        self._flush_rows = flush_rows
        self._flush_seconds = flush_seconds
        self._failures = 0
        self._after: list[Callable[[], object]] = []  # what to do once the open transaction has committed
        self._seen: tuple[sqlite3.Connection, int] | None = None
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        _alive.add(self)

    def take(self, rows: Rows) -> None:
        """Queue rows, or write them if they are part of a transaction or no more can wait."""
        self.check_open()
        if self._file.transacting or not self.queue.add(rows):
            self._write_now(rows)
        elif len(self.queue) >= self._flush_rows and not self._failures:
            self._try_to_append()
        if self.queue:
            self.check_open()
            self._write_in_time()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Write what waits, and what is done inside, in one transaction; one inside of another is a part of it."""
        self.check_open()
        return self._transaction()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._file.held():
            nested, kept = self._file.transacting, len(self._after)
            try:
                with self._file.transaction() as connection:
                    settled = None if nested else self._settle(connection)
                    yield connection
            except BaseException:
                del self._after[kept:]
                raise
            if settled is None:
                return
            self.queue.folded(settled)
            self._failures = 0
            after, self._after = self._after, []
        for function in after:
            function()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for what is not queued."""
        self.check_open()
        with self._file.reading() as connection:
            yield connection

    @contextmanager
    def current(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose log and sums have all rows that came until now."""
        self.check_open()
        with self._file.held():
            with self._file.reading() as connection:
                if self._file.transacting or not (self.queue or self.queue.recent or self._changed(connection)):
                    yield connection
                    return
            with self._transaction() as connection:
                yield connection

    @contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose log has all rows but those that the queue knows; nothing moves between them."""
        self.check_open()
        with self._file.held():
            with self._file.reading() as connection:
                behind = not self._file.transacting and self._changed(connection)
            if behind:
                self._catch_up()
            with self._file.reading() as connection:
                yield connection

    def flush(self) -> None:
        """Write what waits; inside of a transaction, nothing of this thread does."""
        with self.reading():
            if self.queue and not self._file.transacting:
                self._append(None)

    def after_commit(self, function: Callable[[], object]) -> None:
        """Call a function once the outermost transaction has committed; at once outside of one, never if it fails."""
        if self._file.transacting:
            self._after.append(function)
        else:
            function()

    def close(self) -> None:
        """Write what waits and let go of the file."""
        with self._file.held():
            if self._closed.is_set():
                return
            if self._file.transacting:
                raise ExperimentStoreError("the experiment store cannot be closed inside of its own transaction")
            # First, so that whoever adds a row and then sees an open store knows that it is written here.
            self._closed.set()
            try:
                if self.queue or self.queue.recent:
                    with self._transaction():
                        pass
            except BaseException:
                self._closed.clear()
                if self.queue:
                    self._write_in_time()
                raise
            self._file.close()

    def check_open(self) -> None:
        """Refuse what is asked of a store that is closed."""
        if self._closed.is_set():
            raise ExperimentStoreError("the experiment store is closed", hint="open another one on the same file")

    def _write_now(self, rows: Rows) -> None:
        """Write rows in a transaction, and with them the decisions that they belong to and that still wait."""
        owners = [outcome[0] for outcome in rows.outcomes] + [link[1] for link in rows.links]
        waiting = self.queue.decisions(owners).values()
        with self.transaction() as connection:
            log.append(connection, rows._replace(decisions=[*waiting, *rows.decisions]))
            log.fold(connection)

    def _catch_up(self) -> None:
        """Fold what other processes added; while the file cannot be written, the queue has it instead."""
        try:
            with self._file.hurrying(0.0), self._transaction():
                pass
        except ExperimentStoreError as error:
            if not passes(error.__cause__):
                raise
            with self._file.reading() as connection:
                seen = _version(connection)
                self.queue.read(log.new_rows(connection))
                self._seen = seen

    def _settle(self, connection: sqlite3.Connection) -> Rows:
        """Bring the log up to date at the begin of a transaction, and return what was written of the queue."""
        batch = self.queue.batch()
        if batch.n:
            log.append(connection, batch)
        # Counts and links are in the log at once.
        if batch.decisions or batch.outcomes or self.queue.recent or self._changed(connection):
            log.fold(connection)
        return batch

    def _changed(self, connection: sqlite3.Connection) -> bool:
        """Say whether there are new rows after another process wrote; if there are none, ours are in the log."""
        seen = _version(connection)
        if seen == self._seen:
            return False
        if log.has_new(connection):
            return True
        self._seen = seen
        self.queue.folded(Rows())
        return False

    def _append(self, seconds: float | None) -> None:
        """Write what waits as new rows, and fold them if there are too many."""
        with self._file.held(seconds):
            batch = self.queue.batch()
            full = self.queue.recent + batch.n > _MAX_NEW
            with self._file.transaction(seconds) as connection:
                log.append(connection, batch)
                if full:
                    log.fold(connection)
            (self.queue.folded if full else self.queue.appended)(batch)
            self._failures = 0

    def _try_to_append(self) -> None:
        """Write what waits; if that cannot be done, the thread tries again."""
        try:
            self._append(_PATIENCE)
        except ExperimentStoreError as error:
            self._failures += 1
            # The first failure, then at each doubling: a full disk must not fill the log. That somebody else was
            # writing for a moment is none yet.
            moment = self._failures == 1 and (error.__cause__ is None or in_use(error.__cause__))
            if self._failures.bit_count() == 1 and not moment:
                _log.warning("%d rows wait after %d attempts: %s", len(self.queue), self._failures, error)

    def _write_in_time(self) -> None:
        """See to it that what waits is written after `flush_seconds`; in memory there is nothing to save."""
        if (self._thread is None or not self._thread.is_alive()) and self._file.path is not None:
            thread = threading.Thread(target=self._write, name="postopt-experiments", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there is no more room for threads, or the interpreter is shutting down
                self._try_to_append()
            else:
                self._thread = thread

    def _write(self) -> None:
        added = -1
        while not self._closed.wait(self._flush_seconds):
            if self.queue:
                self._try_to_append()
            elif self.queue.added == added:
                break
            added = self.queue.added
        self._thread = None
        if self.queue and not self._closed.is_set():  # it came after the last look
            self._write_in_time()

    def after_fork_in_child(self) -> None:
        """Forget the thread, which the child does not have, and what it waits for, whose lock it may have held."""
        closed, self._closed = self._closed.is_set(), threading.Event()
        if closed:
            self._closed.set()
        self._thread = None


def _version(connection: sqlite3.Connection) -> tuple[sqlite3.Connection, int]:
    """Return what changes when another process commits."""
    return connection, int(connection.execute("PRAGMA data_version").fetchone()[0])


def _write_all() -> None:
    for writer in list(_alive):
        if writer.queue:
            try:
                writer.flush()
            except ExperimentStoreError as error:
                _log.warning("%d rows of an experiment store are lost: %s", len(writer.queue), error)


def _after_fork_in_child() -> None:
    for writer in list(_alive):
        writer.after_fork_in_child()


atexit.register(_write_all)
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
