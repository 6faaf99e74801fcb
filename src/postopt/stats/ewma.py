"""A mean that forgets."""

from __future__ import annotations

import math

from postopt.stats.checks import check_finite, check_not_empty


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
        check_finite("value", value)
        check_finite("at", at)
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
        check_not_empty(self.n)
        return self._mean

    def weight(self, at: float) -> float:
        """Return how many observations made at `at` would weigh as much as all so far (0 if there are none).

        An `at` long before the latest observation may answer infinity.
        """
        check_finite("at", at)
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
        try:
            return math.exp2(-age / self.half_life)
        except OverflowError:
            return math.inf
