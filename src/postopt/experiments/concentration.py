"""How close the rates of one experiment's arms are to each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from postopt.experiments.posterior import Array
from postopt.experiments.records import Group

# Bounds of what is looked for: arms that differ wildly, and arms that do not differ at any traffic seen.
LEAST, MOST = 10.0, 1e6
_USUAL = 0.015 * 0.985
_ROUNDS = 24  # of golden section: log(1e5) * .618**24 leaves kappa known to .01 %


def concentration(groups: Sequence[Group], *, restricted: bool = True) -> float | None:
    """Return the kappa under which the counts are most likely, or None if no group tells anything.

    The arms of a group with mean rate m have rates from Beta(kappa m, kappa (1 - m)), so their counts are
    beta-binomial. One kappa for all groups. The mean is the group's own; that it was fitted to the same counts is made
    up for by the restricted likelihood (H. D. Patterson and R. Thompson, Biometrika 58(3), 1971), without which kappa
    would come out a third to a half too large for four arms.

    Args:
        groups: each the checked (text, n, successes) of arms compared at random.
        restricted: False takes the plain likelihood.
    """
    rows = _rows(groups)
    if rows is None:
        return None
    return _maximum(lambda log: _likelihood(np.full(len(rows.n), math.exp(log)), rows, restricted=restricted))


def deviation(groups: Sequence[Group]) -> float | None:
    """Return the standard deviation of the log-odds of arms around their group's, or None if no group tells anything.

    As `concentration`, with a kappa of 1 / (deviation**2 m (1 - m)) for a group with mean rate m: arms differ as much
    relatively at any rate. Bounds are those of the concentration at a rate of 1.5 %.
    """
    rows = _rows(groups)
    if rows is None:
        return None
    scale = _USUAL / (rows.mean * (1 - rows.mean))
    kappa = _maximum(lambda log: _likelihood(math.exp(log) * scale, rows, restricted=True))
    return 1 / math.sqrt(kappa * _USUAL)


class _Rows(NamedTuple):
    """Arms of groups that tell something; one number for each arm."""

    n: Array
    s: Array
    mean: Array
    group: npt.NDArray[np.intp]


def _rows(groups: Sequence[Group]) -> _Rows | None:
    rows: list[tuple[int, float, float, float]] = []
    for index, group in enumerate(groups):
        shown = [(float(n), float(s)) for _, n, s in group if n > 0]
        total, successes = sum(n for n, _ in shown), sum(s for _, s in shown)
        if len(shown) > 1 and 0 < successes < total:
            rows.extend((index, n, s, successes / total) for n, s in shown)
    if not rows:
        return None
    index, n, s, mean = np.array(rows).T
    return _Rows(n, s, mean, np.unique(index, return_inverse=True)[1])


def _likelihood(kappa: Array, rows: _Rows, *, restricted: bool) -> float:
    n, s, a, b = rows.n, rows.s, kappa * rows.mean, kappa * (1 - rows.mean)
    terms = _log_gamma(a + s) - _log_gamma(a) + _log_gamma(b + n - s) - _log_gamma(b)
    likelihood = float(np.sum(terms) + np.sum(_log_gamma(kappa) - _log_gamma(kappa + n)))
    if not restricted:
        return likelihood
    return likelihood - float(np.sum(np.log(np.bincount(rows.group, n * kappa / (n + kappa))))) / 2


def _maximum(function: Callable[[float], float]) -> float:
    """Return the kappa at which a function of log kappa with one maximum is largest (golden section)."""
    low, high = math.log(LEAST), math.log(MOST)
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_ROUNDS):
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return math.exp((low + high) / 2)


def _log_gamma(x: Array) -> Array:
    """Return log Gamma(x) for x > 0: Stirling's series (NIST DLMF 5.11.1) at x + 8, and the recurrence back."""
    y = x + 8
    back = np.log(x * (x + 1) * (x + 2) * (x + 3)) + np.log((x + 4) * (x + 5) * (x + 6) * (x + 7))
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5)
    return np.asarray((y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series - back)
