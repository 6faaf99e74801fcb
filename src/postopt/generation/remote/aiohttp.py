"""Requests over HTTP, on aiohttp, whose client costs a tenth of httpx's (docs/design/0016)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from io import BytesIO
from socket import SHUT_RDWR
from types import TracebackType
from typing import Any, NamedTuple, Self
from weakref import WeakSet

from postopt._optional import needs
from postopt.errors import (
    CallRejectedError,
    CutOffError,
    DeadlineExceededError,
    GenerationError,
    MalformedAnswerError,
    ProviderError,
    ProviderTimeoutError,
    ShedError,
    UnreachableError,
)
from postopt.generation.remote.loops import EachLoop
from postopt.generation.remote.redaction import Redaction
from postopt.resilience import deadline

with needs("aiohttp"):
    import aiohttp

# Shorter than the 5 s after which uvicorn, which vLLM and others run on, closes a connection that nobody uses: so a
# request hardly ever leaves on a connection that is being closed.
_KEEP_ALIVE_SECONDS = 4.0

# A call that had so much time, or more, tells against the provider if it did not end in it. One that had less tells
# nothing, unless that was the limit: the caller was in a hurry, or it had waited for a connection. Arbitrary.
_FAIR_SECONDS = 1.0

_LARGE = 2**20  # bytes, from which on aiohttp warns of sending them at once

# What a finished stream has to end its transfer, so that its connection can be used again. Arbitrary.
_ENDING_SECONDS = 0.05


class Limits(NamedTuple):
    """Seconds for the phases of a call.

    Attributes:
        connect: until there is a connection: name, TCP and TLS.
        first_token: from there until the first of the answer.
        gap: between one part of the answer and the next.
        total: for all of it.
    """

    connect: float
    first_token: float
    gap: float
    total: float


class Site:
    """One address that requests are posted to, with its connections, for any number of event loops.

    Args:
        url: where to; never quoted.
        name: whose errors these are.
        authorization: header of every request, or None.
        limits: seconds for the phases of a call.
        connections: most at one time, in each loop; further calls wait.
        tls: trusts certificates; the system's unless given.
        proxy: address of whom to ask instead of the server itself, or None; never quoted.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        authorization: str | None,
        limits: Limits,
        connections: int,
        tls: ssl.SSLContext | None,
        proxy: str | None,
    ) -> None:
        self.url = url
        self.name = name
        self.limits = limits
        self.connections = connections
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "postopt"}
        if authorization is not None:
            self._headers["Authorization"] = authorization
        self._tls = tls
        self.proxy = proxy
        self._loops: EachLoop[_Pool] = EachLoop(self._open, _Pool.aclose, _Pool.abandon)

    def post(self, body: bytes, redaction: Redaction, headers: Mapping[str, str] | None = None) -> Exchange:
        """Return the exchange that begins with this request, to be entered."""
        return Exchange(self, body, redaction, headers)

    async def pool(self) -> _Pool:
        """Return the running loop's connections."""
        return await self._loops.get()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._loops.aclose()

    def _open(self) -> _Pool:
        # Our semaphore does the limiting, so that waiting for a connection can be told from making one.
        connector = _Connector(limit=0, ssl=self._tls or True, keepalive_timeout=_KEEP_ALIVE_SECONDS)
        session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # nothing compressed is asked for, so nothing small can turn out large
        )
        return _Pool(session, asyncio.Semaphore(self.connections), connector)


class _Pool(NamedTuple):
    session: aiohttp.ClientSession
    slots: asyncio.Semaphore
    connector: _Connector

    async def aclose(self) -> None:
        await self.session.close()

    def abandon(self) -> None:
        """Close what is left of a pool whose loop was closed before it: nothing can be awaited there."""
        self.connector.shut_down()
        with suppress(StopIteration, RuntimeError):
            self.session.close().send(None)


class Exchange:
    """One request and its answer, in an `async with` block; leaving it early closes the connection.

    Attributes:
        phase: how far it has come: "queue", "send", "first_token" or "stream".
        status: of the answer; 0 before there is one.
        headers: of the answer, found whatever their case.
    """

    __slots__ = ("_asked", "_begun", "_body", "_ends", "_headers", "_hurried", "_left_at", "_loop", "_pool",
                 "_redaction", "_response", "_since", "_site", "_timer", "headers", "phase", "status")  # fmt: skip

    def __init__(self, site: Site, body: bytes, redaction: Redaction, headers: Mapping[str, str] | None) -> None:
        self.phase = "queue"
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._site = site
        self._body = body
        self._redaction = redaction
        self._headers = headers
        self._response: aiohttp.ClientResponse | None = None
        self._left_at = 0.0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._asked = self._begun = self._since = self._loop.time()
        left = deadline.remaining()
        self._hurried = left is not None and left < self._site.limits.total
        self._ends = self._asked + (left if left is not None and self._hurried else self._site.limits.total)
        pool = await self._site.pool()
        failure: GenerationError
        try:
            self.phase = "queue" if pool.slots.locked() else "send"
            async with asyncio.timeout_at(self._limit()) as self._timer:
                await pool.slots.acquire()
                self._pool = pool
                try:
                    if self.phase == "queue":
                        self._enter("send")
                        self._begun = self._since
                    await self._send(pool.session)
                except BaseException:
                    pool.slots.release()
                    raise
        except TimeoutError:
            failure = self._late()
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            failure = self._broken(error)
            if pool.session.closed and self.phase == "send":
                failure = CallRejectedError(f"{self._site.name}: this generator was closed meanwhile")
        else:
            return self
        raise failure  # outside of the block: aiohttp's errors hold the request's headers, and the key among them

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A connection whose answer has been read to its end is back in the pool by now, and not closed.
        if self._response is not None:
            self._response.close()
        self._pool.slots.release()

    async def read(self) -> bytes:
        """Return the next part of the answer, or b"" at its end.

        Raises:
            ProviderTimeoutError, DeadlineExceededError: it did not come in time.
            CutOffError: the connection ended before the answer.
        """
        assert self._response is not None  # noqa: S101 - for the type checker: it was entered
        content = self._response.content
        failure: GenerationError
        if not self._hurried:
            self._ends += self._loop.time() - self._left_at  # the reader's own time is not the provider's
        try:
            data = content.read_nowait()
            if not data and not content.is_eof():
                async with asyncio.timeout_at(self._limit()):
                    data = await content.readany()
        except TimeoutError:
            failure = self._late()
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            failure = self._broken(error)
        else:
            self._left_at = self._loop.time()
            return data
        raise failure

    async def read_all(self, most: int) -> bytes:
        """Return all that is left of the answer.

        Raises:
            MalformedAnswerError: it has more than `most` bytes.
            ProviderTimeoutError, DeadlineExceededError, CutOffError: see `read`.
        """
        data = await self.read()
        self.phase = "stream"
        parts, size = [data], len(data)
        while data:
            data = await self.read()
            parts.append(data)
            size += len(data)
            if size > most:
                raise self.error(MalformedAnswerError, f"the answer has more than {most} bytes")
        return parts[0] if len(parts) == 2 else b"".join(parts)

    def end_within(self, seconds: float) -> None:
        """Give the rest of the answer no more than so many seconds."""
        self._ends = min(self._ends, self._loop.time() + seconds)

    async def end(self) -> None:
        """Let the transfer end after the last of the answer, so that the connection can be used again."""
        self.end_within(_ENDING_SECONDS)
        try:
            while await self.read():
                pass
        except GenerationError:
            pass  # then it is closed

    @property
    def answered(self) -> bool:
        """Whether the status says that this is an answer."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """Media type of the answer, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def error(self, kind: type[ProviderError], message: str, **more: Any) -> ProviderError:
        """Return an error that says how far this exchange had come."""
        name = self._site.name
        stated = self.headers.get("x-request-id") or self.headers.get("request-id") or ""
        request_id = self._redaction.name(stated)
        more |= {"provider": name, "phase": self.phase, "status": self.status or None, "request_id": request_id}
        return kind(f"{name}: {message}", **more)

    def connected(self) -> None:
        """Take note that there is a connection and the request is on its way."""
        self._enter("first_token")

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._since = self._loop.time()
        self._timer.reschedule(self._limit())

    async def _send(self, session: aiohttp.ClientSession) -> None:
        # What is large is sent in parts, between which others have their turn.
        data = self._body if len(self._body) < _LARGE else BytesIO(self._body)
        token = _under_way.set(self)
        try:
            response = await session.post(
                self._site.url, data=data, headers=self._headers, allow_redirects=False, proxy=self._site.proxy
            )
        finally:
            _under_way.reset(token)
        self._left_at = self._loop.time()
        self._response = response
        self.status = response.status
        self.headers = response.headers

    def _limit(self) -> float:
        """Return when the phase has to end, by the loop's clock."""
        limits = self._site.limits
        if self.phase == "queue":
            return self._ends
        if self.phase == "send":
            return min(self._ends, self._since + limits.connect)
        if self.phase == "first_token":
            return min(self._ends, self._since + limits.first_token)
        return min(self._ends, self._loop.time() + limits.gap)

    def _late(self) -> GenerationError:
        name, limits = self._site.name, self._site.limits
        if self.phase == "queue" and self._hurried:
            early = DeadlineExceededError(f"{name}: the deadline came while all connections were in use")
            early.attempts = 0
            return early
        if self.phase == "queue":
            return ShedError(f"{name}: all {self._site.connections} connections were in use for {limits.total} s")
        if self._loop.time() >= self._ends:
            given = self._ends - self._begun
            if self._hurried or (given < _FAIR_SECONDS and self._begun > self._asked):
                late = DeadlineExceededError(f"{name}: no whole answer in the {given:.3g} s that were left")
                late.at_fault = "provider" if given >= _FAIR_SECONDS else "caller"
                return late
            return self.error(ProviderTimeoutError, f"no whole answer within {min(given, limits.total):.3g} s")
        message = {
            "send": f"no connection within {limits.connect} s",
            "first_token": f"nothing of an answer within {limits.first_token} s",
            "stream": f"nothing more of the answer within {limits.gap} s",
        }[self.phase]
        return self.error(ProviderTimeoutError, message)

    def _broken(self, error: Exception) -> ProviderError:
        """Return our error for one of aiohttp's; only what says nothing of the request is kept as the cause."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            hint = "its certificate is not trusted; pass an ssl.SSLContext that knows who issued it"
            failure = self.error(UnreachableError, "no trust in this server", hint=hint)
            failure.retryable = False
        elif self.phase == "send":
            failure = self.error(UnreachableError, f"no connection ({_reason(getattr(error, 'os_error', error))})")
        elif isinstance(error, aiohttp.ClientResponseError | ValueError):
            failure = self.error(MalformedAnswerError, "what answers is no HTTP server, or a broken one")
        else:
            failure = self.error(CutOffError, f"the connection ended before the answer ({_reason(error)})")
        cause = getattr(error, "certificate_error", getattr(error, "os_error", error))
        if isinstance(cause, OSError) and not isinstance(cause, aiohttp.ClientError):
            failure.__cause__ = cause
        return failure


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **settings: Any) -> None:  # Any: aiohttp's own arguments, handed through
        super().__init__(**settings)
        self._transports: WeakSet[asyncio.Transport] = WeakSet()

    async def connect(self, *args: Any, **kwargs: Any) -> Any:  # Any: as above
        """Tell the exchange that asks for a connection when it has one."""
        connection = await super().connect(*args, **kwargs)
        if connection.transport is not None:
            self._transports.add(connection.transport)
        _under_way.get().connected()
        return connection

    def shut_down(self) -> None:
        """End all connections at once, without the loop."""
        for transport in self._transports:
            socket = transport.get_extra_info("socket")
            # A server may have ended it before; uvloop's loops close theirs themselves, and say so with a TypeError.
            with suppress(OSError, TypeError, AttributeError):
                socket.shutdown(SHUT_RDWR)


_under_way: ContextVar[Exchange] = ContextVar("postopt_exchange")


def _reason(error: Exception) -> str:
    name = type(error).__name__
    return f"{name}: {error.strerror}" if isinstance(error, OSError) and error.strerror else name
