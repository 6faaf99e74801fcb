"""The bound on a comparison that is looked at all the time, against closed forms and against walks."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.experiments.boundary import EARLY, KNOWN, LAST, LATE, critical

normal = NormalDist()
alphas = st.sampled_from([1e-6, 0.001, 0.025, 0.05, 0.4])


class TestFirstStretch:
    @pytest.mark.parametrize(("alpha", "level"), [(0.05, 2.2414), (0.01, 2.8070), (0.10, 1.9600), (0.001, 3.4808)])
    def test_is_that_of_the_reflection_principle(self, alpha, level):
        # P(max |W| > b on [0, 1]) = 4 (1 - F(b)) but for paths that reach both sides: 4 (1 - F(3b)) < 1e-8 here.
        assert critical(1.0, alpha, 1 - 1e-12) == pytest.approx(level, abs=2e-4)

    @pytest.mark.parametrize("alpha", [0.3, 0.6])
    def test_counts_paths_that_reach_both_sides_once(self, alpha):
        b = critical(1.0, alpha, 1 - 1e-12)
        # Crossing of either side by a Brownian motion, by images (Feller II, X.5): sum over k of (-1)**k.
        missing = 1 - 4 / math.pi * sum(
            (-1) ** k / (2 * k + 1) * math.exp(-((2 * k + 1) ** 2) * math.pi**2 / (8 * b * b)) for k in range(40)
        )
        assert missing == pytest.approx(alpha, abs=1e-9)

    def test_is_flat_for_the_score(self):
        levels = [critical(t, 0.05, 0.9) * math.sqrt(t) for t in (1e-9, 1e-3, 0.25, 0.999, 1.0)]
        assert levels == pytest.approx([levels[0]] * 5)

    def test_nothing_is_known_at_the_start(self):
        assert critical(0.0, 0.05, 0.9) == math.inf


class TestLaterStretches:
    def test_spends_alpha_as_stated(self):
        """A walk of 800 steps a horizon, looked at after each."""
        random, steps, runs, share = np.random.default_rng(1), 800, 10_000, 0.5
        walk, crossed = np.zeros(runs), np.zeros(runs, bool)
        spent = []
        for stretch, length in enumerate((steps, steps, 2 * steps)):
            bound = critical(2.0**stretch, 0.2, share) * math.sqrt(2.0**stretch * steps)
            for _ in range(length):
                walk += random.standard_normal(runs)
                # A walk overshoots by 0.583 steps on average (Siegmund 1985), so its bound is so much lower.
                crossed |= np.abs(walk) >= bound - 0.583
            spent.append(crossed.mean())
        # Three standard errors.
        assert spent == pytest.approx([0.1, 0.1 + 0.1 / 2, 0.1 + 0.1 / 2 + 0.1 / 6], abs=0.0111)

    @given(alphas, st.sampled_from([EARLY, KNOWN, LATE]), st.floats(1e-3, 1e5), st.floats(1.0, 10.0))
    def test_the_bound_on_the_score_never_falls(self, alpha, shares, progress, factor):
        def bound(t):
            return critical(t, alpha, shares[0]) * math.sqrt(t)

        assert bound(progress * factor) >= bound(progress) * (1 - 1e-9)

    @given(alphas, st.floats(1e-3, 1e5))
    def test_a_smaller_alpha_needs_more(self, alpha, progress):
        assert critical(progress, alpha / 2, 0.9) > critical(progress, alpha, 0.9)

    def test_grows_as_the_law_of_the_iterated_logarithm(self):
        levels = [critical(2.0**k, 0.05, 0.9) for k in (1, 10, LAST, 4 * LAST)]
        assert levels[0] < levels[1] < levels[2] < 4.9
        assert levels[3] == levels[2]

    def test_no_union_bound_is_paid(self):
        # If each stretch had to be bounded on its own, the second would need 4 (1 - F(z)) = 0.0025.
        assert critical(2.0, 0.05, 0.9) < normal.inv_cdf(1 - 0.0025 / 4) - 0.2
