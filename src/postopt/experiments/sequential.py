"""Is one arm better than another? An answer that stays right however often it is asked."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from postopt._checks import check_amount, check_count, check_positive
from postopt.errors import shown
from postopt.experiments.boundary import EARLY, KNOWN, LAST, LATE, critical
from postopt.experiments.lift import LiftScore
from postopt.experiments.records import Kind, Totals
from postopt.experiments.usual import Usual
from postopt.stats.interval import Interval

BAND = 1.5  # factor around the usual rate within which a rate counts as usual (see `SequentialTest`)
FIRST_LOOK = 0.25  # of a horizon that was given; before it the bound is above 4.5 standard errors (arbitrary)

Side = Literal["both", "greater", "less"]


class Comparison(NamedTuple):
    """What can be said of an arm against another one.

    Attributes:
        lift: observed, as a share: 0.2 is 20 % more than the control; infinite if only the control has none.
        interval: of the true lift, valid at all looks together; it excludes 0 exactly when `significant`.
        significant: whether the arms differ (to the side that was asked for).
        expected: the lift to be expected from now on: the observed one shrunk towards 0 by what lifts usually are.
            Arms that were picked because they did well did too well on average (the winner's curse).
        z: standard errors between the arms.
        level: standard errors that were needed at this look; infinite where nothing can be said.
        progress: how far the test is; 1 is the horizon, or where experiments usually end.
        silence: why nothing can be said yet, or "".
    """

    lift: float
    interval: Interval
    significant: bool
    expected: float
    z: float
    level: float
    progress: float
    silence: str


class _Look(NamedTuple):
    direction: int
    z: float
    level: float
    progress: float
    silence: str


class SequentialTest:
    """A comparison of two arms that may be repeated at every look, for ever, with one error probability for all.

    A z-test that is repeated at 80 looks calls 35 % of equal arms different. This one compares z with the bound of
    `boundary.critical`: P(any look, at any time, calls equal arms different) <= alpha, and the intervals of all
    looks hold the true lift together with probability 1 - alpha. It keeps no state; the caller keeps the sums.

    Without a horizon the bound is lowest where experiments usually end (`usual.n` observations of all arms), and what
    is left of alpha is kept for all later times. Progress is counted in observations while the rate is within a
    factor of 1.5 of the usual one, and beyond in statistical information from the band's edge: at ten times the rate,
    an experiment needs a tenth of the observations. Inside the band information is not used because it grows with the
    rate of the better arm: the same day would be before the end for one experiment and after it for another, and the
    end is where the power is (60 % instead of 66 %, docs/design/0019-sequential.md). No clock knows which arm is ahead.

    With a horizon, progress is observations an arm as a share of it; nothing is said before a quarter of it. After
    the horizon the test stays valid, but has little power: stop there.

    The normal approximation is safe at small counts: a difference of 30 successes or more is needed at the usual
    settings before anything is significant. Counts of successes move in steps and overshoot a bound by half of one on
    average (a simple random walk can only meet whole numbers), so for proportions the bound is half a step lower.

    One side: alpha belongs to that side alone, and the interval is open to the other.

    Thread-safe: nothing changes after construction.

    Args:
        alpha: probability of a false difference, over all looks and all `comparisons`.
        comparisons: among how many alpha is divided (Bonferroni).
        arms: how many share the observations of the experiment.
        usual: how experiments usually go; learned from past ones by `Usual.learn`.
        horizon: observations an arm after which the experiment ends, if that is known.
        kind: "proportion" if outcomes are between 0 and 1, or "mean" if they are any amounts of zero or more.
        side: "greater" asks only whether the arm is above the control, "less" only whether it is below.
        early: spend alpha early, for guardrails: a great difference shows within hundreds of observations, a small
            one later than otherwise.

    Raises:
        ValueError: alpha is not between 0 and 0.5, or another setting cannot be.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        comparisons: float = 1,
        arms: int = 2,
        usual: Usual | None = None,
        horizon: float | None = None,
        kind: Kind = "proportion",
        side: Side = "both",
        early: bool = False,
    ) -> None:
        if not 0 < check_positive("alpha", alpha, "probabilities") < 0.5:
            raise ValueError(f"alpha is {shown(alpha)}; a probability between 0 and 0.5 is needed")
        if check_positive("comparisons", comparisons, "comparisons") < 1:
            raise ValueError(f"comparisons is {shown(comparisons)}; one or more are needed")
        if kind not in ("proportion", "mean"):
            raise ValueError(f'kind is {shown(kind)}; "proportion" or "mean" is needed')
        if side not in ("both", "greater", "less"):
            raise ValueError(f'side is {shown(side)}; "both", "greater" or "less" is needed')
        self.alpha = alpha / comparisons
        self.usual = Usual() if usual is None else usual
        self.horizon = None if horizon is None else check_positive("horizon", horizon, "observations an arm")
        self.kind: Kind = kind
        self.side: Side = side
        self._end = self.usual.n / check_count("arms", arms, least=2)
        self._share, self._scale = EARLY if early else LATE if horizon is None else KNOWN
        self._odds = _odds(self.usual.rate, "usual.rate") if kind == "proportion" else self.usual.rate

    def compare(self, arm: Totals, control: Totals, design_effect: float = 1.0) -> Comparison:
        """Compare an arm with another by all that is known of both up to now.

        Args:
            arm: its sums.
            control: the sums of the other.
            design_effect: factor on the variance of the difference over that of independent outcomes; 1 or more.

        Raises:
            OutcomeError: sums that cannot be.
            ValueError: the design effect is below 1 or not finite.
        """
        score = self._score(arm, control, design_effect)
        look = self._look(score)
        low, high = score.bounds(look.level)
        return Comparison(
            lift=score.lift,
            interval=Interval(
                -1.0 if self.side == "less" else low,
                math.inf if self.side == "greater" else high,
                1 - self.alpha,
                round(arm.n + control.n),
            ),
            significant=look.direction != 0,
            expected=self._expected(score, design_effect),
            z=look.z,
            level=look.level,
            progress=look.progress,
            silence=look.silence,
        )

    def direction(self, arm: Totals, control: Totals, design_effect: float = 1.0) -> int:
        """Return 1 if the arm is above the other, -1 if below, 0 if that is open: `compare` without the interval."""
        return self._look(self._score(arm, control, design_effect)).direction

    def needed(self, lift: float, *, rate: float | None = None, power: float = 0.8, design_effect: float = 1.0) -> int:
        """Return how many observations an arm it takes until a true lift is found with a probability.

        It counts the look at that number alone, not the chance that an earlier one finds it: a bit too many.

        Args:
            lift: true, as a share, not 0, above -1.
            rate: of the control (for means: squared mean over variance); the usual one if it is not given.
            power: probability that it is found.
            design_effect: factor on the variance of the difference.

        Raises:
            ValueError: the lift is 0 or not above -1, or another argument cannot be.
        """
        if not -1 < lift < math.inf or abs(lift) < 1e-9:  # below, numbers of observations leave the floats
            raise ValueError(f"lift is {shown(lift)}; a share above -1, not 0, is needed")
        if not 0 < power < 1:
            raise ValueError(f"power is {shown(power)}; a probability between 0 and 1 is needed")
        _check_effect(design_effect)
        signal = self.usual.rate if rate is None else check_positive("rate", rate, "successes per observation")
        pace = signal
        if self.kind == "proportion":
            pace, signal = _odds(signal, "rate"), signal / (1 - signal)
        drift, wanted = abs(math.log1p(lift)) * math.sqrt(signal / 2 / design_effect), NormalDist().inv_cdf(power)

        # The level jumps up where a stretch of the bound begins, so the first stretch is looked for that ends well.
        # Within it the level falls as 1 / sqrt(n), which leaves a square equation in sqrt(n).
        end = 1 / self._progress(1.0, pace)
        for doubling in range(LAST + 1):
            level = self.level_at(2.0**doubling)
            if drift * math.sqrt(end) - level >= wanted:
                root = (wanted + math.sqrt(wanted * wanted + 4 * drift * level * math.sqrt(end))) / (2 * drift)
                return math.ceil(root * root)
            end *= 2
        return math.ceil(((wanted + self.level_at(2.0**LAST)) / drift) ** 2)

    def level_at(self, progress: float) -> float:
        """Return the standard errors that are needed at a progress, before the steps of counts are allowed for."""
        return critical(progress, self.alpha if self.side == "both" else min(2 * self.alpha, 0.99), self._share)

    def progress(self, n: float, rate: ArrayLike) -> NDArray[np.float64]:
        """Return how far a test is after n observations an arm, at a rate as `LiftScore.rate` or an array of them."""
        if self.horizon is not None:
            return np.full(np.shape(rate), n / (self.horizon * self._scale))
        pace = np.asarray(rate, np.float64) / self._odds
        return np.asarray(n / (self._end * self._scale) * np.clip(1.0, pace / BAND, pace * BAND))

    @property
    def first_look(self) -> float:
        """Observations an arm before which nothing is said: a quarter of a horizon, or 0 without one."""
        return FIRST_LOOK * self.horizon if self.horizon is not None else 0.0

    def _progress(self, n: float, rate: float) -> float:
        """Do what `progress` does, for one rate and in a tenth of the time."""
        if self.horizon is not None:
            return n / (self.horizon * self._scale)
        pace = rate / self._odds
        return n / (self._end * self._scale) * min(max(1.0, pace / BAND), pace * BAND)

    def _score(self, arm: Totals, control: Totals, design_effect: float) -> LiftScore:
        _check_effect(design_effect)
        return LiftScore(arm, control, kind=self.kind, design_effect=design_effect)

    def _look(self, score: LiftScore) -> _Look:
        progress = self._progress(score.n, score.rate)
        silence = score.silence
        if not silence and score.n < self.first_look:
            silence = f"the first look is at {math.ceil(self.first_look):,} outcomes an arm"
        if silence:
            return _Look(0, score.z(), math.inf, progress, silence)
        level, z = self.level_at(progress), score.z()
        level -= min(score.step / 2, level / 4)
        above, below = z >= level and self.side != "less", z <= -level and self.side != "greater"
        return _Look(int(above) - int(below), z, level, progress, silence)

    def _expected(self, score: LiftScore, design_effect: float) -> float:
        """Return the lift shrunk on the scale of logarithms, where noise and usual lifts are both near normal."""
        if score.silence:
            return 0.0
        weight = self.usual.tau**2 / (self.usual.tau**2 + design_effect * score.spread)
        if not -1 < score.lift < math.inf:  # an arm has nothing yet: no logarithm
            return weight * min(score.lift, 1.0)
        return math.expm1(weight * math.log1p(score.lift))


def _check_effect(value: float) -> None:
    if not check_amount("design_effect", value, "variances over those of independent outcomes") >= 1:
        raise ValueError(f"design_effect is {shown(value)}; 1 or more is needed")


def _odds(rate: float, name: str) -> float:
    """Return the odds of what is rarer, success or failure."""
    if not 0 < rate < 1:
        raise ValueError(f"{name} is {shown(rate)}; a share between 0 and 1 is needed of proportions")
    return min(rate / (1 - rate), (1 - rate) / rate)
