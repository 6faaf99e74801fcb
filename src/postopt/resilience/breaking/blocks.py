"""Which `with` blocks are open, in each task and thread.

A context has a chain of its open blocks, the innermost first. Contexts are copied when tasks begin, and their chains
then have blocks in common: so a block that ends in one of them is marked, and each chain leaves out what is marked when
it is used again. A generator that is given up within a block, for instance, ends it in another task, with a copy of its
context.

A block that can no longer end, because what it was in was collected elsewhere, stays in its chain. So that no chain
grows with them, one that has `MOST` blocks loses the older half, as calls that were not waited for.
"""

from __future__ import annotations

from contextvars import ContextVar

from postopt.resilience.breaking.circuit import Circuit
from postopt.resilience.breaking.machine import Ticket
from postopt.resilience.breaking.windows import CountWindow

MOST = 1_000
"""How many blocks may be open in one context: arbitrary, and far above what nests or takes turns in a task."""


class _Block:
    """A block.

    Attributes:
        circuit: whose it is.
        tickets: what it was let through with, and nothing once it has ended: to `pop` it is to end the block, which
            only one of several threads can do.
        outer: the next block in the chain.
        depth: how many blocks there are from here on, at most.
    """

    __slots__ = ("circuit", "depth", "outer", "tickets")

    def __init__(self, circuit: Circuit, ticket: Ticket | CountWindow, outer: _Block | None) -> None:
        self.circuit = circuit
        self.tickets = [ticket]
        self.outer = outer
        self.depth: int = 1 if outer is None else outer.depth + 1


# One for all circuits: a context keeps every variable that was ever set in it.
_innermost: ContextVar[_Block | None] = ContextVar("postopt_breaker_blocks", default=None)


def opened(circuit: Circuit, ticket: Ticket | CountWindow) -> None:
    """Remember that a block has begun."""
    outer = _first_open(_innermost.get())
    lost = _shorten(outer) if outer is not None and outer.depth >= MOST else []
    _innermost.set(_Block(circuit, ticket, outer))
    for block in lost:
        old = _end(block)
        if old is not None:
            block.circuit.lose(old)


def closed(circuit: Circuit) -> Ticket | CountWindow | None:
    """Return the ticket of the circuit's innermost block, which ends; None if it has none in this context."""
    innermost = block = _first_open(_innermost.get())
    while block is not None and block.circuit is not circuit:
        block.outer = _first_open(block.outer)
        block = block.outer
    ticket = None if block is None else _end(block)
    _innermost.set(_first_open(innermost))
    return ticket


def _first_open(block: _Block | None) -> _Block | None:
    while block is not None and not block.tickets:
        block = block.outer
    return block


def _end(block: _Block) -> Ticket | CountWindow | None:
    try:
        return block.tickets.pop()
    except IndexError:  # another thread, with a copy of this context, has ended it just now
        return None


def _shorten(block: _Block) -> list[_Block]:
    """Leave out of a chain what has ended and, if that is not enough, its older half, which is returned."""
    chain: list[_Block] = []
    rest: _Block | None = block
    while rest is not None:
        chain.append(rest)
        rest = _first_open(rest.outer)
    lost = chain[MOST // 2 :] if len(chain) >= MOST else []
    del chain[len(chain) - len(lost) :]
    outer: _Block | None = None
    for kept in reversed(chain):
        kept.outer = outer
        kept.depth = 1 if outer is None else outer.depth + 1
        outer = kept
    return lost
