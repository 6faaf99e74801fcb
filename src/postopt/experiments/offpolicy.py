"""What another policy would have earned, estimated from what was logged under this one.

Each estimate weights an outcome by how much more, or less, often the other policy would have made that decision. Where
successes are rare these estimates are wide: they are for the question whether a test is worth it. They never promote
anything by themselves.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from postopt.errors import OutcomeError, shown
from postopt.experiments.posterior import Array
from postopt.stats.checks import check_level
from postopt.stats.interval import Interval


class OffPolicyEstimate(NamedTuple):
    """The mean reward another policy would have had.

    Attributes:
        value: the estimate.
        interval: around it, at the level asked for, normal; too narrow where `effective_n` is small.
        n: decisions it rests on.
        effective_n: (sum of weights)**2 / (sum of squared weights): as many decisions of the other policy itself would
            say as much.
        mean_weight: near 1 if the log covers what the other policy does; far below, it takes arms that were not tried.
    """

    value: float
    interval: Interval
    n: int
    effective_n: float
    mean_weight: float


def ips(
    rewards: npt.ArrayLike, propensities: npt.ArrayLike, target: npt.ArrayLike, *, level: float = 0.95
) -> OffPolicyEstimate:
    """Return the inverse-propensity estimate: the mean of weight * reward. Unbiased; wide.

    Source: D. G. Horvitz and D. J. Thompson, JASA 47(260), 1952, 663-685.

    Args:
        rewards: of each decision.
        propensities: with which the logged arm was chosen.
        target: the probability with which the other policy chooses that arm.
        level: of the interval.

    Raises:
        OutcomeError: lengths differ, there are fewer than two rows, or a number cannot be.
    """
    reward, weight = _read(rewards, propensities, target)
    return _estimate(weight * reward, weight, level)


def snips(
    rewards: npt.ArrayLike, propensities: npt.ArrayLike, target: npt.ArrayLike, *, level: float = 0.95
) -> OffPolicyEstimate:
    """Return the self-normalised estimate: sum of weight * reward over sum of weights. A little biased, narrower.

    The interval is that of the ratio (delta method). Source: A. Swaminathan and T. Joachims, "The self-normalized
    estimator for counterfactual learning", NeurIPS 2015. Arguments and errors as in `ips`.

    Raises:
        OutcomeError: as `ips`; or the other policy makes none of these decisions.
    """
    reward, weight = _read(rewards, propensities, target)
    if not weight.any():
        raise OutcomeError("the other policy makes none of the logged decisions; nothing can be said of it")
    value = float(np.sum(weight * reward) / np.sum(weight))
    return _estimate(value + weight * (reward - value) / weight.mean(), weight, level)


def doubly_robust(
    rewards: npt.ArrayLike,
    propensities: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    predicted: npt.ArrayLike,
    expected: npt.ArrayLike,
    level: float = 0.95,
) -> OffPolicyEstimate:
    """Return the doubly robust estimate: the model's expectation, plus the weighted mean of its errors.

    Right if either the propensities or the model are. Source: M. Dudik, J. Langford and L. Li, "Doubly robust policy
    evaluation and learning", ICML 2011. The model must not have been fitted on these rows.

    Args:
        rewards: as in `ips`.
        propensities: as in `ips`.
        target: as in `ips`.
        predicted: the reward a model expects of the arm that was logged.
        expected: the reward the model expects of the other policy at that decision, over all arms.
        level: of the interval.

    Raises:
        OutcomeError: as `ips`.
    """
    reward, weight = _read(rewards, propensities, target)
    logged, other = _column("predicted", predicted, len(reward)), _column("expected", expected, len(reward))
    return _estimate(other + weight * (reward - logged), weight, level)


def _estimate(terms: Array, weight: Array, level: float) -> OffPolicyEstimate:
    check_level(level)
    n = len(terms)
    value = float(terms.mean())
    margin = NormalDist().inv_cdf((1 + level) / 2) * float(terms.std(ddof=1)) / math.sqrt(n)
    squares = float(np.sum(weight**2))
    effective = float(np.sum(weight)) ** 2 / squares if squares else 0.0
    interval = Interval(value - margin, value + margin, level, n)
    return OffPolicyEstimate(value, interval, n, effective, float(weight.mean()))


def _read(rewards: npt.ArrayLike, propensities: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Array, Array]:
    reward = _column("rewards", rewards, None)
    logged, other = _column("propensities", propensities, len(reward)), _column("target", target, len(reward))
    if len(reward) < 2:
        raise OutcomeError(f"{len(reward)} decisions; two or more are needed for an interval")
    if np.any(logged <= 0) or np.any(logged > 1):
        raise OutcomeError("propensities must be above 0 and at most 1: what could not happen cannot be in a log")
    if np.any(other < 0) or np.any(other > 1):
        raise OutcomeError("target must be probabilities")
    return reward, other / logged


def _column(name: str, values: npt.ArrayLike, length: int | None) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OutcomeError(f"{name} are {shown(values)}; one number for each decision is needed") from error
    if array.ndim != 1 or (length is not None and len(array) != length) or not np.all(np.isfinite(array)):
        raise OutcomeError(f"{name} have shape {array.shape}; one finite number for each decision is needed")
    return array
