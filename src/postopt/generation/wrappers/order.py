"""The order in which wrappers nest, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from postopt.generation.base import Generator
from postopt.types import Prompt

ORDER = (
    "Cached",
    "Coalesced",
    "Queued",
    "Budgeted",
    "Fallback",
    "Retried",
    "Balanced",
    "Guarded",
    "Timed",
    "Batched",
)
"""Wrappers by name, outermost first.

A hit never queues; what waits holds no money; what is paid for includes what failed before another answered; a retry
goes to another replica if there is one; each replica has a breaker of its own, which sees each single try; and what
takes too long is cut off where it is known who is to blame.
"""

Bound: TypeAlias = Callable[[Prompt], float | None]
"""Says the most US dollars that a call can cost, or None if nobody knows."""


class Wrapper:
    """A generator around others: it answers as they do, closes them, and stands in the documented order.

    Attributes:
        name: as in `Generator`.
        model: of the first generator inside, or "".
        keeps_deadline: whether a call ends with `deadline.remaining()`, because all inside see to it.

    Raises:
        ValueError: a wrapper that belongs outside of this one is inside; the message says the right order.
    """

    keeps_deadline: bool

    def __init__(self, *inner: Generator, name: str = "") -> None:
        self.name = name or inner[0].name
        self.model: str = getattr(inner[0], "model", "") if inner else ""
        self.keeps_deadline = all(getattr(generator, "keeps_deadline", False) for generator in inner)
        self._inner = inner
        self._bound = bound_of(inner[0]) if inner else _unknown
        self._check_order()

    @property
    def place(self) -> int:
        """Where in `ORDER` it stands."""
        return ORDER.index(type(self).__name__) if type(self).__name__ in ORDER else len(ORDER)

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return the most US dollars that a call can cost, or None if nobody knows."""
        return self._bound(prompt)

    async def aclose(self) -> None:
        """Close the generators inside that can be closed."""
        await close_all(self._inner)

    def _check_order(self) -> None:
        for generator in self._inner:
            if isinstance(generator, Wrapper) and generator.place <= self.place:
                raise ValueError(_wrong_order(self, generator))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(_shown, self._inner))})"


async def close_all(generators: Iterable[Generator]) -> None:
    """Close those that can be closed, all of them, whatever happens to one; then raise the first error."""
    errors = []
    for generator in generators:
        if aclose := getattr(generator, "aclose", None):
            try:
                await aclose()
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
    if errors:
        raise errors[0]


def bound_of(generator: Generator) -> Bound:
    """Return the function that says what a call of `generator` can cost; past wrappers that only pass it on."""
    if isinstance(generator, Wrapper) and type(generator).max_cost is Wrapper.max_cost:
        return generator._bound  # noqa: SLF001 - one of us
    bound: Bound = getattr(generator, "max_cost", _unknown)
    return bound


def _unknown(_: Prompt) -> None:
    """Say that nobody knows."""


def sum_of_costs(costs: list[float | None]) -> float | None:
    """Return the sum, which is unknown if one of them is."""
    total = 0.0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _wrong_order(outer: Wrapper, inner: Wrapper) -> str:
    outer_name, inner_name = type(outer).__name__, type(inner).__name__
    chain = [outer_name]
    generator: Any = inner
    while isinstance(generator, Wrapper):
        chain.append(type(generator).__name__)
        generator = generator._inner[0]  # noqa: SLF001 - a wrapper like this one
    chain = sorted(dict.fromkeys(chain), key=ORDER.index)
    right = "(".join([*chain, "..."]) + ")" * len(chain)
    said = f"{outer_name} goes around {inner_name} once" if outer_name == inner_name else f"{outer_name} goes inside"
    return f"{outer_name}({inner_name}(...)) is in the wrong order: {said}. The right order is {right}"


def _shown(generator: Generator) -> str:
    return repr(generator) if isinstance(generator, Wrapper) else generator.name
