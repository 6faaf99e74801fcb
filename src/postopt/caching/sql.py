"""A level of the cache in an SQL database: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

import asyncio
import math
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from operator import itemgetter
from typing import Any, TypeVar, cast

from postopt._optional import needs
from postopt.caching.base import check_amount, check_clock, check_limit, check_seconds
from postopt.caching.codec import Codec, check_codec
from postopt.caching.database import sqlite
from postopt.caching.database.rows import BusyError, Row, UselessConnectionError
from postopt.caching.database.sqlalchemy import VERSION, Statements, database_url
from postopt.caching.database.writebehind import BATCH_BYTES, WriteBehindStore
from postopt.clock import Clock
from postopt.errors import CacheValueError, StoreError, shown

with needs("sqlalchemy"):
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import create_async_engine

T = TypeVar("T")

CONNECTIONS = 4
"""Most connections of a store (arbitrary): one writes, the others read."""

CULL_BYTES = 2 * BATCH_BYTES
"""After how many bytes one transaction culls no more: twice what one writes, so that what has ended cannot pile up."""

_IN_NUMBERS = 500  # in one IN list; SQLite before 3.32 takes 999 parameters
_NEVER = 2**62  # an epoch that no database reaches
_LOOKS, _LOOK_SECONDS = 50, 0.01  # for connections that are given back before the engine is closed; arbitrary
# Seconds after which PostgreSQL ends a transaction whose process hangs, so that others can go on; arbitrary.
_IDLE_SECONDS = 10
# serialization_failure, deadlock_detected, lock_not_available: lost against another transaction. And undefined_table,
# as tables that were dropped are made anew.
_PASSING_STATES = ("40001", "40P01", "55P03", "42P01")
_DAMAGED = "the file is damaged: delete it, and -wal and -shm beside it, and the cache makes another"


class SQLStore(WriteBehindStore):
    """Keeps entries in tables that several processes may share.

    Laws, beyond those of `Store`:
        - A set is there at once for this process, and for others within `flush_seconds` and one flush. That much is
          lost in a crash (kill -9), and no more: what was set in the last `flush_seconds`, and what the flush under
          way had not committed. No entry is ever there in part. In place of what was lost, the older entry is back.
        - `delete` and `invalidate_tag` return when they are durable. From then on no process returns what was set
          before, not even where it waits to be written.
        - A process hears of invalidations with each answer of the database, and an entry counts as set when it last
          heard of them. So one that is set after another process's invalidation may yet be forgotten, if this process
          has not asked the database for anything in between; one that was set before never comes back.
        - An entry that was taken in is not given up for want of room: while `max_pending` bytes wait, further sets
          raise StoreError.
        - Of two processes that set a key, the one that writes later prevails.
        - Every call ends within `deadline` seconds. `aclose` goes on as long as the database takes a batch in that
          time, and twice the time longer.

    A store serves one event loop at a time. It connects at the first call, and when the loop ends it writes what
    waits and lets go of the connections; then another loop may use it. The child of a fork makes connections of its
    own, and leaves it to the parent to write what waited.

    If the file is deleted, emptied or replaced by another, or the tables are dropped, new ones are made, and what waits
    is written there; what the old ones alone knew is forgotten, invalidations too. A damaged file is left alone: calls
    raise StoreError until it is deleted.

    Of entries that find no room, those of the lowest priority go first, and of these the oldest. If the clock is put
    back, entries count as being as old as it says.

    Args:
        url: "sqlite:///relative/path.db", "sqlite:////absolute/path.db" or "postgresql://user@host/database". A file
            that is not there is made with mode 0600, and its folder with 0700.
        flush_seconds: longest that an entry waits before it is written.
        max_pending: most bytes that wait (16 MiB is arbitrary); a single entry may have half of them.
        max_bytes: most bytes of entries in the table, or None. Each process counts them again when it has written an
            eighth, so that p processes may exceed it by p eighths and p batches.
        codec: makes entries bytes; `Codec()` if None.
        table: its name, with which the names of two more begin.
        deadline: seconds that a call has.
        clock: says what has ended; wall time, because entries outlive the process.

    Raises:
        CacheValueError: an argument cannot be used.
        MissingDependencyError: SQLAlchemy or the driver (aiosqlite, asyncpg) is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        flush_seconds: float = 0.5,
        max_pending: int = 16 * 2**20,
        max_bytes: int | None = None,
        codec: Codec | None = None,
        table: str = "postopt_cache",
        deadline: float = 1.0,
        clock: Clock = time.time,
    ) -> None:
        check_limit("max_pending", max_pending)
        if max_bytes is not None:
            check_limit("max_bytes", max_bytes)
        check_seconds("deadline", deadline)
        check_amount("flush_seconds", flush_seconds)
        check_clock(clock)
        check_codec(codec)
        if not re.fullmatch("[a-z_][a-z0-9_]{0,39}", str(table)):
            raise CacheValueError(f"table is {shown(table)}; 1 to 40 of a-z, 0-9 and _ are needed, a digit not first")
        bound = math.inf if max_bytes is None else max_bytes
        super().__init__(
            partial(_Tables, database_url(url), table, max_bytes=bound, clock=clock),
            codec=codec or Codec(),
            flush_seconds=flush_seconds,
            max_pending=max_pending,
            max_bytes=max_bytes,
            deadline=deadline,
            clock=clock,
        )


class _Tables:
    """`Rows` in an SQL database.

    What invalidates must exclude what writes: else a row whose groups were looked at could be written after they were
    invalidated. In SQLite any two writers exclude each other. In PostgreSQL writers share an advisory lock, which one
    that invalidates has for itself; waiting for it is a fair queue, so that many writers do not keep it from its turn.
    """

    def __init__(self, url: sa.URL, table: str, *, max_bytes: float, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._made_at = 0.0
        self._max_bytes = max_bytes
        self._held = math.inf  # bytes in the table when last counted, less what was culled since
        self._uncounted = 0  # bytes written since
        self._postgresql = url.get_backend_name() == "postgresql"
        self._say = Statements(table, postgresql_dialect=self._postgresql)
        self._lock = int.from_bytes(sha256(table.encode()).digest()[:8], "little", signed=True)
        self._opener = sqlite.Opener()
        options: dict[str, Any] = {"factory": self._opener}
        if self._postgresql:
            idle = {"idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s"}
            options = {"server_settings": {"application_name": "postopt", **idle}}
        # Parameters are what people wrote: no error quotes them.
        self._engine = create_async_engine(
            url,
            connect_args=options,
            hide_parameters=True,
            poolclass=sa.AsyncAdaptedQueuePool,
            pool_size=CONNECTIONS,
            max_overflow=0,
        )
        if not self._postgresql:
            sa.event.listen(self._engine.sync_engine, "handle_error", _let_go)
        # Spares PostgreSQL two of three trips; a connection to SQLite is like that anyway.
        self._reader = (
            self._engine.execution_options(isolation_level="AUTOCOMMIT") if self._postgresql else self._engine
        )

    async def open(self) -> tuple[int, float]:
        state = await self._ask(self._look)
        if state is None or state.version < VERSION:
            state = await self._change(self._make, exclusive=True)
        self._made_at = state.made_at
        self._held = math.inf
        return state.epoch, state.made_at

    async def read(self, name: bytes) -> tuple[int, bytes | None, int]:
        def read(connection: sa.Connection) -> tuple[int, bytes | None, int]:
            found = connection.execute(self._say.read, {"wanted": name}).one()
            self._check(found, made_at)
            return found.epoch, found.data, found.since or 0

        made_at = self._made_at
        return await self._ask(read)

    async def invalidated(self, groups: Collection[int]) -> int:
        found = await self._ask(lambda connection: self._invalidated(connection, groups))
        return max(found.values(), default=0)

    async def write(self, rows: Sequence[Row]) -> tuple[int, int]:
        def write(connection: sa.Connection) -> tuple[int, int]:
            epoch = self._epoch(connection, made_at)
            outdated = self._outdated(connection, rows, epoch)
            kept = [_columns(row, epoch) for row in rows if row.data is not None and row.name not in outdated]
            if kept:
                # In one order, lest two processes wait for each other's rows.
                connection.execute(self._say.replace, sorted(kept, key=itemgetter("name")))
            empty = {row.name: _NEVER for row in rows if row.data is None}
            self._delete(connection, empty | outdated)
            return epoch, len(kept)

        made_at = self._made_at  # what `rows` are known to suit; others may be looked at while this waits
        return await self._change(write)

    async def forget(self, names: Collection[bytes], groups: Collection[int]) -> int:
        def forget(connection: sa.Connection) -> int:
            epoch = self._epoch(connection, self._made_at) + 1
            connection.execute(self._say.state.update(), {"epoch": epoch})
            if groups:
                invalidations = [{"number": group, "epoch": epoch} for group in sorted(groups)]
                connection.execute(self._say.invalidate, invalidations)
            self._delete(connection, dict.fromkeys(names, _NEVER))
            return epoch

        return await self._change(forget, exclusive=True)

    async def cull(self, now: float, incoming: int) -> int:
        culled, _ = await self._cull_some(self._say.ended, {"now": now}, CULL_BYTES)
        excess = await self._excess(incoming)
        while excess > 0:
            count, size = await self._cull_some(self._say.oldest, {}, min(excess, CULL_BYTES))
            if not count:
                break
            self._held -= size
            excess -= size
            culled += count
        return culled

    async def close(self) -> None:
        # A call that was cancelled gives its connection back in a task of SQLAlchemy's, which nobody can wait for.
        for _ in range(_LOOKS):
            if not cast("sa.QueuePool", self._engine.pool).checkedout():
                break
            await asyncio.sleep(_LOOK_SECONDS)
        await self._engine.dispose()
        # Nor does aiosqlite wait for the thread of a connection that failed to open, which may still call the loop.
        await asyncio.to_thread(self._opener.join, _LOOKS * _LOOK_SECONDS)

    async def _ask(self, question: Callable[[sa.Connection], T]) -> T:
        """Return what `question` finds, each of its statements by itself."""
        with _store_errors():
            async with self._reader.connect() as connection:
                return await connection.run_sync(question)

    async def _change(self, change: Callable[[sa.Connection], T], *, exclusive: bool = False) -> T:
        """Return what `change` returns, having committed what it did. An exclusive one is alone with the tables."""

        def transact(connection: sa.Connection) -> T:
            with connection.begin():
                if self._postgresql:
                    lock = sa.func.pg_advisory_xact_lock if exclusive else sa.func.pg_advisory_xact_lock_shared
                    connection.execute(sa.select(lock(sa.literal(self._lock, sa.BigInteger))))
                else:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                return change(connection)

        with _store_errors():
            async with self._engine.connect() as connection:
                return await connection.run_sync(transact)

    async def _cull_some(self, some: sa.Select[Any], parameters: dict[str, float], size: float) -> tuple[int, int]:
        """Delete the first of these rows, until `size` bytes are gone; return how many rows and bytes that were."""

        def cull(connection: sa.Connection) -> tuple[int, int]:
            gone: dict[bytes, int] = {}
            freed = 0
            for row in connection.execute(some, parameters):
                if freed >= size:
                    break
                gone[row.name] = _NEVER
                freed += row.size
            self._delete(connection, gone)
            return len(gone), freed

        return await self._change(cull)

    async def _excess(self, incoming: int) -> float:
        """Return how many bytes have to go for these to find room, and not the next ones to look again at once."""
        if self._max_bytes == math.inf:
            return 0
        self._uncounted += incoming
        if self._held + self._uncounted > self._max_bytes or self._uncounted > self._max_bytes / 8:
            self._held = await self._ask(lambda connection: int(connection.execute(self._say.held).scalar_one()))
            self._uncounted = incoming
        excess = self._held + self._uncounted - self._max_bytes
        return excess + self._max_bytes / 16 if excess > 0 else 0

    def _delete(self, connection: sa.Connection, before: Mapping[bytes, int]) -> None:
        """Delete the rows of these names, each if it is of an epoch before the one beside its name."""
        if before:
            gone = [{"gone": name, "before": epoch} for name, epoch in sorted(before.items())]
            connection.execute(self._say.remove, gone)

    def _outdated(self, connection: sa.Connection, rows: Sequence[Row], epoch: int) -> dict[bytes, int]:
        """Return the names of the rows that hold no more, and since when."""
        if all(row.epoch == epoch for row in rows):
            return {}
        invalidated = self._invalidated(connection, {group for row in rows for group in row.groups})
        last = {row.name: max((invalidated.get(group, 0) for group in row.groups), default=0) for row in rows}
        # An epoch that is yet to come was that of other tables.
        return {
            row.name: last[row.name] if row.epoch <= epoch else _NEVER
            for row in rows
            if not last[row.name] <= row.epoch <= epoch
        }

    def _invalidated(self, connection: sa.Connection, groups: Collection[int]) -> dict[int, int]:
        """Return the epochs at which these groups were last invalidated."""
        numbers = list(groups)
        found: dict[int, int] = {}
        for start in range(0, len(numbers), _IN_NUMBERS):
            some = {"groups": numbers[start : start + _IN_NUMBERS]}
            found.update((row.number, row.epoch) for row in connection.execute(self._say.invalidated, some))
        return found

    def _epoch(self, connection: sa.Connection, made_at: float) -> int:
        state = connection.execute(sa.select(self._say.state)).one()
        self._check(state, made_at)
        return int(state.epoch)

    def _check(self, state: sa.Row[Any], made_at: float) -> None:
        if (state.version, state.made_at) != (VERSION, made_at):
            raise BusyError("the tables of the cache were made anew by another process")

    def _look(self, connection: sa.Connection) -> sa.Row[Any] | None:
        """Return what the tables say of themselves, or None if there are none, or some have been dropped."""
        inspector = sa.inspect(connection)
        # All are made at once, maybe at this moment: whoever sees one of the first sees the last, which is the state.
        present = [name for name in self._say.tables if inspector.has_table(name)]
        if not present:
            return None
        if self._say.state.name not in present:
            raise StoreError(f"the table {present[0]!r} is not of this cache", hint="give the cache another table=")
        state = connection.execute(sa.select(self._say.state)).one()
        if state.version > VERSION:
            raise StoreError(
                f"the tables of the cache are of version {state.version}, and this postopt reads version {VERSION}",
                hint="upgrade postopt, or give the cache another table=",
            )
        return state if len(present) == len(self._say.tables) else None

    def _make(self, connection: sa.Connection) -> sa.Row[Any]:
        """Make the tables, unless another process has just done that; return what they say of themselves."""
        state = self._look(connection)
        if state is None or state.version < VERSION:
            self._say.metadata.drop_all(connection)
            self._say.metadata.create_all(connection)
            made_at = self._clock()
            new = {"id": 1, "version": VERSION, "made_at": made_at, "epoch": max(1, int(made_at * 1e6))}
            connection.execute(self._say.state.insert(), new)
            state = connection.execute(sa.select(self._say.state)).one()
        return state


def _columns(row: Row, epoch: int) -> dict[str, Any]:
    """Return what stands in the table; the epoch is that at which the row was found to hold."""
    return {
        "name": row.name,
        "data": row.data,
        "size": len(row.data or b""),
        "epoch": epoch,
        "ends_at": row.ends_at,
        "priority": row.priority,
        "written_at": row.written_at,
    }


@contextmanager
def _store_errors() -> Iterator[None]:
    """Raise a StoreError for whatever a driver raises."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        useless = UselessConnectionError if sqlite.is_lost(cause) else StoreError
        kind = BusyError if _is_passing(error) else useless
        hint = _DAMAGED if sqlite.is_damage(cause) else ""
        raise kind(f"the database failed: {type(cause).__name__}: {cause}", hint=hint) from error


def _is_passing(error: Exception) -> bool:
    """Say whether another attempt may well succeed: a lock was held, a connection or the tables were lost."""
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return sqlite.is_passing(error.orig)
    return error.connection_invalidated or getattr(error.orig, "sqlstate", "") in _PASSING_STATES


def _let_go(context: sa.ExceptionContext) -> None:
    """Have SQLAlchemy replace all connections after an error that says that they are of no use."""
    if sqlite.is_lost(context.original_exception):
        context.is_disconnect = True
