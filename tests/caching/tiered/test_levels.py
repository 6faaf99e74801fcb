"""How levels work together: what moves up and down, and what happens when one of them fails."""

from __future__ import annotations

import asyncio
import logging

import pytest

from postopt.caching.base import Entry
from postopt.caching.compressed import CompressedStore
from postopt.caching.eviction import LRU
from postopt.caching.memory import MemoryStore
from postopt.caching.stack import HIGH, REMEMBERED
from postopt.caching.tiered import TieredCache
from postopt.errors import CacheValueError
from postopt.testing import FaultyStore

ENTRY = Entry(value="v")


def run(coroutine):
    return asyncio.run(coroutine)


class TestMovingUp:
    def test_the_second_hit_below_moves_an_entry_up(self, memory, remote, behind, clock):
        async def use():
            cache = TieredCache(memory, remote, clock=clock)
            await behind.set("k", ENTRY)
            await cache.get("k")
            assert "k" not in memory
            await cache.get("k")
            assert "k" in memory
            assert remote.calls == ["get", "get"]
            await cache.get("k")
            assert remote.calls == ["get", "get"]

        run(use())

    @pytest.mark.parametrize(("priority", "moves"), [(HIGH - 1, False), (HIGH, True)])
    def test_a_high_priority_moves_up_at_once(self, memory, remote, behind, clock, priority, moves):
        async def use():
            cache = TieredCache(memory, remote, clock=clock)
            await behind.set("k", Entry(value="v", priority=priority))
            await cache.get("k")
            assert ("k" in memory) == moves

        run(use())

    def test_it_moves_to_all_levels_in_memory_above(self, memory, clock):
        first, second = memory, CompressedStore(clock=clock)
        third = FaultyStore(MemoryStore(clock=clock))

        async def use():
            cache = TieredCache(first, second, third, clock=clock)
            await third.set("k", Entry(value="v", priority=HIGH))
            await cache.get("k")
            assert first.get_nowait("k") == second.get_nowait("k") == "v"

        run(use())

    def test_what_was_hit_below_is_forgotten_in_time(self, memory, remote, behind, clock):
        async def use():
            cache = TieredCache(memory, remote, clock=clock)
            keys = ["k", *map(str, range(REMEMBERED))]
            for key in keys:
                await behind.set(key, ENTRY)
                await cache.get(key)
            await cache.get("k")
            assert "k" not in memory

        run(use())

    @pytest.mark.parametrize("change", ["set", "delete", "invalidate_tag", "invalidate_all"])
    def test_what_changes_on_the_way_up_does_not_arrive(self, memory, remote, behind, clock, change):
        """A value that was read before somebody changed it is neither served nor kept."""

        async def use():
            cache = TieredCache(memory, remote, clock=clock)
            await behind.set("k", Entry(value="old", priority=HIGH, tags=("t",)))
            remote.fault = "hang"
            reading = asyncio.ensure_future(cache.get("k"))
            await asyncio.sleep(0)
            if change == "set":
                changing = asyncio.ensure_future(cache.set("k", Entry(value="new")))
            elif change == "delete":
                changing = asyncio.ensure_future(cache.delete("k"))
            elif change == "invalidate_tag":
                changing = asyncio.ensure_future(cache.invalidate_tag("t"))
            else:
                changing = asyncio.ensure_future(asyncio.sleep(0))
                cache._stack.invalidate_all()
            await asyncio.sleep(0)
            remote.fault = "ok"
            assert await reading is None
            await changing
            assert memory.get_nowait("k") == ("new" if change == "set" else None)

        run(use())


class TestMovingDown:
    def test_what_the_first_level_gives_up_goes_to_the_second(self, clock):
        first = MemoryStore(max_bytes=10, policy=LRU(), clock=clock)
        second = CompressedStore(clock=clock)

        async def use():
            cache = TieredCache(first, second, clock=clock)
            for key in "abc":
                await cache.set(key, Entry(value=key, weight=5, expires_at=clock() + 9, tags=("t",)))
            assert (first.get_nowait("a"), second.get_nowait("a")) == (None, "a")
            assert (first.get_nowait("c"), second.get_nowait("c")) == ("c", None)
            assert (await cache.get("a")).tags == ("t",)
            await cache.invalidate_tag("t")
            assert [await cache.get(key) for key in "abc"] == [None] * 3

        run(use())

    def test_a_newer_value_leaves_no_older_one_below(self, clock):
        first = MemoryStore(max_bytes=10, policy=LRU(), clock=clock)
        second = CompressedStore(clock=clock)

        async def use():
            cache = TieredCache(first, second, clock=clock)
            for key in "abc":
                await cache.set(key, Entry(value="old", weight=5))
            await cache.set("a", Entry(value="new", weight=5, expires_at=clock() + 1))
            clock.advance(2)
            assert await cache.get("a") is None

        run(use())

    def test_what_is_there_again_is_not_demoted(self, clock):
        first, second = MemoryStore(clock=clock), CompressedStore(clock=clock)
        TieredCache(first, second, clock=clock)
        first.set_nowait("k", "new")
        first.on_evict("k", Entry(value="old"))
        assert second.get_nowait("k") is None

    def test_a_store_with_a_listener_of_its_own_keeps_it(self, clock):
        told = []
        first = MemoryStore(max_bytes=5, policy=LRU(), clock=clock, on_evict=lambda key, _: told.append(key))
        TieredCache(first, CompressedStore(clock=clock), clock=clock)
        first.set_nowait("a", 1, weight=5)
        first.set_nowait("b", 1, weight=5)
        assert told == ["a"]


class TestALevelThatFails:
    @pytest.mark.parametrize("fault", ["error", "raise", "hang", "garbage"])
    def test_it_is_a_level_that_has_nothing(self, memory, remote, behind, clock, fault):
        async def use():
            cache = TieredCache(memory, remote, clock=clock, deadline=0.01)
            await behind.set("k", ENTRY)
            remote.fault = fault
            async with asyncio.timeout(10):
                assert await cache.get("k") is None
                await cache.set("other", ENTRY)
                assert (await cache.get("other")).value == "v"
                await cache.delete("other")
                await cache.invalidate_tag("t")
            faults = cache.stats().levels[1].faults
            expected = {"error": "StoreError", "raise": "RuntimeError", "hang": "TimeoutError", "garbage": "TypeError"}
            assert expected[fault] in faults
            await cache.aclose()

        run(use())

    def test_a_level_in_memory_may_fail_too(self, clock, caplog):
        class Broken(MemoryStore):
            def entry_nowait(self, key):
                raise RuntimeError("secret")

            def set_entry_nowait(self, key, entry):
                raise CacheValueError("no")

        async def use():
            cache = TieredCache(Broken(clock=clock), clock=clock)
            await cache.set("k", ENTRY)
            assert await cache.get("k") is None
            level = cache.stats().levels[0]
            assert (level.refused, level.faults) == (1, {"RuntimeError": 1})

        with caplog.at_level(logging.WARNING, "postopt.caching"):
            run(use())
        assert "L1 Broken fails: RuntimeError (1 times)" in caplog.text
        assert "secret" not in caplog.text

    def test_one_that_fails_again_and_again_is_left_alone(self, memory, remote, clock):
        async def use():
            cache = TieredCache(memory, remote, clock=clock)
            remote.fault = "error"
            for number in range(20):
                await cache.get(str(number))
            assert len(remote.calls) == 3

        run(use())

    def test_what_it_cannot_keep_is_no_fault(self, clock):
        async def use():
            cache = TieredCache(CompressedStore(clock=clock), clock=clock)
            await cache.set("k", Entry(value="old"))
            await cache.set("k", Entry(value=object()))
            assert await cache.get("k") is None
            level = cache.stats().levels[0]
            assert (level.refused, level.faults) == (1, {})

        run(use())


class TestTags:
    def test_a_level_without_tags_is_given_no_tagged_entry(self, memory, clock):
        class Untagged:
            def __init__(self, store):
                self.get, self.set, self.delete = store.get, store.set, store.delete

        behind = MemoryStore(clock=clock)

        async def use():
            cache = TieredCache(memory, Untagged(behind), clock=clock)
            await cache.set("k", Entry(value="old"))
            await cache.set("k", Entry(value="new", tags=("t",)))
            assert (memory.get_nowait("k"), "k" in behind) == ("new", False)
            await cache.invalidate_tag("t")
            assert await cache.get("k") is None

        run(use())


class TestOthersChanges:
    """A level that tells of other processes' changes is listened to."""

    def test_copies_are_dropped(self, memory, clock):
        class Shared(FaultyStore):
            def watch(self, listener):
                self.listener = listener

        async def use():
            shared = Shared(MemoryStore(clock=clock))
            cache = TieredCache(memory, shared, clock=clock)
            for key in "abc":
                await cache.set(key, Entry(value=key, tags=("t",) if key == "b" else ()))
            shared.listener.invalidate(["a"])
            assert [key in memory for key in "abc"] == [False, True, True]
            shared.listener.invalidate_tag("t")
            assert [key in memory for key in "abc"] == [False, False, True]
            shared.listener.invalidate_all()
            assert len(memory) == 0

        run(use())
