"""What is known about a rate: a posterior that is updated, and the score interval of a count."""

from __future__ import annotations

import math
from statistics import NormalDist

from postopt.stats.beta import inverse_incomplete_beta
from postopt.stats.checks import check_finite, check_level, check_not_empty
from postopt.stats.interval import Interval


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
        """The posterior's first parameter, prior and successes."""
        return self._prior[0] + self._successes

    @property
    def beta(self) -> float:
        """The posterior's second parameter, prior and failures."""
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
        check_level(level)
        tail = (1 - level) / 2
        # The upper bound by symmetry: near 1 it keeps its distance from 1 to full precision.
        high = 1 - inverse_incomplete_beta(tail, self.beta, self.alpha)
        return Interval(self.quantile(tail), high, level, self.n)


def wilson_interval(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return the score interval of a proportion: stays in [0, 1] and holds at 0 and at n successes.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    check_level(level)
    check_finite("n", n)
    check_not_empty(n)
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
