"""How a feature and success go together within contrasts: effect, standard error, and what of it carries over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from postopt.experiments.contrasts import Contrasts, Indices, Vector
from postopt.stats.interval import Interval

# Fewer independent contrasts than that in which a feature varies say nothing that a normal distribution describes;
# a rule of thumb (A. C. Cameron and D. L. Miller, Journal of Human Resources 50(2), 2015, 317-372, section VI).
LEAST_CONTRASTS = 20

# What the sandwich is at least, as a share of the error that the rows' own variances give. Counts that are more alike
# than a sample can be (rounded, copied) would make it as small as one likes; a half is arbitrary.
_LEAST_ERROR = 0.5

_NORMAL = NormalDist()


class Effect(NamedTuple):
    """What one set of contrasts says of a feature.

    Attributes:
        log_odds: of a success, with the feature less without it, within a contrast.
        error: its standard error, robust to whatever the texts of related contrasts have in common.
        n: contrasts in which the feature varies.
        clusters: how many independent ones these are worth, 1 or more.
    """

    log_odds: float
    error: float
    n: int
    clusters: float

    @property
    def p_value(self) -> float:
        """Two-sided, against no effect, by Student's t with `clusters` - 1 degrees of freedom."""
        return 2 * (1 - _NORMAL.cdf(abs(_as_normal(self.log_odds / self.error, self.clusters - 1))))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The interval that covers the log-odds in a share 1 - `alpha` of all such sets."""
        half = _as_student(_NORMAL.inv_cdf(1 - alpha / 2), self.clusters - 1) * self.error
        return self.log_odds - half, self.log_odds + half


def effects(data: Contrasts, features: Vector, spread: float) -> list[Effect | None]:
    """Return the effect of each feature (a column of 0 and 1, a row for each text); None where too little varies.

    Each is the slope of a regression of the log-odds on that feature alone with a mean of its own for each contrast,
    rows weighted by 1 / (variance + `spread`^2). Contrasts that share a text, directly or through others, are one
    cluster; with G clusters the variance is the sandwich times G / (G - 1), but for counts that are too alike for that.

    Source: K.-Y. Liang and S. L. Zeger, Biometrika 73(1), 1986, 13-22. The clusters a set is worth are
    (sum of their information)^2 / (sum of its squares).
    """
    weights = 1 / (data.variance + spread**2)
    effect = data.centred(data.effect, weights)
    cluster = np.unique(data.component[data.group], return_inverse=True)[1].astype(np.int64)
    return [_effect(data, column, effect, weights, cluster) for column in features.T]


def _effect(data: Contrasts, column: Vector, effect: Vector, weights: Vector, cluster: Indices) -> Effect | None:
    x = data.centred(column, weights)
    x[np.abs(x) < 1e-9] = 0.0
    varies = int(np.count_nonzero(data.sums(np.abs(x))))
    information = np.bincount(cluster, weights * x * x)
    total = float(np.sum(information))
    if varies < LEAST_CONTRASTS or total <= 0:
        return None
    slope = float(np.sum(weights * x * effect)) / total
    scores = np.bincount(cluster, weights * x * (effect - slope * x))
    used = int(np.count_nonzero(information))
    worth = total**2 / float(np.sum(information**2))
    if used < 2 or worth < 2:
        return None
    sandwich = math.sqrt(float(np.sum(scores**2)) * used / (used - 1)) / total
    return Effect(slope, max(sandwich, _LEAST_ERROR / math.sqrt(total)), varies, worth)


def discoveries(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Return which hypotheses to reject so that a share of at most `alpha` of these is true (Benjamini-Hochberg).

    Source: Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57(1), 1995, 289-300.
    """
    ranked = sorted(p_values)
    limit = max((p for rank, p in enumerate(ranked, 1) if p <= alpha * rank / len(ranked)), default=-1.0)
    return [p <= limit for p in p_values]


def pooled(evidence: Sequence[tuple[Effect, float]]) -> Effect:
    """Return what several sets say together, each with the share of its weight that it still has."""
    weights = [share / effect.error**2 for effect, share in evidence]
    total = math.fsum(weights)
    mean = math.fsum(weight * effect.log_odds for weight, (effect, _) in zip(weights, evidence, strict=True)) / total
    worth = total**2 / math.fsum(w**2 / effect.clusters for w, (effect, _) in zip(weights, evidence, strict=True))
    return Effect(mean, total**-0.5, sum(effect.n for effect, _ in evidence), worth)


def replication(effect: Effect, error: float, alpha: float) -> float:
    """Return the probability that a new set with this standard error would find it too.

    That is: that the new estimate has the same sign and an interval without 0, if the truth lies around `effect` as its
    error says.
    """
    reach = _NORMAL.inv_cdf(1 - alpha / 2) * error
    return _NORMAL.cdf((abs(effect.log_odds) - reach) / math.hypot(effect.error, error))


def shrunk(effect: Effect, spread: float) -> Effect:
    """Return the effect pulled towards 0 by what effects are usually like: N(0, `spread`^2) before the data."""
    share = spread**2 / (spread**2 + effect.error**2) if spread > 0 else 0.0
    return effect._replace(log_odds=share * effect.log_odds, error=math.sqrt(share) * effect.error)


def usual_spread(found: Sequence[Effect]) -> float:
    """Return the standard deviation of true effects over the features, by moments."""
    if not found:
        return 0.0
    return math.sqrt(max(math.fsum(e.log_odds**2 - e.error**2 for e in found) / len(found), 0.0))


def as_lift(effect: Effect, alpha: float) -> tuple[float, Interval]:
    """Return an effect and its interval as relative changes of the odds."""
    low, high = (_lift(bound) for bound in effect.interval(alpha))
    return _lift(effect.log_odds), Interval(low, high, 1 - alpha, effect.n)


def _lift(log_odds: float) -> float:
    # exp(700) is near the largest float; no real effect comes near it.
    return math.expm1(min(log_odds, 700.0))


def _as_normal(t: float, degrees: float) -> float:
    """Return the normal quantile as far out as Student's t, within 1e-2 from 5 degrees of freedom on.

    Source: D. L. Wallace, Annals of Mathematical Statistics 30(4), 1959, 1124-1130.
    """
    z = (8 * degrees + 1) / (8 * degrees + 3) * math.sqrt(degrees * math.log1p(t * t / degrees))
    return math.copysign(z, t)


def _as_student(z: float, degrees: float) -> float:
    """Undo `_as_normal`."""
    size = z * (8 * degrees + 3) / (8 * degrees + 1)
    return math.copysign(math.sqrt(degrees * math.expm1(size * size / degrees)), z)
