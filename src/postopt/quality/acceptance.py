"""The probability that a host publishes a text unchanged, learned from what it did with earlier ones.

A logistic regression with a ridge penalty on what the report says: the value of each axis, whether it has one, how much
was found, how long the text is. Penalty and calibration (a slope and an intercept for the log-odds, after Platt) come
from predictions for decisions that were left out. Whether it is worth anything is measured by leaving out further
decisions, from the whole procedure: where those are not predicted better than by the base rate, the base rate is what
every text gets.

Sources: J. C. Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers, 1999;
S. le Cessie and J. C. van Houwelingen, "Ridge estimators in logistic regression", Applied Statistics 41(1), 1992.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from postopt.quality.reliability import Reliability, reliability
from postopt.stats.metrics import Vector

LEAST: Final = 50
"""Decisions before there is any probability, and"""
LEAST_OF_EACH: Final = 10
"""how many of them were accepted, and not. With fewer, the error of calibration passes a tenth (docs/design/0027)."""

# Arbitrary, a factor of about three apart: what is chosen from. They are in decisions: a penalty of 30 holds a
# standardised column back as much as 30 decisions at even odds push it.
_PENALTIES: Final = (3.0, 10.0, 30.0, 100.0, 300.0)
_FOLDS: Final = 5

# Held-out log loss must be better than the base rate's by that many standard errors.
_SURE: Final = 1.0

_CERTAIN: Final = 0.995  # no probability is nearer to 0 or 1 than that; arbitrary, no host has the record to say more
_STEPS: Final = 30


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A fitted model; never changed, so any number of threads may use it.

    Attributes:
        weights: log-odds for each column of a report as it is, or empty where the base rate is all that is known.
        intercept: the log-odds of a report whose columns are 0.
        low: the least value that each column had.
        high: the most: a column counts no further than it was seen to go.
        reliability: how well it fits decisions it was not fitted on.
    """

    weights: Vector
    intercept: float
    low: Vector
    high: Vector
    reliability: Reliability

    def __call__(self, columns: Vector) -> float:
        """Return the probability for one report."""
        if not len(self.weights):
            return _probability(self.intercept)
        return _probability(self.intercept + float(np.clip(columns, self.low, self.high) @ self.weights))


def enough(outcomes: Vector) -> bool:
    """Whether there are decisions enough to learn from."""
    accepted = int(outcomes.sum())
    return len(outcomes) >= LEAST and min(accepted, len(outcomes) - accepted) >= LEAST_OF_EACH


def fit(columns: Vector, outcomes: Vector, *, seed: int) -> Acceptance:
    """Learn from reports and outcomes of 0 and 1, of which there are `enough`; a row is a decision."""
    folds = _folds(outcomes, _FOLDS, seed)
    held_out, base = np.empty(len(outcomes)), np.empty(len(outcomes))
    for number in range(_FOLDS):
        out = folds == number
        held_out[out] = _learned(columns[~out], outcomes[~out], seed)(columns[out])
        base[out] = _base(outcomes[~out])
    gain = _loss(base, outcomes) - _loss(held_out, outcomes)
    informative = bool(gain.mean() > _SURE * gain.std() / np.sqrt(len(gain)))
    measured = reliability(held_out, outcomes, informative=informative, base=base, seed=seed)
    if not informative:
        none = np.zeros(0)
        return Acceptance(none, _log_odds(_base(outcomes)), none, none, measured)
    model = _learned(columns, outcomes, seed)
    return Acceptance(model.weights, model.intercept, model.low, model.high, measured)


@dataclass(frozen=True, slots=True)
class _Linear:
    weights: Vector
    intercept: float
    low: Vector
    high: Vector

    def __call__(self, columns: Vector) -> Vector:
        odds = self.intercept + np.clip(columns, self.low, self.high) @ self.weights
        return np.clip(1 / (1 + np.exp(-odds)), 1 - _CERTAIN, _CERTAIN)


def _learned(columns: Vector, outcomes: Vector, seed: int) -> _Linear:
    """Return the regression with the penalty and calibration that predict left-out rows best."""
    low, high, mean, spread = columns.min(axis=0), columns.max(axis=0), columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
    standard = (columns - mean) * scale
    folds = _folds(outcomes, _FOLDS, seed + 1)
    odds = np.empty((len(_PENALTIES), len(outcomes)))
    for number in range(_FOLDS):
        out = folds == number
        for row, penalty in zip(odds, _PENALTIES, strict=True):
            beta = _ridge(standard[~out], outcomes[~out], penalty)
            row[out] = beta[0] + standard[out] @ beta[1:]
    losses = [float(np.mean(_loss(1 / (1 + np.exp(-row)), outcomes))) for row in odds]
    best = int(np.argmin(losses))
    # One column, the log-odds; a slope of 1 and an intercept of 0 are where its penalty pulls.
    shift, slope = _ridge(odds[best][:, None], outcomes, 1.0, towards=1.0)
    beta = _ridge(standard, outcomes, _PENALTIES[best])
    weights = max(slope, 0.0) * beta[1:] * scale
    return _Linear(weights, float(shift + max(slope, 0.0) * beta[0] - mean @ weights), low, high)


def _ridge(columns: Vector, outcomes: Vector, penalty: float, *, towards: float = 0.0) -> Vector:
    """Return intercept and weights that minimise log loss plus penalty, by Newton's method.

    The penalty is a quarter of `penalty` times the squared weights, less `towards`: so many decisions at even odds
    carry as much information. The intercept has none.
    """
    design = np.column_stack([np.ones(len(outcomes)), columns])
    ridge = np.full(design.shape[1], penalty / 4)
    ridge[0] = 1e-6
    rate = _base(outcomes)
    start = np.zeros(design.shape[1])
    centre = np.full(design.shape[1], towards)
    centre[0] = 0.0
    start[0] = 0.0 if towards else _log_odds(rate)
    beta = start + centre
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (p - outcomes) + ridge * (beta - centre)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        # Far from the optimum a whole step may leap over it.
        step *= min(1.0, 2.0 / max(float(np.max(np.abs(step))), 1e-12))
        beta = beta - step
        if float(np.max(np.abs(step))) < 1e-8:
            break
    return np.asarray(beta, dtype=np.float64)


def _folds(outcomes: Vector, folds: int, seed: int) -> Vector:
    """Return each row's fold; every fold has its share of both outcomes."""
    draw = np.random.default_rng(seed)
    fold = np.empty(len(outcomes))
    for kind in (0, 1):
        rows = draw.permutation(np.flatnonzero(outcomes == kind))
        fold[rows] = (np.arange(len(rows)) + kind * folds // 2) % folds
    return fold


def _loss(probability: Vector, outcomes: Vector) -> Vector:
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(-np.where(outcomes == 1, np.log(p), np.log(1 - p)), dtype=np.float64)


def _base(outcomes: Vector) -> float:
    # Half a decision of each kind, after Jeffreys.
    return float((outcomes.sum() + 0.5) / (len(outcomes) + 1))


def _log_odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _probability(log_odds: float) -> float:
    return float(np.clip(1 / (1 + np.exp(-log_odds)), 1 - _CERTAIN, _CERTAIN))
