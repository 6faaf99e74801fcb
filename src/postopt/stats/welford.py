"""Mean, variance and interval of the mean, in one pass."""

from __future__ import annotations

import math

from postopt.stats.beta import student_t
from postopt.stats.checks import check_finite, check_level, check_not_empty
from postopt.stats.interval import Interval


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
        check_finite("value", value)
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
        # In this order a large mean that joins an empty one does not overflow.
        self._squares += other._squares + delta * (delta * self.n * other.n / n)
        self._mean += delta * other.n / n
        self.n = n

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        check_not_empty(self.n)
        return self._mean

    @property
    def variance(self) -> float:
        """The unbiased sample variance, divided by n - 1; needs two observations."""
        check_not_empty(self.n, at_least=2)
        return self._squares / (self.n - 1)

    def interval(self, level: float = 0.95) -> Interval:
        """Return Student's t interval of the mean; needs two observations.

        It is exact for normal values and close for means of many others; for few or strongly skewed values (money,
        reach) it covers less than it says.
        """
        check_level(level)
        half = math.sqrt(self.variance / self.n) * student_t(level, self.n - 1)
        return Interval(self._mean - half, self._mean + half, level, self.n)
