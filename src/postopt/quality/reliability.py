"""How well probabilities fit what came of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from postopt.stats import Interval, metrics, wilson_interval
from postopt.stats.metrics import Flags, Vector

LEVEL = 0.95

# Bins, and the decisions that each of them needs for there to be so many; arbitrary.
_LEAST_BINS = 5
_MOST_BINS = 10
_PER_BIN = 20

_DRAWS = 200  # of the bootstrap; arbitrary


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Decisions whose probabilities are next to each other.

    Attributes:
        predicted: mean probability.
        observed: share that was accepted.
        n: how many.
        interval: of the share, by Wilson's score.
    """

    predicted: float
    observed: float
    n: int
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How well the probability of acceptance fitted decisions that it was not learned from.

    Attributes:
        n: decisions.
        accepted: how many of them were "accepted".
        informative: whether the axes told more than the base rate; if not, every probability is the base rate.
        ece: expected calibration error: over bins of about as many decisions, the mean distance of the share accepted
            from the mean probability. It is never negative, so chance alone makes it positive: see the next.
        ece_by_chance: about what it would be on average if the probabilities were right.
        ece_interval: of `ece`, by a bootstrap over decisions; it is shifted upwards by about `ece_by_chance`.
        brier: mean squared distance of probability and decision.
        brier_base: the same of the base rate.
        auc: how often one that was accepted had a larger probability by the axes than one that was not.
        auc_interval: of that, by DeLong's variance.
        bins: of about as many decisions, the least probable first; equal probabilities share one.
        predicted: the probability of each decision, from what was not fitted on it.
        outcomes: whether it was accepted, in the same order.
    """

    n: int
    accepted: int
    informative: bool
    ece: float
    ece_by_chance: float
    ece_interval: Interval
    brier: float
    brier_base: float
    auc: float
    auc_interval: Interval
    bins: tuple[Bin, ...]
    predicted: tuple[float, ...]
    outcomes: tuple[bool, ...]

    def __str__(self) -> str:
        """Return it in one sentence."""
        low, high = self.auc_interval[:2]
        ranking = f"AUC {self.auc:.2f} [{low:.2f}, {high:.2f}]"
        if not self.informative:
            rate = self.accepted / self.n
            return f"no better than the base rate: {rate:.0%} of {self.n} decisions are accepted; {ranking}"
        return (
            f"calibration error {self.ece:.3f} (by chance {self.ece_by_chance:.3f}), "
            f"Brier {self.brier:.3f} (base rate {self.brier_base:.3f}), {ranking}, on {self.n} held-out decisions"
        )


def reliability(held_out: Vector, outcomes: Vector, *, informative: bool, base: Vector, seed: int) -> Reliability:
    """Return how well probabilities fit outcomes of 0 and 1, of which there are both.

    `held_out` are those of the model, `base` the base rate of the decisions that it was fitted on: what is handed out
    where the model is not `informative`.
    """
    predicted = held_out if informative else base
    n, happened = len(predicted), outcomes == 1
    bins = min(_MOST_BINS, max(_LEAST_BINS, n // _PER_BIN))
    curve = metrics.calibration(predicted, happened, bins)
    return Reliability(
        n=n,
        accepted=int(outcomes.sum()),
        informative=informative,
        ece=metrics.ece(curve),
        ece_by_chance=metrics.ece_floor(curve),
        ece_interval=_ece_interval(predicted, happened, bins, seed),
        brier=metrics.brier(predicted, happened),
        brier_base=metrics.brier(base, happened),
        auc=metrics.auc(held_out, happened),
        auc_interval=_auc_interval(held_out, happened),
        bins=_bins(curve),
        predicted=tuple(predicted.tolist()),
        outcomes=tuple(happened.tolist()),
    )


def _bins(curve: metrics.Curve) -> tuple[Bin, ...]:
    rows = zip(*(column.tolist() for column in curve), strict=True)
    return tuple(
        Bin(predicted=predicted, observed=observed, n=n, interval=wilson_interval(round(observed * n), n, LEVEL))
        for predicted, observed, n in rows
    )


def _ece_interval(predicted: Vector, happened: Flags, bins: int, seed: int) -> Interval:
    n = len(predicted)
    draw = np.random.default_rng(seed)
    picks = (draw.integers(n, size=n) for _ in range(_DRAWS))
    drawn = [metrics.ece(metrics.calibration(predicted[pick], happened[pick], bins)) for pick in picks]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail]).tolist()
    return Interval(low, high, LEVEL, n)


def _auc_interval(predicted: Vector, happened: Flags) -> Interval:
    """Return the interval of the area under the ROC curve.

    Source: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44(3), 1988, 837-845.
    """
    yes, no = np.sort(predicted[happened]), np.sort(predicted[~happened])
    above = (np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")) / (2 * len(no))
    below = 1 - (np.searchsorted(yes, no, "left") + np.searchsorted(yes, no, "right")) / (2 * len(yes))
    variance = _variance_of_mean(above) + _variance_of_mean(below)
    auc, half = float(above.mean()), 1.959964 * math.sqrt(variance)
    return Interval(max(0.0, auc - half), min(1.0, auc + half), LEVEL, len(happened))


def _variance_of_mean(values: Vector) -> float:
    return float(values.var(ddof=min(1, len(values) - 1))) / len(values)
