"""What a run with a model may spend, and what it has spent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from postopt.generation.base import Generator
from postopt.resilience.budget import Budget
from postopt.resilience.reservation import MOST_USD
from postopt.types import Brief, Prompt

__all__ = ["MOST_USD", "Spending"]


class Spending:
    """Counts all that a run pays for, refusals and failures too, and keeps it within a limit.

    Args:
        limit_usd: most to spend, or None for no limit.

    Raises:
        ValueError: the limit is more than a budget can count.
    """

    def __init__(self, limit_usd: float | None) -> None:
        self.budget = Budget(usd_total=MOST_USD if limit_usd is None else limit_usd)
        self._limit_usd = limit_usd
        self._at_work_usd: list[float] = []
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def place(self, brief: Brief, generator: Generator) -> AsyncIterator[None]:
        """Begin a brief, one post of it at a time, once what is left has room for one call of each that is at work.

        Each call sets aside the most that it can cost, many times what it does cost: with too many at a time, the last
        ones would be refused although hardly anything is spent. One alone always begins, and is told what is left.
        """
        if self._limit_usd is None:
            yield
            return
        bound = _bound(generator, brief)
        while self._at_work_usd and self._limit_usd - self.budget.spent < sum(self._at_work_usd) + bound:
            self._ended.clear()
            await self._ended.wait()
        self._at_work_usd.append(bound)
        try:
            yield
        finally:
            self._at_work_usd.remove(bound)
            self._ended.set()

    def exceeds(self, cost_usd: float) -> bool:
        """Whether more was spent than that, which the posts say they cost."""
        return self.budget.spent > cost_usd + 1e-6  # rounding, and what nobody would print

    def text(self) -> str:
        """Return what was spent in all."""
        return f"${self.budget.spent:.6f} at most, with what failed or was refused"


def _bound(generator: Generator, brief: Brief) -> float:
    """Return the most that one call can cost, in US dollars."""
    max_cost = getattr(generator, "max_cost", None)
    return (max_cost(Prompt(brief=brief)) or 0.0) if max_cost else 0.0
