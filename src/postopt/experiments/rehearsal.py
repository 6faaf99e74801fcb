"""What an experiment would find, by simulation: before it begins, and for the figures that we state."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from postopt._checks import check_count
from postopt.errors import shown
from postopt.experiments.boundary import LAST
from postopt.experiments.sequential import SequentialTest
from postopt.experiments.usual import Usual
from postopt.experiments.winner import pair_test

_Array = NDArray[np.float64]


class Rehearsal(NamedTuple):
    """What was found in simulated experiments.

    Attributes:
        experiments: how many were simulated.
        found: share of them in which a winner was named.
        wrong: share in which that winner was not better than all other arms.
        n: median of the observations an arm had by then, where one was named; NaN if none was.
    """

    experiments: int
    found: float
    wrong: float
    n: float


def rehearse(
    rates: ArrayLike,
    *,
    n: int,
    looks: int,
    alpha: float = 0.05,
    usual: Usual | None = None,
    horizon: float | None = None,
    design_effect: float = 1.0,
    seed: int = 0,
) -> Rehearsal:
    """Simulate experiments with independent outcomes, equal traffic and looks at equal distances, and find winners.

    Args:
        rates: true rates, one row for each experiment and one column for each arm.
        n: observations an arm at the end.
        looks: how often it is looked at; divides n.
        alpha: see `find_winner`.
        usual: see `find_winner`.
        horizon: see `find_winner`.
        design_effect: by which the tests widen the variance, although these outcomes are independent.
        seed: of the simulation.

    Raises:
        ValueError: rates are not rows of shares of two arms or more, or looks do not divide n.
    """
    true = np.asarray(rates, np.float64)
    if true.ndim != 2 or true.shape[1] < 2 or not np.all((true >= 0) & (true <= 1)):
        raise ValueError(f"rates are {shown(rates)}; rows of shares, one for each of two arms or more, are needed")
    if check_count("n", n) % check_count("looks", looks):
        raise ValueError(f"looks is {shown(looks)}; a divisor of n, which is {n}, is needed")
    test = pair_test(true.shape[1], alpha=alpha, usual=usual, horizon=horizon)
    rng, step = np.random.default_rng(seed), n // looks
    successes, open_ = np.zeros(true.shape), np.arange(len(true))
    winners, ended = np.full(len(true), -1), np.full(len(true), math.nan)
    for look in range(1, looks + 1):
        successes[open_] += rng.binomial(step, true[open_])
        best, sure = _verdicts(test, look * step, successes[open_], design_effect)
        winners[open_[sure]], ended[open_[sure]] = best[sure], look * step
        open_ = open_[~sure]
    named = winners >= 0
    rows = np.arange(len(true))
    # Not the best, or one of several: a winner that is no better than another arm is as wrong.
    others = np.where(np.arange(true.shape[1]) == winners[:, None], -1.0, true).max(1)
    wrong = named & (true[rows, winners] <= others)
    median = float(np.median(ended[named])) if named.any() else math.nan
    return Rehearsal(len(true), float(named.mean()), float(wrong.mean()), median)


def _verdicts(
    test: SequentialTest, n: int, successes: _Array, design_effect: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the best arm of each row, and whether it beats each other one."""
    best = successes.argmax(1)
    rows = np.arange(len(successes))
    sure = np.ones(len(successes), bool)
    for other in range(successes.shape[1]):
        beats = _differ(test, n, successes[rows, best], successes[:, other], design_effect)
        sure &= beats | (best == other)
    return best, sure


def _differ(test: SequentialTest, n: int, arm: _Array, other: _Array, design_effect: float) -> NDArray[np.bool_]:
    """Return `SequentialTest.direction` > 0 for many pairs of arms with n observations each."""
    rate = (arm + other) / (2 * n)
    defined = (rate > 0) & (rate < 1)
    rate = np.where(defined, rate, 0.5)
    z = (arm - other) / np.sqrt(2 * n * rate * (1 - rate) * design_effect)
    odds = np.minimum(rate / (1 - rate), (1 - rate) / rate)
    progress = test.progress(n, odds)
    doublings = np.clip(np.ceil(np.log2(progress)), 0, LAST).astype(int)
    ends = np.array([test.level_at(2.0**k) for k in range(doublings.max(initial=0) + 1)])
    levels = ends[doublings] * np.sqrt(np.maximum(2.0**doublings / progress, 1.0))
    levels = levels - np.minimum(0.25 / np.sqrt(n * odds / 2), levels / 4)
    return np.asarray(defined & (z >= levels) & (n >= test.first_look))
