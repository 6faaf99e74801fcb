import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from postopt.errors import (
    CutOffError,
    GenerationError,
    ProviderTimeoutError,
    RateLimitError,
    RefusedError,
    TruncatedError,
    UnreachableError,
)
from postopt.testing import FaultPlan, GeneratorContract, ScriptedGenerator
from postopt.types import Completion, Trace

pytestmark = pytest.mark.anyio
TEXT = "Bread by Nuria for $3.50"


def inner(calls=10):
    return ScriptedGenerator([TEXT] * calls, name="inner")


class TestContract(GeneratorContract):
    """Without a fault, and with those that a generator may have, a plan is a generator."""

    def make(self):
        return FaultPlan(inner(self.calls), ["ok", "ok"])


class TestHangContract(GeneratorContract):
    def make(self):
        plan = FaultPlan(inner(self.calls), ["hang"] * self.calls)
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(plan.release))
        return plan


async def test_faults_in_order_then_none(prompt):
    plan = FaultPlan(inner(), ["error", "ok", "empty", "wrong_facts"])
    assert plan.name == "inner"
    with pytest.raises(GenerationError, match="planned fault in call 0") as caught:
        await plan.generate(prompt())
    assert caught.value.retryable
    assert not GenerationError.retryable
    texts = [(await plan.generate(prompt())).text for _ in range(4)]
    assert texts == [TEXT, "", "Bread by NNuria for $4.50", TEXT]
    assert plan.played == ["error", "ok", "empty", "wrong_facts", "ok"]


async def test_a_hanging_call_waits_for_release(prompt):
    plan = FaultPlan(inner(), ["hang", "hang"])
    call = asyncio.ensure_future(plan.generate(prompt()))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not call.done()
    plan.release()
    assert (await call).text == TEXT
    assert (await plan.generate(prompt())).text == TEXT


def test_release_may_come_from_another_thread_after_other_loops_have_ended(prompt):
    plan, begun = FaultPlan(inner(), ["hang", "hang"]), threading.Event()

    async def begin():
        call = asyncio.ensure_future(plan.generate(prompt()))
        await asyncio.sleep(0)
        return call

    async def wait():
        call = await begin()
        begun.set()
        return (await call).text

    asyncio.run(begin())  # its end cancels the call
    with ThreadPoolExecutor(1) as pool:
        text = pool.submit(asyncio.run, wait())
        assert begun.wait(10)
        plan.release()
        assert text.result(10) == TEXT


async def test_a_hanging_call_can_be_cancelled(prompt):
    source = inner()
    call = asyncio.ensure_future(FaultPlan(source, ["hang"]).generate(prompt()))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert source.prompts == []


@pytest.mark.parametrize(
    ("fault", "kind", "phase"),
    [
        ("timeout", ProviderTimeoutError, "first_token"),
        ("unreachable", UnreachableError, "send"),
        ("rate_limit", RateLimitError, ""),
        ("refused", RefusedError, ""),
    ],
)
async def test_an_error_of_a_provider_s_is_raised_without_a_call(prompt, fault, kind, phase):
    source = inner()
    with pytest.raises(kind, match="planned fault in call 0") as caught:
        await FaultPlan(source, [fault], retry_after=2.5).generate(prompt())
    assert (caught.value.provider, caught.value.phase) == ("inner", phase)
    assert caught.value.retry_after == (2.5 if fault == "rate_limit" else None)
    assert source.prompts == []


@pytest.mark.parametrize(("fault", "kind"), [("truncated", TruncatedError), ("cut", CutOffError)])
async def test_an_answer_that_breaks_off_keeps_what_had_come_and_what_it_cost(prompt, fault, kind):
    completion = Completion(text=TEXT, generator="inner", trace=Trace(tier="remote", model="m", cost_usd=0.25))
    with pytest.raises(kind) as caught:
        await FaultPlan(ScriptedGenerator([completion]), [fault]).generate(prompt())
    assert (caught.value.partial_text, caught.value.cost_usd) == (TEXT[:12], 0.25)


async def test_a_slow_call_waits_as_the_test_says(prompt):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    plan = FaultPlan(inner(), ["ok", "latency"], latency=7.0, sleep=sleep)
    assert [(await plan.generate(prompt())).text for _ in range(3)] == [TEXT] * 3
    assert waited == [7.0]
    drawn = FaultPlan.drawn(inner(), seed=0, calls=1, sleep=sleep, latency=1.0)
    await drawn.generate(prompt())
    assert waited == [7.0, 1.0]
    drawn = FaultPlan.drawn(inner(), seed=0, calls=1, sleep=sleep, latency=1.0, latency_seconds=0.5)
    await drawn.generate(prompt())
    assert waited == [7.0, 1.0, 0.5]


async def test_garbage_is_text_and_the_same_for_the_same_seed(prompt):
    async def texts(seed):
        plan = FaultPlan(inner(), ["garbage"] * 3, seed=seed)
        return [(await plan.generate(prompt())).text for _ in range(3)]

    one = await texts(1)
    assert one == await texts(1)
    assert one != await texts(2)
    assert len(set(one)) == 3
    for text in one:
        assert text.encode("utf-8").decode("utf-8") == text
        assert "$3.50" not in text


async def test_a_drawn_plan_is_the_same_for_the_same_seed(prompt):
    async def played(seed):
        plan = FaultPlan.drawn(inner(300), seed=seed, calls=300, error=0.2, empty=0.1)
        for _ in range(300):
            with suppress(GenerationError):
                await plan.generate(prompt())
        return plan.played

    one = await played(7)
    assert one == await played(7)
    assert one != await played(8)
    # Three standard deviations of a binomial share around 0.2 and 0.1 of 300.
    assert 39 <= one.count("error") <= 81
    assert 14 <= one.count("empty") <= 46
    assert set(one) == {"ok", "error", "empty"}


def test_refuses_what_cannot_be_planned():
    with pytest.raises(ValueError, match="allowed: ok, error, hang, empty, garbage, wrong_facts"):
        FaultPlan(inner(), ["explode"])
    with pytest.raises(ValueError, match="fault is 'explode'"):
        FaultPlan.drawn(inner(), seed=0, calls=500, explode=0.5)
    for shares in ({"error": 0.7, "hang": 0.4}, {"error": -0.1}, {"error": float("nan")}):
        with pytest.raises(ValueError, match="add up to at most 1"):
            FaultPlan.drawn(inner(), seed=0, calls=5, **shares)
