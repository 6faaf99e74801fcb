"""How well probabilities fit what came of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt.stats import Interval, wilson_interval

Vector: TypeAlias = NDArray[np.float64]

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
        ece: expected calibration error: over bins of equally many decisions, the mean distance of the share accepted
            from the mean probability. It is never negative, so chance alone makes it positive: see the next.
        ece_by_chance: what it would be on average if the probabilities were right.
        ece_interval: of `ece`, by a bootstrap over decisions; it is shifted upwards by about `ece_by_chance`.
        brier: mean squared distance of probability and decision.
        brier_base: the same of the base rate.
        auc: how often one that was accepted had a larger probability by the axes than one that was not.
        auc_interval: of that, by DeLong's variance.
        bins: of equally many decisions, the least probable first.
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
    order = np.argsort(predicted, kind="stable")
    cuts = np.array_split(order, min(_MOST_BINS, max(_LEAST_BINS, len(order) // _PER_BIN)))
    draw = np.random.default_rng(seed)
    chance = [_ece(predicted, (draw.random(len(order)) < predicted).astype(float), cuts) for _ in range(_DRAWS)]
    picks = (draw.integers(0, len(order), len(order)) for _ in range(_DRAWS))
    again = [_ece_of(predicted[pick], outcomes[pick], len(cuts)) for pick in picks]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(again, [tail, 1 - tail]).tolist()
    auc, interval = _auc(held_out, outcomes)
    return Reliability(
        n=len(order),
        accepted=int(outcomes.sum()),
        informative=informative,
        ece=_ece(predicted, outcomes, cuts),
        ece_by_chance=float(np.mean(chance)),
        ece_interval=Interval(low, high, LEVEL, len(order)),
        brier=float(np.mean((predicted - outcomes) ** 2)),
        brier_base=float(np.mean((base - outcomes) ** 2)),
        auc=auc,
        auc_interval=interval,
        bins=tuple(_bin(predicted[cut], outcomes[cut]) for cut in cuts),
        predicted=tuple(predicted.tolist()),
        outcomes=tuple(bool(outcome) for outcome in outcomes),
    )


def _bin(predicted: Vector, outcomes: Vector) -> Bin:
    accepted = float(outcomes.sum())
    return Bin(
        predicted=float(predicted.mean()),
        observed=accepted / len(outcomes),
        n=len(outcomes),
        interval=wilson_interval(accepted, len(outcomes), LEVEL),
    )


def _ece(predicted: Vector, outcomes: Vector, cuts: list[NDArray[Any]]) -> float:  # Any: numpy's index types
    return float(sum(abs(float(np.sum(predicted[cut] - outcomes[cut]))) for cut in cuts) / len(outcomes))


def _ece_of(predicted: Vector, outcomes: Vector, bins: int) -> float:
    return _ece(predicted, outcomes, np.array_split(np.argsort(predicted, kind="stable"), bins))


def _auc(predicted: Vector, outcomes: Vector) -> tuple[float, Interval]:
    """Return the area under the ROC curve and its interval.

    Source: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44(3), 1988, 837-845.
    """
    yes, no = np.sort(predicted[outcomes == 1]), np.sort(predicted[outcomes == 0])
    above = (np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")) / (2 * len(no))
    below = 1 - (np.searchsorted(yes, no, "left") + np.searchsorted(yes, no, "right")) / (2 * len(yes))
    auc = float(above.mean())
    variance = float(above.var(ddof=min(1, len(yes) - 1))) / len(yes) + float(
        below.var(ddof=min(1, len(no) - 1))
    ) / len(no)
    half = 1.959964 * math.sqrt(variance)
    return auc, Interval(max(0.0, auc - half), min(1.0, auc + half), LEVEL, len(outcomes))
