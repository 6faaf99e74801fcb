"""No call's cost is lost, and none is told twice, whatever becomes of it."""

import asyncio

import pytest

from postopt import PostWriter
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.errors import (
    CircuitOpenError,
    CutOffError,
    GenerationError,
    MalformedAnswerError,
    OverloadedError,
    RateLimitError,
    RefusedError,
    TruncatedError,
)
from postopt.generation.templates import TemplateGenerator
from postopt.generation.wrappers import Budgeted, Cached, Coalesced, Fallback, Guarded, Retried, Timed
from postopt.resilience.budget import Budget
from postopt.resilience.deadline import within
from postopt.resilience.retry import Retry
from postopt.testing import ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace

PROMPT = Prompt(brief=Brief(topic="fresh bread"))


class Priced(ScriptedGenerator):
    """Says that a call costs a dollar at most."""

    def max_cost(self, prompt):
        return 1.0


def paid(cost=0.125, **trace):
    return Completion(text="Bread!", generator="b", trace=Trace(tier="remote", model="m", cost_usd=cost, **trace))


async def ask(generator, prompt=PROMPT):
    try:
        return await generator.generate(prompt)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error


def retried(*script):
    return Retried(Priced(script), Retry(attempts=3, random=lambda: 0.0))


NESTS = {
    "cut off": (lambda: Priced([CutOffError("cut")]), 1.0),
    "cut off twice, then free": (lambda: retried(CutOffError("cut"), CutOffError("cut"), RateLimitError("no")), 2.0),
    "cut off, then paid": (lambda: retried(CutOffError("cut"), paid()), 1.125),
    "free, then paid": (lambda: retried(OverloadedError("busy"), paid()), 0.125),
    "known, then paid": (lambda: retried(MalformedAnswerError("what", cost_usd=0.25), paid()), 0.375),
    "guarded": (lambda: Retried(Guarded(Priced([CutOffError("cut"), paid()])), Retry(random=lambda: 0.0)), 1.125),
    "timed": (lambda: Retried(Timed(Priced([CutOffError("cut"), paid()])), Retry(random=lambda: 0.0)), 1.125),
    "a bug, then another": (lambda: Fallback(Priced([ValueError("bug")]), Priced([paid()])), 1.125),
    "malformed, then not made": (
        lambda: Fallback(Priced([MalformedAnswerError("what")]), Priced([CircuitOpenError("open")])),
        1.0,
    ),
    "a bug, then templates": (lambda: Fallback(Priced([RuntimeError("bug")]), TemplateGenerator()), 1.0),
}


@pytest.mark.parametrize("nest", NESTS)
def test_what_may_have_to_be_paid_is_counted_also_when_something_follows(nest):
    make, spent = NESTS[nest]
    budget = Budget(usd_total=100)
    answer = run_scripted(ask(Budgeted(make(), budget)))
    assert budget.spent == spent
    if isinstance(answer, Completion):
        assert answer.trace.cost_usd + answer.trace.unsettled_usd == spent
    elif isinstance(answer, GenerationError):
        assert answer.cost_usd + answer.unsettled_usd == spent


@pytest.mark.parametrize("cost", [float("nan"), -1.0, float("inf")])
def test_a_cost_that_cannot_be_is_unknown(cost):
    budget = Budget(usd_total=100)
    answer = run_scripted(ask(Budgeted(Priced([paid(cost)]), budget)))
    assert answer.text == "Bread!"
    assert budget.spent == 1.0


def test_a_bound_that_cannot_be_is_unknown():
    class Absurd(ScriptedGenerator):
        def max_cost(self, prompt):
            return float("nan")

    budget = Budget(usd_total=100)
    error = run_scripted(ask(Budgeted(Absurd([]), budget)))
    assert type(error).__name__ == "UnknownPriceError"


def together(generator, count):
    async def main():
        return await asyncio.gather(*(ask(generator) for _ in range(count)))

    return run_scripted(main())


@pytest.mark.parametrize("share", [Coalesced, lambda inner: Cached(inner, TieredCache(MemoryStore()))])
class TestShared:
    def test_the_cost_of_a_failed_call_is_told_by_one_of_those_who_waited(self, share):
        error = TruncatedError("long", cost_usd=0.5)
        error.unsettled_usd = 0.25
        errors = together(share(Priced([error])), 5)
        assert all(isinstance(each, TruncatedError) for each in errors)
        assert sum(each.cost_usd for each in errors) == 0.5
        assert sum(each.unsettled_usd for each in errors) == 0.25
        assert sum(each.attempts for each in errors) == 1

    def test_so_is_that_of_an_answer(self, share):
        answers = together(share(Priced([paid(0.5)])), 5)
        assert sum(each.trace.cost_usd for each in answers) == 0.5

    def test_whose_answer_it_was_is_told_by_all(self, share):
        answers = together(share(Priced([paid(source="other provider")])), 3)
        assert {each.trace.source for each in answers} == {"other provider"}

    def test_who_has_more_time_than_the_one_in_front_asks_again(self, share):
        class Slow:
            name = "slow"
            calls = 0

            async def generate(self, prompt):
                self.calls += 1
                await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=0.4)
                return paid()

        async def main():
            loop = asyncio.get_running_loop()
            slow = Slow()
            generator = Fallback(share(Timed(slow)), TemplateGenerator())

            async def within_seconds(seconds):
                with within(seconds, clock=loop.time):
                    return (await generator.generate(PROMPT)).trace.source

            sources = await asyncio.gather(*map(within_seconds, (0.2, None, 5.0)))
            assert slow.calls == 2
            return sources

        assert run_scripted(main()) == ["templates", "primary", "primary"]


def test_a_template_that_stood_in_is_not_kept_by_who_waited_for_it_either():
    async def main():
        shared = Coalesced(Fallback(ScriptedGenerator([OverloadedError("busy")]), TemplateGenerator()))
        caches = [TieredCache(MemoryStore()) for _ in range(2)]
        answers = await asyncio.gather(*(ask(Cached(shared, cache)) for cache in caches))
        assert {answer.trace.source for answer in answers} == {"templates"}
        later = [await ask(Cached(ScriptedGenerator(["Bread!"], name=shared.name), cache)) for cache in caches]
        return [answer.text for answer in later]

    assert run_scripted(main()) == ["Bread!", "Bread!"]


def test_a_group_that_holds_a_refusal_is_one():
    group = ExceptionGroup("two", [OverloadedError("busy"), RefusedError("no")])
    templates = ScriptedGenerator([])
    error = run_scripted(ask(Fallback(ScriptedGenerator([group]), templates)))
    assert error is group
    assert templates.prompts == []


def test_a_nested_fallback_tells_of_all_who_were_asked():
    inner = Fallback(
        ScriptedGenerator([TruncatedError("long")], name="a"), ScriptedGenerator([OverloadedError("busy")], name="b")
    )
    trace = run_scripted(ask(Fallback(Coalesced(inner), TemplateGenerator()))).trace
    assert trace.fallbacks == ("a: truncated", "b: overloaded")


def write(generator, *, n, deadline):
    async def main():
        loop = asyncio.get_running_loop()
        posts = await PostWriter(generator, clock=loop.time).write(PROMPT.brief, n, deadline=deadline)
        return [post.trace.source for post in posts], loop.time()

    return run_scripted(main())


class Hanging:
    name = model = "hanging"

    async def generate(self, prompt):
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("n", [1, 50, 200])
@pytest.mark.parametrize("deadline", [0, 0.001, 0.5])
def test_the_templates_write_all_that_is_missing_at_the_deadline(n, deadline):
    sources, at = write(Fallback(Coalesced(Timed(Hanging())), TemplateGenerator()), n=n, deadline=deadline)
    assert sources == ["templates"] * n
    assert at <= deadline


def test_a_loop_that_was_held_up_over_the_deadline_still_gets_them():
    async def main():
        loop = asyncio.get_running_loop()
        writer = PostWriter(Fallback(Coalesced(Timed(Hanging())), TemplateGenerator()), clock=loop.time)
        loop.call_later(0.43, loop.advance, 0.1)
        posts = await writer.write(PROMPT.brief, 1, deadline=0.5)
        return posts[0].trace.source

    assert run_scripted(main()) == "templates"


def test_the_breaker_hears_of_every_hang():
    async def main():
        loop = asyncio.get_running_loop()
        guarded = Guarded(Timed(Hanging()))
        writer = PostWriter(Fallback(Coalesced(Retried(guarded)), TemplateGenerator()), clock=loop.time)
        for _ in range(3):
            await writer.write(PROMPT.brief, 1, deadline=1.2)
        return guarded.breaker.state

    assert run_scripted(main()) == "open"


def test_what_failed_before_a_hang_is_counted():
    class First(Hanging):
        calls = 0

        def max_cost(self, prompt):
            return 0.5

        async def generate(self, prompt):
            self.calls += 1
            if self.calls == 1:
                error = OverloadedError("busy", cost_usd=0.125)
                raise error
            await super().generate(prompt)

    async def main():
        loop = asyncio.get_running_loop()
        budget = Budget(usd_total=100)
        nest = Coalesced(Budgeted(Retried(Guarded(Timed(First())), Retry(random=lambda: 0.0)), budget))
        posts = await PostWriter(Fallback(nest, TemplateGenerator()), clock=loop.time).write(
            PROMPT.brief, 1, deadline=2.0
        )
        return posts[0].trace, budget.spent

    trace, spent = run_scripted(main())
    assert (trace.cost_usd, trace.unsettled_usd, trace.attempts) == (0.125, 0.5, 3)
    assert spent == 0.625
