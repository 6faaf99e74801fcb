"""A level of the cache whose sets are gathered and written in batches."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from postopt.caching.base import Entry, Key, check_entry, check_key, check_tags
from postopt.caching.codec import Codec
from postopt.caching.database.attachment import Attachment
from postopt.caching.database.pending import Pending
from postopt.caching.database.rows import Row, Rows, key_group, row_name, seal, tag_group, unseal
from postopt.clock import Clock
from postopt.errors import CacheValueError, StoreError

BATCH_ROWS = 500
BATCH_BYTES = 2**20
"""Most that one transaction writes (arbitrary): others wait for it to end."""

PATIENCE = 30.0
"""Seconds that writing behind has for one attempt, as nobody waits for it; arbitrary."""

RETRY_SECONDS = 0.5
"""Least time from a failed attempt to write behind to the next one; arbitrary."""

_log = logging.getLogger("postopt.caching")
# What a child inherited at a fork is the parent's: it is neither used nor closed, and so not collected either.
_inherited: list[Attachment] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLStats:
    """What a store has done since it was made, and what waits.

    Attributes:
        hits: calls of `get` that returned an entry.
        misses: those that returned None.
        unreadable: misses because the bytes were another key's, or none that the codec can read.
        pending: entries that wait to be written.
        pending_bytes: memory that they take.
        max_pending: most bytes that wait.
        max_bytes: most bytes of entries in the table, or None.
        flushed: entries that were written.
        outdated: entries that were not, because they were invalidated or deleted while they waited.
        refused: entries that were not taken in, because too many waited.
        lost: entries that still waited when the store was closed and the database did not take them.
        flush_failures: attempts to write that failed.
        culled: rows deleted because they had ended, or for want of room.
    """

    hits: int
    misses: int
    unreadable: int
    pending: int
    pending_bytes: int
    max_pending: int
    max_bytes: int | None
    flushed: int
    outdated: int
    refused: int
    lost: int
    flush_failures: int
    culled: int


class WriteBehindStore:
    """A `Store` over `Rows`; `postopt.caching.sql.SQLStore` says what it promises.

    Args:
        make_rows: gives a connection to the same rows for each event loop and process.
        codec: makes entries bytes.
        flush_seconds: longest that an entry waits before it is written.
        max_pending: most bytes that wait.
        max_bytes: bytes that the rows have room for, or None.
        deadline: seconds that a call has.
        clock: says which entries have ended.
    """

    def __init__(
        self,
        make_rows: Callable[[], Rows],
        *,
        codec: Codec,
        flush_seconds: float,
        max_pending: int,
        max_bytes: int | None,
        deadline: float,
        clock: Clock,
    ) -> None:
        self._make_rows = make_rows
        self._codec = codec
        self._flush_seconds = flush_seconds
        self._max_bytes = max_bytes
        self._largest = max_pending // 2 if max_bytes is None else min(max_bytes, max_pending // 2)
        self._deadline = deadline
        self._clock = clock
        self._pending = Pending(max_pending)
        self._counts: Counter[str] = Counter()
        self._made_at: float | None = None  # the tables
        self._epoch = 0  # the last that they are known to have reached
        self._floor = 0  # rows of an older epoch are not served
        self._attachment: Attachment | None = None
        self._closed = False

    async def get(self, key: Key) -> Entry | None:
        """Return the entry, or None if there is none.

        Raises:
            CacheValueError: the key is no text.
            StoreError: the database cannot be read within the deadline.
        """
        name = row_name(check_key(key))
        attachment = self._open()
        entry = await attachment.call(partial(self._find, name), self._deadline)
        self._counts["misses" if entry is None else "hits"] += 1
        return entry

    async def set(self, key: Key, entry: Entry) -> None:
        """Keep the entry; `get` returns it from now on, and within `flush_seconds` it is on its way to the database.

        Waits for the database only to connect, at the first call in an event loop, and where a deletion that was asked
        for before is not durable yet.

        Raises:
            CacheValueError: the codec cannot encode such an entry, or it is larger than `max_bytes` or half of
                `max_pending`; the key then holds nothing. Or the key is no text, or `entry` no Entry.
            StoreError: the database cannot be reached where it is waited for, or `max_pending` bytes wait already.
        """
        check_entry(entry)
        name = row_name(check_key(key))
        attachment = self._open()
        groups = (key_group(name), *map(tag_group, entry.tags))
        if not attachment.met or self._pending.hides(name, groups):
            await attachment.call(partial(self._settle, attachment), self._deadline)
        nothing = Row(name, None, self._epoch, groups)
        try:
            data = self._encode(name, entry)
        except CacheValueError:
            self._put(nothing, attachment)
            raise
        now = self._clock()
        row = Row(name, data, self._epoch, groups, entry.ends_at, entry.priority, now)
        self._put(nothing if now >= entry.ends_at else row, attachment)

    async def delete(self, key: Key) -> None:
        """Forget the entry; when this returns, that is durable, and holds for all processes.

        Raises:
            CacheValueError: the key is no text.
            StoreError: the database did not confirm that within the deadline. This process serves the entry no more,
                and goes on trying to delete it.
        """
        await self._forget(row_name(check_key(key)))

    async def invalidate_tag(self, tag: str) -> None:
        """Forget all entries with that tag; when this returns, that is durable, and holds for all processes.

        Raises:
            CacheValueError: the tag is no text.
            StoreError: the database did not confirm that within the deadline. This process serves them no more, and
                goes on trying to invalidate them.
        """
        check_tags((tag,))
        await self._forget(tag_group(tag))

    async def flush(self) -> None:
        """Write what waits, and cull some rows; when this returns, all that was set before is durable.

        Raises:
            StoreError: not within the deadline, or not at all; what is not written goes on waiting.
        """
        attachment = self._open()
        await attachment.call(partial(self._write, attachment), self._deadline)

    async def aclose(self) -> None:
        """Write what waits, then let go of the database; doing it again has no effect. Further calls are refused.

        That may take long: it is given up when the database takes nothing for as long as the deadline. What it has not
        taken then is lost, which is counted and logged, but raises nothing: use `flush` to know. If this is cancelled,
        what waits goes on waiting, for the next time.
        """
        self._closed = True
        # There is none if the loop has ended in which the entries were set; and one of the parent's is not ours.
        if self._pending or self._attachment is not None:
            await self._attach().aclose()
        lost = len(self._pending)
        self._pending = Pending(self._pending.max_bytes)
        if lost:
            self._counts["lost"] += lost
            _log.warning("%d entries were lost at closing: the database did not take them", lost)

    def stats(self) -> SQLStats:
        """Return the counters."""
        counted: dict[str, Any] = {name: self._counts[name] for name in SQLStats.__slots__}
        waiting = {"pending": len(self._pending), "pending_bytes": self._pending.row_bytes}
        return SQLStats(**counted | waiting | {"max_pending": self._pending.max_bytes, "max_bytes": self._max_bytes})

    def _encode(self, name: bytes, entry: Entry) -> bytes:
        data = seal(name, self._codec.encode(entry))
        if len(data) > self._largest:
            raise CacheValueError(f"an entry of {len(data)} bytes is too large; this store takes {self._largest}")
        return data

    async def _find(self, name: bytes, rows: Rows) -> Entry | None:
        waiting = self._pending.get(name)
        # What waits is asked for too, by a name that no key has: another process may have invalidated it.
        epoch, data, since = await rows.read(b"" if waiting else name)
        self._learn(epoch)
        if waiting:
            data, since = waiting.data, waiting.epoch
        if data is None or since > epoch or self._pending.hides(name):
            return None
        plain = unseal(name, data)
        entry = None if plain is None else self._codec.decode(plain)
        if entry is None:
            self._counts["unreadable"] += 1
            return None
        # Deleting a key deletes its row, so only one that waits has to be asked whether its key was deleted.
        groups = waiting.groups if waiting else tuple(map(tag_group, entry.tags))
        if self._clock() >= entry.ends_at or self._pending.hides(name, groups):
            return None
        if groups and since < epoch and await rows.invalidated(groups) > since:
            return None
        # In the end, because the tables may have become others meanwhile.
        return entry if since >= self._floor else None

    def _put(self, row: Row, attachment: Attachment) -> None:
        rows, row_bytes = len(self._pending), self._pending.row_bytes
        try:
            self._pending.put(row)
        except StoreError:
            self._counts["refused"] += 1
            raise
        finally:
            self._write_behind(attachment)
        if rows < BATCH_ROWS <= len(self._pending) or row_bytes < BATCH_BYTES <= self._pending.row_bytes:
            attachment.full.set()

    async def _forget(self, target: bytes | int) -> None:
        attachment = self._open()
        self._pending.forget(target)
        try:
            await attachment.call(partial(self._settle, attachment), self._deadline)
        finally:
            self._write_behind(attachment)

    async def _settle(self, attachment: Attachment, rows: Rows) -> None:
        """Make all deletions durable that were asked for."""
        async with attachment.forgetting:
            deletions = self._pending.deletions()
            if not deletions:
                return
            names = [target for target in deletions if isinstance(target, bytes)]
            groups = {target for target in deletions if isinstance(target, int)}
            epoch = await rows.forget(names, groups.union(map(key_group, names)))
            self._learn(epoch)
            if None in deletions:
                self._floor = epoch
            self._pending.forgotten(deletions)

    async def _write(self, attachment: Attachment, rows: Rows) -> None:
        """Write what waits now; what comes meanwhile may wait for the next time."""
        async with attachment.flushing:
            await self._settle(attachment, rows)
            left = len(self._pending)
            while True:
                batch = self._pending.batch(BATCH_ROWS, BATCH_BYTES)
                entries = [row.data for row in batch if row.data is not None]
                self._counts["culled"] += await rows.cull(self._clock(), sum(map(len, entries)))
                if batch:
                    sound = [row for row in batch if row.data is None or row.epoch >= self._floor]
                    epoch, written = await rows.write(sound)
                    self._learn(epoch)
                    self._pending.written(batch)
                    self._counts["flushed"] += written
                    self._counts["outdated"] += len(entries) - written
                left -= len(batch)
                if left <= 0:
                    return

    def _learn(self, epoch: int) -> None:
        """Take note of an epoch; answers may come out of order."""
        self._epoch = max(self._epoch, epoch)

    def _meet(self, epoch: int, made_at: float) -> None:
        """Take note of which tables there are.

        With the last ones is lost what was invalidated in them. So of what was set at that time only what was set after
        all invalidations that were heard of counts, and nothing if the clock was put back, as no epoch tells it then.
        """
        if self._made_at in (None, made_at):
            self._learn(epoch)
        else:
            _log.warning("the tables of the cache were lost and made anew")
            if epoch <= self._epoch:
                self._counts["outdated"] += self._pending.clear()
            self._floor = min(self._epoch, epoch)
            self._epoch = epoch
        self._made_at = made_at

    def _write_behind(self, attachment: Attachment) -> None:
        """See to it that what waits is written in time."""
        if self._pending and (attachment.flusher is None or attachment.flusher.done()):
            attachment.flusher = attachment.loop.create_task(self._write_in_time(attachment))

    async def _write_in_time(self, attachment: Attachment) -> None:
        seconds = self._flush_seconds
        while self._pending:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await attachment.full.wait()
            attachment.full.clear()
            try:
                await attachment.call(partial(self._write, attachment), PATIENCE)
                seconds = self._flush_seconds
            except StoreError as error:
                self._fail(error)
                seconds = max(self._flush_seconds, RETRY_SECONDS)

    def _fail(self, error: StoreError) -> None:
        self._counts["flush_failures"] += 1
        failures = self._counts["flush_failures"]
        # The first failure, then at each doubling: a database that is gone must not fill the log.
        if failures.bit_count() == 1:
            _log.warning("writing behind failed %d times, the last time because %s", failures, error)

    def _open(self) -> Attachment:
        if self._closed:
            raise StoreError("the store is closed")
        return self._attach()

    def _attach(self) -> Attachment:
        """Return the attachment to the running loop, made at the first call there."""
        attachment, loop = self._attachment, asyncio.get_running_loop()
        if attachment is not None and attachment.pid != os.getpid():
            _inherited.append(attachment)
            self._pending.clear()  # the parent writes it
            attachment = None
        if attachment is not None and attachment.loop is not loop and not attachment.loop.is_closed():
            raise StoreError(
                "the store is in use by another event loop", hint="close it there, or make a store for each loop"
            )
        if attachment is None or attachment.loop is not loop:
            attachment = self._attachment = Attachment(self._make_rows(), self._meet, self._depart, self._deadline)
        return attachment

    async def _depart(self, attachment: Attachment) -> None:
        """Write what waits, as long as that goes on; what is not written waits for the next attachment."""
        try:
            while self._pending:
                before = self._pending.total_bytes
                try:
                    await attachment.call(partial(self._write, attachment), self._deadline)
                except StoreError as error:
                    if self._pending.total_bytes >= before:
                        self._fail(error)
                        break
        finally:
            if self._attachment is attachment:
                self._attachment = None
