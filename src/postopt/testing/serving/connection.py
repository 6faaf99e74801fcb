"""HTTP/1.1 as far as a scripted server needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, cast

_LARGEST = 64 * 2**20  # bytes of a request; arbitrary


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One client's connection: hands over its requests, one after the other, and cancels the answer if it leaves.

    Args:
        answer: answers a request.
        joined: told of the connection when it begins.
        left: told when it has ended, and whether an answer was under way.
    """

    def __init__(
        self,
        answer: Callable[[Request, Connection], Coroutine[Any, Any, None]],
        joined: Callable[[Connection], None],
        left: Callable[[Connection, bool], None],
    ) -> None:
        self._answer = answer
        self._joined = joined
        self._left = left
        self._received = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self._joined(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and begin to answer if they complete a request."""
        self._received += data
        self._next()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """End, and the answer with it."""
        self._left(self, self._task is not None)
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Let `write` wait: the client does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `write` go on."""
        self._writable.set()

    async def write(self, data: bytes) -> None:
        """Send bytes as soon as the client keeps up."""
        await self._writable.wait()
        self.transport.write(data)
        await asyncio.sleep(0)  # so that whoever has left is noticed before more is sent

    def _next(self) -> None:
        if self._task is not None:
            return
        request = self._take()
        if request is not None:
            self._task = asyncio.get_running_loop().create_task(self._answer(request, self))
            self._task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or self.transport.is_closing():
            return
        if task.exception() is not None:
            self.transport.abort()
            task.result()  # shown by the loop: a script that fails is a mistake in the test
        self._next()

    def _take(self) -> Request | None:
        """Take the next request out of what has been received, if it is whole."""
        if not self._received[:1].isalpha() and self._received:
            self.transport.abort()  # TLS, say
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = bytes(self._received[:end]).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = headers.get("content-length", "0")
        words = first.split()
        if len(words) != 3 or not size.isdecimal() or int(size) > _LARGEST:
            self.transport.abort()
            return None
        whole = end + 4 + int(size)
        if len(self._received) < whole:
            return None
        body = bytes(self._received[end + 4 : whole])
        del self._received[:whole]
        return Request(words[0], words[1], headers, body)
