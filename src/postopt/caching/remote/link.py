"""A way to Redis that comes back by itself."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from postopt.caching.remote.resp import Command, Push, Reply, ReplyError
from postopt.caching.remote.wire import Exchange, Wire
from postopt.errors import StoreError

CONNECT_SECONDS = 5.0
"""Longest that opening a connection may take, names and handshakes included; arbitrary. Calls do not wait that long."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between attempts of a link that is kept, doubled after each that failed; arbitrary."""

Connect = Callable[[], AbstractAsyncContextManager[asyncio.Transport]]

_PING: Command = (b"PING",)
_CLOSED = StoreError("the connection was closed")


class Subscriber:
    """What a link tells whoever listens to the server; by default nobody does."""

    greeting: Sequence[Command] = ()
    """Sent on every new connection, before anything else."""

    def opened(self) -> None:
        """A connection is open and greeted."""

    def pushed(self, message: Push) -> None:
        """The server sent something unasked."""

    def lost(self) -> None:
        """The connection is lost, or was given up, and with it whatever was sent meanwhile."""


class Link:
    """Sends commands over one connection at a time, in the order they come, and opens another when it is lost.

    Belongs to the event loop it was made in. One task looks after the connection. It begins with the first `send` and
    ends with the connection, unless somebody listens: then it opens a new one by itself, and asks the server for a sign
    of life at every heartbeat.

    A connection counts as lost when it is closed, and when for a whole heartbeat nothing came in although an answer
    was due: at most two heartbeats after the server froze. A call that was given up meanwhile does not end it.

    What a lost connection left unanswered may still reach the server, after what the next one sends; an old value would
    then replace a new one. So a new connection first has the server close the old one (`CLIENT KILL`), if it is still
    the same server and allows it.

    Args:
        connect: opens connections.
        heartbeat: seconds.
        subscriber: who listens, if somebody does.
    """

    def __init__(self, connect: Connect, *, heartbeat: float, subscriber: Subscriber | None = None) -> None:
        self._connect = connect
        self._heartbeat = heartbeat
        self._keep = subscriber is not None
        self._subscriber = subscriber or Subscriber()
        self._outbox: deque[Exchange] = deque()
        self._wire: Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._closed = False
        self._abandoned: _Identity | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._wire is not None and self._wire.is_open

    def send(self, commands: Sequence[Command]) -> asyncio.Future[list[Reply]]:
        """Send `commands` after all that was sent before; a connection is opened if there is none.

        The future gets a reply for each, error replies included, or StoreError if the connection is lost. Whoever gives
        up waiting cancels it or sets it; commands that have not left by then never do.
        """
        exchange = Exchange(commands)
        if self._closed:
            exchange.fail(_CLOSED)
        elif self._wire is not None and self._wire.is_open:
            self._wire.send(exchange)
        else:
            self._outbox.append(exchange)
            self._wanted.set()
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._look_after())
        return exchange.replies

    def cancel(self) -> None:
        """Close the connection for good; calls that wait, and all that come, get StoreError."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        self._fail_outbox(_CLOSED)  # the task would, but one that is cancelled before it began does nothing

    async def aclose(self) -> None:
        """Close the connection for good, and wait until that is done."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _look_after(self) -> None:
        pause = FIRST_PAUSE
        try:
            while True:
                self._wanted.clear()
                if await self._use_one():
                    pause = FIRST_PAUSE
                if self._outbox:
                    continue
                if not self._keep:
                    return
                try:
                    async with asyncio.timeout(pause):
                        await self._wanted.wait()
                except TimeoutError:
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._fail_outbox(_CLOSED)

    async def _use_one(self) -> bool:
        """Open a connection and use it until it is lost; say whether it came to use."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS) as limit, self._connect() as transport:
                wire = Wire(transport, self._subscriber.pushed)
                identity = await self._greet(wire)
                limit.reschedule(None)
                await self._use(wire, identity)
        except Exception as error:  # noqa: BLE001 - whatever the library raises, there is no connection
            self._fail_outbox(error)
            return False
        return True

    async def _use(self, wire: Wire, identity: _Identity) -> None:
        self._wire = wire
        try:
            while self._outbox:
                exchange = self._outbox.popleft()
                if not exchange.replies.done():
                    wire.send(exchange)
            self._subscriber.opened()
            self._beat(wire)
            await wire.lost
        finally:
            self._wire = None
            if wire.sent:
                self._abandoned = identity
            self._subscriber.lost()
            wire.lose(_CLOSED)  # without effect unless this task is being cancelled

    async def _greet(self, wire: Wire) -> _Identity:
        """Have the last connection closed, greet the server, and return who it says this connection is."""
        identity = _Identity(*await _ask(wire, (b"CLIENT", b"ID"), (b"INFO", b"server")))
        if self._abandoned is not None and self._abandoned.is_of(identity):
            await _ask(wire, (b"CLIENT", b"KILL", b"ID", b"%d" % self._abandoned.client))
        self._abandoned = None
        replies = await _ask(wire, *self._subscriber.greeting, _PING)
        refusal = next((reply for reply in replies if isinstance(reply, ReplyError)), None)
        if refusal is not None or replies[-1] != b"PONG":
            raise StoreError("Redis did not take the greeting") from refusal
        return identity

    def _beat(self, wire: Wire) -> None:
        if wire.lost.done():
            return
        if self._keep and not wire.sent:
            wire.send(Exchange([_PING]))
        if wire.is_silent():
            wire.lose(StoreError(f"no sign of life for {self._heartbeat} s"))
        else:
            asyncio.get_running_loop().call_later(self._heartbeat, self._beat, wire)

    def _fail_outbox(self, error: Exception) -> None:
        while self._outbox:
            self._outbox.popleft().fail(error)


class _Identity:
    """A connection as the server knows it: the client's number, which is unique within one run of the server."""

    def __init__(self, client: Reply, info: Reply) -> None:
        self.client = client
        found = re.search(rb"run_id:(\w+)", info) if isinstance(info, bytes) else None
        self._run = found[1] if found else b""  # some servers allow nobody to ask

    def is_of(self, later: _Identity) -> bool:
        """Say whether both are connections to the same run of the same server, as far as that is known."""
        return bool(self._run) and self._run == later._run and isinstance(self.client, int)


async def _ask(wire: Wire, *commands: Command) -> list[Reply]:
    # RESP3 confirms a subscription by a push and not by a reply; a refusal is a reply, and comes in place of the next.
    exchange = Exchange(commands, sum(command[0] != b"SUBSCRIBE" for command in commands))
    wire.send(exchange)
    return await exchange.replies
