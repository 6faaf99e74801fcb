"""What counts say about the rates of the arms of one experiment, given what past experiments taught."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from postopt._checks import check_positive
from postopt.errors import OutcomeError, shown

Array = npt.NDArray[np.float64]

_LEAST_RATE = 1e-9  # a rate of zero would claim that nothing can be uncertain


def read_counts(counts: npt.ArrayLike) -> tuple[Array, Array]:
    """Return n and successes of counts (..., arms, 2).

    Raises:
        OutcomeError: they are no counts: another shape, negative, not finite, or more successes than observations.
        ValueError: there is no arm.
    """
    try:
        array = np.asarray(counts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OutcomeError(
            f"counts are {shown(counts)}; an array of (n, successes), one for each arm, is needed"
        ) from error
    if array.ndim < 2 or array.shape[-1] != 2:
        raise OutcomeError(f"counts have shape {array.shape}; (..., arms, 2) is needed: (n, successes) of each arm")
    if array.shape[-2] == 0:
        raise ValueError("counts are of no arm; one or more is needed")
    n, successes = array[..., 0], array[..., 1]
    if not (np.all(successes >= 0) and np.all(successes <= n) and np.all(np.isfinite(n))):
        raise OutcomeError("counts must be finite, not negative, and no more successes than observations")
    return n, successes


class Posterior(NamedTuple):
    """Rates of the arms, approximately normal.

    Attributes:
        mean: of each arm's rate.
        variance: of each arm's rate, the level of the experiment given.
        share: of each arm's expected rate that comes from that level, not from the arm's own outcomes.
        level: mean rate of the experiment, and its variance; last axis of length 1.
    """

    mean: Array
    variance: Array
    share: Array
    level: Array
    level_variance: Array

    def gaps(self) -> Array:
        """Return by how many standard deviations each arm is expected to be behind the leader; 0 for the leader.

        The standard deviation is that of the difference. What is unknown about the level is common to all arms and
        cancels as far as both lean on it alike.
        """
        leader = self.mean.argmax(-1)[..., None]
        behind = np.take_along_axis(self.mean, leader, -1) - self.mean
        common = (self.share - np.take_along_axis(self.share, leader, -1)) ** 2 * self.level_variance
        spread = self.variance + np.take_along_axis(self.variance, leader, -1) + common
        return np.asarray(behind / np.sqrt(spread))


@dataclass(frozen=True, slots=True)
class ArmPrior:
    """What is known of the arms of an experiment before their first outcome.

    The rate of arm i is level * (1 + lift[i]) plus a deviation of variance level * (1 - level) / kappa; the level of
    the experiment is `rate`, give or take what `strength` observations leave open. It works on one experiment, or on
    many of as many arms at once: all arrays end with an axis of arms.

    Attributes:
        rate: successes per observation that experiments of this host have on average.
        strength: observations that knowing `rate` is worth, as to the level of this experiment.
        kappa: observations of an arm that weigh as much as the experiment's level, as in Beta(kappa m, kappa (1 - m)).
        traffic: observations that an experiment usually gets in all.
        lift: expected relative difference of each arm from the level, by its text; None if nothing is expected.

    Raises:
        ValueError: a number is not positive and finite, or a lift is not above -1.
    """

    rate: float = 0.015
    strength: float = 200.0
    kappa: float = 2_000.0
    traffic: float = 15_000.0
    lift: Array | None = field(default=None)

    def __post_init__(self) -> None:
        check_positive("rate", self.rate, "successes per observation")
        for name in ("strength", "kappa", "traffic"):
            check_positive(name, getattr(self, name), "observations")
        if self.rate >= 1:
            raise ValueError(f"rate is {shown(self.rate)}; less than one success per observation is needed")
        if self.lift is not None and not np.all((self.lift > -1) & np.isfinite(self.lift)):
            raise ValueError(f"lift is {shown(self.lift)}; finite numbers above -1 are needed")

    def posterior(self, n: Array, successes: Array) -> Posterior:
        """Return what these outcomes say.

        Level: generalised least squares over the arms, each weighted by the inverse of deviation plus noise, with
        `rate` as one more observation. Two rounds, since the variances depend on the level; in simulated tests a third
        changed it by less than 1 % in 99 of 100. Arms: the usual normal shrinkage towards the level. Observations that
        did not come yet count as nothing.
        """
        lift = np.zeros(n.shape[-1]) if self.lift is None else self.lift
        expected = 1 + lift
        prior_weight = self.strength / (self.rate * (1 - self.rate))
        total = n.sum(-1, keepdims=True) + self.strength
        level = (successes.sum(-1, keepdims=True) + self.rate * self.strength) / total
        precision = np.full_like(level, prior_weight)
        for _ in range(2):
            noise = np.maximum(level * (1 - level), _LEAST_RATE)
            weight = n / (noise * (n / self.kappa + 1))
            observed = np.divide(successes, n, out=np.zeros_like(successes), where=n > 0)
            precision = (weight * expected**2).sum(-1, keepdims=True) + prior_weight
            level = ((weight * expected * observed).sum(-1, keepdims=True) + prior_weight * self.rate) / precision
            level = np.clip(level, _LEAST_RATE, 1 - _LEAST_RATE)
        noise = np.maximum(level * (1 - level), _LEAST_RATE)
        share = self.kappa / (self.kappa + n)
        mean = (self.kappa * level * expected + successes) / (self.kappa + n)
        return Posterior(mean, noise / (self.kappa + n), share * expected, level, 1 / precision)

    def beta(self, counts: npt.ArrayLike) -> tuple[Array, Array]:
        """Return the parameters (a, b) of each arm's posterior Beta distribution, the level taken for known."""
        n, successes = read_counts(counts)
        level = self.posterior(n, successes).level
        lift = np.zeros(n.shape[-1]) if self.lift is None else self.lift
        mean = np.clip(level * (1 + lift), _LEAST_RATE, 1 - _LEAST_RATE)
        return self.kappa * mean + successes, self.kappa * (1 - mean) + n - successes
