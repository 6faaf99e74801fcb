"""Functions with a circuit around them, whatever kind of function they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from postopt.resilience.breaking import streams
from postopt.resilience.breaking.circuit import Circuit
from postopt.resilience.breaking.plain import body


def guarding(circuit: Circuit, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with `circuit` around each of its calls, or of its streams."""
    kind = body(function)
    if inspect.iscoroutinefunction(kind):
        guarded = _coroutine(circuit, function)
    elif inspect.isasyncgenfunction(kind):
        guarded = _stream(streams.aiterate, circuit, function)
    elif inspect.isgeneratorfunction(kind):
        guarded = _stream(streams.iterate, circuit, function)
    else:
        guarded = _plain(circuit, function)
    return wraps(function)(guarded)


# As `CircuitBreaker.call` and `acall`, again: a call of those would cost more than all that they do.


def _plain(circuit: Circuit, function: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        ticket = circuit.plain or circuit.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            circuit.fail(ticket, error)
            raise
        ended = ticket.end()
        if ticket.watch:
            circuit.hear(ticket, ended, result)
        return result

    return guarded


def _coroutine(circuit: Circuit, function: Callable[..., Any]) -> Callable[..., Any]:
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        ticket = circuit.plain or circuit.enter()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            circuit.fail(ticket, error)
            raise
        ended = ticket.end()
        if ticket.watch:
            circuit.hear(ticket, ended, result)
        return result

    return guarded


def _stream(iterate: Callable[..., Any], circuit: Circuit, function: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return iterate(circuit, partial(function, **kwargs), args)

    return guarded
