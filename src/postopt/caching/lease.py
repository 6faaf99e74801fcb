"""One computation a key among processes: a lease that ends by itself, and a message when it is given back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from postopt.caching.base import Key, check_amount, check_key, check_seconds
from postopt.caching.remote.link import Connect, Link, Subscriber
from postopt.caching.remote.naming import Names
from postopt.caching.remote.per_loop import PerLoop
from postopt.caching.remote.resp import Command, Push, Reply
from postopt.caching.remote.scripts import ACQUIRE, CONFIRM, RELEASE
from postopt.errors import CacheValueError, StoreError, shown

# How many of the store's deadlines a lease is given for until its holder has said that it knows of it: two trips, and
# as long again.
_MOMENT = 4

_ABSENT = -2  # what Redis says is left of what is not there


class Leases(Protocol):
    """Gives out the right to compute the value of a key, to one holder at a time.

    Laws:
        - At most one holder has the lease of a key; when its seconds are over, the lease ends whatever it does.
        - The token of a lease is larger than that of every lease before it, so that a store can refuse what a holder
          writes whose lease ended long ago (`RedisStore.set`, `fence`).
        - Whoever waits is woken by a message, and never has to ask again and again.
    """

    async def acquire(self, key: Key, seconds: float) -> int | None:
        """Return the token of a lease that lasts `seconds`, or None if somebody else holds it.

        Raises:
            CacheValueError: `seconds` is not more than 0, or infinite.
            StoreError: it cannot be found out; then compute.
        """
        ...

    async def release(self, key: Key, token: int) -> None:
        """Give the lease back and wake all that wait for it; without effect if it is somebody else's by now.

        Raises:
            StoreError: it is not known whether it was given back; it ends by itself.
        """
        ...

    async def wait(self, key: Key, seconds: float) -> None:
        """Return when the lease was given back or has ended, and after `seconds` at the latest.

        It may return earlier, if messages may have been missed: look for the value, then try to acquire.

        Raises:
            StoreError: nobody would send a message; then compute.
        """
        ...

    async def aclose(self) -> None:
        """Wake all that wait, and end."""
        ...


class Lender(Protocol):
    """What `RedisLeases` uses of a `RedisStore`."""

    names: Names
    deadline: float
    heartbeat: float
    connect: Connect

    async def send(self, *commands: Command) -> list[Reply]:
        """Return the replies, none of which is an error, or raise StoreError."""
        ...


class RedisLeases:
    """`Leases` in Redis.

    Leases are taken and given back through the store: its connection, deadline and breaker. The first `wait` opens one
    more connection, for the messages of all keys. If it is lost (closed, or silent for two of the store's heartbeats),
    all that wait return, and it comes back by itself.

    A lease is given for a moment, and for its seconds only once its holder has said that it knows of it. So one whose
    holder was cancelled, or had given up, before it heard of it, holds up the others no longer than that.

    Tokens are microseconds of the server's clock, or one more than the last: they keep rising when Redis loses all it
    has, unless its clock is put back at the same time.

    Args:
        store: a `RedisStore`, which is not closed with this.

    Raises:
        CacheValueError: `store` is none.
    """

    def __init__(self, store: Lender) -> None:
        if not isinstance(getattr(store, "names", None), Names):
            raise CacheValueError(f"store is {shown(store)}; a RedisStore is needed")
        self._store = store
        self._queues = PerLoop(lambda: _Queue(store))
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def acquire(self, key: Key, seconds: float) -> int | None:
        """Return the token of a lease that lasts `seconds`, or None if somebody else holds it.

        Raises:
            CacheValueError: `seconds` is not more than 0, or infinite, or the key no text.
            StoreError: Redis cannot be reached, is too slow, or fails.
        """
        check_seconds("a lease", seconds)
        lease, counter = self._store.names.lease(check_key(key)), self._store.names.counter
        moment = min(seconds, _MOMENT * self._store.deadline)
        [token] = await self._store.send((b"EVAL", ACQUIRE, b"2", lease, counter, _milliseconds(moment)))
        if token is None:
            return None
        try:
            [held] = await self._store.send((b"EVAL", CONFIRM, b"1", lease, b"%d" % token, _milliseconds(seconds)))
        except BaseException:
            # It may be confirmed all the same. Nobody waits for this: it has a deadline, and the lease has an end.
            task = asyncio.get_running_loop().create_task(self._give_back(key, token))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            raise
        return int(token) if held else None

    async def release(self, key: Key, token: int) -> None:
        """Give the lease back and wake all that wait for it; without effect if it is somebody else's by now.

        Raises:
            CacheValueError: the key is no text, or the token none of a lease.
            StoreError: Redis cannot be reached, is too slow, or fails.
        """
        check_key(key)
        if type(token) is not int:
            raise CacheValueError(f"token is {shown(token)}; that of a lease is needed")
        names = self._store.names
        await self._store.send((b"EVAL", RELEASE, b"1", names.lease(key), b"%d" % token, names.releases))

    async def wait(self, key: Key, seconds: float) -> None:
        """Return when the lease was given back or has ended, when that may have been missed, or after `seconds`.

        Raises:
            CacheValueError: the key is no text, or `seconds` negative or no number.
            StoreError: Redis cannot be reached, is too slow, or fails.
        """
        check_key(key)
        check_amount("seconds", seconds)
        if self._closed:
            raise StoreError("these leases are closed")
        name = self._store.names.lease(key)
        queue = self._queues.get()
        await queue.open()
        with queue.waiting(name) as woken:
            # Only now, because what was given back before somebody listened is told to nobody.
            [left] = await self._store.send((b"PTTL", name))
            if left != _ABSENT:
                # A holder that died gives nothing back: its lease ends at a time that is known.
                await asyncio.wait({woken}, timeout=min(seconds, (left + 1) / 1000 if left >= 0 else seconds))

    async def aclose(self) -> None:
        """Wake all that wait, and close the connection for messages."""
        self._closed = True
        queue = self._queues.value
        if queue is not None:
            await queue.aclose()
        self._queues.let_go()

    async def _give_back(self, key: Key, token: int) -> None:
        with suppress(StoreError):
            await self.release(key, token)


def _milliseconds(seconds: float) -> bytes:
    return b"%d" % math.ceil(seconds * 1000)


class _Queue(Subscriber):
    """Who waits for which lease in one event loop."""

    def __init__(self, store: Lender) -> None:
        self.greeting = [(b"SUBSCRIBE", store.names.releases)]
        self._deadline = store.deadline
        self._link = Link(store.connect, heartbeat=store.heartbeat, subscriber=self)
        self._waiting: dict[bytes, set[asyncio.Future[None]]] = {}

    async def open(self) -> None:
        """Return when messages come in; raises StoreError if they do not by the store's deadline."""
        if self._link.is_open:
            return
        try:
            async with asyncio.timeout(self._deadline):
                await self._link.send([(b"PING",)])
        except TimeoutError as error:
            raise StoreError(f"Redis: no connection for messages within {self._deadline} s") from error

    @contextmanager
    def waiting(self, name: bytes) -> Iterator[asyncio.Future[None]]:
        """Lend a future that is done when the lease of that name was given back, or that may have been missed."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        others = self._waiting.setdefault(name, set())
        others.add(woken)
        try:
            yield woken
        finally:
            others.discard(woken)
            if not others and self._waiting.get(name) is others:
                del self._waiting[name]

    def opened(self) -> None:
        """Do nothing: nobody waits before."""

    def pushed(self, message: Push) -> None:
        """Wake who waits for a lease that was given back."""
        if message[0] == b"message":
            self._wake(message[2])

    def lost(self) -> None:
        """Wake everybody."""
        for name in list(self._waiting):
            self._wake(name)

    def cancel(self) -> None:
        """Close the connection, without waiting for it."""
        self._link.cancel()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._link.aclose()

    def _wake(self, name: bytes) -> None:
        for woken in self._waiting.pop(name, ()):
            woken.set_result(None)
