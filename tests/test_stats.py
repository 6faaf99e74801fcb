"""Streaming numbers against what they stand for: the exact answer over the values that were seen."""

import math
import random
import statistics
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from postopt.stats import (
    EWMA,
    BetaPosterior,
    Interval,
    QuantileSketch,
    Welford,
    incomplete_beta,
    inverse_incomplete_beta,
    wilson_interval,
)

no_deadline = settings(deadline=None)  # no test here is about time
values = st.floats(-1e6, 1e6)
times = st.floats(0, 1e4)
bad_numbers = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])


def fed(number, observations):
    for observation in observations:
        number.update(*observation) if isinstance(observation, tuple) else number.update(observation)
    return number


class TestEWMA:
    @no_deadline
    @given(st.lists(st.tuples(values, times), min_size=1, max_size=30), st.floats(0.5, 1e4))
    def test_is_the_weighted_mean_in_whatever_order(self, observations, half_life):
        ewma = fed(EWMA(half_life), observations)
        latest = max(at for _, at in observations)
        weights = [2 ** (-(latest - at) / half_life) for _, at in observations]
        mean = math.fsum(w * x for w, (x, _) in zip(weights, observations, strict=True)) / math.fsum(weights)
        assert ewma.mean == pytest.approx(mean, rel=1e-9, abs=1e-6)
        assert ewma.weight(latest) == pytest.approx(math.fsum(weights))
        assert ewma.n == len(observations)

    @no_deadline
    @given(st.lists(st.tuples(values, times), max_size=20), st.lists(st.tuples(values, times), max_size=20))
    def test_merging_is_having_seen_both(self, mine, theirs):
        assume(mine or theirs)
        both = fed(EWMA(60), mine + theirs)
        merged, other = fed(EWMA(60), mine), fed(EWMA(60), theirs)
        merged.merge(other)
        assert merged.n == both.n
        assert merged.mean == pytest.approx(both.mean, rel=1e-9, abs=1e-6)
        other.merge(fed(EWMA(60), mine))
        assert other.mean == pytest.approx(both.mean, rel=1e-9, abs=1e-6)

    def test_half_the_weight_is_gone_after_a_half_life(self):
        ewma = fed(EWMA(10), [(4.0, 0.0), (1.0, 10.0)])
        assert ewma.mean == pytest.approx((4.0 * 0.5 + 1.0) / 1.5)
        assert ewma.weight(20.0) == pytest.approx(0.75)

    def test_survives_a_very_long_pause_and_very_large_values(self):
        ewma = fed(EWMA(1), [(1.7e308, 0.0), (-1.7e308, 0.0), (3.0, 1e12)])
        assert ewma.mean == 3.0
        late = fed(EWMA(1), [(3.0, 1e12), (9.0, 0.0)])
        assert late.mean == 3.0
        assert late.n == 2

    def test_nothing_seen(self):
        assert EWMA(1).weight(5.0) == 0
        with pytest.raises(ValueError, match="0 observations"):
            _ = EWMA(1).mean

    @bad_numbers
    def test_refuses_what_is_not_finite(self, bad):
        ewma = EWMA(1)
        for observation in ((bad, 0.0), (0.0, bad)):
            with pytest.raises(ValueError, match="finite"):
                ewma.update(*observation)
        assert ewma.n == 0

    @pytest.mark.parametrize("half_life", [0, -1, math.nan, math.inf])
    def test_refuses_an_impossible_half_life(self, half_life):
        with pytest.raises(ValueError, match="half_life"):
            EWMA(half_life)

    def test_refuses_to_mix_half_lives(self):
        with pytest.raises(ValueError, match="half-lives differ"):
            EWMA(1).merge(EWMA(2))


class TestWelford:
    @no_deadline
    @given(st.lists(values, min_size=2, max_size=50))
    def test_mean_and_variance_are_exact(self, observations):
        welford = fed(Welford(), observations)
        exact = [Fraction(x) for x in observations]
        assert welford.n == len(observations)
        assert welford.mean == pytest.approx(float(statistics.mean(exact)), rel=1e-9, abs=1e-6)
        assert welford.variance == pytest.approx(float(statistics.variance(exact)), rel=1e-9, abs=1e-6)

    @no_deadline
    @given(st.lists(st.lists(values, max_size=15), min_size=3, max_size=3))
    def test_merging_is_associative_and_is_having_seen_all(self, parts):
        everything = [x for part in parts for x in part]
        assume(len(everything) > 1)
        whole = fed(Welford(), everything)
        left = fed(Welford(), parts[0])
        left.merge(fed(Welford(), parts[1]))
        left.merge(fed(Welford(), parts[2]))
        tail = fed(Welford(), parts[1])
        tail.merge(fed(Welford(), parts[2]))
        right = fed(Welford(), parts[0])
        right.merge(tail)
        for merged in (left, right):
            assert merged.n == whole.n
            assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
            assert merged.variance == pytest.approx(whole.variance, rel=1e-9, abs=1e-6)

    def test_a_large_offset_does_not_cancel(self):
        welford = fed(Welford(), [1e9 + x for x in (4.0, 7.0, 13.0, 16.0)])
        assert welford.variance == pytest.approx(30.0, rel=1e-9)

    def test_interval_is_students(self):
        # Student (1908), additional hours of sleep, drug 2: mean 2.33, sd 2.002, so 2.33 -+ 2.262 * 0.633.
        sleep = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
        interval = fed(Welford(), sleep).interval()
        assert interval.low == pytest.approx(0.898, abs=1e-3)
        assert interval.high == pytest.approx(3.762, abs=1e-3)
        assert (interval.level, interval.n) == (0.95, 10)

    @pytest.mark.parametrize(
        ("degrees", "level", "t"),  # the usual printed table
        [(1, 0.95, 12.706), (2, 0.99, 9.925), (10, 0.95, 2.228), (30, 0.9, 1.697), (200_000, 0.95, 1.960)],
    )
    def test_interval_has_the_tables_width(self, degrees, level, t):
        n = degrees + 1
        welford = fed(Welford(), [float(i % 2) for i in range(n)])
        interval = welford.interval(level)
        half = (interval.high - interval.low) / 2
        assert half / math.sqrt(welford.variance / n) == pytest.approx(t, abs=6e-4)

    def test_interval_covers_normal_means_as_often_as_it_says(self):
        draw = random.Random(7)
        intervals = [fed(Welford(), (draw.gauss(3, 2) for _ in range(5))).interval(0.8) for _ in range(1500)]
        covered = sum(i.low <= 3 <= i.high for i in intervals)
        # 0.8 lies within the 99.99 % score interval of the covered share.
        sure = wilson_interval(covered, len(intervals), 0.9999)
        assert sure.low < 0.8 < sure.high

    def test_too_few(self):
        with pytest.raises(ValueError, match="0 observations; at least 1"):
            _ = Welford().mean
        one = fed(Welford(), [3.0])
        assert one.mean == 3.0
        for ask in (lambda: one.variance, one.interval):
            with pytest.raises(ValueError, match="1 observations; at least 2"):
                ask()

    @bad_numbers
    def test_refuses_what_is_not_finite(self, bad):
        welford = fed(Welford(), [1.0])
        with pytest.raises(ValueError, match="finite"):
            welford.update(bad)
        assert (welford.n, welford.mean) == (1, 1.0)


magnitudes = st.floats(1e-300, 1e300) | st.floats(1e-3, 1e3)
signed = magnitudes | magnitudes.map(lambda x: -x) | st.just(0.0)
narrow = st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3) | st.just(0.0) | st.just(-0.0)


def state(sketch):
    return (sketch._positive, sketch._negative, sketch._zeros, sketch.n, sketch._minimum, sketch._maximum)


class TestQuantileSketch:
    @no_deadline
    @given(st.lists(signed, min_size=1, max_size=60), st.floats(0, 1), st.sampled_from([0.001, 0.01, 0.2]))
    def test_error_is_within_the_stated_share(self, observations, q, error):
        sketch = fed(QuantileSketch(error), observations)
        exact = sorted(observations)[math.floor(q * (len(observations) - 1))]
        # 1e-9: the logarithm's rounding.
        assert abs(sketch.quantile(q) - exact) <= error * abs(exact) * (1 + 1e-9)
        assert sketch.n == len(observations)

    @no_deadline
    @given(st.lists(st.lists(narrow, max_size=20), min_size=3, max_size=3), st.sampled_from([1, 3, 2048]))
    def test_merged_sketches_equal_the_sketch_of_all(self, parts, buckets):
        def sketch(part):
            return fed(QuantileSketch(0.05, buckets), part)

        whole = sketch([x for part in parts for x in part])
        left = sketch(parts[0])
        left.merge(sketch(parts[1]))
        left.merge(sketch(parts[2]))
        turned = sketch(parts[2])
        turned.merge(sketch(parts[1]))
        turned.merge(sketch(parts[0]))
        assert state(left) == state(turned) == state(whole)

    @no_deadline
    @given(st.lists(magnitudes, min_size=1, max_size=80), st.integers(1, 5))
    def test_buckets_are_bounded_and_the_largest_values_stay_exact(self, observations, buckets):
        sketch = fed(QuantileSketch(0.01, buckets), observations)
        assert len(sketch._positive) <= buckets
        assert sum(sketch._positive.values()) == len(observations)
        indexes = {math.ceil(math.log(x) / sketch._log_base) for x in observations}
        assert set(sketch._positive) == set(sorted(indexes)[-buckets:])
        assert sketch.quantile(1) == max(observations)

    def test_many_values_need_bounded_memory(self):
        draw = random.Random(3)
        sketch = fed(QuantileSketch(0.01, 512), (draw.lognormvariate(0, 4) for _ in range(100_000)))
        assert len(sketch._positive) == 512
        # P(lognormal(0, 4) <= x) = 0.99 at x = exp(4 * 2.3263); 1 % of sketch and the sample's own error.
        assert math.log(sketch.quantile(0.99)) == pytest.approx(4 * 2.3263, abs=0.2)

    def test_ends_are_exact(self):
        sketch = fed(QuantileSketch(0.5), [-3.3, 0.0, 7.7])
        assert (sketch.quantile(0), sketch.quantile(1)) == (-3.3, 7.7)
        assert sketch.quantile(0.5) == 0.0

    @pytest.mark.parametrize("extreme", [5e-324, 1.7976931348623157e308])
    def test_the_smallest_and_largest_floats(self, extreme):
        sketch = fed(QuantileSketch(), [extreme, extreme, -extreme])
        assert sketch.quantile(0.5) == pytest.approx(extreme, rel=0.01)
        assert sketch.quantile(0) == -extreme

    @bad_numbers
    def test_refuses_what_is_not_finite(self, bad):
        sketch = QuantileSketch()
        with pytest.raises(ValueError, match="finite"):
            sketch.update(bad)
        assert sketch.n == 0

    def test_refuses_impossible_questions(self):
        with pytest.raises(ValueError, match="0 observations"):
            QuantileSketch().quantile(0.5)
        for q in (-0.1, 1.1, math.nan):
            with pytest.raises(ValueError, match="q is"):
                fed(QuantileSketch(), [1.0]).quantile(q)
        for error in (0, 1, math.nan):
            with pytest.raises(ValueError, match="relative_error"):
                QuantileSketch(error)
        with pytest.raises(ValueError, match="max_buckets"):
            QuantileSketch(0.01, 0)
        with pytest.raises(ValueError, match="cannot be merged"):
            QuantileSketch(0.01).merge(QuantileSketch(0.02))


def exact_incomplete_beta(x, a, b):
    """I_x(a, b) for whole a and b is a binomial tail (DLMF 8.17.5), summed in fractions."""
    x, n = Fraction(x), a + b - 1
    return float(sum(math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1)))


class TestIncompleteBeta:
    @no_deadline
    @given(st.integers(0, 2**20), st.integers(1, 60), st.integers(1, 60))
    def test_is_the_binomial_tail(self, x, a, b):
        x /= 2**20
        assert incomplete_beta(x, a, b) == pytest.approx(exact_incomplete_beta(x, a, b), rel=1e-10, abs=1e-14)

    @no_deadline
    @given(st.floats(0, 1), st.floats(0.05, 1e4))
    def test_closed_forms(self, x, a):
        assert incomplete_beta(x, a, 1) == pytest.approx(x**a, rel=1e-9, abs=1e-12)
        assert incomplete_beta(x, 1, a) == pytest.approx(-math.expm1(a * math.log1p(-x)) if x < 1 else 1, abs=1e-9)
        assert incomplete_beta(0.5, a, a) == pytest.approx(0.5, rel=1e-9)

    def test_arcsine_law(self):
        for x in (1e-12, 0.1, 0.5, 0.99):
            assert incomplete_beta(x, 0.5, 0.5) == pytest.approx(2 / math.pi * math.asin(math.sqrt(x)), rel=1e-12)

    @no_deadline
    @given(st.floats(1e-9, 1 - 1e-9), st.floats(0.1, 1e3), st.floats(0.1, 1e3))
    def test_the_inverse_inverts(self, p, a, b):
        x = inverse_incomplete_beta(p, a, b)
        assert 0 <= x <= 1
        # The nearest floats on either side enclose p: as exact as an answer in floats can be.
        below, above = x * (1 - 1e-12), min(1.0, x * (1 + 1e-12) + 5e-324)
        slack = 1e-9
        assert incomplete_beta(below, a, b) <= p * (1 + slack)
        assert incomplete_beta(above, a, b) >= p * (1 - slack)

    def test_inverse_of_closed_forms(self):
        assert inverse_incomplete_beta(0.3, 1, 1) == pytest.approx(0.3, rel=1e-13)
        assert inverse_incomplete_beta(0.3, 0.01, 1) == pytest.approx(0.3**100, rel=1e-10)
        assert inverse_incomplete_beta(0.3, 1, 50) == pytest.approx(1 - 0.7 ** (1 / 50), rel=1e-12)
        assert inverse_incomplete_beta(0, 2, 3) == 0
        assert inverse_incomplete_beta(1, 2, 3) == 1

    @pytest.mark.parametrize("size", [1e4, 1e6, 1e8])
    def test_large_parameters_approach_the_normal(self, size):
        # Beta(a, a) has standard deviation 1 / (2 sqrt(2a + 1)); 1.959964 of them leave 2.5 % on each side.
        x = 0.5 - 1.959964 / (2 * math.sqrt(2 * size + 1))
        assert incomplete_beta(x, size, size) == pytest.approx(0.025, rel=1e-3)

    @pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
    def test_refuses_what_is_no_probability(self, bad):
        with pytest.raises(ValueError, match="from 0 to 1"):
            incomplete_beta(bad, 1, 1)
        with pytest.raises(ValueError, match="from 0 to 1"):
            inverse_incomplete_beta(bad, 1, 1)


counts = st.integers(0, 500)


class TestBetaPosterior:
    @no_deadline
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

    @no_deadline
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

    @no_deadline
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

    @no_deadline
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
