"""6. One flight per key: n callers, one call; a cancelled caller leaves alone; an error reaches all that waited."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from postopt.caching import MemoryStore, TieredCache
from postopt.errors import GenerationError

CALLERS = 1_000


class Computation:
    """Counts its calls, and ends when it is let go."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.calls = 0
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self):
        self.calls += 1
        self.begun.set()
        await self.go.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def waiting(cache, computation, callers=CALLERS):
    """Return so many callers that wait for one key."""
    tasks = [asyncio.ensure_future(cache.get_or_compute("key", computation)) for _ in range(callers)]
    await computation.begun.wait()
    return tasks


async def nothing_is_left(before):
    for _ in range(10):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


def test_a_thousand_callers_make_one_call():
    async def ask():
        before = asyncio.all_tasks()
        cache, computation = TieredCache(MemoryStore()), Computation("value")
        tasks = await waiting(cache, computation)
        computation.go.set()
        assert await asyncio.gather(*tasks) == ["value"] * CALLERS
        assert computation.calls == 1
        await nothing_is_left(before)

    asyncio.run(ask())


@pytest.mark.parametrize("leaver", [0, 1, CALLERS - 1], ids=["first", "second", "last"])
def test_a_caller_that_is_cancelled_leaves_alone(leaver):
    """Also the first, who began the call."""

    async def ask():
        before = asyncio.all_tasks()
        cache, computation = TieredCache(MemoryStore()), Computation("value")
        tasks = await waiting(cache, computation)
        tasks[leaver].cancel()
        await asyncio.sleep(0)
        computation.go.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes.pop(leaver), asyncio.CancelledError)
        assert outcomes == ["value"] * (CALLERS - 1)
        assert computation.calls == 1
        await nothing_is_left(before)

    asyncio.run(ask())


def test_an_error_reaches_all_that_waited_and_is_not_kept():
    async def ask():
        before = asyncio.all_tasks()
        cache, computation = TieredCache(MemoryStore()), Computation(GenerationError("refused"))
        tasks = await waiting(cache, computation)
        computation.go.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {GenerationError}
        assert computation.calls == 1
        computation.outcome = "value"
        assert await cache.get_or_compute("key", computation) == "value"
        await nothing_is_left(before)

    asyncio.run(ask())


def test_threads_that_do_not_await_share_too():
    calls, cache = [], TieredCache(MemoryStore())

    def compute():
        calls.append(1)
        return "value"

    with ThreadPoolExecutor(16) as pool:
        values = list(pool.map(lambda _: cache.get_or_compute_sync("key", compute), range(200)))
    assert (values, len(calls)) == (["value"] * 200, 1)
