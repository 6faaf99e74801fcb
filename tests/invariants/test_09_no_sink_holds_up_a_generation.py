"""9. A cache, store, event sink or exporter that fails or hangs never fails or delays a generation beyond its deadline.

It is counted and reported. Events are in tests/events, all that a cache of several levels does about a fault in
tests/caching/tiered; here are the levels in front of a generator.
"""

from __future__ import annotations

import asyncio

import pytest

from postopt import Brief, Prompt
from postopt.caching import MemoryStore, TieredCache
from postopt.generation.wrappers import Cached
from postopt.testing import FaultyStore, ScriptedGenerator

PROMPT = Prompt(brief=Brief(topic="bread"), text="Write.")
DEADLINE = 0.01
PATIENCE = 60
"""Seconds after which something counts as hanging; what is shown is that it ends."""

FAULTS = {"error": "StoreError", "raise": "RuntimeError", "hang": "TimeoutError", "garbage": "TypeError"}


class BrokenStore(MemoryStore):
    """A level in memory that fails whatever is asked of it."""

    def entry_nowait(self, key):
        raise ZeroDivisionError

    peek_nowait = entry_nowait

    def set_entry_nowait(self, key, entry):
        raise ZeroDivisionError


def answered(cache, prompts):
    """Return the texts of a generator's answers through a cache, and the report of its levels."""

    async def ask():
        generator = Cached(ScriptedGenerator([f"answer {number}" for number in range(len(prompts))]), cache)
        async with asyncio.timeout(PATIENCE):
            texts = [(await generator.generate(prompt)).text for prompt in prompts]
            await cache.aclose()
        return texts, cache.stats().levels

    return asyncio.run(ask())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_fails_or_hangs_costs_no_answer(fault):
    texts, [first, second] = answered(
        TieredCache(MemoryStore(), FaultyStore(MemoryStore(), fault), deadline=DEADLINE), [PROMPT, PROMPT]
    )
    assert texts == ["answer 0", "answer 0"]  # the second out of the level that works
    assert first.faults == {}
    assert second.faults[FAULTS[fault]] > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cache_of_nothing_but_such_stores_costs_no_answer(fault):
    stores = [FaultyStore(MemoryStore(), fault) for _ in range(2)]
    texts, levels = answered(TieredCache(*stores, deadline=DEADLINE), [PROMPT, PROMPT])
    assert texts == ["answer 0", "answer 1"]
    assert all(level.faults for level in levels)


def test_a_level_in_memory_that_fails_costs_no_answer():
    texts, [level] = answered(TieredCache(BrokenStore()), [PROMPT, PROMPT])
    assert texts == ["answer 0", "answer 1"]
    assert level.faults["ZeroDivisionError"] > 0
