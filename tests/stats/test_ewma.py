"""The mean that forgets, against the weighted mean of all that was seen."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from postopt.stats import EWMA

values = st.floats(-1e6, 1e6)
times = st.floats(0, 1e4)
bad_numbers = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])


class TestEWMA:
    @given(st.lists(st.tuples(values, times), min_size=1, max_size=30), st.floats(0.5, 1e4))
    def test_is_the_weighted_mean_in_whatever_order(self, fed, observations, half_life):
        ewma = fed(EWMA(half_life), observations)
        latest = max(at for _, at in observations)
        weights = [2 ** (-(latest - at) / half_life) for _, at in observations]
        mean = math.fsum(w * x for w, (x, _) in zip(weights, observations, strict=True)) / math.fsum(weights)
        assert ewma.mean == pytest.approx(mean, rel=1e-9, abs=1e-6)
        assert ewma.weight(latest) == pytest.approx(math.fsum(weights))
        assert ewma.n == len(observations)

    @given(st.lists(st.tuples(values, times), max_size=20), st.lists(st.tuples(values, times), max_size=20))
    def test_merging_is_having_seen_both(self, fed, mine, theirs):
        assume(mine or theirs)
        both = fed(EWMA(60), mine + theirs)
        merged, other = fed(EWMA(60), mine), fed(EWMA(60), theirs)
        merged.merge(other)
        assert merged.n == both.n
        assert merged.mean == pytest.approx(both.mean, rel=1e-9, abs=1e-6)
        other.merge(fed(EWMA(60), mine))
        assert other.mean == pytest.approx(both.mean, rel=1e-9, abs=1e-6)

    def test_half_the_weight_is_gone_after_a_half_life(self, fed):
        ewma = fed(EWMA(10), [(4.0, 0.0), (1.0, 10.0)])
        assert ewma.mean == pytest.approx((4.0 * 0.5 + 1.0) / 1.5)
        assert ewma.weight(20.0) == pytest.approx(0.75)

    def test_survives_a_very_long_pause_and_very_large_values(self, fed):
        ewma = fed(EWMA(1), [(1.7e308, 0.0), (-1.7e308, 0.0), (3.0, 1e12)])
        assert ewma.mean == 3.0
        late = fed(EWMA(1), [(3.0, 1e12), (9.0, 0.0)])
        assert late.mean == 3.0
        assert late.n == 2

    def test_weight_long_before_the_latest(self, fed):
        ewma = fed(EWMA(1), [(3.0, 1e6)])
        assert ewma.weight(1e6 - 1) == 2
        assert ewma.weight(0.0) == math.inf
        with pytest.raises(ValueError, match="finite"):
            ewma.weight(math.nan)

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
