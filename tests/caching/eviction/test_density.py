"""The default policy: what it must never do, whatever it learns."""

from __future__ import annotations

import math
from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from postopt.caching.eviction import LRU, Density
from postopt.caching.eviction.density import HALVED_EVERY, MOST_WATCHED
from postopt.caching.memory import MemoryStore

sets = st.lists(
    st.tuples(
        st.integers(0, 30),  # key
        st.integers(0, 7),  # priority
        st.integers(0, 30),  # weight
        st.sampled_from([0.0, 1e-9, 1.0, 2.0, 1e9]),  # cost
        st.integers(0, 3),  # gets
    ),
    max_size=80,
)


class TestClasses:
    @settings(max_examples=40)
    @given(sets=sets, max_entries=st.one_of(st.none(), st.integers(1, 12)))
    def test_none_leaves_for_a_lower_class_or_while_there_is_one(self, store, sets, max_entries):
        left = []
        one = store(max_bytes=100, max_entries=max_entries, on_evict=lambda *gone: left.append(gone))
        for key, priority, weight, cost, gets in sets:
            left.clear()
            kept = one.set_nowait(key, "value", weight=weight, cost=cost, priority=priority)
            for _ in range(gets):
                one.get_nowait(key)
            held = [one.entry_nowait(other).priority for other in range(31) if other in one and other != key]
            if kept:
                gone = [entry.priority for _, entry in left]
                assert gone == sorted(gone)
                assert max(gone, default=0) <= min([priority, *held])
            else:
                assert [other for other, _ in left] == [key]

    @given(sets=sets, share=st.floats(0, 1))
    def test_shrinking_takes_the_lower_classes_first(self, store, sets, share):
        left = []
        one = store(on_evict=lambda *gone: left.append(gone))
        for key, priority, weight, cost, _ in sets:
            one.set_nowait(key, "value", weight=weight, cost=cost, priority=priority)
        one.shrink(int(share * one.stats().bytes))
        gone = [entry.priority for _, entry in left]
        assert gone == sorted(gone)
        held = [one.entry_nowait(key).priority for key in range(31) if key in one]
        assert max(gone, default=0) <= min(held, default=7)

    def test_a_higher_class_enters_whatever_it_is_worth(self, store):
        one = store(max_entries=5)
        for number in range(5):
            one.set_nowait(number, number, cost=1e9, priority=2)
            one.get_nowait(number)
        assert one.set_nowait("higher", 1, cost=1e-9, priority=3)
        assert not one.set_nowait("lower", 1, cost=1e12, priority=1)
        assert len(one) == 5


class TestAdmission:
    """A newcomer must be worth more than all that it would push out."""

    @staticmethod
    def full(store, **arguments):
        one = store(max_bytes=100, **arguments)
        for number in range(10):
            one.set_nowait(number, number, weight=10, cost=1.0)
        return one

    def test_one_that_is_worth_less_than_one_is_refused_and_one_that_is_worth_more_is_not(self, store):
        one = self.full(store)
        assert not one.set_nowait("less", 1, weight=10, cost=0.1)
        assert one.set_nowait("more", 1, weight=10, cost=10.0)
        assert (len(one), one.stats().refused, one.stats().evicted) == (10, 1, 1)

    def test_one_in_place_of_five_must_be_worth_five(self, store):
        one = self.full(store)
        assert not one.set_nowait("as one", 1, weight=50, cost=2.0)
        assert [one.get_nowait(number) for number in range(10)] == list(range(10))
        assert one.set_nowait("as ten", 1, weight=50, cost=30.0)
        assert len(one) == 6

    def test_those_asked_for_often_are_worth_more(self, store):
        rare, often = self.full(store), self.full(store)
        for _ in range(8):
            for number in range(10):
                often.get_nowait(number)
        assert rare.set_nowait("new", 1, weight=10, cost=3.0)
        assert not often.set_nowait("new", 1, weight=10, cost=3.0)

    def test_one_that_comes_again_and_again_is_let_in(self, store):
        """What was refused is remembered, and its frequency counts."""
        one = self.full(store)
        for _ in range(8):
            for number in range(10):
                one.get_nowait(number)
        tries = next(turn for turn in count(1) if one.set_nowait("new", 1, weight=10))
        assert 1 < tries < 100

    def test_a_lower_class_goes_for_nothing(self, store):
        one = store(max_bytes=100)
        for number in range(5):
            one.set_nowait(number, number, weight=10, cost=1e9, priority=0)
        for number in range(5, 10):
            one.set_nowait(number, number, weight=10, cost=1.0, priority=1)
        assert one.set_nowait("new", 1, weight=60, cost=3.0, priority=1)
        assert not [number for number in range(5) if number in one]
        assert len(one) == 5

    def test_what_is_dear_stays_and_what_is_large_goes(self, store):
        one = store(max_bytes=10_000)
        for number in range(100):
            one.set_nowait(number, number, weight=100, cost=100.0 if number % 2 else 1.0)
        for number in range(100, 150):
            one.set_nowait(number, number, weight=100, cost=50.0)
        assert sum(number in one for number in range(1, 100, 2)) > 40
        assert sum(number in one for number in range(0, 100, 2)) < 10
        one = store(max_bytes=10_000)
        for number in range(50):
            one.set_nowait(number, number, weight=190 if number % 2 else 10)
        for number in range(50, 900):
            one.set_nowait(number, number, weight=10)
        assert sum(number in one for number in range(0, 50, 2)) > 2 * sum(number in one for number in range(1, 50, 2))


class TestWithoutMeaning:
    """What must not matter."""

    def test_the_unit_of_costs_and_weights(self, store, replay, zipf):
        keys = zipf(8_000, seed=4)
        plain, scaled = store(max_bytes=200), store(max_bytes=200 * 1024)
        hits = replay(plain, keys), replay(scaled, keys, weight_of=lambda _: 1024, cost_of=lambda _: 0.125)
        assert hits[0] == hits[1]
        assert [key in plain for key in range(10_000)] == [key in scaled for key in range(10_000)]

    def test_whether_bytes_or_entries_are_the_limit(self, store, replay, zipf):
        keys = zipf(8_000, seed=5)
        assert replay(store(max_bytes=200), keys) == replay(store(max_entries=200), keys)

    def test_the_table(self, store, replay, zipf):
        keys = [f"key {key}" for key in zipf(8_000, seed=6)]
        one, other = store(max_bytes=200), MemoryStore(max_bytes=200)
        assert replay(one, keys) == replay(other, keys)
        assert {key for key in keys if key in one} == {key for key in keys if key in other}
        assert one.stats().cost_wasted == other.stats().cost_wasted

    def test_the_same_seed_draws_the_same(self, store, replay, zipf):
        keys = zipf(8_000, seed=7)
        stores = [store(max_bytes=200, policy=Density(seed=seed)) for seed in (1, 1, 2)]
        hits = [replay(one, keys) for one in stores]
        held = [{key for key in range(10_000) if key in one} for one in stores]
        assert hits[0] == hits[1]
        assert held[0] == held[1]
        assert held[0] != held[2]
        assert hits[2] == pytest.approx(hits[0], rel=0.03)


class TestMemory:
    def test_what_is_watched_is_bounded(self, store):
        one = store(max_entries=100)
        for number in range(12_000):
            one.set_nowait(number, number)
        assert len(one.policy._watched) < 3 * 1024
        assert len(one.policy._sketch._counters) == 8192 // 2

    def test_also_while_a_store_is_never_full(self, store):
        one = store()
        for number in range(2 * MOST_WATCHED):
            one.set_nowait(number, number)
            one.delete_nowait(number)
        assert len(one.policy._watched) <= MOST_WATCHED
        assert len(one.policy._last) == 1

    def test_frequencies_grow_old(self, store):
        one = store(max_entries=300)
        for number in range(300):
            one.set_nowait(number, number)
            for _ in range(20):
                one.get_nowait(number)
        for number in range(300, 300 + 300 * (HALVED_EVERY + 12)):
            one.set_nowait(number, number, cost=1e-9)  # refused: nothing else happens than misses
        assert len([number for number in range(300) if number in one]) == 300
        assert max(one.policy._frequency) == 8

    def test_misses_may_be_more_than_32_bits_hold(self, store, replay, zipf):
        keys = zipf(6_000, seed=8)
        plain, old = store(max_bytes=200), store(max_bytes=200)
        old.policy._now = old.policy._rebuilt_at = 2**32 - 2_000
        assert replay(old, keys) == replay(plain, keys)


@pytest.mark.parametrize("cost", [0.0, 5e-324, 1e300, 1.7e308])
@pytest.mark.parametrize("weight", [0, 1, 2**40])
def test_extreme_costs_and_weights(store, cost, weight):
    one = store(max_bytes=2**62, max_entries=20)
    for number in range(2_000):
        if one.get_nowait(number % 50) is None:
            one.set_nowait(number % 50, number, cost=cost, weight=weight)
    assert len(one) == 20
    assert not math.isnan(one.stats().cost_wasted)
    assert all(0 <= number < math.inf for row in one.policy._reuse.index for number in row)


def test_what_is_told_of_lru(store, replay, zipf):
    one = store(max_bytes=200)
    keys = zipf(10_000, seed=9)
    assert (one.stats().lru_hit_ratio, one.stats().sampled) == (None, 0)
    hits = replay(one, keys)
    lru = replay(store(max_bytes=200, policy=LRU()), keys)
    stats = one.stats()
    assert stats.sampled == pytest.approx(len(keys), abs=200)  # all, but for the last hits, which nobody looked at
    assert stats.lru_hit_ratio == pytest.approx(lru / len(keys), abs=0.02)
    assert stats.sampled_hit_ratio == pytest.approx(hits / len(keys), abs=0.02)
