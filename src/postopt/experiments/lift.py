"""By how much one arm differs from another, as a share of the other, and how sure that is."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Literal

from postopt.errors import OutcomeError, shown
from postopt.experiments.records import Totals

_FARTHEST = 30.0  # logarithm of a ratio beyond which it counts as 0 or infinite
FEWEST = 30  # outcomes an arm before anything is said about means: below, a sum is too far from normal (arbitrary)


class LiftScore:
    """The score of a ratio of two means: how many standard errors the data are from "arm = ratio x control".

    z(ratio) = (m1 - ratio m0) / sqrt(D (v1 / n1 + ratio**2 v0 / n0)), with D the design effect.

    For proportions v are the binomial variances at the most likely pair of rates that has this ratio (Miettinen and
    Nurminen, Statistics in Medicine 4, 1985; Koopman, Biometrics 40, 1984), so that an arm without any success is not
    taken for one whose rate is known exactly; at ratio 1 this is the pooled z. Outcomes between 0 and 1 vary less
    than a binomial, so they are on the safe side.

    For means v are sample variances, each the larger of its own and of both arms' together, so that a few equal
    values do not look certain; the set of ratios with |z| below a bound is that of Fieller (1954).

    Attributes:
        arm: its sums.
        control: those of the other.
        n: observations an arm, as the harmonic mean of both: what the variance of a difference goes by.
        lift: m1 / m0 - 1; 0 while both are 0 or one has no outcomes, infinite while only the control is 0.
        rate: of both arms together: the odds of what is rarer, success or failure; for means the squared mean over
            the variance. `n * rate / 2` is the statistical information about the logarithm of the ratio (of successes,
            or failures) if the outcomes are independent.
        silence: why nothing can be said yet, or "".

    Raises:
        OutcomeError: sums that cannot be: negative, not finite, more successes than observations.
    """

    __slots__ = ("_design_effect", "_proportion", "_variances", "arm", "control", "lift", "n", "rate", "silence")

    def __init__(
        self,
        arm: Totals,
        control: Totals,
        *,
        kind: Literal["proportion", "mean"] = "proportion",
        design_effect: float = 1.0,
    ) -> None:
        check_totals(arm, kind)
        check_totals(control, kind)
        self.arm = Totals(*map(float, arm))  # from numpy's numbers or ints
        self.control = Totals(*map(float, control))
        self.n = 2 / (1 / arm.n + 1 / control.n) if arm.n and control.n else 0.0
        self.lift = _lift(self.arm.mean, self.control.mean) if self.n else 0.0
        self._proportion = kind == "proportion"
        self._design_effect = design_effect
        self._variances = (0.0, 0.0) if self._proportion else _variances(self.arm, self.control)
        self.silence = self._why_silent()
        self.rate = 0.0 if self.silence else self._rate()

    def z(self, ratio: float = 1.0) -> float:
        """Return how many standard errors the arm lies above `ratio` times the control, more than zero; 0 if silent."""
        if self.silence:
            return 0.0
        first, second = self._restricted(ratio) if self._proportion else self._variances
        variance = self._design_effect * (first / self.arm.n + ratio * ratio * second / self.control.n)
        # It is not zero unless it is too small for a float.
        return (self.arm.mean - ratio * self.control.mean) / math.sqrt(max(variance, sys.float_info.min))

    def bounds(self, level: float) -> tuple[float, float]:
        """Return the lifts between which |z| stays below `level`: the interval that is dual to the test."""
        if self.silence or not math.isfinite(level):
            return -1.0, math.inf
        # Where z is zero, and about how far from there the bounds lie.
        middle = math.log1p(self.lift) if -1 < self.lift < math.inf else 0.0
        step = max(level, 1e-3) * math.sqrt(self._design_effect * self.spread)
        lowest = highest = math.inf
        if self.control.total:
            highest = _crossing(lambda log: self.z(math.exp(log)) + level, middle, step)
        lowest = _crossing(lambda log: self.z(math.exp(log)) - level, middle, -step) if self.arm.total else 0.0
        return lowest - 1, highest - 1

    @property
    def spread(self) -> float:
        """Variance of the logarithm of the ratio, if outcomes are independent and both means equal; not if silent."""
        total, n = self.arm.total + self.control.total, self.arm.n + self.control.n
        signal = total / (n - total) if self._proportion else self.rate
        return 2 / (self.n * signal)

    @property
    def step(self) -> float:
        """By how much one success (or failure, if that is rarer) moves z, on average; 0 for means. Not if silent."""
        if not self._proportion:
            return 0.0
        # z sqrt(n rate / 2) moves by n0 / (n0 + n1) where the arm has the success, and by n1 / (n0 + n1) otherwise.
        grain = math.sqrt(self.arm.n * self.control.n) / (self.arm.n + self.control.n)
        return grain / math.sqrt(self.n * self.rate / 2)

    def _why_silent(self) -> str:
        if not (self.arm.n and self.control.n):
            return "no outcomes yet"
        total, n = self.arm.total + self.control.total, self.arm.n + self.control.n
        if self._proportion:
            return "" if 0 < total < n else "all outcomes are equal"
        if min(self.arm.n, self.control.n) < FEWEST:
            return f"fewer than {FEWEST} outcomes an arm"
        return "" if total and min(self._variances) > 0 else "all outcomes are equal"

    def _rate(self) -> float:
        mean = (self.arm.total + self.control.total) / (self.arm.n + self.control.n)
        if self._proportion:
            return min(mean / (1 - mean), (1 - mean) / mean)
        pooled = _within(self.arm) + _within(self.control)
        return mean * mean * (self.arm.n + self.control.n - 2) / pooled

    def _restricted(self, ratio: float) -> tuple[float, float]:
        """Return the binomial variances at the most likely rates q and ratio * q."""
        (n1, x1, _), (n0, x0, _) = self.arm, self.control
        a, b, c = (n1 + n0) * ratio, n1 * ratio + x1 + n0 + x0 * ratio, x1 + x0
        # The smaller root of a q**2 - b q + c = 0, written so that nothing cancels.
        q = min(2 * c / (b + math.sqrt(max(b * b - 4 * a * c, 0.0))), 1.0, 1 / ratio)
        return max(ratio * q * (1 - ratio * q), 0.0), q * (1 - q)


def check_totals(totals: Totals, kind: Literal["proportion", "mean"]) -> None:
    """Refuse sums that no outcomes have."""
    n, total, squares = totals
    if not (0 <= n < math.inf and 0 <= total < math.inf and 0 <= squares < math.inf):
        raise OutcomeError(f"the sums {shown(tuple(totals))} are negative or not finite")
    if kind == "proportion" and total > n:
        raise OutcomeError(f"{shown(total)} successes of {shown(n)} are more than there can be")
    if not n and total:
        raise OutcomeError(f"the sums {shown(tuple(totals))} are of no outcomes, but not zero")


def _lift(mean: float, control: float) -> float:
    if control:
        return mean / control - 1
    return math.inf if mean else 0.0


def _within(totals: Totals) -> float:
    """Return the sum of squared deviations from the mean; 0 if it is not above the rounding of a million outcomes."""
    within = totals.squares - totals.total * totals.mean
    return within if within > 1e-9 * totals.squares else 0.0


def _variances(arm: Totals, control: Totals) -> tuple[float, float]:
    if min(arm.n, control.n) < 2:
        return 0.0, 0.0
    pooled = (_within(arm) + _within(control)) / (arm.n + control.n - 2)
    return max(_within(arm) / (arm.n - 1), pooled), max(_within(control) / (control.n - 1), pooled)


def _crossing(falling: Callable[[float], float], start: float, step: float) -> float:
    """Return the ratio at whose logarithm a falling function is zero; 0 or infinity beyond a factor of exp(30).

    Steps that double lead from `start` to a bracket. In it the secant is followed, the value at an end that stays for a
    second time being halved (the Illinois algorithm: Dowell and Jarratt, BIT 11, 1971, 168-174): some ten values in all
    where bisection needs sixty. Halvings take over should it ever be slow.
    """
    near = _within_reach(start)
    value = falling(near)
    if (value > 0) != (step > 0):
        step = -step
    while abs(near) < _FARTHEST or near * step < 0:
        far = _within_reach(near + step)
        beyond = falling(far)
        if (beyond > 0) != (value > 0):
            return math.exp(_root(falling, (near, value), (far, beyond)))
        near, value, step = far, beyond, 2 * step
    return math.inf if value > 0 else 0.0


def _within_reach(log: float) -> float:
    return min(max(log, -_FARTHEST), _FARTHEST)


def _root(falling: Callable[[float], float], first: tuple[float, float], last: tuple[float, float]) -> float:
    """Return where a function is zero between two points at which its signs differ."""
    (a, at_a), (b, at_b) = first, last
    for turn in range(100):
        if not at_b:
            break
        c = (a + b) / 2 if turn > 30 else b - at_b * (b - a) / (at_b - at_a)
        if abs(c - b) <= 1e-12:
            return c
        at_c = falling(c)
        if (at_c > 0) != (at_b > 0):
            a, at_a = b, at_b
        else:
            at_a /= 2
        b, at_b = c, at_c
    return b
