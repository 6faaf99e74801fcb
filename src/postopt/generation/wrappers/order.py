"""The order in which wrappers nest, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable

from postopt.errors import shown
from postopt.generation.base import Generator
from postopt.generation.wrappers.costs import Ask, Bound, known, priced, unknown
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
        for generator in inner:
            if not hasattr(generator, "name"):
                raise ValueError(f"{shown(generator)} is no generator: it has no name")
        self.name = name or inner[0].name
        self.model: str = getattr(inner[0], "model", "") if inner else ""
        self.keeps_deadline = all(getattr(generator, "keeps_deadline", False) for generator in inner)
        self._inner = inner
        self._bound: Bound = bound_of(inner[0]) if inner else unknown
        self._check_order()

    @property
    def place(self) -> int:
        """Where in `ORDER` it stands; a wrapper of the host's own stands where the first one inside of it does."""
        for kind in type(self).__mro__:
            if kind.__name__ in ORDER:
                return ORDER.index(kind.__name__)
        return min((inner.place for inner in self._inner if isinstance(inner, Wrapper)), default=len(ORDER))

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return the most US dollars that a call can cost, or None if nobody knows."""
        return known(self._bound(prompt))

    async def aclose(self) -> None:
        """Close the generators inside that can be closed."""
        await close_all(self._inner)

    def _check_order(self) -> None:
        if not any(kind.__name__ in ORDER for kind in type(self).__mro__):
            return
        for generator in self._inner:
            if isinstance(generator, Wrapper) and generator.place <= self.place:
                raise ValueError(_wrong_order(self, generator))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(_shown, self._inner))})"


def call_of(generator: Generator) -> Ask:
    """Return the function that asks `generator`, whose errors say what a call may have cost."""
    if isinstance(generator, Wrapper):  # it has seen to that
        return generator.generate
    return priced(generator.generate, bound_of(generator))


def bound_of(generator: Generator) -> Bound:
    """Return the function that says what a call of `generator` can cost; past wrappers that only pass it on."""
    if isinstance(generator, Wrapper) and type(generator).max_cost is Wrapper.max_cost:
        return generator._bound  # noqa: SLF001 - one of us
    bound: Bound = getattr(generator, "max_cost", unknown)
    return bound


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


def _wrong_order(outer: Wrapper, inner: Wrapper) -> str:
    chain: list[Wrapper] = [outer]
    generator: object = inner
    while isinstance(generator, Wrapper):
        chain.append(generator)
        generator = next(iter(generator._inner), None)  # noqa: SLF001 - a wrapper like this one
    names = list(dict.fromkeys(type(wrapper).__name__ for wrapper in sorted(chain, key=lambda wrapper: wrapper.place)))
    right = "(".join([*names, "..."]) + ")" * len(names)
    outer_name, inner_name = type(outer).__name__, type(inner).__name__
    said = f"{outer_name} goes around {inner_name} once" if outer_name == inner_name else f"{outer_name} goes inside"
    return f"{outer_name}({inner_name}(...)) is in the wrong order: {said}. The right order is {right}"


def _shown(generator: Generator) -> str:
    return repr(generator) if isinstance(generator, Wrapper) else generator.name
