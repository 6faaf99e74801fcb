"""Mean and variance against exact fractions, the interval against printed tables."""

import math
import random
import statistics
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from postopt.stats import Welford, wilson_interval

values = st.floats(-1e6, 1e6)
bad_numbers = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])


class TestWelford:
    @given(st.lists(values, min_size=2, max_size=50))
    def test_mean_and_variance_are_exact(self, fed, observations):
        welford = fed(Welford(), observations)
        exact = [Fraction(x) for x in observations]
        assert welford.n == len(observations)
        assert welford.mean == pytest.approx(float(statistics.mean(exact)), rel=1e-9, abs=1e-6)
        assert welford.variance == pytest.approx(float(statistics.variance(exact)), rel=1e-9, abs=1e-6)

    @given(st.lists(st.lists(values, max_size=15), min_size=3, max_size=3))
    def test_merging_is_associative_and_is_having_seen_all(self, fed, parts):
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

    def test_a_large_offset_does_not_cancel(self, fed):
        welford = fed(Welford(), [1e9 + x for x in (4.0, 7.0, 13.0, 16.0)])
        assert welford.variance == pytest.approx(30.0, rel=1e-9)

    def test_an_empty_one_takes_over_large_values(self, fed):
        merged = Welford()
        merged.merge(fed(Welford(), [1e200, 1e200]))
        assert (merged.n, merged.mean, merged.variance) == (2, 1e200, 0)

    def test_interval_is_students(self, fed):
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
    def test_interval_has_the_tables_width(self, fed, degrees, level, t):
        n = degrees + 1
        welford = fed(Welford(), [float(i % 2) for i in range(n)])
        interval = welford.interval(level)
        half = (interval.high - interval.low) / 2
        assert half / math.sqrt(welford.variance / n) == pytest.approx(t, abs=6e-4)

    def test_interval_covers_normal_means_as_often_as_it_says(self, fed):
        draw = random.Random(7)
        intervals = [fed(Welford(), (draw.gauss(3, 2) for _ in range(5))).interval(0.8) for _ in range(1500)]
        covered = sum(i.low <= 3 <= i.high for i in intervals)
        # 0.8 lies within the 99.99 % score interval of the covered share.
        sure = wilson_interval(covered, len(intervals), 0.9999)
        assert sure.low < 0.8 < sure.high

    def test_too_few(self, fed):
        with pytest.raises(ValueError, match="0 observations; at least 1"):
            _ = Welford().mean
        one = fed(Welford(), [3.0])
        assert one.mean == 3.0
        for ask in (lambda: one.variance, one.interval):
            with pytest.raises(ValueError, match="1 observations; at least 2"):
                ask()

    @bad_numbers
    def test_refuses_what_is_not_finite(self, fed, bad):
        welford = fed(Welford(), [1.0])
        with pytest.raises(ValueError, match="finite"):
            welford.update(bad)
        assert (welford.n, welford.mean) == (1, 1.0)
