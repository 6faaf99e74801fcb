"""The simulated LRU has the hit ratio of a real one, and is called better only if it is."""

from __future__ import annotations

import math
from random import Random

import cachetools
import pytest

from postopt.caching.entries import Entries
from postopt.caching.eviction.frequency import key_hash
from postopt.caching.eviction.shadow import SAMPLED, ShadowLRU

# Of a real LRU, the simulated one has so much room.
ROOM = 1.05


def a_store_of(count, weight=1):
    entries = Entries(float)
    for number in range(count):
        entries.add(number, None, math.inf, weight=weight, cost=1.0, priority=0)
    return entries


def requested(shadow, entries, keys, *, weight=1, cost=1.0, by_count=True):
    """Let the store miss each request."""
    for hashed in map(key_hash, keys):
        if shadow.samples(hashed):
            shadow.missed(hashed, weight, cost, entries, by_count=by_count)


def lru_hits(keys, capacity):
    real, hits = cachetools.LRUCache(capacity), 0
    for key in keys:
        hits += key in real
        real[key] = real.get(key)
    return hits


@pytest.mark.parametrize("by_count", [True, False])
def test_of_a_small_store_it_is_told_everything(zipf, by_count):
    keys = zipf(5_000, seed=1, keys=500)
    shadow, entries = ShadowLRU(), a_store_of(100, weight=3)
    requested(shadow, entries, keys, weight=3, by_count=by_count)
    assert (shadow.requests, shadow.hits) == (5_000, 0)
    assert shadow.lru_hits == lru_hits(keys, int(100 * ROOM))


def test_a_sample_of_the_keys_has_the_hit_ratio_of_all(zipf):
    keys = zipf(100_000, seed=2, exponent=0.6, keys=50_000)
    shadow, entries = ShadowLRU(), a_store_of(5_000)
    shadow.scale(5_000)
    requested(shadow, entries, keys)
    assert 5_000 < shadow.requests < 20_000  # a tenth
    assert len(shadow._keys) <= SAMPLED * ROOM + 1
    assert shadow.lru_hits / shadow.requests == pytest.approx(lru_hits(keys, 5_000) / len(keys), abs=0.03)


def test_all_requests_of_a_key_are_sampled_or_none():
    shadow = ShadowLRU()
    hashes = [key_hash(number) for number in range(20_000)]
    shadow.scale(SAMPLED * 4)
    sampled = {hashed for hashed in hashes if shadow.samples(hashed)}
    assert len(sampled) == pytest.approx(5_000, rel=0.1)
    shadow.scale(SAMPLED * 16)
    fewer = {hashed for hashed in hashes if shadow.samples(hashed)}
    assert len(fewer) == pytest.approx(1_250, rel=0.2)
    assert fewer < sampled
    shadow.scale(10)  # a store that shrinks: what was not sampled for a while is of no use
    assert {hashed for hashed in hashes if shadow.samples(hashed)} == fewer


def test_keys_that_are_sampled_no_more_are_forgotten():
    shadow, entries = ShadowLRU(), a_store_of(SAMPLED)
    requested(shadow, entries, range(SAMPLED), by_count=False)
    assert len(shadow._keys) == shadow._weight == SAMPLED
    shadow.scale(4 * SAMPLED)
    assert len(shadow._keys) == shadow._weight == pytest.approx(SAMPLED / 4, rel=0.2)
    assert all(map(shadow.samples, shadow._keys))


def test_hits_are_hits_of_both_where_both_have_the_key():
    shadow, entries = ShadowLRU(), a_store_of(10)
    shadow.missed(1, 1, 1.0, entries, by_count=True)
    shadow.hit(1, 1, 1.0, 5, entries, by_count=True)
    assert (shadow.requests, shadow.hits, shadow.lru_hits) == (6, 5, 5)
    shadow.hit(2, 1, 1.0, 3, entries, by_count=True)  # which LRU has from the first of them on
    assert (shadow.requests, shadow.hits, shadow.lru_hits) == (9, 8, 7)
    shadow.touched(3, 1, entries, by_count=True)
    assert (shadow.requests, shadow.hits, shadow.lru_hits) == (9, 8, 7)
    shadow.missed(3, 1, 1.0, entries, by_count=True)
    assert (shadow.requests, shadow.hits, shadow.lru_hits) == (10, 8, 8)


def test_a_key_that_weighs_more_than_the_store_pushes_out_all_and_itself():
    shadow, entries = ShadowLRU(), a_store_of(10)
    requested(shadow, entries, range(5), by_count=False)
    shadow.missed(99, 1_000, 1.0, entries, by_count=False)
    assert (len(shadow._keys), shadow._weight) == (0, 0)


class TestIsBetter:
    @staticmethod
    def after(*, lost, won, alike=0, cost=1.0):
        """Return a shadow after so many requests on which LRU did better, worse, and as well."""
        shadow, entries = ShadowLRU(), a_store_of(100_000)
        numbers = iter(range(10**6))
        for _ in range(lost):
            key = next(numbers)
            shadow.touched(key, 1, entries, by_count=True)
            shadow.missed(key, 1, cost, entries, by_count=True)
        for _ in range(won):
            shadow.hit(next(numbers), 1, cost, 1, entries, by_count=True)
        for _ in range(alike):
            shadow.touched(1, 1, entries, by_count=True)
            shadow.hit(1, 1, cost, 1, entries, by_count=True)
        return shadow

    def test_nothing_says_nothing(self):
        assert not ShadowLRU().is_better()

    @pytest.mark.parametrize("cost", [1e-9, 1.0, 1e6])
    def test_more_than_chance_says_yes(self, cost):
        assert self.after(lost=100, won=50, cost=cost).is_better()
        assert not self.after(lost=80, won=60, cost=cost).is_better()
        assert not self.after(lost=50, won=100, cost=cost).is_better()

    def test_a_few_say_nothing(self):
        assert not self.after(lost=6, won=0).is_better()
        assert self.after(lost=7, won=0).is_better()

    def test_less_than_half_a_percent_says_nothing(self):
        assert self.after(lost=60, won=10, alike=9_000).is_better()
        assert not self.after(lost=60, won=10, alike=11_000).is_better()

    def test_chance_alone_says_yes_rarely(self):
        """Two and a half standard deviations to one side: 0.6 % of the looks."""
        draw = Random(3)
        yes = 0
        for _ in range(1_000):
            lost = sum(draw.random() < 0.5 for _ in range(200))
            shadow = ShadowLRU()
            shadow._lost, shadow._won, shadow._variance = lost, 200 - lost, 200
            yes += shadow.is_better()
        assert yes <= 20

    def test_one_dear_request_is_chance(self):
        shadow = self.after(lost=20, won=20)
        entries = a_store_of(100_000)
        shadow.touched(-1, 1, entries, by_count=True)
        shadow.missed(-1, 1, 1e6, entries, by_count=True)
        assert not shadow.is_better()

    def test_what_was_long_ago_counts_no_more(self):
        shadow = self.after(lost=1_000, won=0)
        for _ in range(400):
            assert shadow.is_better() or shadow._lost < 7
        assert not shadow.is_better()

    def test_one_may_begin_anew(self):
        shadow = self.after(lost=1_000, won=0)
        shadow.forget_lately()
        assert not shadow.is_better()
