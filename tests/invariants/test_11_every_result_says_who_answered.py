"""11. Every result says who answered and why: tier, model, attempts, fallbacks, cost, seconds."""

import asyncio

import pytest

from postopt import PostWriter
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.errors import GenerationError, OverloadedError, RateLimitError
from postopt.generation.nest import standard
from postopt.generation.wrappers import Balanced, Cached, Coalesced, Fallback, Guarded, Queued, Retried, Timed
from postopt.resilience.retry import Retry
from postopt.testing import ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace

BRIEF = Brief(topic="fresh bread")


class Model(ScriptedGenerator):
    model = "small"


def paid(cost=0.25):
    return Completion(text="Bread!", generator="a", trace=Trace(tier="remote", model="small", cost_usd=cost))


def trace_of(generator, *, times=1):
    async def main():
        loop = asyncio.get_running_loop()
        writer = PostWriter(generator, clock=loop.time)
        for _ in range(times):
            (post,) = await writer.write(BRIEF, 1)
        return post.trace

    return run_scripted(main())


def retry():
    return Retry(random=lambda: 1.0)


def busy():
    return OverloadedError("busy", cost_usd=0.5)


# What is asked, and of the answer's trace: source, attempts, retries and cost.
STORIES = {
    "at once": (lambda: Model([paid()]), "primary", 1, 0, 0.25),
    "again": (lambda: Retried(Model([busy(), paid()]), retry()), "primary", 2, 1, 0.75),
    "elsewhere": (
        lambda: Fallback(Model([RateLimitError("no")], name="b"), Model([paid()])),
        *("other provider", 2, 0, 0.25),
    ),
    "again and elsewhere": (
        lambda: Fallback(
            Retried(Balanced([Guarded(Timed(Model([busy() for _ in range(3)], name="b")))]), retry()),
            Model([paid()]),
        ),
        *("other provider", 4, 0, 1.75),
    ),
    "templates": (lambda: standard(Model([GenerationError("no")])), "templates", 2, 0, 0.0),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_trace_tells_all_attempts_and_all_costs(story):
    make, source, attempts, retries, cost = STORIES[story]
    trace = trace_of(make())
    assert (trace.source, trace.attempts, trace.retries, trace.cost_usd) == (source, attempts, retries, cost)
    assert trace.model
    assert trace.seconds >= 0
    assert len(trace.fallbacks) == (source != "primary")


@pytest.mark.parametrize("wrap", [Coalesced, Queued, Guarded, Timed, Retried, lambda inner: Balanced([inner])])
def test_what_has_nothing_to_tell_changes_nothing(wrap):
    answer = paid()

    async def main():
        return (await wrap(Model([answer])).generate(Prompt(brief=BRIEF))) is answer

    assert run_scripted(main())


def test_a_hit_says_what_it_saved_and_who_had_answered():
    trace = trace_of(Cached(Model([paid()]), TieredCache(MemoryStore())), times=2)
    assert (trace.tier, trace.model, trace.cost_usd, trace.saved_usd) == ("cache", "small", 0.0, 0.25)


def test_an_error_tells_the_same():
    async def main():
        script = [OverloadedError("busy", cost_usd=0.5) for _ in range(3)]
        with pytest.raises(OverloadedError) as caught:
            await PostWriter(Retried(Model(script), retry())).write(BRIEF, 1)
        assert (caught.value.attempts, caught.value.cost_usd) == (3, 1.5)

    run_scripted(main())
