"""How far chance alone carries a comparison that is looked at all the time."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TERMS = 32  # of the cosine series; at a level of 5 the 20th is below 1e-15 when its stretch ends, at 7 the 28th
LAST = 40  # after 40 doublings nothing is spent any more; nobody gets there

# Of alpha, the share spent by the first horizon, and where that horizon lies (as a share of the usual, or given, one).
# LATE is for finding winners: nearly all at the end, where most experiments are. KNOWN is the same where the end was
# said: what is left lets a last report run over it. EARLY is for guardrails: great harm shows at once. The shares are
# arbitrary, LATE chosen by the power that it leaves now and later (docs/design/0019-sequential.md).
LATE = (0.9, 1.0)
KNOWN = (0.98, 1.0)
EARLY = (0.4, 1 / 16)


class _Stretch(NamedTuple):
    """The level at the end of a stretch in standard errors, and what is left: cosine coefficients and probability."""

    level: float
    terms: NDArray[np.float64]
    mass: float


def critical(progress: float, alpha: float, share: float) -> float:
    """Return how many standard errors a difference must reach after `progress` so that chance does it with `alpha`.

    Idea: under the null the score S = z sqrt(I) is a Brownian motion in the statistical information I. Time is
    measured in horizons: `progress` 1 is where an experiment usually ends. Until there the bound on |S| is flat, which
    is the shape of O'Brien and Fleming: hard at first, almost as easy as a single look at the end. It spends `share` of
    alpha. Then time goes on in doublings: each stretch (1, 2], (2, 4], ... has a flat bound of its own, and the e-th
    spends alpha (1 - share) / (e (e + 1)); these add up to alpha. So whoever looks at any time, as often as wanted,
    for ever, meets a false difference with probability alpha at most, and a bit less: looks are not continuous.

    The levels are exact, not a union bound. Inside a flat stretch the density of the paths that have not yet crossed
    is a cosine series sum a_k cos(l_k x), l_k = (2k - 1) pi / (2b), whose terms decay as exp(-l_k**2 t / 2) (heat in a
    rod with cold ends). At a new stretch it is expanded in the cosines of the wider rod. What is missing of its
    integral has crossed; the next level is found by bisection so that just that much is lost.

    O'Brien and Fleming, Biometrics 35 (1979); Lan and DeMets, Biometrika 70 (1983) for spending; the doublings are
    those of Robbins and Siegmund's boundaries and of stitching (Howard, Ramdas, McAuliffe and Sekhon, Annals of
    Statistics 49, 2021): the bound grows as sqrt(log log I) where a normal mixture's grows as sqrt(log I).

    Args:
        progress: information so far as a share of the usual; 0 gives infinity.
        alpha: probability of any crossing, at either side, at any time; 0 < alpha < 1.
        share: of alpha, spent until `progress` is 1.
    """
    if progress <= 0:
        return math.inf
    doubling = min(max(math.ceil(math.log2(progress)), 0), LAST)
    level = _stretch(alpha, share, doubling).level
    return level * max(1.0, math.sqrt(2.0**doubling / progress))


@lru_cache(maxsize=4096)
def _stretch(alpha: float, share: float, doubling: int) -> _Stretch:
    """Solve the stretch that ends after `doubling` doublings, in units in which its end is 1."""
    before = _stretch(alpha, share, doubling - 1) if doubling else None
    spent = alpha * share if before is None else alpha * (1 - share) / (doubling * (doubling + 1))
    mass = 1.0 if before is None else before.mass
    # The bound on S never falls; 15 standard errors are more than any alpha that a float can spend.
    low, high = (0.01, 15.0) if before is None else (before.level / math.sqrt(2), 15.0)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if mass - _run(middle, before).mass > spent else (low, middle)
    return _run(high, before)


def _run(level: float, before: _Stretch | None) -> _Stretch:
    if before is None:
        terms, time = np.full(TERMS, 1 / level), 1.0  # all paths begin at 0
    else:
        # Time is halved in the new units, so space shrinks by sqrt(2) and the density grows by it.
        terms, time = _widened(before.terms * math.sqrt(2), before.level / math.sqrt(2), level), 0.5
    frequencies = _frequencies(level)
    terms = terms * np.exp(-(frequencies**2) * time / 2)
    signs = 1 - 2 * (np.arange(TERMS) % 2)
    return _Stretch(level, terms, float(np.sum(2 * signs * terms / frequencies)))


def _widened(terms: NDArray[np.float64], old: float, new: float) -> NDArray[np.float64]:
    """Expand a series on (-old, old), and 0 outside, in the cosines of (-new, new)."""
    mine, other = _frequencies(new)[:, None], _frequencies(old)[None, :]
    overlap = np.sinc((mine - other) * old / np.pi) + np.sinc((mine + other) * old / np.pi)
    return np.asarray(overlap @ terms * (old / new), np.float64)


def _frequencies(level: float) -> NDArray[np.float64]:
    return np.asarray((np.arange(TERMS) + 0.5) * (math.pi / level), np.float64)
