"""A bill that cannot pass its budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

from postopt.errors import GenerationError, shown
from postopt.generation.base import Generator
from postopt.generation.wrappers.costs import known
from postopt.generation.wrappers.order import Wrapper, call_of
from postopt.resilience.budget import Budget, charged
from postopt.types import Brief, Completion, Prompt

_BRIEFS = 1024
"""Briefs with a budget of their own whose spending is remembered; arbitrary."""


class Budgeted(Wrapper):
    """Sets aside what a call can cost at most, and settles it at what it did cost.

    What nobody knows counts as spent: a call that was cancelled or cut off may be charged for. A brief that has a
    `budget` of its own gets no more than that, all its variants and all that equal it together; the last 1,024 such
    briefs are remembered.

    Args:
        generator: who is asked; it says by `max_cost` what a call can cost.
        budget: what may be spent, perhaps by other generators too; if None, only briefs with a budget are limited.

    Raises:
        ValueError: `budget` is no Budget.
    """

    def __init__(self, generator: Generator, budget: Budget | None = None) -> None:
        if budget is not None and not isinstance(budget, Budget):
            raise ValueError(f"budget is {shown(budget)}; a Budget is needed: Budget(usd_per_day=20)")
        super().__init__(generator)
        # Nobody cuts off a ledger that hangs.
        self.keeps_deadline = self.keeps_deadline and (budget is None or budget.in_memory)
        self._generate = call_of(generator)
        self._budget = budget
        self._of_briefs: OrderedDict[tuple[str, Brief], Budget] = OrderedDict()

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer for what is left.

        Raises:
            BudgetExceededError: the call could cost more than is left, in all or for this brief.
            UnknownPriceError: nobody knows what the call can cost, and the budget does not allow that.
            GenerationError: as the generator.
        """
        generate = self._generate
        if prompt.brief.budget is not None:
            generate = partial(self._pay, self._of(prompt), then=generate)
        if self._budget is None:
            return await generate(prompt)
        return await self._pay(self._budget, prompt, generate)

    async def _pay(self, budget: Budget, prompt: Prompt, then: Callable[[Prompt], Awaitable[Completion]]) -> Completion:
        bound = known(self._bound(prompt))
        now = budget.in_memory  # then nothing needs to be awaited
        reservation = budget.reserve_nowait(bound) if now else await budget.reserve(bound)
        try:
            completion = await then(prompt)
        except GenerationError as error:
            await reservation.settle(charged(error))
            raise
        except BaseException:
            await reservation.settle(None)
            raise
        spent = known(completion.trace.cost_usd + completion.trace.unsettled_usd)
        if now:
            reservation.settle_nowait(spent)
        else:
            await reservation.settle(spent)
        return completion

    def _of(self, prompt: Prompt) -> Budget:
        """Return the budget of the prompt's brief itself."""
        key = prompt.tenant, prompt.brief
        budget = self._of_briefs.get(key)
        if budget is None:
            unknown = "refuse" if self._budget is None else self._budget.on_unknown_price
            budget = self._of_briefs[key] = Budget(usd_total=prompt.brief.budget, on_unknown_price=unknown)
            if len(self._of_briefs) > _BRIEFS:
                self._of_briefs.popitem(last=False)
        self._of_briefs.move_to_end(key)
        return budget
