"""A server with OpenAI's chat completions interface, on this machine, that answers as a test has written down.

In a test that awaits::

    async with ScriptedServer(["Fresh bread for $3.50", Reply(status=429, headers={"Retry-After": "2"})]) as server:
        generator = OpenAIGenerator(server.url, "any-model")

In one that does not, `with ScriptedServer(...) as server:` runs it in a thread. As a process of its own, which a test
may kill::

    python -m postopt.testing.server --port 0

prints its address first. It needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Self

from postopt.generation.prompt import estimate_tokens
from postopt.resilience.price import Price
from postopt.testing.serving.connection import Connection, Request
from postopt.testing.serving.post import post_for
from postopt.testing.serving.reply import EVENT_TYPE, JSON_TYPE, Reply, events, whole
from postopt.testing.serving.sender import Sender
from postopt.types import Usage

__all__ = ["Reply", "Request", "ScriptedServer"]

_KEPT = 1000  # requests kept to be looked at; arbitrary


class ScriptedServer:
    """Answers POST /v1/chat/completions from a script, and GET /v1/models and /v1/counts.

    What it bills is what it counts (`input_tokens`, `output_tokens`, `cost_usd`): an answer in one piece just
    before it is sent, a stream as it is. Errors are not billed. Tokens are counted as clients estimate them
    (`estimate_tokens`).

    Attributes:
        url: up to where "/chat/completions" begins.
        calls: chat completions asked for.
        requests: the last 1,000 requests, as they came.
        connections: made so far.
        open_connections: of them, those that are open.
        disconnects: clients that left while they were being answered.

    Args:
        script: answers to the first calls, in their order and read as they come: a `Reply`, a text, or a status.
        default: the answer to all others.
        latency: seconds until an answer begins, or a function that returns them for each call.
        models: those that are known; any, unless given.
        api_key: the one that is right; any, unless given.
        price: for `cost_usd`.
        bill: a file that gets a line with the cost of each answer once it has been sent, so that it outlives a server
            that is killed.
        tls: with a certificate, for https.
        port: to listen on; a free one unless given.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        script: Iterable[Reply | str | int] = (),
        *,
        default: Reply | None = None,
        latency: float | Callable[[], float] = 0.0,
        models: Sequence[str] = (),
        api_key: str | None = None,
        price: Price | None = None,
        bill: Path | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.calls = self.connections = self.disconnects = 0
        self.input_tokens = self.output_tokens = 0
        self.cost_usd = 0.0
        self.requests: deque[Request] = deque(maxlen=_KEPT)
        self._script: Iterator[Reply | str | int] = iter(script)
        self._default = Reply() if default is None else default
        self._latency = latency if callable(latency) else lambda: latency
        self._models = tuple(models)
        self._api_key = api_key
        self._price = price
        self._bill_file = None if bill is None else bill.open("ab", buffering=0)
        self._tls = tls
        self._port = port
        self._sleep = sleep
        self._open: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop
        self._released: asyncio.Event
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address, up to where "/chat/completions" begins."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._port}/v1"

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        begun: Future[Callable[[], object]] = Future()

        async def serve() -> None:
            ended = asyncio.Event()
            try:
                async with self:
                    begun.set_result(partial(self._loop.call_soon_threadsafe, ended.set))
                    await ended.wait()
            except OSError as error:
                begun.set_exception(error)

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), name="postopt-scripted-server")
        self._thread.start()
        self._end = begun.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        if self._thread is not None:
            self._thread.join()

    async def accept(self) -> None:
        """Take connections: at the same port as before `refuse`."""
        self._server = await self._loop.create_server(self._connect, "127.0.0.1", self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Take no more connections; those that are open stay. Any thread may call this."""
        if self._server is not None:
            self._loop.call_soon_threadsafe(self._server.close)

    def drop(self) -> None:
        """Cut all open connections, as the death of a process does. Any thread may call this."""
        for connection in list(self._open):
            self._loop.call_soon_threadsafe(connection.transport.abort)

    def release(self) -> None:
        """Let answers that hang go on, and later ones not hang at all. Any thread may call this."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def aclose(self) -> None:
        """Stop, and cut all open connections."""
        if self._server is not None:
            self._server.close()
        while self._open:
            for connection in list(self._open):
                connection.transport.abort()
            await asyncio.sleep(0)
        if self._bill_file is not None:
            self._bill_file.close()

    def counts(self) -> dict[str, float]:
        """Return what has been counted, as GET /v1/counts does."""
        names = ("calls", "connections", "open_connections", "disconnects", "input_tokens", "output_tokens", "cost_usd")
        return {name: getattr(self, name) for name in names}

    def _connect(self) -> Connection:
        return Connection(self._answer, self._joined, self._left)

    def _joined(self, connection: Connection) -> None:
        self.connections += 1
        self._open.add(connection)

    def _left(self, connection: Connection, answering: bool) -> None:  # noqa: FBT001 - called by position
        self._open.discard(connection)
        self.disconnects += answering

    async def _answer(self, request: Request, connection: Connection) -> None:
        self.requests.append(request)
        path = request.path.partition("?")[0]
        if path == "/v1/counts":
            reply = Reply(body=json.dumps(self.counts()).encode())
        elif path == "/v1/models":
            data = [{"id": model, "object": "model"} for model in self._models or ("scripted",)]
            reply = Reply(body=json.dumps({"object": "list", "data": data}).encode())
        elif (request.method, path) == ("POST", "/v1/chat/completions"):
            self.calls += 1
            await self._complete(request, connection)
            return
        else:
            reply = Reply(status=404, error={"message": f"no such path: {path}", "code": None})
        await self._send(reply, whole(reply, "", "", {}), connection)

    async def _complete(self, request: Request, connection: Connection) -> None:
        number = self.calls
        reply = _as_reply(next(self._script, self._default))
        await self._sleep(self._latency() if reply.latency is None else reply.latency)
        if reply.raw is not None:
            await connection.write(reply.raw)
            connection.transport.close()
            return
        try:
            body = json.loads(request.body)
            asked = "\n".join(str(message["content"]) for message in body["messages"])
        except (ValueError, LookupError, TypeError):
            reply = Reply(status=400, error={"message": "this is no request for a chat completion", "code": None})
            body, asked = {}, ""
        reply = self._refusal(request, body) or reply
        text = reply.text if reply.text is not None else post_for(body, number) if body else ""
        usage = _usage(asked, text) if reply.usage is None else reply.usage
        model = str(body.get("model"))
        if body.get("stream") and reply.status < 300 and reply.body is None:
            await self._stream(reply, events(reply, model, text, usage), asked, connection)
            return
        cost = 0.0
        if reply.error is None and reply.status < 300 and reply.body is None:
            cost = self._bill(estimate_tokens(asked), estimate_tokens(text))
        await self._send(reply, whole(reply, model, text, usage), connection)
        self._write_down(cost)

    def _refusal(self, request: Request, body: dict[str, Any]) -> Reply | None:
        """Return the answer to a wrong key or model; it quotes the key, as some servers do."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._api_key is not None and key != self._api_key:
            error = {"message": f"Incorrect API key provided: {key}", "code": "invalid_api_key"}
            return Reply(status=401, error=error)
        if self._models and body and body.get("model") not in self._models:
            error = {"message": f"The model {body.get('model')!r} does not exist", "code": "model_not_found"}
            return Reply(status=404, error=error)
        return None

    async def _send(self, reply: Reply, body: bytes, connection: Connection) -> None:
        parts = body if reply.body is None else reply.body
        sender = Sender(reply, connection, self._sleep, self._released)
        await sender.begin(JSON_TYPE, len(parts) if isinstance(parts, bytes) else None)
        for part in [parts] if isinstance(parts, bytes) else parts:
            if not await sender.write(part):
                return
        await sender.end()

    async def _stream(
        self, reply: Reply, parts: Iterator[tuple[str, bytes]], asked: str, connection: Connection
    ) -> None:
        sender = Sender(reply, connection, self._sleep, self._released)
        await sender.begin(EVENT_TYPE, None)
        cost = self._bill(estimate_tokens(asked), 0)
        sent = ""
        for text, part in parts:
            cost += self._bill(0, estimate_tokens(sent + text) - estimate_tokens(sent))
            sent += text
            if not await sender.write(part):
                break
        else:
            await sender.end()
        self._write_down(cost)

    def _bill(self, given: int, made: int) -> float:
        self.input_tokens += given
        self.output_tokens += made
        cost = 0.0 if self._price is None else self._price.cost(Usage(input_tokens=given, output_tokens=made))
        self.cost_usd += cost
        return cost

    def _write_down(self, cost: float) -> None:
        if self._bill_file is not None and cost:
            self._bill_file.write(f"{cost!r}\n".encode())


def _as_reply(planned: Reply | str | int) -> Reply:
    if isinstance(planned, str):
        return Reply(text=planned)
    return Reply(status=planned) if isinstance(planned, int) else planned


def _usage(asked: str, text: str) -> dict[str, int]:
    given, made = estimate_tokens(asked), estimate_tokens(text)
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def _failing(share: float, seed: int) -> Iterator[Reply]:
    """Yield replies for ever, of which such a share fails."""
    draw = Random(seed)  # noqa: S311 - a script, not a secret
    while True:
        yield Reply(status=503) if draw.random() < share else Reply()


def _amount(text: str, most: float = sys.float_info.max) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {most:g}")
    return number


def _share_of_1(text: str) -> float:
    return _amount(text, 1.0)


def _port(text: str) -> int:
    if not text.isdecimal() or not int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


async def _serve(server: ScriptedServer) -> None:
    async with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a server as a process of its own, until it is ended; its first line says where it is."""
    parser = argparse.ArgumentParser(prog="python -m postopt.testing.server", description=main.__doc__)
    parser.add_argument("--port", type=_port, default=0, help="to listen on; a free one unless given")
    parser.add_argument("--latency", type=_amount, default=0.0, help="seconds until an answer begins")
    parser.add_argument("--fail-share", type=_share_of_1, default=0.0, help="share of calls that get status 503")
    parser.add_argument("--seed", type=int, default=0, help="decides which fail")
    parser.add_argument("--input-price", type=_amount, default=0.0, help="US dollars per million tokens")
    parser.add_argument("--output-price", type=_amount, default=0.0, help="US dollars per million tokens")
    parser.add_argument("--bill", type=Path, help="file that gets a line with the cost of each answer that was sent")
    chosen = parser.parse_args(arguments)
    server = ScriptedServer(
        _failing(chosen.fail_share, chosen.seed),
        latency=chosen.latency,
        price=Price(input=chosen.input_price, output=chosen.output_price),
        bill=chosen.bill,
        port=chosen.port,
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(server))


if __name__ == "__main__":
    main()
