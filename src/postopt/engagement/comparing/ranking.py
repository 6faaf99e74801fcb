"""How well a ranker told which of two texts does better, on contrasts it had not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, NamedTuple, Self

import numpy as np

from postopt.engagement.comparing.variantmodel import pairs_of
from postopt.experiments.contrasts import Contrasts, Indices, Vector
from postopt.experiments.records import Group
from postopt.stats import Interval
from postopt.stats.metrics import Curve, calibration, ece, ece_floor

_LEVEL: Final = 0.95
_ROUNDS: Final = 1_000
_SIGNIFICANT: Final = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingEvaluation:
    """What a ranker said of the pairs of some contrasts, against what was observed.

    Nobody sees a true difference: what is observed is the true one and the noise of counting, whose variance is known.
    So coverage and calibration are of what is observed, with that noise added to what the ranker expects; pairs are
    right if the observed difference has the expected sign. Intervals (95 %) are bootstraps over groups, those that
    share a text kept together. A figure on no pairs is NaN.

    Attributes:
        groups: contrasts.
        pairs: of texts in one contrast.
        significant: those of them whose observed difference is beyond 1.96 standard errors, the binomial ones.
        accuracy: share of pairs that are right; a pair it cannot tell apart counts one half. `accuracy_interval`.
        accuracy_significant: the same over the significant pairs. `accuracy_significant_interval`.
        abstention: share of pairs on which the ranker names no winner.
        accuracy_named: share of right ones among the others, noise of counting included. `accuracy_named_interval`.
        coverage: share of observed differences within the interval that is to hold `level` of them, noise added.
            `coverage_interval`.
        level: that of the ranker.
        calibration_error: expected error of the probability that b is observed to be better (ECE, ten bins).
        calibration_floor: what chance alone would make of it.
        lift: relative gain in the rate of success from taking the text with the largest score of each contrast, over
            the mean of its texts. `lift_interval`.
    """

    groups: int
    pairs: int
    significant: int
    accuracy: float
    accuracy_interval: Interval
    accuracy_significant: float
    accuracy_significant_interval: Interval
    abstention: float
    accuracy_named: float
    accuracy_named_interval: Interval
    coverage: float
    coverage_interval: Interval
    level: float
    calibration_error: float
    calibration_floor: float
    lift: float
    lift_interval: Interval

    @classmethod
    def of(
        cls,
        groups: Sequence[Group],
        data: Contrasts,
        scores: Vector,
        variance: Vector,
        *,
        level: float,
        design_effect: float,
        seed: int,
    ) -> Self:
        """Return how well scores did, log-odds of each text.

        `groups` are as `read_groups` returns them, `data` the same as numbers. `variance` is that of the true
        difference of each pair around that of its scores, in the order of `pairs_of`; `level` that of the ranker's
        intervals, `design_effect` that of `data`; `seed` is of the bootstrap.
        """
        right, significant, named, covered, curve = _judged(data, scores, variance, level, design_effect)
        every = np.ones(len(right))
        draws = _Draws(data.component, data.group[pairs_of(data)[0]], seed)
        picked, usual = _rates(groups, data, scores)
        return cls(
            groups=len(data),
            pairs=len(right),
            significant=int(significant.sum()),
            accuracy=_share(right, every),
            accuracy_interval=draws.pairs(right, every),
            accuracy_significant=_share(right, significant),
            accuracy_significant_interval=draws.pairs(right, significant),
            abstention=1 - _share(named, every),
            accuracy_named=_share(right, named),
            accuracy_named_interval=draws.pairs(right, named),
            coverage=_share(covered, every),
            coverage_interval=draws.pairs(covered, every),
            level=level,
            calibration_error=ece(curve),
            calibration_floor=ece_floor(curve),
            lift=float(picked.sum() / usual.sum() - 1) if usual.sum() > 0 else float("nan"),
            lift_interval=draws.groups(picked, usual),
        )

    def __str__(self) -> str:
        """Return the figures in plain words; what rests on no pairs is said to."""
        return "; ".join((
            self._choice(),
            self._winners(),
            f"{self.coverage:.3f} within intervals of {self.level:g}",
            self._error(),
            self._gain(),
        ))  # fmt: skip

    def _choice(self) -> str:
        every = f"{self.accuracy:.3f} of all {self.pairs} pairs, in {self.groups} groups"
        if not self.significant:
            return f"forced to choose, right on {every}, none of which differs significantly"
        low, high = self.accuracy_significant_interval[:2]
        few = f"{self.accuracy_significant:.3f} [{low:.3f}, {high:.3f}] of {self.significant} significant pairs"
        return f"forced to choose, right on {few} and on {every}"

    def _winners(self) -> str:
        if self.abstention == 1:
            return (
                "names no winner at all, as no interval excludes 0: an embedder, if it has none, or more contrasts to "
                "learn from would tell more"
            )
        low, high = self.accuracy_named_interval[:2]
        right = f"right on {self.accuracy_named:.3f} [{low:.3f}, {high:.3f}] of these"
        return f"names a winner for {1 - self.abstention:.3f} of the pairs, {right}, and none for the others"

    def _error(self) -> str:
        if not math.isfinite(self.calibration_error):
            return "no two texts differ, so that the calibration cannot be told"
        return f"calibration error {self.calibration_error:.3f}, {self.calibration_floor:.3f} by chance"

    def _gain(self) -> str:
        if not math.isfinite(self.lift):
            return "nobody took any text, so that no gain can be told"
        low, high = self.lift_interval[:2]
        return f"taking the best of each group gains {100 * self.lift:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}]"


class _Judged(NamedTuple):
    """Of each pair, 1 for yes: told rightly, significant, a winner named, within the interval; and p's calibration."""

    right: Vector
    significant: Vector
    named: Vector
    covered: Vector
    curve: Curve


def _judged(data: Contrasts, scores: Vector, variance: Vector, level: float, design_effect: float) -> _Judged:
    a, b = pairs_of(data)
    expected, observed = scores[b] - scores[a], data.effect[b] - data.effect[a]
    noise = data.variance[a] + data.variance[b]
    z = NormalDist().inv_cdf((1 + level) / 2)
    return _Judged(
        right=np.where(expected * observed == 0, 0.5, (expected > 0) == (observed > 0)).astype(np.float64),
        significant=(np.abs(observed) > _SIGNIFICANT * np.sqrt(noise / design_effect)).astype(np.float64),
        named=(np.abs(expected) > z * np.sqrt(variance)).astype(np.float64),
        covered=(np.abs(observed - expected) <= z * np.sqrt(variance + noise)).astype(np.float64),
        curve=_curve(expected / np.sqrt(variance + noise), observed),
    )


class _Draws:
    """Bootstrap over components: how often each is drawn in each round."""

    def __init__(self, component: Indices, group_of_pair: Indices, seed: int) -> None:
        names, self._of_group = np.unique(component, return_inverse=True)
        self._of_pair = self._of_group[group_of_pair]
        self._size = len(names)
        draw = np.random.default_rng(seed)
        self._times = draw.multinomial(self._size, np.full(self._size, 1 / self._size), size=_ROUNDS)

    def pairs(self, values: Vector, chosen: Vector) -> Interval:
        """Return the interval of the mean of `values` over the chosen pairs."""
        n = float(np.sum(chosen))
        return self._interval(self._sums(self._of_pair, values * chosen), self._sums(self._of_pair, chosen), 0.0, n)

    def groups(self, values: Vector, of: Vector) -> Interval:
        """Return the interval of the ratio of two sums over groups, less 1."""
        gained, usual = self._sums(self._of_group, values), self._sums(self._of_group, of)
        return self._interval(gained, usual, 1.0, float(len(of)))

    def _sums(self, place: Indices, values: Vector) -> Vector:
        return np.bincount(place, values, minlength=self._size).astype(np.float64)

    def _interval(self, values: Vector, of: Vector, less: float, n: float) -> Interval:
        total = self._times @ of
        ratios = (self._times @ values)[total > 0] / total[total > 0] - less
        if not len(ratios):
            return Interval(float("nan"), float("nan"), _LEVEL, n)
        low, high = np.quantile(ratios, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return Interval(float(low), float(high), _LEVEL, n)


def _share(values: Vector, chosen: Vector) -> float:
    n = float(np.sum(chosen))
    return float(np.sum(values * chosen)) / n if n else float("nan")


def _curve(standardised: Vector, observed: Vector) -> Curve:
    """Return the calibration of the probability that the second text is observed to be the better one.

    Each pair counts in both orders, so that the curve does not hang on which of two texts comes first.
    """
    told = observed != 0
    p = np.array([NormalDist().cdf(value) for value in standardised[told].tolist()], dtype=np.float64)
    return calibration(np.concatenate([p, 1 - p]), np.concatenate([observed[told] > 0, observed[told] < 0]))


def _rates(groups: Sequence[Group], data: Contrasts, scores: Vector) -> tuple[Vector, Vector]:
    """Return for each group the rate of the text with the largest score, and the mean rate of its texts."""
    rates = np.array([successes / n for group in groups for _, n, successes in group])
    ends = [*data.start[1:].tolist(), len(rates)]
    both = []
    for first, end in zip(data.start.tolist(), ends, strict=True):
        mine, score = rates[first:end], scores[first:end]
        both.append((mine[score == score.max()].mean(), mine.mean()))
    picked, usual = np.array(both).reshape(-1, 2).T
    return picked, usual
