"""Quantiles against the sorted values."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.stats import QuantileSketch

bad_numbers = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
magnitudes = st.floats(1e-300, 1e300) | st.floats(1e-3, 1e3)
signed = magnitudes | magnitudes.map(lambda x: -x) | st.just(0.0)
narrow = st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3) | st.just(0.0) | st.just(-0.0)


def state(sketch):
    return (sketch._positive, sketch._negative, sketch._zeros, sketch.n, sketch._minimum, sketch._maximum)


class TestQuantileSketch:
    @given(st.lists(signed, min_size=1, max_size=60), st.floats(0, 1), st.sampled_from([0.001, 0.01, 0.2]))
    def test_error_is_within_the_stated_share(self, fed, observations, q, error):
        sketch = fed(QuantileSketch(error), observations)
        exact = sorted(observations)[math.floor(q * (len(observations) - 1))]
        # 1e-9: the logarithm's rounding.
        assert abs(sketch.quantile(q) - exact) <= error * abs(exact) * (1 + 1e-9)
        assert sketch.n == len(observations)

    @given(st.lists(st.lists(narrow, max_size=20), min_size=3, max_size=3), st.sampled_from([1, 3, 2048]))
    def test_merged_sketches_equal_the_sketch_of_all(self, fed, parts, buckets):
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

    @given(st.lists(magnitudes, min_size=1, max_size=80), st.integers(1, 5))
    def test_buckets_are_bounded_and_the_largest_values_stay_exact(self, fed, observations, buckets):
        sketch = fed(QuantileSketch(0.01, buckets), observations)
        assert len(sketch._positive) <= buckets
        assert sum(sketch._positive.values()) == len(observations)
        indexes = {math.ceil(math.log(x) / sketch._log_base) for x in observations}
        assert set(sketch._positive) == set(sorted(indexes)[-buckets:])
        assert sketch.quantile(1) == max(observations)

    def test_many_values_need_bounded_memory(self, fed):
        draw = random.Random(3)
        sketch = fed(QuantileSketch(0.01, 512), (draw.lognormvariate(0, 4) for _ in range(100_000)))
        assert len(sketch._positive) == 512
        # P(lognormal(0, 4) <= x) = 0.99 at x = exp(4 * 2.3263); 1 % of sketch and the sample's own error.
        assert math.log(sketch.quantile(0.99)) == pytest.approx(4 * 2.3263, abs=0.2)

    def test_ends_are_exact(self, fed):
        sketch = fed(QuantileSketch(0.5), [-3.3, 0.0, 7.7])
        assert (sketch.quantile(0), sketch.quantile(1)) == (-3.3, 7.7)
        assert sketch.quantile(0.5) == 0.0

    @pytest.mark.parametrize("extreme", [5e-324, 1.7976931348623157e308])
    def test_the_smallest_and_largest_floats(self, fed, extreme):
        sketch = fed(QuantileSketch(), [extreme, extreme, -extreme])
        assert sketch.quantile(0.5) == pytest.approx(extreme, rel=0.01)
        assert sketch.quantile(0) == -extreme

    @bad_numbers
    def test_refuses_what_is_not_finite(self, bad):
        sketch = QuantileSketch()
        with pytest.raises(ValueError, match="finite"):
            sketch.update(bad)
        assert sketch.n == 0

    def test_refuses_impossible_questions(self, fed):
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
