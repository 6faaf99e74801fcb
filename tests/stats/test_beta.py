"""The Beta distribution against closed forms and binomial sums in fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.stats import incomplete_beta, inverse_incomplete_beta


def exact_incomplete_beta(x, a, b):
    """I_x(a, b) for whole a and b is a binomial tail (DLMF 8.17.5), summed in fractions."""
    x, n = Fraction(x), a + b - 1
    return float(sum(math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1)))


class TestIncompleteBeta:
    @given(st.integers(0, 2**20), st.integers(1, 60), st.integers(1, 60))
    def test_is_the_binomial_tail(self, x, a, b):
        x /= 2**20
        assert incomplete_beta(x, a, b) == pytest.approx(exact_incomplete_beta(x, a, b), rel=1e-10, abs=1e-14)

    @given(st.floats(0, 1), st.floats(0.05, 1e4))
    def test_closed_forms(self, x, a):
        assert incomplete_beta(x, a, 1) == pytest.approx(x**a, rel=1e-9, abs=1e-12)
        assert incomplete_beta(x, 1, a) == pytest.approx(-math.expm1(a * math.log1p(-x)) if x < 1 else 1, abs=1e-9)
        assert incomplete_beta(0.5, a, a) == pytest.approx(0.5, rel=1e-9)

    def test_arcsine_law(self):
        for x in (1e-12, 0.1, 0.5, 0.99):
            assert incomplete_beta(x, 0.5, 0.5) == pytest.approx(2 / math.pi * math.asin(math.sqrt(x)), rel=1e-12)

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

    @pytest.mark.parametrize(
        ("x", "a", "b"),
        [
            (0.0025733087341949217, 4.764009030666112, 2233.1572853216903),
            (0.49999973514766316, 3.860165879050203e-08, 1.098011608070405e-06),
            (0.8222079434412661, 3.625229168838361, 0.0001472407836911216),
        ],
    )
    def test_where_rounding_puts_x_above_both_means(self, x, a, b):
        assert incomplete_beta(x, a, b) == pytest.approx(incomplete_beta(x * (1 - 1e-9), a, b), rel=1e-6)

    @pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
    def test_refuses_impossible_parameters(self, bad):
        for parameters in ((bad, 1), (1, bad)):
            with pytest.raises(ValueError, match="more than zero"):
                incomplete_beta(0.5, *parameters)
            with pytest.raises(ValueError, match="more than zero"):
                inverse_incomplete_beta(0.5, *parameters)

    @pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
    def test_refuses_what_is_no_probability(self, bad):
        with pytest.raises(ValueError, match="from 0 to 1"):
            incomplete_beta(bad, 1, 1)
        with pytest.raises(ValueError, match="from 0 to 1"):
            inverse_incomplete_beta(bad, 1, 1)
