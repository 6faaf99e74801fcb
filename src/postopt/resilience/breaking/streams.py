"""Streams through a circuit: errors within them count, and giving one up is nobody's fault."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable
from functools import partial
from inspect import isawaitable
from typing import Any, TypeAlias, TypeVar

from postopt.resilience.breaking.circuit import Circuit
from postopt.resilience.outcome import Phase

T = TypeVar("T")

AsyncStream: TypeAlias = AsyncIterable[T] | Awaitable[AsyncIterable[T]]
"""What an async generator function returns, or a coroutine function that opens a stream and returns it."""


class Pace:
    """How long a stream makes wait: for its first item, from each to the next, and for its end.

    Only the time counts for which the stream was asked, not what the consumer does between two items.

    Attributes:
        slow: whether it has made wait too long.
        phase: how far it has come.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.slow = False
        self.phase: Phase = "first_token"
        self._clock = circuit.clock
        self._most = circuit.rules.slow_call_seconds
        self._most_later = circuit.rules.slow_gap_seconds
        self._asked = 0.0

    def ask(self) -> None:
        """Begin to wait."""
        if self._most is not None:
            self._asked = self._clock()

    def end(self) -> None:
        """End to wait, whether there is another item or none."""
        if self._most is not None and self._clock() - self._asked > self._most:
            self.slow = True

    def got(self) -> None:
        """End to wait, with an item."""
        self.end()
        self._most = self._most_later
        self.phase = "stream"


def iterate(circuit: Circuit, function: Callable[..., Iterable[T]], args: tuple[Any, ...]) -> Generator[T, Any, Any]:
    """Yield what `function(*args)` yields, as `yield from` does, and tell the circuit how it ended."""
    ticket = circuit.plain or circuit.enter()
    pace = Pace(circuit)
    source: Any = None
    result: Any = None
    thrown: BaseException | None = None
    try:
        pace.ask()
        source = iter(function(*args))
        advance = partial(next, source)
        while True:
            try:
                item = advance()
            except StopIteration as stop:
                pace.end()
                result = stop.value
                break
            pace.got()
            try:
                sent = yield item
                advance = partial(next, source) if sent is None else partial(source.send, sent)
            except Exception as error:
                thrown = error
                if not hasattr(source, "throw"):
                    raise
                advance = partial(source.throw, error)
            pace.ask()
    except BaseException as error:
        circuit.fail(ticket, error, phase=pace.phase, ours=error is not thrown)
        if hasattr(source, "close"):
            source.close()
        raise
    ended = ticket.end()
    if ticket.watch:
        circuit.hear(ticket, ended, None, slow=pace.slow, phase=pace.phase)
    return result


async def aiterate(
    circuit: Circuit, function: Callable[..., AsyncStream[T]], args: tuple[Any, ...]
) -> AsyncGenerator[T, Any]:
    """Yield what `function(*args)` yields, and tell the circuit how it ended."""
    ticket = circuit.plain or circuit.enter()
    pace = Pace(circuit)
    source: Any = None
    thrown: BaseException | None = None
    try:
        pace.ask()
        made = function(*args)
        source = aiter(await made if isawaitable(made) else made)
        advance = source.__anext__
        while True:
            try:
                item = await advance()
            except StopAsyncIteration:
                pace.end()
                break
            pace.got()
            try:
                sent = yield item
                advance = source.__anext__ if sent is None else partial(source.asend, sent)
            except Exception as error:
                thrown = error
                if not hasattr(source, "athrow"):
                    raise
                advance = partial(source.athrow, error)
            pace.ask()
    except BaseException as error:
        circuit.fail(ticket, error, phase=pace.phase, ours=error is not thrown)
        if hasattr(source, "aclose"):
            await source.aclose()
        raise
    ended = ticket.end()
    if ticket.watch:
        circuit.hear(ticket, ended, None, slow=pace.slow, phase=pace.phase)
