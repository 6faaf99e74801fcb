"""12. Cancellation is a third outcome: neither success nor failure, in every breaker, retry, queue and flight."""

import asyncio

import pytest

from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.errors import OverloadedError
from postopt.generation.wrappers import Balanced, Batched, Cached, Coalesced, Fallback, Guarded, Queued, Retried, Timed
from postopt.resilience.balancer import Balancer
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.bulkhead import Bulkhead
from postopt.resilience.limiter import RateLimiter
from postopt.resilience.retry import Retry
from postopt.scheduling.priority import PriorityQueue
from postopt.testing import ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace

PROMPT = Prompt(brief=Brief(topic="fresh bread"))


class Model:
    """Hangs until it is cancelled, then answers."""

    name, model = "small", "small"

    def __init__(self):
        self.hangs = True
        self.calls = 0
        self.under_way = 0

    async def generate(self, prompt):
        self.calls += 1
        self.under_way += 1
        try:
            if self.hangs:
                await asyncio.get_running_loop().create_future()
            return Completion(text="Bread!", generator=self.name, trace=Trace(tier="remote", model=self.model))
        finally:
            self.under_way -= 1

    async def generate_batch(self, prompts):
        return [await self.generate(prompt) for prompt in prompts]


def in_cache(model):
    return Cached(model, TieredCache(MemoryStore()))


WRAPS = {
    "Cached": in_cache,
    "Coalesced": Coalesced,
    "Queued": lambda model: Queued(model, PriorityQueue(concurrency=1)),
    "Fallback": lambda model: Fallback(model, ScriptedGenerator([])),
    "Retried": Retried,
    "Balanced": lambda model: Balanced([model]),
    "Guarded": Guarded,
    "Guarded with a limit": lambda model: Guarded(model, bulkhead=Bulkhead(1)),
    "Timed": Timed,
    "Batched": Batched,
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_cancelled_call_ends_as_one_and_ends_the_work_and_the_next_is_answered(wrap):
    async def main():
        model = Model()
        generator = WRAPS[wrap](model)
        for _ in range(20):  # more than any breaker bears, had they been failures
            call = asyncio.create_task(generator.generate(PROMPT))
            for _ in range(5):
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        for _ in range(5):
            await asyncio.sleep(0)
        assert (model.calls, model.under_way) == (20, 0)
        model.hangs = False
        assert (await generator.generate(PROMPT)).trace.attempts == 1

    run_scripted(main())


async def hang():
    await asyncio.get_running_loop().create_future()


async def cancelled(call):
    task = asyncio.ensure_future(call)
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_breaker_counts_it_neither_way():
    async def fail():
        raise OverloadedError("busy")

    async def main():
        breaker = CircuitBreaker("small", failure_threshold=2)
        for _ in range(2):
            await cancelled(breaker.acall(hang))
        assert breaker.state == "closed"
        with pytest.raises(OverloadedError):
            await breaker.acall(fail)
        await cancelled(breaker.acall(hang))  # no success either: the next failure is the second in a row
        with pytest.raises(OverloadedError):
            await breaker.acall(fail)
        assert breaker.state == "open"

    run_scripted(main())


def test_a_balancer_ejects_nobody_for_it():
    async def main():
        balancer = Balancer(["a", "b"], eject_failures=1)
        for _ in range(20):
            await cancelled(balancer.acall(lambda _: hang()))
        assert [(state.ejected, state.outstanding) for state in balancer.states] == [(False, 0)] * 2

    run_scripted(main())


def test_a_retry_does_not_try_it_again():
    calls = []

    async def call():
        calls.append(1)
        await hang()

    run_scripted(cancelled(Retry(retryable=lambda error: True).acall(call)))
    assert calls == [1]


def test_one_that_waits_for_a_rate_takes_nothing_of_it():
    async def main():
        loop = asyncio.get_running_loop()
        limiter = RateLimiter(requests_per_minute=60, burst_seconds=0, clock=loop.time)
        await limiter.acquire()
        for _ in range(10):
            await cancelled(limiter.acquire())
        await limiter.acquire()
        assert loop.time() == pytest.approx(1.0)

    run_scripted(main())
