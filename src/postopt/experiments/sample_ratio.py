"""Did the arms get the traffic that they should have got? A check that may be repeated at every look."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_amount, check_positive
from postopt.errors import OutcomeError, shown

# How far shares may be off under the alternative: a Dirichlet with this concentration spreads a share w with a standard
# deviation of sqrt(w (1 - w) / (concentration + 1)); of one half, from 9 % of all traffic to 0.5 %. A mixture: nobody
# knows in advance how an assignment is broken.
CONCENTRATIONS = (30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)

_Array = NDArray[np.float64]


class SampleRatioCheck:
    """Say whether units reach the arms in other proportions than they should, with one error probability for all looks.

    When a redirect, a cache or a filter loses units of one arm more than of another, the arms are no longer alike and
    their rates cannot be compared. The usual chi-square test finds that, but flags sound experiments if it is
    repeated; this one may be repeated for ever: P(ever invalid) <= alpha while every true share lies within
    `tolerance` of what it should be (as a share of it).

    Idea: evidence is the ratio of two likelihoods of all counts: of a Dirichlet mixture over how the shares may be
    broken (Lindon and Malek, Advances in Neural Information Processing Systems 35, 2022), to the greatest that any
    tolerated shares give (universal inference: Wasserman, Ramdas and Balakrishnan, PNAS 117, 2020). Under tolerated
    shares that ratio is below a martingale which begins at 1, so it ever reaches 1 / alpha with probability alpha at
    most (Ville). The tolerance is there because real traffic is never exact: over the weeks of a large archive that are
    known to be sound, chi-square is 9 % above its degrees of freedom, and sums over a week reach p = 1e-10.

    Two processes share the prior weight evenly. One adds up counts while arms and expected shares stay the same: small
    deviations that last. The other takes each update as an experiment of its own and multiplies the evidence, with
    the concentration common to all: many tests, each broken in another way, as in a week of tests that are fed one
    after the other (updates may then differ in their number of arms).

    An update with one arm, or without traffic, says nothing and changes nothing. Once invalid, it stays so. Not
    thread-safe.

    Args:
        weights: expected shares, or None for equal ones; any positive numbers, scaled to 1.
        alpha: probability of ever calling sound traffic invalid. 0.001, as is usual: an alarm stops the experiment.
        tolerance: how far a true share may be off, as a share of it. 0.5 % was chosen on that archive.

    Raises:
        ValueError: a weight, alpha or the tolerance cannot be.
    """

    def __init__(
        self, weights: Sequence[float] | _Array | None = None, *, alpha: float = 0.001, tolerance: float = 0.005
    ) -> None:
        if not check_positive("alpha", alpha, "probabilities") < 1:
            raise ValueError(f"alpha is {shown(alpha)}; a probability below 1 is needed")
        if not check_amount("tolerance", tolerance, "shares of a share") < 1:
            raise ValueError(f"tolerance is {shown(tolerance)}; a share below 1 is needed")
        self._weights = None if weights is None else _scaled(weights)
        self._threshold = -math.log(alpha)
        self._tolerance = tolerance
        self._apart = np.zeros(len(CONCENTRATIONS))  # log evidence of updates as experiments of their own
        self._closed = np.zeros(len(CONCENTRATIONS))  # log evidence of runs of updates that have ended
        self._counts = self._expected = np.zeros(0)  # of the run that goes on
        self._highest = 0.0
        self.n = 0.0

    @property
    def invalid(self) -> bool:
        """Whether the traffic was ever too far from what it should have been."""
        return self._highest >= self._threshold

    @property
    def p_value(self) -> float:
        """The smallest alpha at which it would be invalid by now; valid at every look, and it never rises."""
        return math.exp(-self._highest)

    def update(self, counts: Sequence[float] | _Array, weights: Sequence[float] | _Array | None = None) -> bool:
        """Take new counts, one for each arm, and return whether the traffic is invalid.

        Args:
            counts: units of each arm since the last update.
            weights: expected shares of these counts, where they differ from those of the constructor (a bandit's).

        Raises:
            OutcomeError: a count is negative or not finite, or there are more or fewer than expected shares.
            ValueError: a weight cannot be.
        """
        new = _as_counts(counts)
        expected = self._weights if weights is None else _scaled(weights)
        if expected is not None and len(expected) != len(new):
            raise OutcomeError(f"{len(new)} counts for {len(expected)} expected shares")
        total = float(new.sum())
        if len(new) < 2 or not total:
            return self.invalid
        if expected is None:
            expected = np.full(len(new), 1 / len(new))
        alone = _log_evidence(new, expected, self._tolerance)
        if not np.array_equal(expected, self._expected):
            if len(self._counts):
                self._closed += _log_evidence(self._counts, self._expected, self._tolerance)
            self._counts, self._expected = np.zeros(len(new)), expected
        self._counts = self._counts + new
        self.n += total
        self._apart += alone
        run = alone if self.n == total else _log_evidence(self._counts, self._expected, self._tolerance)
        together = self._closed + run
        self._highest = max(self._highest, _log_mean(np.concatenate([self._apart, together])))
        return self.invalid


def _log_evidence(counts: _Array, expected: _Array, tolerance: float) -> _Array:
    """Return, for each concentration, the log of the Dirichlet mixture's likelihood over the greatest tolerated one."""
    null = float(np.sum(counts * np.log(_nearest(counts, expected, tolerance))))
    n, seen = float(counts.sum()), counts > 0
    # A million arms have few different counts.
    arms = Counter(zip(expected[seen].tolist(), counts[seen].tolist(), strict=True))
    return np.array([_log_mixture(arms, size, n) - null for size in CONCENTRATIONS])


def _log_mixture(arms: Mapping[tuple[float, float], int], size: float, n: float) -> float:
    """Return the log likelihood of n units under a Dirichlet mixture; `arms` says how many have which share and count.

    An arm without units adds nothing.
    """
    each = ((size * share, count, alike) for (share, count), alike in arms.items())
    of_arms = sum(alike * (math.lgamma(a + count) - math.lgamma(a)) for a, count, alike in each)
    return math.lgamma(size) - math.lgamma(size + n) + of_arms


def _nearest(counts: _Array, expected: _Array, tolerance: float) -> _Array:
    """Return the tolerated shares under which the counts are likeliest: c * counts, cut off at both limits.

    By the conditions of Kuhn and Tucker. The sum, which is to be 1, grows with c in straight pieces: an arm joins in at
    its lower limit and stays behind at its upper one.
    """
    if not tolerance:
        return expected
    lowest, highest = expected * (1 - tolerance), np.minimum(expected * (1 + tolerance), 1.0)
    seen = counts > 0
    rising = counts[seen]
    ends = np.concatenate([lowest[seen] / rising, highest[seen] / rising])
    order = ends.argsort()
    ends, slopes = ends[order], np.concatenate([rising, -rising])[order].cumsum()
    sums = lowest.sum() + np.concatenate([[0.0], slopes[:-1] * np.diff(ends)]).cumsum()
    piece = min(int(np.searchsorted(sums, 1.0)), len(ends) - 1)  # at whose end the sum is 1 or more
    c = ends[piece]
    if piece and slopes[piece - 1] > 0:
        c = min(c, ends[piece - 1] + (1 - sums[piece - 1]) / slopes[piece - 1])
    nearest = np.minimum(np.maximum(c * counts, lowest), highest)
    if sums[-1] < 1 and not seen.all():  # all that were seen are at their limits; the rest is for the others
        room = np.where(seen, 0.0, highest - lowest)
        nearest = nearest + room * ((1 - nearest.sum()) / room.sum())
    return np.asarray(nearest, np.float64)


def _log_mean(logs: _Array) -> float:
    highest = float(logs.max())
    return highest + math.log(float(np.exp(logs - highest).mean()))


def _as_counts(counts: Sequence[float] | _Array) -> _Array:
    try:
        array = np.asarray(counts, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise OutcomeError(f"counts are {shown(counts)}; one number for each arm is needed") from error
    if array.ndim != 1 or not np.all((array >= 0) & (array < math.inf)):
        raise OutcomeError(f"counts are {shown(counts)}; finite numbers, zero or more, one for each arm, are needed")
    return array


def _scaled(weights: Sequence[float] | _Array) -> _Array:
    given = weights if isinstance(weights, np.ndarray) else np.zeros(1)
    if given.dtype == np.float64 and np.all((given > 0) & (given < math.inf)):
        array = given
    else:
        array = np.array([check_positive("a weight", weight, "shares") for weight in weights])
    if not len(array):
        raise ValueError("weights are empty; one for each arm is needed")
    return np.asarray(array / array.sum())
