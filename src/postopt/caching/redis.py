"""A level of the cache that many processes share, in Redis."""

from __future__ import annotations

import asyncio
import math
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Literal, cast

from postopt._optional import needs
from postopt.caching.base import (
    Entry,
    Key,
    check_clock,
    check_entry,
    check_key,
    check_limit,
    check_seconds,
    check_tags,
)
from postopt.caching.codec import Codec, check_codec
from postopt.caching.cooldown import Breaker, Cooldown
from postopt.caching.invalidation import Feed, Listener
from postopt.caching.remote.batches import Batches, TripError
from postopt.caching.remote.calls import Calls, RedisStats
from postopt.caching.remote.generations import GENERATION_BYTES, TAG_SECONDS, Generations
from postopt.caching.remote.link import Connect, Link
from postopt.caching.remote.naming import Names
from postopt.caching.remote.per_loop import PerLoop
from postopt.caching.remote.resp import Command, Reply, ReplyError
from postopt.caching.remote.scripts import STAGE
from postopt.clock import Clock
from postopt.errors import CacheValueError, shown

with needs("redis"):
    import redis.asyncio

__all__ = ["TAG_SECONDS", "RedisStats", "RedisStore"]

# What stands before the codec's bytes: form of this header, fencing token of the writer or 0, number of generations.
_HEADER = struct.Struct(">BQH")
_FORM = 1
_LARGEST_TOKEN = 2**53  # up to here Redis' scripts count exactly

# Seconds from which on a time to live is none: Redis takes 63 bits of milliseconds.
_LONGEST_TTL = 1e10

# The deadline is ours, and so is trying again: what the library does by itself would add to the one or hide the other.
_SETTINGS: dict[str, Any] = {  # Any: each argument of the library has a type of its own
    "protocol": 3,
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "retry": None,
    "retry_on_timeout": False,
    "retry_on_error": [],
}


class RedisStore:
    """A `Store` in Redis 6 or newer, for any number of processes.

    Calls that start in one tick of the event loop travel together (`Batches`), on one connection (`Link`) that is
    opened at the first call and again whenever it is lost. Every call ends within `deadline` seconds, connecting
    included, with a result or with StoreError; it never gets another call's answer.

    A store belongs to one event loop at a time. In another one, and in the child of a fork, it opens a connection of
    its own at the next call; copies that `watch` looks after are not looked after in a child before that.

    Entries are what `Codec` makes of them, behind a header. They end by their own times, read from `clock` here and at
    the same time by Redis. What is no entry, damaged or of another version is a miss, and counted. An entry with tags
    takes one more trip to read or to write (`Generations`), which all such entries of a tick share, and lives 30 days
    at most (`TAG_SECONDS`).

    Args:
        url_or_client: "redis://host:6379/0", "rediss://..." or "unix:///path"; or a `redis.asyncio.Redis`, which says
            how to connect. Its own connections, retries and time limits are neither used nor closed.
        namespace: stores of different namespaces never see each other's entries.
        deadline: seconds that a call may take (0.1 is arbitrary).
        codec: turns entries into bytes.
        breaker: refuses calls while it is better not to try; `Cooldown()` unless given.
        max_bytes: largest entry, as the codec makes it: 4 MiB take a third of the deadline at 1 Gbit/s.
        heartbeat: seconds of silence after which the server counts as lost if an answer is due (1 is arbitrary). While
            somebody watches, it is asked for one as often.
        clock: seconds since the epoch.

    Raises:
        CacheValueError: a setting is out of range, or the address none that redis-py knows.
    """

    fenced: Literal[True] = True

    def __init__(
        self,
        url_or_client: str | redis.asyncio.Redis,
        *,
        namespace: str = "postopt",
        deadline: float = 0.1,
        codec: Codec | None = None,
        breaker: Breaker | None = None,
        max_bytes: int = 4 * 2**20,
        heartbeat: float = 1.0,
        clock: Clock = time.time,
    ) -> None:
        if not isinstance(namespace, str):
            raise CacheValueError(f"namespace is {shown(namespace)}; text is needed")
        check_codec(codec)
        if breaker is not None and not callable(getattr(breaker, "acall", None)):
            raise CacheValueError(f"breaker is {shown(breaker)}; an object with acall is needed, such as Cooldown()")
        check_limit("max_bytes", max_bytes)
        check_clock(clock)
        self.names = Names(namespace)
        self.deadline = check_seconds("deadline", deadline)
        self.heartbeat = check_seconds("heartbeat", heartbeat)
        self.connect = _connector(url_or_client)
        self._codec = Codec() if codec is None else codec
        self._breaker: Breaker = Cooldown() if breaker is None else breaker
        self._max_bytes = max_bytes
        self._clock = clock
        self._generations = Generations(self.names)
        self._counts: Counter[str] = Counter()
        self._calls = Calls(self._counts)
        self._feed: Feed | None = None
        self._batches = PerLoop(self._make_batches)
        self._closed = False

    async def get(self, key: Key) -> Entry | None:
        """Return the entry, or None if there is none.

        Raises:
            CacheValueError: the key is no text.
            StoreError: Redis cannot be reached, is too slow, or fails.
        """
        check_key(key)
        with self._calls:
            batches, deadline = self._begin()
            data = await batches.read(self.names.value(key))
            entry, generations = (None, []) if data is None else self._decode(data)
            if entry is not None and not self._clock() < entry.ends_at:
                entry = None
            if entry is not None and entry.tags:
                async with self._until(deadline):
                    if generations != await self._generations.of(entry.tags, batches):
                        entry = None
            self._counts["misses" if entry is None else "hits"] += 1
            return entry

    async def set(self, key: Key, entry: Entry, *, fence: int | None = None) -> None:
        """Keep the entry in place of an older one of that key.

        Args:
            key: any text.
            entry: what to keep, until `entry.ends_at`.
            fence: the token of the lease (`RedisLeases`) under which the entry was made. If what is there was written
                with a later token, the entry is dropped and counted.

        Raises:
            CacheValueError: the value is none that the codec takes, or too large; then no older one is kept either. Or
                the key is no text, `entry` no Entry, or the fence no token.
            StoreError: Redis cannot be reached, is too slow, or fails.
        """
        check_key(key)
        check_entry(entry)
        if fence is not None and (type(fence) is not int or not 0 < fence <= _LARGEST_TOKEN):
            raise CacheValueError(f"fence is {shown(fence)}; the token of a lease is needed")
        with self._calls:
            batches, deadline = self._begin()
            lives = entry.ends_at - self._clock()
            if lives <= 0 and fence is None:
                await batches.write((b"DEL", self.names.value(key)))
                return
            try:
                body = self._encode(entry)
            except CacheValueError:
                await batches.write((b"DEL", self.names.value(key)))
                raise
            if entry.tags:
                async with self._until(deadline):
                    generations = await self._generations.ensure(entry.tags, batches)
                    await self._write(batches, key, lives, fence, generations, body)
            else:
                await self._write(batches, key, lives, fence, (), body)

    async def delete(self, key: Key) -> None:
        """Forget the entry; no error if there is none.

        Raises:
            CacheValueError: the key is no text.
            StoreError: Redis cannot be reached, is too slow, or fails.
        """
        await self.send((b"DEL", self.names.value(check_key(key))))

    async def invalidate_tag(self, tag: str) -> None:
        """Forget all entries that have this tag now.

        Raises:
            CacheValueError: the tag is no text.
            StoreError: Redis cannot be reached, is too slow, or fails.
        """
        check_tags((tag,))
        with self._calls:
            batches, deadline = self._begin()
            async with self._until(deadline):
                await self._generations.renew(tag, batches)

    def watch(self, listener: Listener) -> None:
        """Tell `listener` from now on what others change in this namespace, and not what this store changes.

        From the next call on a connection is kept. Everything is invalidated whenever it is lost, and again when it is
        back. It is lost at once if it was closed, and within two heartbeats if the server froze or is out of reach.

        Call it before any other: a connection that is there is replaced, and calls under way fail.
        """
        if self._feed is None:
            self._feed = Feed(self.names)
            self._batches.let_go()
        self._feed.add(listener)

    async def send(self, *commands: Command) -> list[Reply]:
        """Return the replies to `commands`, which travel like other writes; for what shares this store's connection.

        Raises:
            StoreError: Redis cannot be reached, is too slow, or answers one of them with an error.
        """
        with self._calls:
            batches, _ = self._begin()
            return await batches.write(*commands)

    def stats(self) -> RedisStats:
        """Return what has happened so far."""
        return RedisStats.of(self._counts)

    async def aclose(self) -> None:
        """Let calls that have begun end, at their deadline at the latest, and close the connection.

        Further calls get StoreError. A client that was passed in stays open.
        """
        self._closed = True
        batches = self._batches.value
        try:
            if batches is not None:
                await self._calls.end(self.deadline)
                await batches.aclose()
        finally:
            self._batches.let_go()

    def _make_batches(self) -> Batches:
        link = Link(self.connect, heartbeat=self.heartbeat, subscriber=self._feed)
        return Batches(link, self._breaker, deadline=self.deadline, counts=self._counts)

    def _begin(self) -> tuple[Batches, float]:
        """Return the way to Redis, and when a call that begins now has to end."""
        if self._closed:
            raise TripError("this store is closed")
        return self._batches.get(), asyncio.get_running_loop().time() + self.deadline

    @asynccontextmanager
    async def _until(self, deadline: float) -> AsyncIterator[None]:
        """End at its deadline a call that takes several trips."""
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError as error:
            raise TripError(f"Redis: no answer within {self.deadline} s", "timeouts") from error

    def _encode(self, entry: Entry) -> bytes:
        body = self._codec.encode(entry)
        if len(body) > self._max_bytes:
            raise CacheValueError(f"an entry of {len(body)} bytes is too large; this store takes {self._max_bytes}")
        return body

    def _decode(self, data: bytes) -> tuple[Entry | None, list[bytes | None]]:
        """Return the entry and the generations of its tags, or None if these bytes are no entry."""
        if len(data) >= _HEADER.size:
            form, _, count = _HEADER.unpack_from(data)
            end = _HEADER.size + count * GENERATION_BYTES
            entry = self._codec.decode(data[end:]) if form == _FORM else None
            if entry is not None and len(entry.tags) == count:
                return entry, [data[at : at + GENERATION_BYTES] for at in range(_HEADER.size, end, GENERATION_BYTES)]
        self._counts["unreadable"] += 1
        return None, []

    async def _write(
        self, batches: Batches, key: Key, lives: float, fence: int | None, generations: Sequence[bytes], body: bytes
    ) -> None:
        value = self.names.value(key)
        data = b"".join((_HEADER.pack(_FORM, fence or 0, len(generations)), *generations, body))
        milliseconds = () if lives > _LONGEST_TTL else (b"%d" % max(1, math.ceil(lives * 1000)),)
        if fence is None:
            expiry = (b"PX", *milliseconds) if milliseconds else ()
            await batches.write((b"SET", value, data, *expiry))
            return
        staging = self.names.staging(key)
        stage = (b"EVAL", STAGE, b"2", value, staging, data, *milliseconds)
        *_, (staged, _) = await batches.write((b"MULTI",), stage, (b"RENAME", staging, value), (b"EXEC",))
        if isinstance(staged, ReplyError):
            raise TripError(f"Redis refused: {staged}") from staged
        if not staged:  # then there was nothing to rename, which is the error that nobody looks at
            self._counts["fenced"] += 1


def _connector(url_or_client: str | redis.asyncio.Redis) -> Connect:
    """Return what opens connections as the client, or a client of that address, would."""
    if isinstance(url_or_client, redis.asyncio.Redis):
        return partial(_connect, url_or_client.connection_pool)
    try:
        return partial(_connect, redis.asyncio.ConnectionPool.from_url(url_or_client))
    except (ValueError, AttributeError, TypeError) as error:
        raise CacheValueError(
            "this is neither the address of a Redis nor a redis.asyncio.Redis",
            hint="an address is redis://host:6379/0, rediss://host:6379/0 or unix:///path",
        ) from error


@asynccontextmanager
async def _connect(pool: redis.asyncio.ConnectionPool) -> AsyncIterator[asyncio.Transport]:
    settings = pool.connection_kwargs | _SETTINGS
    # The library would ask the server to announce its maintenance, and hear the announcements itself.
    settings |= dict.fromkeys(name for name in settings if name.startswith("maint_"))
    connection = pool.connection_class(**settings)
    try:
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
        transport = cast("Any", connection)._writer.transport  # noqa: SLF001 - redis-py does not lend it in public
        try:
            yield transport
        finally:
            transport.abort()  # to close would be to wait until all that is unsent has left
    finally:
        with suppress(Exception):
            await connection.disconnect(nowait=True)
