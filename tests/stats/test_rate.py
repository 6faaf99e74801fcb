"""Rates: the posterior against its distribution, the score interval against published values."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.stats import BetaPosterior, Interval, incomplete_beta, wilson_interval

counts = st.integers(0, 500)


class TestBetaPosterior:
    @given(counts, counts, st.sampled_from([0.5, 0.8, 0.95]))
    def test_the_interval_holds_its_level(self, successes, failures, level):
        posterior = BetaPosterior()
        posterior.update(successes, failures)
        interval = posterior.interval(level)
        a, b = successes + 1, failures + 1
        inside = incomplete_beta(interval.high, a, b) - incomplete_beta(interval.low, a, b)
        assert inside == pytest.approx(level, abs=1e-9)
        assert interval.low < posterior.quantile(0.5) < interval.high
        assert interval.n == posterior.n == successes + failures
        assert posterior.mean == pytest.approx(a / (a + b))

    @given(counts, counts, counts, counts)
    def test_merging_counts_the_prior_once(self, a, b, c, d):
        first, second, both = (BetaPosterior(0.5, 2.0) for _ in range(3))
        first.update(a, b)
        second.update(c, d)
        first.merge(second)
        both.update(successes=a + c, failures=b + d)
        assert (first.alpha, first.beta, first.n) == (both.alpha, both.beta, both.n)

    def test_nothing_seen_gives_the_prior(self):
        posterior = BetaPosterior()
        assert posterior.mean == 0.5
        assert posterior.n == 0
        low, high, *_ = posterior.interval(0.9)
        assert (low, high) == (pytest.approx(0.05), pytest.approx(0.95))

    def test_shares_of_an_outcome(self):
        posterior = BetaPosterior()
        posterior.update(0.25, 0.75)
        assert (posterior.alpha, posterior.beta, posterior.n) == (1.25, 1.75, 1.0)

    def test_a_rate_near_one_keeps_its_distance(self):
        posterior = BetaPosterior()
        posterior.update(successes=10**9)
        assert posterior.interval().low < posterior.interval().high < 1

    def test_refuses_the_impossible(self):
        for prior in ((0, 1), (1, -1), (math.nan, 1), (1, math.inf)):
            with pytest.raises(ValueError, match="prior"):
                BetaPosterior(*prior)
        for outcome in ((-1, 0), (0, math.nan), (math.inf, 0)):
            with pytest.raises(ValueError, match="counts"):
                BetaPosterior().update(*outcome)
        with pytest.raises(ValueError, match="priors differ"):
            BetaPosterior().merge(BetaPosterior(0.5, 0.5))


class TestWilson:
    @pytest.mark.parametrize(
        ("successes", "n", "low", "high"),
        # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_published_values(self, successes, n, low, high):
        interval = wilson_interval(successes, n)
        assert (interval.low, interval.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))
        assert interval == Interval(interval.low, interval.high, 0.95, n)

    @given(st.integers(1, 2000), st.data(), st.floats(0.5, 0.999))
    def test_solves_the_score_equation_and_mirrors(self, n, data, level):
        successes = data.draw(st.integers(0, n))
        low, high, *_ = wilson_interval(successes, n, level)
        rate, z = successes / n, statistics.NormalDist().inv_cdf((1 + level) / 2)
        assert 0 <= low <= rate <= high <= 1
        for bound in (low, high):
            score = abs(rate - bound)
            assert score == pytest.approx(z * math.sqrt(bound * (1 - bound) / n), abs=1e-7)
        mirrored = wilson_interval(n - successes, n, level)
        assert (1 - mirrored.high, 1 - mirrored.low) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))

    @given(st.integers(1, 30))
    def test_more_trials_narrow_it(self, n):
        once, often = wilson_interval(n, 3 * n), wilson_interval(10 * n, 30 * n)
        assert often.high - often.low < once.high - once.low

    def test_refuses_the_impossible(self):
        with pytest.raises(ValueError, match="0 observations"):
            wilson_interval(0, 0)
        with pytest.raises(ValueError, match="successes"):
            wilson_interval(3, 2)
        with pytest.raises(ValueError, match="finite"):
            wilson_interval(1, math.inf)
        for level in (0, 1, 95, math.nan):
            with pytest.raises(ValueError, match="level"):
                wilson_interval(1, 2, level)
