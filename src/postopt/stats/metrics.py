"""How well predictions did: the textbook's measures, for arrays of one number a post.

All take arrays of one length, of finite numbers. What has no answer (one class only, no spread, too few) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt.stats import Interval

Vector: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

BINS = 15
"""Bins of a calibration curve, of as many posts each; arbitrary."""
_LEAST_OF_BIN = 10  # posts below which a bin says nothing but how they fell; arbitrary


def ranks(values: Vector) -> Vector:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place.reshape(-1)], dtype=np.float64)


def correlation(a: Vector, b: Vector) -> float:
    """Return Pearson's correlation."""
    if not (_differ(a) and _differ(b)):
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(np.sum(a * b) / np.sqrt(np.sum(a**2) * np.sum(b**2)))


def spearman(a: Vector, b: Vector) -> float:
    """Return Spearman's rank correlation."""
    return correlation(ranks(a), ranks(b))


def r2(outcomes: Vector, predicted: Vector) -> float:
    """Return the share of the outcomes' variance that the predictions explain; below 0 if their mean does better."""
    if not _differ(outcomes):
        return float("nan")
    return 1 - float(np.sum((outcomes - predicted) ** 2) / np.sum((outcomes - outcomes.mean()) ** 2))


def _differ(values: Vector) -> bool:
    # A variance would not do: that of equal values is often no zero, by rounding.
    return len(values) > 0 and bool(values.min() < values.max())


def auc(scores: Vector, happened: Flags, weights: Vector | None = None) -> float:
    """Return the area under the ROC curve: how often what happened had the larger score; ties count half.

    Source: J. A. Hanley and B. J. McNeil, Radiology 143(1), 1982, 29-36; weights count a row that often.
    """
    _, place = np.unique(scores, return_inverse=True)
    weights = np.ones(len(scores)) if weights is None else weights
    return _auc(place.reshape(-1), happened, weights)


def _auc(place: Indices, happened: Flags, weights: Vector) -> float:
    yes = np.bincount(place, weights * happened)
    no = np.bincount(place, weights * ~happened)
    pairs = float(yes.sum() * no.sum())
    return float(np.sum(yes * (np.cumsum(no) - no / 2))) / pairs if pairs > 0 else float("nan")


def brier(probabilities: Vector, happened: Flags) -> float:
    """Return the mean squared difference between probabilities and what happened (1 or 0)."""
    return float(np.mean((probabilities - happened) ** 2)) if len(happened) else float("nan")


class Curve(NamedTuple):
    """A calibration curve: for each bin the mean probability, the share of what happened, and how many posts."""

    predicted: Vector
    observed: Vector
    n: Indices


def calibration(probabilities: Vector, happened: Flags, bins: int | None = None) -> Curve:
    """Return the calibration curve over bins of as many posts each: 15, or fewer so that each has ten.

    Equal probabilities are never torn apart: they are in the bin in which the middle of them falls.
    """
    n = len(probabilities)
    bins = min(BINS, max(n // _LEAST_OF_BIN, 1)) if bins is None else bins
    _, place, count = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + 1) / 2
    bin_of = np.floor(middle * bins / max(n, 1)).astype(np.int64)[place.reshape(-1)]
    return curve_of(bin_of, probabilities, happened, bins)


def curve_of(place: Indices, probabilities: Vector, happened: Flags, bins: int) -> Curve:
    """Return the curve over bins that `place` numbers; empty ones are left out."""
    size = np.bincount(place, minlength=bins)
    kept = size > 0
    predicted = np.bincount(place, probabilities, minlength=bins)[kept] / size[kept]
    observed = np.bincount(place, happened, minlength=bins)[kept] / size[kept]
    return Curve(predicted, observed, size[kept])


def ece(curve: Curve) -> float:
    """Return the expected calibration error: the mean distance of a curve from the diagonal, weighted by posts."""
    return (
        float(np.average(np.abs(curve.predicted - curve.observed), weights=curve.n)) if len(curve.n) else float("nan")
    )


def ece_floor(curve: Curve) -> float:
    """Return the expected calibration error that perfect probabilities would show by chance.

    The share of n posts that happen with probability p is about normal with variance p (1 - p) / n, and the mean
    absolute value of a normal is its standard deviation times the root of 2 / pi.
    """
    if not len(curve.n):
        return float("nan")
    chance = np.sqrt(2 / np.pi * curve.predicted * (1 - curve.predicted) / curve.n)
    return float(np.average(chance, weights=curve.n))


def within_groups(predicted: Vector, outcomes: Vector, groups: Indices, least: int) -> tuple[float, int]:
    """Return the mean of Spearman's correlation within groups, weighted by their posts, and over how many groups.

    Groups of fewer than `least` posts, and those in which nothing differs, are left out.
    """
    total = weight = 0.0
    counted = 0
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        rank = spearman(predicted[rows], outcomes[rows]) if len(rows) >= least else float("nan")
        if np.isfinite(rank):
            total, weight, counted = total + len(rows) * rank, weight + len(rows), counted + 1
    return (total / weight if weight else float("nan")), counted


class Clusters:
    """A bootstrap that draws whole clusters, such as pages: posts of one page are no independent witnesses.

    Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman and Hall 1993, chapters 8 and 13
    (percentile intervals). With few clusters intervals are too narrow; with one there are none (NaN).

    Args:
        cluster: which cluster each row belongs to.
        rounds: samples drawn.
        seed: of the draws; the same seed gives the same interval.
    """

    def __init__(self, cluster: Indices, *, rounds: int, seed: int) -> None:
        _, place = np.unique(cluster, return_inverse=True)
        self._place: Indices = place.reshape(-1)
        self.n = int(place.max()) + 1 if len(place) else 0
        draw = np.random.default_rng(seed)
        self._times = [np.bincount(draw.integers(self.n, size=self.n), minlength=self.n) for _ in range(rounds)]

    def of_means(self, values: Vector, per: Vector | None = None) -> Interval:
        """Return the 95 % interval of the mean of values, or of their sum over that of `per`."""
        above = np.bincount(self._place, values, minlength=self.n)
        below = np.bincount(self._place, per, minlength=self.n)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._interval(lambda times: float(np.divide(above @ times, below @ times)))

    def of_auc(self, scores: Vector, happened: Flags) -> Interval:
        """Return the 95 % interval of the area under the ROC curve."""
        _, place = np.unique(scores, return_inverse=True)
        place = place.reshape(-1)
        return self._interval(lambda times: _auc(place, happened, times[self._place].astype(np.float64)))

    def _interval(self, statistic: Callable[[Indices], float]) -> Interval:
        n = len(self._place)
        if self.n < 2:
            return Interval(float("nan"), float("nan"), 0.95, n)
        drawn = np.array([statistic(times) for times in self._times])
        drawn = drawn[np.isfinite(drawn)]
        if not len(drawn):
            return Interval(float("nan"), float("nan"), 0.95, n)
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Interval(float(low), float(high), 0.95, n)
