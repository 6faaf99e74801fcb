"""The index is what trying all ages to stop at gives, and what is learned is what happens."""

from __future__ import annotations

import math
from itertools import product
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from postopt.caching.eviction.frequency import MOST
from postopt.caching.eviction.reuse import BUCKETS, CLASSES, YOUNG, ReuseTable, age_bucket, no_counts

BEGINS = (0, 1.5, 2, 3, 4)
TRIED = 4
"""Buckets of age in which the brute force tries to stop, in each class; they end where the next one begins."""

STEPS = 100
"""In which a bucket is integrated."""

rates = st.floats(1e-5, 1.0)
hazards_of_all = st.lists(st.lists(rates, min_size=TRIED, max_size=TRIED), min_size=CLASSES, max_size=CLASSES)


def outcome(hazards, begin, stop):
    """Return the chance of reuse and the expected wait of an entry that is kept from one bucket up to another."""
    alive, waited = 1.0, 0.0
    for bucket in range(begin, stop):
        step = (BEGINS[bucket + 1] - BEGINS[bucket]) / STEPS
        left = math.exp(-hazards[bucket] * step)
        for _ in range(STEPS):
            waited += (alive + alive * left) / 2 * step
            alive *= left
    return 1 - alive, waited


def best_rates(hazards):
    """Return for each class and age the most hits per miss, over all ages to stop at in this class and those above.

    To stop at 0 is to let go of an entry at its next reuse. The first number counts one hit and no more.
    """
    alone, best = no_counts(), no_counts()
    onward = [[outcome(hazards[of_class], 0, stop) for stop in range(TRIED + 1)] for of_class in range(CLASSES)]
    for of_class, age in product(range(CLASSES), range(TRIED)):
        for stop in range(age + 1, TRIED + 1):
            reused, waited = outcome(hazards[of_class], age, stop)
            alone[of_class][age] = max(alone[of_class][age], reused / waited)
            for plan in product(*onward[of_class + 1 :]):
                hits = time = 0.0
                for reused_then, waited_then in reversed(plan):
                    hits, time = reused_then * (1 + hits), waited_then + reused_then * time
                rate = reused * (1 + hits) / (waited + reused * time)
                best[of_class][age] = max(best[of_class][age], rate)
    return alone, best


class Given(ReuseTable):
    """A table that knows the hazards."""

    def __init__(self, hazards):
        self.known = hazards
        super().__init__()
        self._rank(TRIED, 100)

    def _hazards(self, buckets, entries):
        return [[*row, *row[-1:] * (BUCKETS - len(row))] for row in self.known]


class TestIndex:
    @settings(max_examples=15)
    @given(hazards=hazards_of_all)
    def test_it_is_between_the_best_of_one_hit_and_the_best_of_all_plans(self, hazards):
        """Of what comes after a reuse it knows one plan, the best for an entry that is there already."""
        table = Given(hazards)
        alone, best = best_rates(hazards)
        for of_class, age in product(range(CLASSES), range(TRIED)):
            found = table.index[1 << of_class][age]
            assert alone[of_class][age] * (1 - 1e-3) <= found <= best[of_class][age] * (1 + 1e-3)

    @settings(max_examples=25)
    @given(row=st.lists(rates, min_size=TRIED, max_size=TRIED))
    def test_for_the_most_frequent_it_is_the_best_of_all_plans(self, row):
        table = Given([row] * CLASSES)
        alone, _ = best_rates([row] * CLASSES)
        assert table.index[MOST][:TRIED] == pytest.approx(alone[-1][:TRIED], rel=1e-3)

    def test_with_what_is_believed_at_first_it_is_close_to_the_best(self):
        for entries in (10, 1_000, 100_000):
            table = ReuseTable()
            known = table._hazards(BUCKETS, entries)
            _, best = best_rates(known)
            table._rank(TRIED, entries)
            for of_class, age in product(range(CLASSES), range(TRIED)):
                assert 0.8 * best[of_class][age] < table.index[1 << of_class][age] <= 1.001 * best[of_class][age]

    @pytest.mark.parametrize("rate", [1e-4, 0.01, 0.3])
    def test_a_constant_hazard_makes_no_difference_between_ages(self, rate):
        index = Given([[rate] * TRIED] * CLASSES).index[MOST]
        assert index == pytest.approx([rate] * BUCKETS)

    def test_a_falling_hazard_ranks_like_lru_and_a_rising_one_like_a_loop(self):
        falling = Given([[0.5**bucket for bucket in range(TRIED)]] * CLASSES).index
        rising = Given([[0.01 * 1.5**bucket for bucket in range(TRIED)]] * CLASSES).index
        for of_class in range(CLASSES):
            assert falling[1 << of_class][:TRIED] == sorted(falling[1 << of_class][:TRIED], reverse=True)
            assert rising[1 << of_class][:TRIED] == sorted(rising[1 << of_class][:TRIED])

    def test_frequencies_of_a_class_have_one_index(self):
        index = ReuseTable().index
        assert len(index) == MOST + 1
        assert [index[number] is index[1 << number.bit_length() - 1] for number in range(1, MOST + 1)] == [True] * MOST
        assert index[0] is index[1]

    def test_at_first_the_frequent_and_the_young_are_worth_more(self):
        index = ReuseTable().index
        for bucket in range(20):
            by_class = [index[1 << of_class][bucket] for of_class in range(CLASSES)]
            assert by_class == sorted(by_class)
        assert index[1][2] > index[1][20] > 0


class TestBuckets:
    def test_ages_are_in_order_and_two_buckets_make_an_octave(self):
        ages = [*range(YOUNG + 100), *(1 << octave for octave in range(15, 32)), 2**32 - 1]
        buckets = [age_bucket(age) for age in ages]
        assert buckets == sorted(buckets)
        assert set(buckets) <= set(range(BUCKETS))
        assert [age_bucket(age) for age in (2, 3, 4, 5, 6, 8, 12, 16)] == [2, 3, 4, 4, 5, 6, 7, 8]
        assert age_bucket(2**32 - 1) == BUCKETS - 1

    @given(age=st.integers(2, 2**31))
    def test_twice_the_age_is_two_buckets_on(self, age):
        assert age_bucket(2 * age) == age_bucket(age) + 2


def live(table, reuse_after, *, misses=40_000, every=250, entries=500, forgotten=4_000):
    """Let an entry of the first class come with each miss, and be used again after `reuse_after()` misses or never."""
    returns, waiting = {}, {}
    for now in range(1, misses + 1):
        age = reuse_after()
        if age is not None:
            returns.setdefault(now + age, []).append(now)
        waiting[now] = True
        for born in returns.pop(now, ()):
            if waiting.pop(born, False):
                table.observe(1, now - born)
        if now % every == 0:
            waiting = {born: True for born in waiting if now - born < forgotten}
            counts = no_counts()
            for born in waiting:
                counts[0][age_bucket(now - born)] += 1
            table.rebuild(counts, entries=entries, elapsed=every)


class TestLearning:
    @pytest.mark.parametrize(
        ("mean", "ages"), [(20, (8, 16)), (200, (8, 16, 32, 64, 128, 256)), (2_000, (64, 256, 1024))]
    )
    def test_a_hazard_that_is_constant(self, mean, ages):
        """It is seen a little low: what came back between two looks counts as there for half the time."""
        draw, table = Random(1), ReuseTable()
        live(table, lambda: math.ceil(draw.expovariate(1 / mean)))
        for age in ages:
            assert table._hazards(BUCKETS, 500)[0][age_bucket(age)] == pytest.approx(1 / mean, rel=0.25)

    def test_what_comes_back_after_a_while_is_kept_until_then_and_no_longer(self):
        draw, table = Random(2), ReuseTable()
        live(table, lambda: draw.randrange(90, 130) if draw.random() < 0.5 else None)
        index = table.index[1]
        assert index[age_bucket(80)] > 1.5 * index[age_bucket(4)]
        assert index[age_bucket(80)] > 20 * index[age_bucket(300)]

    def test_what_never_comes_back_is_worth_little(self):
        before, table = ReuseTable(), ReuseTable()
        live(table, lambda: None)
        for age in (8, 64, 512):
            assert table.index[1][age_bucket(age)] < 0.1 * before.index[1][age_bucket(age)]

    def test_what_has_changed_is_learned_anew(self):
        draw, table = Random(3), ReuseTable()
        live(table, lambda: math.ceil(draw.expovariate(1 / 20)))
        often = table.index[1][age_bucket(16)]
        live(table, lambda: math.ceil(draw.expovariate(1 / 400)))
        assert table.index[1][age_bucket(16)] < 0.2 * often

    @settings(max_examples=20)
    @given(
        seen=st.lists(st.tuples(st.integers(1, MOST), st.integers(0, 2**32 - 1), st.floats(0.1, 1e6)), max_size=30),
        entries=st.integers(1, 10**7),
        elapsed=st.integers(1, 10**7),
    )
    def test_whatever_is_seen_all_indices_are_positive_and_finite(self, seen, entries, elapsed):
        table = ReuseTable()
        for _ in range(3):
            counts = no_counts()
            for frequency, age, weight in seen:
                table.observe(frequency, age, weight)
                counts[frequency.bit_length() - 1][age_bucket(age)] += weight
            table.rebuild(counts, entries=entries, elapsed=elapsed)
            assert all(0 < number < math.inf for row in table.index for number in row)
