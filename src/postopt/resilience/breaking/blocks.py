"""Which `with` blocks are open, in each task and thread."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from postopt.resilience.breaking.circuit import Circuit
from postopt.resilience.breaking.machine import Ticket
from postopt.resilience.breaking.windows import CountWindow


class _Block(NamedTuple):
    circuit: Circuit
    ticket: Ticket | CountWindow
    outer: _Block | None


# One for all circuits: a context keeps every variable that was ever set in it.
_innermost: ContextVar[_Block | None] = ContextVar("postopt_breaker_blocks", default=None)


def opened(circuit: Circuit, ticket: Ticket | CountWindow) -> None:
    """Remember that a block has begun."""
    _innermost.set(_Block(circuit, ticket, _innermost.get()))


def closed(circuit: Circuit) -> Ticket | CountWindow | None:
    """Return the ticket of the circuit's innermost block, which ends; None if it has none in this context."""
    found = _innermost.get()
    between = []  # blocks of other circuits that outlive it, as in generators that take turns
    while found is not None and found.circuit is not circuit:
        between.append(found)
        found = found.outer
    if found is None:
        return None
    innermost = found.outer
    for other in reversed(between):
        innermost = other._replace(outer=innermost)
    _innermost.set(innermost)
    return found.ticket
