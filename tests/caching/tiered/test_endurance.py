"""Many calls leave nothing behind, and a fork takes nothing along that would hang."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from random import Random

import pytest

from postopt.caching.compressed import CompressedStore
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.testing import FaultyStore, ScriptedClock

pytestmark = pytest.mark.long


def test_many_calls_have_a_flat_memory_slope():
    """A million operations of the levels themselves: tests/caching/memory."""
    clock = ScriptedClock(1_000.0)
    cache = TieredCache(
        MemoryStore(max_bytes=50_000, clock=clock), CompressedStore(max_bytes=50_000, clock=clock), clock=clock
    )
    draw = Random(1)

    async def use(calls):
        async def compute():
            return "post"

        for number in range(calls):
            key = str(int(draw.paretovariate(0.5)) % 1_000_000)
            await cache.get_or_compute(key, compute, ttl=1_000, tags=("t",) if number % 7 == 0 else ())
            if number % 1_000 == 0:
                clock.advance(1)
                await cache.invalidate_tag("t")

    def held():
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        asyncio.run(use(60_000))
        before = held()
        asyncio.run(use(60_000))
        grown = held() - before
    finally:
        tracemalloc.stop()
    assert cache.stats().levels[0].details["evicted"] > 1_000
    assert grown < 180_000, f"{grown} bytes more after 60,000 calls"  # 3 a call: samples of keys fill up slowly


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_uses_the_cache_as_it_was():
    clock = ScriptedClock(1_000.0)
    cache = TieredCache(MemoryStore(clock=clock), FaultyStore(MemoryStore(clock=clock)), clock=clock)
    assert cache.get_or_compute_sync("k", lambda: "parent") == "parent"  # starts a thread, which the child lacks
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            value = cache.get_or_compute_sync("k", lambda: "child")
            other = cache.get_or_compute_sync("other", lambda: "child")
            os.write(write, f"{value} {other}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "parent child"
    os.waitpid(child, 0)
    asyncio.run(cache.aclose())
