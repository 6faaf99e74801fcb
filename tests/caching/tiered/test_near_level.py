"""Levels in memory that fail, or change behind the cache's back."""

from __future__ import annotations

import asyncio

import pytest

from postopt.caching.base import Entry
from postopt.caching.codec import Codec
from postopt.caching.compressed import CompressedStore
from postopt.caching.eviction import LRU
from postopt.caching.lately import MOST, SECONDS, Lately
from postopt.caching.memory import MemoryStore
from postopt.caching.near_level import NearLevel
from postopt.caching.tiered import TieredCache
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock


def run(coroutine):
    return asyncio.run(coroutine)


class Failing(MemoryStore):
    """Fails the changes named in `fails`."""

    fails = ()

    def _suffer(self, call):
        if call in self.fails:
            raise RuntimeError("planned fault")

    def set_entry_nowait(self, key, entry):
        self._suffer("set")
        return super().set_entry_nowait(key, entry)

    def delete_nowait(self, key):
        self._suffer("delete")
        return super().delete_nowait(key)

    def invalidate_tag_nowait(self, tag):
        self._suffer("invalidate")
        return super().invalidate_tag_nowait(tag)

    def clear(self):
        self._suffer("clear")
        super().clear()


class TestAChangeThatFails:
    @pytest.fixture
    def level(self):
        level = NearLevel(Failing(), 1)
        level.set_nowait("k", Entry(value="old", tags=("t",)))
        level.set_nowait("other", Entry(value="v"))
        return level

    @pytest.mark.parametrize(
        ("fails", "change"),
        [
            (("set", "delete"), lambda level: level.set_nowait("k", Entry(value="new"))),
            (("delete",), lambda level: level.delete_nowait("k")),
            (("invalidate",), lambda level: level.invalidate_tag_nowait("t")),
            (("clear",), lambda level: level.clear_nowait()),
        ],
        ids=["set", "delete", "invalidate", "clear"],
    )
    def test_nothing_older_is_served_and_it_is_made_up_for(self, level, fails, change):
        level.store.fails = fails
        change(level)
        assert level.get_nowait("k") is None
        assert level.peek_nowait("k") is None
        assert (level.get_nowait("other") is None) == (fails == ("clear",))
        level.store.fails = ()
        assert level.get_nowait("k") is None
        assert ("k" in level.store, len(level.owed), level._is_behind) == (False, 0, False)
        level.set_nowait("k", Entry(value="newest"))
        assert level.get_nowait("k").value == "newest"

    def test_a_value_that_cannot_be_weighed_leaves_no_older_one(self, memory):
        class Evil:
            def __sizeof__(self):
                raise RuntimeError("secret")

        async def use():
            cache = TieredCache(memory)
            await cache.set("k", Entry(value="old"))
            await cache.set("k", Entry(value=Evil()))
            assert await cache.get("k") is None
            assert sum(cache.stats().levels[0].faults.values()) == 1

        run(use())


class TestGivingUpAndDeletingAtOnce:
    """A level that somebody else shrinks hands on what it gave up a moment later."""

    @pytest.fixture
    def timer(self):
        return ScriptedClock(0.0)

    @pytest.mark.parametrize("change", ["delete", "invalidate_tag", "invalidate_all", "set"])
    def test_nothing_deleted_comes_back(self, clock, timer, change):
        first, second = MemoryStore(clock=clock), CompressedStore(clock=clock)
        cache = TieredCache(first, second, clock=clock, timer=timer)
        given_up = Entry(value="old", tags=("t",))
        demote = first.on_evict

        async def use():
            await cache.set("k", given_up)
            first.delete_nowait("k")  # as a shrink does, before it tells
            if change == "delete":
                await cache.delete("k")
            elif change == "invalidate_tag":
                await cache.invalidate_tag("t")
            elif change == "set":
                await cache.set("k", Entry(value="new"))
            else:
                cache._stack.invalidate_all()
            demote("k", given_up)
            found = await cache.get("k")
            assert (found and found.value) == ("new" if change == "set" else None)
            timer.advance(SECONDS)
            first.delete_nowait("k")
            demote("k", given_up)
            assert (await cache.get("k")).value == "old"  # so late, it is something else

        run(use())

    def test_what_is_below_is_not_replaced(self, clock):
        first, second = MemoryStore(clock=clock), CompressedStore(clock=clock)
        TieredCache(first, second, clock=clock)
        second.set_nowait("k", "newer")
        first.on_evict("k", Entry(value="old"))
        assert second.get_nowait("k") == "newer"

    def test_lately_is_bounded(self, timer):
        lately = Lately(timer)
        assert not lately.covers("k", ())
        for number in range(MOST + 1):
            lately.note(f"{number}")
        assert lately.covers("0", ())
        assert lately.covers("never deleted", ())  # nobody knows any more
        timer.advance(SECONDS)
        assert not lately.covers("0", ())

    def test_a_listener_of_the_host_hears_of_it_too(self, clock):
        told = []
        first = MemoryStore(max_bytes=5, policy=LRU(), clock=clock, on_evict=lambda key, _: told.append(key))
        second = CompressedStore(clock=clock)
        TieredCache(first, second, clock=clock)
        first.set_nowait("a", 1, weight=5)
        first.set_nowait("b", 1, weight=5)
        assert (told, second.get_nowait("a")) == (["a"], 1)

    def test_a_compressed_level_hands_on_too(self, clock):
        first = CompressedStore(max_bytes=1000, policy=LRU(), clock=clock)
        second = MemoryStore(clock=clock)
        TieredCache(first, second, clock=clock)
        for number in range(20):
            first.set_nowait(f"{number}", f"{number} " * 40)
        assert second.get_nowait("0") == "0 " * 40


class TestBytesOfACodec:
    """Levels that keep bytes, read by a cache that does not, and the other way round."""

    VALUES = ([1, 2, 3], b"\x02hi", "text", {"a": 1}, None, b"")

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    @pytest.mark.parametrize("codec", [None, Codec()], ids=["written without", "written with"])
    def test_are_no_hit_with_another(self, memory, codec, value):
        other = Codec() if codec is None else None

        async def use():
            await TieredCache(memory, codec=codec).set("k", Entry(value=value))
            reader = TieredCache(memory, codec=other)
            assert await reader.get("k") is None
            assert reader.stats().counters.unreadable == 1
            assert (await TieredCache(memory, codec=codec).get("k")).value == value

        run(use())

    def test_bytes_that_look_like_it_are_not_kept_without(self, memory):
        async def use():
            await TieredCache(memory, codec=Codec()).set("k", Entry(value="v"))
            packed = (await memory.get("k")).value
            cache = TieredCache(memory)
            with pytest.raises(CacheValueError, match="codec"):
                await cache.set("k", Entry(value=packed))
            assert await memory.get("k") is None
            assert await TieredCache(memory, codec=Codec()).get("k") is None

        run(use())
