"""What each layer of the nest around a model costs, over a bare await of a generator that answers at once.

CPU time of this thread, medians of interleaved rounds: other work on the machine counts little. Run with `pytest -s`.
"""

from __future__ import annotations

import asyncio
import platform
import statistics
import time
from functools import partial

from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.generation.nest import standard
from postopt.generation.templates import TemplateGenerator
from postopt.generation.wrappers import Balanced, Budgeted, Coalesced, Fallback, Guarded, Queued, Retried, Timed
from postopt.resilience.budget import Budget
from postopt.types import Brief, Completion, Prompt, Trace

CALLS, ROUNDS = 3000, 15
PROMPT = Prompt(brief=Brief(topic="fresh bread", facts={"price": "$3.50"}))
ANSWER = Completion(text="Fresh bread for $3.50.", generator="m", trace=Trace(tier="remote", model="m"))


class Instant:
    """Answers at once."""

    model = "m"

    def __init__(self, name="a"):
        self.name = name

    async def generate(self, _prompt):
        return ANSWER

    def max_cost(self, _prompt):
        return 0.001


def nests():
    guarded = partial(lambda name: Guarded(Timed(Instant(name))))
    one, two = Retried(guarded("a")), Retried(Balanced([guarded("a"), guarded("b")]))
    budget = Budget(usd_total=1e6)
    between = Fallback(Retried(guarded("a")), Retried(guarded("b")), keep_brief=False)
    return {
        "Timed": Timed(Instant()),
        "Guarded(Timed)": guarded("a"),
        "Retried(Guarded(Timed))": one,
        "Retried(Balanced(2 x Guarded(Timed)))": two,
        "Fallback(2 x Retried(Guarded(Timed)))": between,
        "Queued(Fallback(2 x Retried(Guarded(Timed))))": Queued(between),
        "Budgeted(Retried(Guarded(Timed)))": Budgeted(one, budget),
        "Queued(Budgeted(Retried(Guarded(Timed))))": Queued(Budgeted(one, budget)),
        "Queued(Budgeted(Retried(Balanced(...))))": Queued(Budgeted(two, budget)),
        "Fallback(one, templates), the text checked": Fallback(one, TemplateGenerator()),
        "Coalesced(one): a task of its own": Coalesced(one),
        "standard(two replicas, budget)": standard([Instant("a"), Instant("b")], budget=budget),
        "standard(..., cache): a hit": standard(Instant(), budget=budget, cache=TieredCache(MemoryStore())),
    }


async def seconds(generator):
    began = time.thread_time()
    for _ in range(CALLS):
        await generator.generate(PROMPT)
    return (time.thread_time() - began) / CALLS


async def measure():
    bare, layers = Instant(), nests()
    times = {name: [] for name in layers}
    reference = []
    for _ in range(ROUNDS):
        for name, generator in layers.items():
            reference.append(await seconds(bare))
            times[name].append(await seconds(generator) / reference[-1])
    return statistics.median(reference), times


def test_layers():
    reference, times = asyncio.run(measure())
    print(f"\nPython {platform.python_version()}; a bare await {reference * 1e6:.3f} us")
    for name, ratios in times.items():
        low, _, high = statistics.quantiles(ratios, n=4)
        print(f"{name:48} {statistics.median(ratios):6.1f} x   ({low:.1f} to {high:.1f})")
