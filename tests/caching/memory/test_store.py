"""What a store keeps, for how long, and what it says of itself."""

from __future__ import annotations

import asyncio
from dataclasses import astuple

import pytest

from postopt.caching import Entry
from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density
from postopt.caching.memory import PRESSURE_EVERY, MemoryStore
from postopt.caching.shelf import SWEPT
from postopt.caching.weight import weigh
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock

POLICIES = (Density, LRU, LFU, S3FIFO, GDSF)


def test_the_figures_are_exact(store):
    clock = ScriptedClock(1000.0)
    one = store(max_bytes=100, max_entries=4, policy=LRU(), clock=clock)
    assert astuple(one.stats()) == (0, 0, 100, 4, 0, 0, 0.0, 0, 0, 0, 0.0, None, 0, None)
    for number in range(6):
        one.set_nowait(number, number, weight=10, cost=0.5, ttl=10.0 if number == 5 else None)
    one.get_nowait(3)
    one.get_nowait(3)
    one.get_nowait(0)
    one.set_nowait(2, "replaced", weight=30, cost=2.0)  # 0.5 was for nothing
    one.set_nowait(3, "replaced", weight=20, cost=1.0)  # that was asked for
    one.set_nowait("large", 0, weight=101)
    one.delete_nowait(4)  # 0.5 for nothing
    clock.advance(10.0)
    one.set_nowait(6, 6, weight=10, cost=0.0)
    assert one.entry_nowait(5) is None  # never asked for while it lived
    assert astuple(one.stats()) == (3, 60, 100, 4, 2, 2, 0.5, 2, 1, 1, 2.5, None, 0, None)


def test_what_cost_something_and_was_never_asked_for_is_wasted(store):
    one = store()
    one.set_nowait("a", 1, cost=1.0)
    one.set_nowait("a", 2, cost=2.0)
    assert one.stats().cost_wasted == 1.0
    one.get_nowait("a")
    one.set_nowait("a", 3, cost=4.0)
    assert one.stats().cost_wasted == 1.0
    one.set_nowait("a", 3, cost=8.0, priority=1)
    one.set_nowait("b", 3, cost=16.0)
    one.clear()
    assert one.stats().cost_wasted == 25.0


@pytest.mark.parametrize("policy", POLICIES)
def test_what_nobody_asks_for_is_gone_after_its_end(store, policy):
    clock = ScriptedClock(1000.0)
    one = store(policy=policy(), clock=clock)
    for number in range(100):
        one.set_nowait(number, number, ttl=10.0)
    clock.advance(10.0)
    for _ in range(100 // SWEPT + 1):
        one.set_nowait("other", 1)
    assert len(one) == 1
    assert one.stats().ended == 100


def test_what_may_be_served_stale_is_not_fresh_and_not_gone(store):
    clock = ScriptedClock(1000.0)
    one = store(clock=clock)
    one.set_entry_nowait("key", Entry(value="old", expires_at=1010.0, stale_until=1030.0, compute_seconds=2.0))
    assert one.get_nowait("key") == "old"
    clock.advance(10.0)
    assert one.get_nowait("key") is None
    assert "key" not in one
    entry = one.entry_nowait("key")
    assert (entry.value, entry.stale_until, entry.compute_seconds) == ("old", 1030.0, 2.0)
    for _ in range(20):
        one.set_nowait("other", 1)
    assert len(one) == 2
    clock.advance(20.0)
    assert one.entry_nowait("key") is None
    assert len(one) == 1
    assert (one.stats().hits, one.stats().misses, one.stats().ended) == (1, 3, 1)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_has_ended_makes_room_without_being_evicted(store, policy):
    clock = ScriptedClock(1000.0)
    left = []
    one = store(max_entries=10, policy=policy(), clock=clock, on_evict=lambda key, _: left.append(key))
    for number in range(10):
        one.set_nowait(number, number, ttl=5.0, cost=1e-6)
    clock.advance(5.0)
    assert one.set_nowait("new", 1, cost=1.0)
    assert left == []
    assert (one.stats().evicted, one.stats().ended) == (0, 1 + SWEPT)


def test_a_wall_clock_that_is_put_back(store):
    clock = ScriptedClock(1000.0)
    one = store(max_entries=5, clock=clock)
    for number in range(5):
        one.set_nowait(number, number, ttl=10.0)
    clock.set(5.0)
    assert [one.get_nowait(number) for number in range(5)] == list(range(5))
    one.set_nowait("new", 1, ttl=10.0)
    clock.set(15.0)
    assert one.get_nowait("new") is None
    clock.set(1010.0)
    assert all(one.get_nowait(number) is None for number in range(5))
    for _ in range(5):
        one.set_nowait("other", 1)
    assert len(one) == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_a_clock_that_raises_changes_nothing(store, policy):
    class Clock(ScriptedClock):
        broken = False

        def __call__(self):
            if self.broken:
                raise OSError("no time")
            return super().__call__()

    clock = Clock(1000.0)
    one = store(max_entries=5, policy=policy(), clock=clock)
    for number in range(5):
        one.set_nowait(number, number, ttl=10.0)
        one.get_nowait(number)
    clock.broken = True
    before = one.stats()
    for call in (
        lambda: one.set_nowait("new", 1),
        lambda: one.set_nowait(0, 1),
        lambda: one.set_nowait("new", 1, ttl=1.0),
        lambda: one.shrink(0),
        lambda: one.snapshot("never"),
        lambda: one.entry_nowait(1),
    ):
        with pytest.raises(OSError, match="no time"):
            call()
    assert one.stats() == before
    clock.broken = False
    for number in range(100):
        one.set_nowait(f"later {number}", number)
    assert len(one) == 5


@pytest.mark.parametrize("policy", POLICIES)
def test_a_key_that_cannot_be_hashed_any_more_spoils_nothing(store, policy):
    class Key:
        times = 99

        def __hash__(self):
            self.times -= 1
            if self.times < 0:
                raise TypeError("unhashable by now")
            return 1

    one = store(max_entries=5, policy=policy())
    for number in range(5):
        one.set_nowait(number, number)
    for times in range(8):
        key = Key()
        key.times = times
        try:
            one.set_nowait(key, "value")
        except TypeError:
            assert one.stats().entries <= 5
        else:
            key.times = 99
            one.delete_nowait(key)
    for number in range(100):
        one.set_nowait(f"later {number}", number)
    assert len(one) == 5
    assert one.stats().bytes == sum(
        one.entry_nowait(key).weight for key in [f"later {n}" for n in range(100)] if key in one
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_shrinking_gives_up_just_enough(store, policy):
    left = []
    one = store(max_bytes=10_000, policy=policy(), on_evict=lambda key, _: left.append(key))
    for number in range(100):
        one.set_nowait(number, number, weight=100, priority=number % 8)
    assert one.shrink(10_000) == 0
    assert one.shrink(5_050) == 5_000
    assert (len(one), one.stats().bytes) == (50, 5_000)
    assert one.stats().evicted == len(left) == 50
    assert one.shrink(0) == 5_000
    assert len(one) == 0
    assert one.shrink(0) == 0
    with pytest.raises(CacheValueError):
        one.shrink(-1)
    assert one.set_nowait("again", 1)


def test_shrinking_takes_the_lowest_classes_first(store):
    one = store(max_bytes=10_000)
    for number in range(100):
        one.set_nowait(number, number, weight=100, priority=number % 4)
    one.shrink(5_000)
    assert {one.entry_nowait(number).priority for number in range(100) if number in one} == {2, 3}


def test_shrinking_a_large_store_ends(store):
    """Each victim is looked for among those that are left, not among all that were chosen before."""
    n = 20_000
    one = store()
    for number in range(n):
        one.set_nowait(number, number, weight=1)
    assert one.shrink(100) == n - 100
    assert len(one) == 100


def test_one_large_newcomer_for_many(store):
    one = store(max_bytes=20_000)
    for number in range(20_000):
        one.set_nowait(number, number, weight=1, priority=0)
    assert one.set_nowait("large", 1, weight=19_000, priority=7)
    assert len(one) == 1_001


def test_another_limit(store):
    one = store(max_bytes=1_000)
    for number in range(10):
        one.set_nowait(number, number, weight=100)
    one.limit(300)
    assert (len(one), one.stats().max_bytes) == (3, 300)
    one.limit(500)
    for number in range(10):
        one.set_nowait(("new", number), number, weight=100)
    assert one.stats().bytes == 500


def test_tags(store):
    one = store(max_entries=20)
    for number in range(10):
        one.set_nowait(number, number, tags=["all", "even" if number % 2 == 0 else "odd", "all"])
    one.set_nowait("none", 1)
    assert one.entry_nowait(3).tags == ("all", "odd")
    one.set_nowait(4, "no more", tags=("odd",))
    one.delete_nowait(6)
    assert one.invalidate_tag_nowait("even") == 3
    assert one.invalidate_tag_nowait("even") == 0
    assert one.invalidate_tag_nowait("never") == 0
    assert [number for number in range(10) if number in one] == [1, 3, 4, 5, 7, 9]
    asyncio.run(one.invalidate_tag("odd"))
    assert len(one) == 1
    for number in range(100):
        one.set_nowait(number, number, tags=(f"tag {number}",))
    assert len(one._shelf._tagged) == len(one._shelf._details) <= 20


def test_memory_that_is_short(store):
    short, asked = True, []

    def pressure():
        asked.append(len(one))
        return short

    one = store(max_bytes=1_600_000, pressure=pressure)
    for number in range(PRESSURE_EVERY):
        one.set_nowait(number, number, weight=1_000)
    assert asked == [PRESSURE_EVERY]
    assert len(one) == PRESSURE_EVERY * 3 // 4
    for number in range(PRESSURE_EVERY, 100 * PRESSURE_EVERY):
        one.set_nowait(number, number, weight=1_000)
    held = len(one)
    assert 100 <= held < 2_000
    for _ in range(30 * PRESSURE_EVERY):
        one.set_nowait("same", 1, weight=1_000)
    assert len(one) == 100
    short = False
    for number in range(3 * PRESSURE_EVERY):
        one.set_nowait(number, number, weight=1_000)
    assert len(one) > 3 * PRESSURE_EVERY


def test_a_store_that_holds_little_gives_up_nothing(store):
    one = store(max_bytes=1_600_000, pressure=lambda: True)
    for number in range(2 * PRESSURE_EVERY):
        one.set_nowait(number, number, weight=10)
    assert len(one) == 2 * PRESSURE_EVERY


def test_all_values(store):
    clock = ScriptedClock(0.0)
    one = store(clock=clock)
    one.set_nowait("a", 1)
    one.set_nowait("b", 2, ttl=1.0)
    one.set_nowait("c", 3)
    one.delete_nowait("c")
    clock.advance(1.0)
    assert sorted(one.values_nowait()) == [1, 2]


def test_the_same_without_awaiting(store):
    one = store()

    async def main():
        await one.set("key", Entry(value="value", cost=2.0))
        assert one.get_nowait("key") == "value"
        one.set_nowait("other", 1, cost=0.25, priority=3)
        assert await one.get("other") == Entry(value=1, weight=weigh("other") + weigh(1), cost=0.25, priority=3)
        await one.delete("key")
        assert "key" not in one
        assert not one.delete_nowait("key")
        assert one.delete_nowait("other")

    asyncio.run(main())


class TestWhatIsMeasured:
    def test_a_key_counts_too(self, store):
        one = store(max_bytes=2**20)
        for number in range(100):
            one.set_nowait(f"{number}" * 2**19, "v")
        assert len(one) <= 2
        assert one.stats().bytes <= 2**20

    @pytest.mark.parametrize("weight", [None, 0])
    def test_where_no_weight_is_given(self, store, weight):
        one = store(max_bytes=1000)
        for number in range(10_000):
            one.set_nowait(number, number, weight=weight)
        assert len(one) < 40

    @pytest.mark.parametrize("wrong", [{"policy": LRU}, {"policy": 3}, {"clock": 3}, {"clock": None}])
    def test_arguments_that_cannot_be_used(self, wrong):
        with pytest.raises(CacheValueError, match=next(iter(wrong))):
            MemoryStore(**wrong)
