"""The Beta distribution function and its inverse, and what follows from them."""

from __future__ import annotations

import math
from statistics import NormalDist


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b): the Beta(a, b) distribution function at x.

    The continued fraction of NIST DLMF 8.17.22, evaluated by Lentz's method as modified by Thompson and Barnett
    (Journal of Computational Physics 64, 1986), on the side of the mean where it converges in O(sqrt(max(a, b)))
    terms (DLMF 8.17.4 gives the other side). Relative error about 1e-14 times the size of log Gamma(a + b).

    Raises:
        ValueError: `x` is not in [0, 1], or a parameter is not positive and finite.
    """
    if not 0 <= x <= 1:
        raise ValueError(f"x is {x!r}; from 0 to 1 is needed")
    if not (0 < a < math.inf and 0 < b < math.inf):
        raise ValueError(f"the parameters are {a!r} and {b!r}; both must be more than zero")
    if x in (0, 1):
        return float(x)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b))
    if x > (a + 1) / (a + b + 2):
        return max(0.0, 1 - front / b * _beta_fraction(1 - x, b, a))
    return min(1.0, front / a * _beta_fraction(x, a, b))


def inverse_incomplete_beta(p: float, a: float, b: float) -> float:
    """Return the x with I_x(a, b) = p, the Beta(a, b) quantile, to a relative 1e-14 (by bisection).

    Raises:
        ValueError: `p` is not in [0, 1], or a parameter is not positive and finite.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p!r}; from 0 to 1 is needed")
    if p in (0, 1):
        return float(p)
    low, high = 0.0, 1.0
    # Between two neighbouring floats there is no middle: as near to zero as it gets.
    while high - low > 1e-14 * high and low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if incomplete_beta(middle, a, b) < p else (low, middle)
    return high


def student_t(level: float, degrees: int) -> float:
    """Return the t with P(|T| <= t) = level: degrees / (degrees + T**2) is Beta(degrees / 2, 1/2)."""
    if degrees > 100_000:
        return NormalDist().inv_cdf((1 + level) / 2)  # the relative difference is (z**2 + 1) / (4 degrees) < 1e-4
    share = inverse_incomplete_beta(1 - level, degrees / 2, 0.5)
    return math.sqrt(degrees * (1 - share) / share)


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _nonzero(1 - (a + b) * x / (a + 1))
    value = d
    # 100: small parameters need some terms too; 20: measured, the factor is below 5 up to a + b = 1e8.
    for m in range(1, 100 + int(20 * math.sqrt(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _nonzero(1 + even * d)
        c = _nonzero(1 + even / c)
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _nonzero(1 + odd * d)
        c = _nonzero(1 + odd / c)
        value *= c * d
        if abs(c * d - 1) < 3e-15:
            return value
    raise ArithmeticError(f"no convergence at x = {x}, a = {a}, b = {b}")  # pragma: no cover - none is known


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300  # any tiny number can stand in for a denominator of zero


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
