"""Probabilities of being the best, and draws from them."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.selection.drawing import allowed, draw, shares_of
from postopt.selection.thompson import thompson_shares

values = st.lists(st.tuples(st.floats(-1, 1), st.floats(1e-4, 0.5)), min_size=1, max_size=9)


class TestShares:
    @given(values)
    def test_sum_to_one(self, given_values):
        shares = thompson_shares(*zip(*given_values, strict=True))
        assert sum(shares) == pytest.approx(1.0)
        assert min(shares) >= 0

    @pytest.mark.parametrize(
        ("means", "deviations"),
        [([0.5, 0.45], [0.05, 0.1]), ([0.5, 0.45, 0.55], [0.1, 0.1, 0.05]), ([0.3] * 5, [0.1] * 5)],
    )
    def test_are_the_frequencies_with_which_a_draw_of_each_is_the_highest(self, means, deviations):
        draws = np.random.default_rng(1).normal(means, deviations, (100_000, len(means)))
        frequency = np.bincount(draws.argmax(1), minlength=len(means)) / len(draws)
        # Standard error of a frequency: 0.0016 at most.
        assert thompson_shares(means, deviations) == pytest.approx(frequency, abs=0.006)

    def test_one_that_is_far_ahead_has_all(self):
        assert thompson_shares([0.9, 0.1, 0.2], [0.01, 0.01, 0.01]) == (1.0, 0.0, 0.0)

    def test_what_cannot_be_chosen_has_none(self):
        shares = shares_of([-math.inf, 0.5, 0.5], [0.1, 0.1, 0.1])
        assert shares == pytest.approx((0.0, 0.5, 0.5))


class TestAllowed:
    def test_without_the_excluded_the_others_sum_to_one(self):
        assert allowed((0.5, 0.25, 0.25), ("open", "", ""), 1) == [0.0, 0.5, 0.5]

    def test_if_the_others_had_none_the_best_has_all(self):
        assert allowed((1.0, 0.0, 0.0), ("open", "", ""), 2) == [0.0, 0.0, 1.0]

    def test_nobody_excluded_changes_nothing(self):
        assert allowed((0.7, 0.3), (), 0) == (0.7, 0.3)


class TestDraw:
    def test_the_propensity_is_the_frequency(self):
        source = random.Random(3)
        taken = [draw(0, (0.2, 0.8), 0.5, source) for _ in range(20_000)]
        share = sum(index == 0 for index, _ in taken) / len(taken)
        assert {(index, round(p, 12)) for index, p in taken} == {(0, 0.6), (1, 0.4)}
        assert share == pytest.approx(0.6, abs=0.015)
