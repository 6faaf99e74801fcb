"""10. Money: reserve before, settle after; spending never passes the budget; a hit is free."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from postopt import PostWriter
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.errors import BudgetExceededError, OverloadedError, TruncatedError, UnknownPriceError
from postopt.generation.nest import standard
from postopt.generation.wrappers import Budgeted
from postopt.resilience.budget import Budget
from postopt.testing import ScriptedGenerator
from postopt.types import Brief, Completion, Prompt, Trace

BRIEF = Brief(topic="fresh bread")


class Billing:
    """Counts what it charges, as a provider does: also for some calls that fail, and for those that are cancelled."""

    name, model = "big", "big"

    def __init__(self, seed=1):
        self.charged = 0.0
        self.random = random.Random(seed)

    def max_cost(self, prompt):
        return 0.01

    async def generate(self, prompt):
        cost = self.random.uniform(0, 0.01)
        kind = self.random.random()
        self.charged += 0.0 if kind < 0.1 else cost
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        if kind < 0.1:
            raise OverloadedError("planned")
        if kind < 0.2:
            raise TruncatedError("planned", cost_usd=cost)
        trace = Trace(tier="remote", model="big", cost_usd=cost)
        return Completion(text=f"bread {prompt.variant}", generator="big", trace=trace)


async def call_until_refused(generator, callers, seed):
    """Call from all sides, cancelling some; return how many were refused."""
    rng = random.Random(seed)
    refused = 0

    async def call(number):
        nonlocal refused
        for variant in range(20):
            task = asyncio.ensure_future(generator.generate(Prompt(brief=BRIEF, variant=number * 20 + variant)))
            if rng.random() < 0.1:
                await asyncio.sleep(0)
                task.cancel()
            try:
                await task
            except BudgetExceededError:
                refused += 1
            except (OverloadedError, TruncatedError, asyncio.CancelledError):
                pass

    await asyncio.gather(*map(call, range(callers)))
    return refused


def test_whatever_fails_or_is_cancelled_the_provider_never_charges_more_than_the_budget():
    billing, budget = Billing(), Budget(usd_total=1.0)
    assert asyncio.run(call_until_refused(Budgeted(billing, budget), 1000, seed=2)) > 0
    assert billing.charged <= budget.spent <= 1.0
    assert budget.remaining == pytest.approx(1.0 - budget.spent)


def test_nor_do_threads_with_loops_of_their_own():
    budget = Budget(usd_total=1.0)
    billing = [Billing(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(asyncio.run, call_until_refused(Budgeted(one, budget), 100, seed))
            for seed, one in enumerate(billing)
        ]
        assert sum(run.result() for run in runs) > 0
    assert sum(one.charged for one in billing) <= budget.spent <= 1.0


def test_an_unknown_price_is_refused():
    async def main():
        with pytest.raises(UnknownPriceError):
            await Budgeted(ScriptedGenerator([]), Budget(usd_total=1.0)).generate(Prompt(brief=BRIEF))

    asyncio.run(main())


def test_a_hit_costs_nothing():
    async def main():
        budget = Budget(usd_total=1.0)
        async with TieredCache(MemoryStore()) as cache:
            writer = PostWriter(standard(Billing(seed=3), cache=cache, budget=budget))
            await writer.write(BRIEF, 1)
            spent = budget.spent
            for _ in range(100):
                (post,) = await writer.write(BRIEF, 1)
                assert (post.trace.tier, post.trace.cost_usd) == ("cache", 0.0)
            assert budget.spent == spent > 0

    asyncio.run(main())
