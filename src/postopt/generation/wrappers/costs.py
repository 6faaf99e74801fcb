"""What calls can cost, and what those may have cost that failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import TypeAlias

from postopt.errors import GenerationError
from postopt.resilience.budget import charged
from postopt.types import Completion, Prompt

Bound: TypeAlias = Callable[[Prompt], float | None]
"""Says the most US dollars that a call can cost, or None if nobody knows."""

Ask: TypeAlias = Callable[[Prompt], Awaitable[Completion]]
"""Asks a generator."""


def unknown(_: Prompt) -> None:
    """Say that nobody knows."""


def known(usd: float | None) -> float | None:
    """Return an amount, or None for what cannot be one: negative, infinite, NaN."""
    return usd if usd is not None and 0 <= usd < inf else None


def sum_of_costs(costs: list[float | None]) -> float | None:
    """Return the sum, which is unknown if one of them is."""
    total = 0.0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def tell_unknown_cost(error: Exception, bound: Bound, prompt: Prompt) -> None:
    """Let an error of one call that may have been paid for, and does not say for how much, say how much at most."""
    if isinstance(error, GenerationError):
        if charged(error) is not None:
            return
    elif hasattr(error, "unsettled_usd"):
        return
    with suppress(AttributeError):  # an exception with slots
        error.unsettled_usd = known(bound(prompt)) or 0.0  # type: ignore[attr-defined]


def priced(generate: Ask, bound: Bound) -> Ask:
    """Return `generate`, whose errors say what a call may have cost."""

    async def generate_priced(prompt: Prompt) -> Completion:
        try:
            return await generate(prompt)
        except Exception as error:
            tell_unknown_cost(error, bound, prompt)
            raise

    return generate_priced
