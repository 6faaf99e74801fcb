"""How long a batch takes, fitted to those that were run."""

from __future__ import annotations

import math


class BatchCost:
    """Fits seconds = a n + b to batches of size n, by least squares that forget.

    Each batch weighs `forgetting` times the one after it; with 0.95 that is about the last 20. Exponentially weighted
    sums are kept, which is the same as recursive least squares with forgetting (L. Ljung, "System Identification",
    1999, section 11.2) and cannot drift.

    Guards: neither a nor b is ever negative; where the fit would have one below zero it is fitted without it. While all
    batches were of one size, which says nothing about a and b apart, a smaller batch is taken to cost as much, and a
    larger one in proportion.

    Args:
        forgetting: above 0, at most 1 (0.95 is arbitrary).
    """

    __slots__ = ("_forgetting", "_n", "_nn", "_nt", "_t", "_w")

    def __init__(self, forgetting: float = 0.95) -> None:
        self._forgetting = forgetting
        self._w = self._n = self._nn = self._t = self._nt = 0.0

    def update(self, n: float, seconds: float) -> None:
        """Take one batch; one that cannot be (of no size, or over before it began) is left out."""
        if not (0 < n < math.inf and 0 <= seconds < math.inf):
            return
        keep = self._forgetting
        self._w = self._w * keep + 1.0
        self._n = self._n * keep + n
        self._nn = self._nn * keep + n * n
        self._t = self._t * keep + seconds
        self._nt = self._nt * keep + n * seconds

    def line(self) -> tuple[float, float]:
        """Return a and b; before the first batch, both are 0."""
        if not self._w:
            return 0.0, 0.0
        spread = self._spread()
        if not spread:
            return 0.0, self._t / self._w
        a = (self._w * self._nt - self._n * self._t) / spread
        b = (self._t - a * self._n) / self._w
        if a < 0:
            return 0.0, self._t / self._w
        if b < 0:
            return self._nt / self._nn, 0.0
        return a, b

    def seconds(self, n: float) -> float:
        """Return how long a batch of size n takes, or 0 while nobody knows."""
        a, b = self.line()
        if self._w and not self._spread():
            return b * max(1.0, n * self._w / self._n)
        return a * n + b

    def _spread(self) -> float:
        """Return the variance of the sizes, times the weight squared; 0 if it is but rounding."""
        spread = self._w * self._nn - self._n * self._n
        return spread if spread > 1e-9 * self._w * self._nn else 0.0
