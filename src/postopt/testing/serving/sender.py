"""How a reply's bytes leave: whole, in drops, half, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from postopt.testing.serving.connection import Connection
from postopt.testing.serving.reply import Reply, head


class Sender:
    """Sends one answer over a connection, with the faults of its reply.

    Args:
        reply: says which.
        connection: of the client.
        sleep: waits so many seconds.
        released: set once answers that hang may go on.
    """

    def __init__(
        self,
        reply: Reply,
        connection: Connection,
        sleep: Callable[[float], Awaitable[object]],
        released: asyncio.Event,
    ) -> None:
        self._reply = reply
        self._connection = connection
        self._sleep = sleep
        self._released = released
        self._chunked = True
        self._parts = 0
        self._left = reply.cut

    async def begin(self, content_type: str, length: int | None) -> None:
        """Send the headers; without a length the body will be chunked."""
        self._chunked = length is None
        if self._reply.hang == "headers":
            await self._released.wait()
        await self._connection.write(head(self._reply, content_type, length))
        if self._reply.hang == "first_token":
            await self._released.wait()

    async def write(self, part: bytes) -> bool:
        """Send a part of the body; False once the connection has been closed in its midst."""
        self._parts += 1
        if self._reply.hang == "stream":
            if self._parts == 3:  # of a stream: the role and a first text are out
                await self._released.wait()
            elif not self._chunked:
                await self._raw(part[: len(part) // 2])
                await self._released.wait()
                part = part[len(part) // 2 :]
        if self._left is not None:
            part, self._left = part[: self._left], self._left - len(part)
        if self._reply.drip:
            for at in range(len(part)):
                await self._raw(part[at : at + 1])
                await self._sleep(self._reply.drip)
        else:
            await self._raw(part)
        if self._left is not None and self._left <= 0:
            self._connection.transport.close()
            return False
        return True

    async def end(self) -> None:
        """Send what follows the body."""
        if self._chunked:
            await self._connection.write(b"0\r\n\r\n")
        if self._reply.closes:
            self._connection.transport.close()

    async def _raw(self, data: bytes) -> None:
        if data:
            await self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
