"""One connection to Redis: commands out and replies in, each matched to the other by nothing but their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from postopt.caching.remote.resp import Command, Push, Replies, Reply, ReplyError, pack
from postopt.errors import StoreError


class Exchange:
    """Commands that travel together, and the future of their replies."""

    __slots__ = ("commands", "expected", "received", "replies")

    def __init__(self, commands: Sequence[Command], expected: int | None = None) -> None:
        self.commands = commands
        self.expected = len(commands) if expected is None else expected
        self.received: list[Reply] = []
        self.replies: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        """Tell whoever waits that there will be no replies."""
        if not self.replies.done():
            failure = StoreError(f"no answer, because {str(error) or type(error).__name__}")
            failure.__cause__ = error
            self.replies.set_exception(failure)
            self.replies.exception()  # nobody may be waiting, and that is no reason for a warning


class Wire(asyncio.Protocol):
    """A connection in use, from when it is open until it is lost.

    Laws:
        - Replies are handed out in the order of the commands. Whoever gives up waiting (its future is done) stays in
          that order: its replies are dropped when they come, so nobody ever gets another's.
        - Nothing waits to write. What the server does not take stays in memory until the wire is lost.
        - Once lost, a wire stays lost. `lost` says why; whoever still waits gets StoreError, and `sent` keeps what was
          never answered.
    """

    def __init__(self, transport: asyncio.Transport, hear: Callable[[Push], None]) -> None:
        self.sent: deque[Exchange] = deque()
        self.lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._transport = transport
        self._hear = hear
        self._replies = Replies()
        self._heard = True
        self._oldest: Exchange | None = None
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether the connection is there, as far as is known."""
        return not self.lost.done() and not self._transport.is_closing()

    def send(self, exchange: Exchange) -> None:
        """Write the commands now."""
        self.sent.append(exchange)
        self._transport.write(pack(exchange.commands))

    def is_silent(self) -> bool:
        """Say whether nothing was heard since the last call although an answer was due by then."""
        silent = not self._heard and bool(self.sent) and self.sent[0] is self._oldest
        self._heard = False
        self._oldest = self.sent[0] if self.sent else None
        return silent

    def lose(self, error: Exception) -> None:
        """Give the connection up; what is still unsent never leaves."""
        if not self.lost.done():
            self.lost.set_result(error)
        self._transport.abort()
        for exchange in self.sent:
            exchange.fail(error)

    def data_received(self, data: bytes) -> None:
        """Take what the server sent."""
        self._heard = True
        try:
            for reply in self._replies.feed(data):
                self._take(reply)
        except Exception as error:  # noqa: BLE001 - after whatever went wrong here, no reply can be trusted
            self.lose(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end."""
        self.lose(exc or StoreError("Redis closed the connection"))

    def _take(self, reply: Reply) -> None:
        if isinstance(reply, Push):
            self._hear(reply)
            return
        if not self.sent:
            raise StoreError("Redis answered what nobody asked")
        exchange = self.sent[0]
        exchange.received.append(reply)
        if len(exchange.received) == exchange.expected:
            self.sent.popleft()
            if not exchange.replies.done():
                exchange.replies.set_result(exchange.received)
        if isinstance(reply, ReplyError) and reply.code == "READONLY":
            # It was demoted to a replica: the address may by now lead to the new primary.
            raise StoreError("this Redis takes no writes any more") from reply
