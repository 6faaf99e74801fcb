"""What counts say about the rates of the arms of one experiment, given what past experiments taught."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from postopt._checks import check_positive
from postopt.errors import OutcomeError, shown

Array = npt.NDArray[np.float64]

_LEAST_RATE = 1e-9  # a rate of zero would claim that nothing can be uncertain
# Degrees of freedom of the level's prior: 4 are usual where a prior has to give way to outcomes that contradict it.
_FREEDOM = 4.0
_ROUNDS = 4  # of Fisher scoring, from a start that is near already; arbitrary
_LONGEST_STEP = 2.0  # of a round, in log-odds: a linear step from far away may lead further away


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
        level: mean rate of the experiment; last axis of length 1, as of the next two.
        level_variance: its variance.
        kappa: observations of an arm that weigh as much as the level does.
    """

    mean: Array
    variance: Array
    share: Array
    level: Array
    level_variance: Array
    kappa: Array

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

    All of it is on the scale of log-odds, so that it means the same at 1 % as at 90 %. The level of an experiment is
    that of `rate` plus a deviation from Student's t with 4 degrees of freedom and scale `spread`: with its heavy tails
    a rate that outcomes contradict gives way to them. Arm i is at the level plus shift[i] plus a normal deviation of
    standard deviation `deviation`. It works on one experiment, or on many of as many arms at once: all arrays end with
    an axis of arms.

    Attributes:
        rate: successes per observation that experiments of this host have, the median.
        spread: scale of the log-odds of the level, from one experiment to another.
        kappa: observations of an arm that weigh as much as the level of an experiment that has `rate`, as in
            Beta(kappa m, kappa (1 - m)).
        traffic: observations that an experiment usually gets in all.
        shift: log-odds expected of each arm above the level, by its text; None if nothing is expected.

    Raises:
        ValueError: a number is not positive and finite, or a shift is not finite.
    """

    rate: float = 0.015
    spread: float = 0.65
    kappa: float = 1_500.0
    traffic: float = 15_000.0
    shift: Array | None = field(default=None)

    def __post_init__(self) -> None:
        check_positive("rate", self.rate, "successes per observation")
        check_positive("spread", self.spread, "log-odds")
        for name in ("kappa", "traffic"):
            check_positive(name, getattr(self, name), "observations")
        if self.rate >= 1:
            raise ValueError(f"rate is {shown(self.rate)}; less than one success per observation is needed")
        if self.shift is not None and not np.all(np.isfinite(self.shift)):
            raise ValueError(f"shift is {shown(self.shift)}; finite numbers are needed")

    @property
    def deviation(self) -> float:
        """Standard deviation of the log-odds of arms around their level; 1 / deviation**2 = kappa rate (1 - rate)."""
        return 1 / math.sqrt(self.kappa * self.rate * (1 - self.rate))

    def posterior(self, n: Array, successes: Array) -> Posterior:
        """Return what these outcomes say.

        Level: the mode, by Fisher scoring from the pooled rate. Each arm weighs by the inverse of deviation plus noise,
        both in log-odds; the prior by that of Student's t (K. L. Lange, R. J. A. Little and J. M. G. Taylor, JASA
        84(408), 1989). Arms: a Beta of that level and of the concentration that `deviation` is there, and its
        conjugate update. Observations that did not come yet count as nothing.
        """
        shift = np.zeros(n.shape[-1]) if self.shift is None else self.shift
        usual = math.log(self.rate / (1 - self.rate))
        start = (successes.sum(-1, keepdims=True) + self.rate) / (n.sum(-1, keepdims=True) + 1)
        at = _log_odds(start)
        precision = np.ones_like(at)
        for _ in range(_ROUNDS):
            expected = _rates(at + shift)
            noise = expected * (1 - expected)
            weight = n / (n * self.deviation**2 + 1 / noise)
            prior = (_FREEDOM + 1) / (_FREEDOM * self.spread**2 + (at - usual) ** 2)
            precision = weight.sum(-1, keepdims=True) + prior
            behind = np.divide(successes, n, out=expected.copy(), where=n > 0) - expected
            step = (weight * behind / noise).sum(-1, keepdims=True) - prior * (at - usual)
            at = at + np.clip(step / precision, -_LONGEST_STEP, _LONGEST_STEP)
        level, expected = _rates(at), _rates(at + shift)
        noise = level * (1 - level)
        kappa = 1 / (self.deviation**2 * noise)
        own = expected * (1 - expected) / noise
        mean = (kappa * expected + successes) / (kappa + n)
        return Posterior(mean, noise / (kappa + n), kappa / (kappa + n) * own, level, noise**2 / precision, kappa)

    def beta(self, counts: npt.ArrayLike) -> tuple[Array, Array]:
        """Return the parameters (a, b) of each arm's posterior Beta distribution, the level taken for known."""
        n, successes = read_counts(counts)
        found = self.posterior(n, successes)
        expected = found.mean * (found.kappa + n) - successes  # kappa times the arm's rate by the level alone
        expected = np.clip(expected, _LEAST_RATE, found.kappa - _LEAST_RATE)
        return expected + successes, found.kappa - expected + n - successes


def _log_odds(rate: Array) -> Array:
    rate = np.clip(rate, _LEAST_RATE, 1 - _LEAST_RATE)
    return np.asarray(np.log(rate / (1 - rate)))


def _rates(log_odds: Array) -> Array:
    return np.asarray(np.clip(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))), _LEAST_RATE, 1 - _LEAST_RATE))
