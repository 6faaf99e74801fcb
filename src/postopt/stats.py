"""Streaming numbers: what can be said about values that arrive one by one and are not kept.

Every class counts its observations in `n`, takes them with `update`, joins two of its kind with `merge` (as if one
had seen what both saw), refuses values that are not finite with ValueError and has no answer before the first
observation (ValueError). Time is an argument. Nothing here is thread-safe.
"""

from __future__ import annotations

import math
import sys
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """Bounds that hold with probability `level`, from `n` observations."""

    low: float
    high: float
    level: float
    n: float


class EWMA:
    """A mean in which an observation loses half its weight every `half_life` seconds.

    The mean is the weighted mean of all observations, the weights being 2 ** (-age / half_life), so it is unbiased
    from the first one on and needs no start value. An observation may arrive late: it gets the weight of its age.
    """

    __slots__ = ("_at", "_mean", "_weight", "half_life", "n")

    def __init__(self, half_life: float) -> None:
        if not 0 < half_life < math.inf:
            raise ValueError(f"half_life is {half_life!r}; seconds, more than zero, are needed")
        self.half_life = half_life
        self.n = 0
        self._mean = 0.0
        self._weight = 0.0
        self._at = -math.inf

    def update(self, value: float, at: float) -> None:
        """Take one observation, made at `at` seconds on any one clock."""
        _check_finite("value", value)
        _check_finite("at", at)
        self._add(value, 1.0, at)
        self.n += 1

    def merge(self, other: EWMA) -> None:
        """Take all that `other` has seen; both need the same half-life and clock."""
        if other.half_life != self.half_life:
            raise ValueError(f"half-lives differ: {self.half_life!r} and {other.half_life!r}")
        if other.n:
            self._add(other._mean, other._weight, other._at)
            self.n += other.n

    @property
    def mean(self) -> float:
        """The weighted mean; it does not change while nothing arrives."""
        _check_not_empty(self.n)
        return self._mean

    def weight(self, at: float) -> float:
        """Return how many observations made at `at` would weigh as much as all so far (0 if there are none)."""
        return self._weight * self._decay(at - self._at) if self.n else 0.0

    def _add(self, mean: float, weight: float, at: float) -> None:
        if at >= self._at:
            self._weight *= self._decay(at - self._at)
            self._at = at
        else:
            weight *= self._decay(self._at - at)
        total = self._weight + weight
        share = weight / total
        # A convex combination, not a correction by the difference: the difference of two floats can overflow.
        self._mean = self._mean * (1.0 - share) + mean * share
        self._weight = total

    def _decay(self, age: float) -> float:
        return math.exp2(-age / self.half_life)


class Welford:
    """Mean and variance in one pass, without the cancellation of sums of squares.

    Source: B. P. Welford, Technometrics 4(3), 1962, 419-420; the merge is from Chan, Golub and LeVeque, "Updating
    formulae and a pairwise algorithm for computing sample variances", COMPSTAT 1982. Magnitudes beyond 1e150
    overflow: the variance becomes infinite or NaN.
    """

    __slots__ = ("_mean", "_squares", "n")

    def __init__(self) -> None:
        self.n = 0
        self._mean = 0.0
        self._squares = 0.0

    def update(self, value: float) -> None:
        """Take one observation."""
        _check_finite("value", value)
        self.n += 1
        delta = value - self._mean
        self._mean += delta / self.n
        self._squares += delta * (value - self._mean)

    def merge(self, other: Welford) -> None:
        """Take all that `other` has seen."""
        n = self.n + other.n
        if not other.n:
            return
        delta = other._mean - self._mean
        self._squares += other._squares + delta * delta * self.n * other.n / n
        self._mean += delta * other.n / n
        self.n = n

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        _check_not_empty(self.n)
        return self._mean

    @property
    def variance(self) -> float:
        """The unbiased sample variance, divided by n - 1; needs two observations."""
        _check_not_empty(self.n, at_least=2)
        return self._squares / (self.n - 1)

    def interval(self, level: float = 0.95) -> Interval:
        """Return Student's t interval of the mean; needs two observations.

        It is exact for normal values and close for means of many others; for few or strongly skewed values (money,
        reach) it covers less than it says.
        """
        _check_level(level)
        half = math.sqrt(self.variance / self.n) * _student_t(level, self.n - 1)
        return Interval(self._mean - half, self._mean + half, level, self.n)


class QuantileSketch:
    """Quantiles of a stream within a stated relative error, in bounded memory (DDSketch).

    Idea: a value x > 0 is counted in bucket ceil(log(x) / log(g)) with g = (1 + e) / (1 - e). Bucket i spans
    (g**(i-1), g**i], and its middle 2 g**i / (g + 1) is within a share e of everything in it. Negative values have
    buckets of their own, by magnitude; zero has a count. Minimum and maximum are kept exactly.

    Error: `quantile(q)` is within `relative_error` of the value at rank floor(q * (n - 1)), counted from 0 in
    sorted order, unless that value's bucket was collapsed: of each sign only the `max_buckets` buckets of largest
    magnitude in use are kept, and what is smaller counts as the smallest of them. 2048 buckets at 1 % span a factor
    of 1e17. Both the bound and the collapse are the same however the stream is cut: sketches that are merged equal
    the sketch of all values, in any order.

    Source: C. Masson, J. E. Rim and H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
    relative-error guarantees", PVLDB 12(12), 2019, 2195-2205.
    """

    __slots__ = ("_log_base", "_maximum", "_minimum", "_negative", "_positive", "_zeros", "max_buckets", "n",
                 "relative_error")  # fmt: skip

    def __init__(self, relative_error: float = 0.01, max_buckets: int = 2048) -> None:
        if not 0 < relative_error < 1:
            raise ValueError(f"relative_error is {relative_error!r}; a share between 0 and 1 is needed")
        if max_buckets < 1:
            raise ValueError(f"max_buckets is {max_buckets!r}; at least 1 is needed")
        self.relative_error = relative_error
        self.max_buckets = max_buckets
        self.n = 0
        self._log_base = math.log1p(relative_error) - math.log1p(-relative_error)
        self._positive: dict[int, int] = {}
        self._negative: dict[int, int] = {}
        self._zeros = 0
        self._minimum = math.inf
        self._maximum = -math.inf

    def update(self, value: float) -> None:
        """Take one observation."""
        _check_finite("value", value)
        self.n += 1
        self._minimum = min(self._minimum, value)
        self._maximum = max(self._maximum, value)
        if value == 0:
            self._zeros += 1
            return
        buckets = self._positive if value > 0 else self._negative
        self._count(buckets, math.ceil(math.log(abs(value)) / self._log_base), 1)

    def merge(self, other: QuantileSketch) -> None:
        """Take all that `other` has seen; both need the same error and number of buckets."""
        if (other.relative_error, other.max_buckets) != (self.relative_error, self.max_buckets):
            raise ValueError("sketches of different relative_error or max_buckets cannot be merged")
        for mine, theirs in ((self._positive, other._positive), (self._negative, other._negative)):
            for index, count in list(theirs.items()):
                self._count(mine, index, count)
        self.n += other.n
        self._zeros += other._zeros
        self._minimum = min(self._minimum, other._minimum)
        self._maximum = max(self._maximum, other._maximum)

    def quantile(self, q: float) -> float:
        """Return the value below which a share `q` of the observations lies; 0 and 1 give minimum and maximum."""
        if not 0 <= q <= 1:
            raise ValueError(f"q is {q!r}; a share from 0 to 1 is needed")
        _check_not_empty(self.n)
        if q in (0, 1):
            return self._minimum if q == 0 else self._maximum
        return min(max(self._at_rank(math.floor(q * (self.n - 1))), self._minimum), self._maximum)

    def _at_rank(self, rank: int) -> float:
        for index in sorted(self._negative, reverse=True):
            rank -= self._negative[index]
            if rank < 0:
                return -self._middle(index)
        rank -= self._zeros
        if rank < 0:
            return 0.0
        for index in sorted(self._positive):
            rank -= self._positive[index]
            if rank < 0:
                return self._middle(index)
        return self._maximum  # pragma: no cover - the counts add up to n

    def _middle(self, index: int) -> float:
        # In logarithms, because g**index overflows for values near the largest float.
        log = index * self._log_base + math.log1p(-self.relative_error)
        return math.exp(min(log, math.log(sys.float_info.max)))

    def _count(self, buckets: dict[int, int], index: int, count: int) -> None:
        if index in buckets:
            buckets[index] += count
            return
        if len(buckets) < self.max_buckets:
            buckets[index] = count
            return
        lowest = min(buckets)
        if index < lowest:
            buckets[lowest] += count
            return
        collapsed = buckets.pop(lowest)
        buckets[index] = count
        buckets[min(buckets)] += collapsed


class BetaPosterior:
    """What is known about a rate after successes and failures, from a Beta(alpha, beta) prior.

    The default prior is uniform (Bayes-Laplace); 0.5, 0.5 is Jeffreys'.
    """

    __slots__ = ("_failures", "_prior", "_successes")

    def __init__(self, alpha: float = 1.0, beta: float = 1.0) -> None:
        if not (0 < alpha < math.inf and 0 < beta < math.inf):
            raise ValueError(f"the prior is Beta({alpha!r}, {beta!r}); both must be more than zero")
        self._prior = (alpha, beta)
        self._successes = 0.0
        self._failures = 0.0

    def update(self, successes: float = 0.0, failures: float = 0.0) -> None:
        """Take outcomes; parts of one are allowed (discounted or shared credit)."""
        if not (0 <= successes < math.inf and 0 <= failures < math.inf):
            raise ValueError(f"outcomes are counts, zero or more; got {successes!r} and {failures!r}")
        self._successes += successes
        self._failures += failures

    def merge(self, other: BetaPosterior) -> None:
        """Take all that `other` has seen; both need the same prior, which counts once."""
        if other._prior != self._prior:
            raise ValueError(f"priors differ: {self._prior} and {other._prior}")
        self.update(other._successes, other._failures)

    @property
    def n(self) -> float:
        """Outcomes seen, the prior not counted."""
        return self._successes + self._failures

    @property
    def alpha(self) -> float:
        """First parameter of the posterior: prior and successes."""
        return self._prior[0] + self._successes

    @property
    def beta(self) -> float:
        """Second parameter of the posterior: prior and failures."""
        return self._prior[1] + self._failures

    @property
    def mean(self) -> float:
        """The posterior mean; the prior's where nothing was seen."""
        return self.alpha / (self.alpha + self.beta)

    def quantile(self, q: float) -> float:
        """Return the rate below which the true one lies with probability `q`."""
        return inverse_incomplete_beta(q, self.alpha, self.beta)

    def interval(self, level: float = 0.95) -> Interval:
        """Return the central credible interval: the same probability lies below it and above it."""
        _check_level(level)
        tail = (1 - level) / 2
        # The upper bound by symmetry: near 1 it keeps its distance from 1 to full precision.
        high = 1 - inverse_incomplete_beta(tail, self.beta, self.alpha)
        return Interval(self.quantile(tail), high, level, self.n)


def wilson_interval(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return the score interval of a proportion: stays in [0, 1] and holds at 0 and at n successes.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    _check_level(level)
    _check_finite("n", n)
    _check_not_empty(n)
    if not 0 <= successes <= n:
        raise ValueError(f"successes is {successes!r}; from 0 to n = {n!r} are possible")
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / n
    centre = rate + z * z / (2 * n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if successes == n else min(1.0, (centre + half) / scale)
    return Interval(low, high, level, n)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b): the Beta(a, b) distribution function at x.

    The continued fraction of NIST DLMF 8.17.22, evaluated by Lentz's method as modified by Thompson and Barnett
    (Journal of Computational Physics 64, 1986), on the side of the mean where it converges in O(sqrt(max(a, b)))
    terms (DLMF 8.17.4 gives the other side). Relative error about 1e-14 times the size of log Gamma(a + b).
    """
    if not 0 <= x <= 1:
        raise ValueError(f"x is {x!r}; from 0 to 1 is needed")
    if x in (0, 1):
        return float(x)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    log_front = a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b)
    return min(1.0, math.exp(log_front) / a * _beta_fraction(x, a, b))


def inverse_incomplete_beta(p: float, a: float, b: float) -> float:
    """Return the x with I_x(a, b) = p, the Beta(a, b) quantile, to a relative 1e-14 (by bisection)."""
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p!r}; from 0 to 1 is needed")
    if p in (0, 1):
        return float(p)
    low, high = 0.0, 1.0
    # Between two neighbouring floats there is no middle: as near to zero as it gets.
    while high - low > 1e-14 * high and low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if incomplete_beta(middle, a, b) < p else (low, middle)
    return high


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


def _student_t(level: float, degrees: int) -> float:
    """Return the t with P(|T| <= t) = level: degrees / (degrees + T**2) is Beta(degrees / 2, 1/2)."""
    if degrees > 100_000:
        return NormalDist().inv_cdf((1 + level) / 2)  # the relative difference is (z**2 + 1) / (4 degrees) < 1e-4
    share = inverse_incomplete_beta(1 - level, degrees / 2, 0.5)
    return math.sqrt(degrees * (1 - share) / share)


def _check_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; a finite number is needed")


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; a probability between 0 and 1 is needed, such as 0.95")


def _check_not_empty(n: float, at_least: int = 1) -> None:
    if n < at_least:
        raise ValueError(f"{n} observations; at least {at_least} needed")
