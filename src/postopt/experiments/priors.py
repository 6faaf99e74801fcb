"""What past experiments teach about the arms of the next one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from statistics import median
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from postopt._checks import check_callable, check_positive
from postopt.errors import OutcomeError, shown
from postopt.experiments.concentration import deviation
from postopt.experiments.posterior import ArmPrior, Array
from postopt.experiments.records import Group
from postopt.experiments.usual import Usual
from postopt.experiments.wording import LEAST_GROUPS, WordingModel
from postopt.types import MAX_COUNT

# Of the open headline tests: standard deviation of the log-odds of a rate. A start until there are own experiments.
_SPREAD = 0.65
# A spread as narrow as that makes the usual rate worth 400 / rate observations where it is small: enough for "known".
_LEAST_SPREAD = 0.05
_MOST_SHIFT = 1.0  # log-odds; no wording is trusted to do more than 2.7 times as well


class Scorer(Protocol):
    """What knows something of a text beforehand."""

    def score(self, text: str) -> float:
        """Return the log-odds of a success, above those of the average text."""
        ...


@dataclass(frozen=True, slots=True)
class Priors:
    """What is known of experiments of this host before their first outcome.

    Attributes:
        rate: median rate of a success.
        kappa: concentration of the arms' rates around their experiment's, Beta(kappa m, kappa (1 - m)), where m is
            `rate`; at other levels arms differ by as much in log-odds. As outcomes show it, over-dispersion included,
            because these are the outcomes a policy will see.
        tau: relative standard deviation of arms' true rates within an experiment, over-dispersion removed.
        spread: standard deviation of the log-odds of the rate from one experiment to another.
        traffic: observations an experiment gets in all, the median.
        groups: past experiments that this rests on; 0 means defaults, rounded from what 2,220 headline tests show,
            but for the rate: 1.5 % is said of them, their median is 1.2 %.
        wording: what the words of a text say, or None while there are too few groups.

    Raises:
        ValueError: a number is not positive and finite, or the rate is not below 1.
    """

    rate: float = 0.015
    kappa: float = 1_500.0
    tau: float = 0.19
    spread: float = _SPREAD
    traffic: float = 15_000.0
    groups: int = 0
    wording: WordingModel | None = None

    def __post_init__(self) -> None:
        for name in ("rate", "kappa", "tau", "spread", "traffic"):
            check_positive(name, getattr(self, name), "units")
        if self.rate >= 1:
            raise ValueError(f"rate is {shown(self.rate)}; less than one success per observation is needed")

    @classmethod
    def learn(cls, groups: Iterable[Group], *, design_effect: float = 1.7) -> Self:
        """Return what these experiments teach, each a list of (text, n, successes); the defaults if there is none.

        With few groups each number is drawn towards its default as if `LEAST_GROUPS` groups had shown that.

        Args:
            groups: past experiments; arms that nobody saw count for nothing.
            design_effect: how many times the variance of independent outcomes the real one is; for `tau`.

        Raises:
            OutcomeError: a row is no (text, n, successes), or its counts cannot be.
            ValueError: `design_effect` is less than 1.
        """
        past = [_checked(index, group) for index, group in enumerate(groups)]
        honest = Usual.learn(past, design_effect=design_effect)
        known = _levels(past)
        if not known:
            return cls()
        start, weight = cls(), len(known) / (len(known) + LEAST_GROUPS)

        def drawn(learned: float, default: float) -> float:
            return math.exp(weight * math.log(learned) + (1 - weight) * math.log(default))

        odds = drawn(math.exp(median(_log_odds(known))), start.rate / (1 - start.rate))
        rate = odds / (1 + odds)
        usual = ArmPrior(start.rate, kappa=start.kappa).deviation
        return cls(
            rate=rate,
            kappa=1 / (drawn(deviation(past) or usual, usual) ** 2 * rate * (1 - rate)),
            tau=honest.tau / math.sqrt(2),
            spread=drawn(_spread(known), start.spread),
            traffic=drawn(median(n for n, _ in known), start.traffic),
            groups=len(known),
            wording=WordingModel.fit(past, design_effect=design_effect) if len(known) >= LEAST_GROUPS else None,
        )

    def experiment(self, texts: Sequence[str], scorer: Scorer | None = None) -> ArmPrior:
        """Return what is known of the arms of an experiment with these texts.

        Args:
            texts: of the arms, in order.
            scorer: what knows more of texts than `wording`; its scores count as they are.

        Raises:
            ValueError: `scorer` cannot score, or a score is no finite number.
        """
        if scorer is not None:
            check_callable("scorer.score", getattr(scorer, "score", None), "says what is expected of a text")
        known = self.wording if scorer is None else scorer
        shift = None if known is None else _shifts([known.score(text) for text in texts])
        return ArmPrior(self.rate, spread=self.spread, kappa=self.kappa, traffic=self.traffic, shift=shift)

    def arms(self, texts: Sequence[str], counts: npt.ArrayLike) -> tuple[Array, Array]:
        """Return the parameters (a, b) of the Beta posterior of each arm with these texts and counts (arms, 2).

        Raises:
            OutcomeError: the counts cannot be.
        """
        return self.experiment(texts).beta(counts)


def _shifts(scores: Sequence[float]) -> Array:
    array = np.asarray(scores, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"scores are {shown(scores)}; finite numbers are needed")
    return np.asarray(np.clip(array - array.mean(), -_MOST_SHIFT, _MOST_SHIFT))


def _checked(index: int, group: object) -> list[tuple[str, float, float]]:
    """Return the rows of a group, with counts as floats."""
    rows = []
    for row in group if isinstance(group, Sequence) and not isinstance(group, str) else [group]:
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 3 or not isinstance(row[0], str):
            raise OutcomeError(f"a row of group {index} is {shown(row)}; (text, n, successes) is needed")
        text, n, successes = row
        if not all(isinstance(count, Real) and not isinstance(count, bool) for count in (n, successes)):
            raise OutcomeError(f"a row of group {index} is {shown(row)}; n and successes must be numbers")
        if not 0 <= successes <= n <= MAX_COUNT:
            raise OutcomeError(f"a row of group {index} is {shown(row)}; 0 <= successes <= n <= {MAX_COUNT} is needed")
        rows.append((text, float(n), float(successes)))
    return rows


def _levels(groups: Iterable[Group]) -> list[tuple[float, float]]:
    """Return observations and successes of each group that has both."""
    sums = ((float(sum(row[1] for row in group)), float(sum(row[2] for row in group))) for group in groups)
    return [(n, s) for n, s in sums if n > 0 and s > 0]


def _log_odds(known: Sequence[tuple[float, float]]) -> list[float]:
    return [math.log((s + 0.5) / (n - s + 0.5)) for n, s in known]


def _spread(known: Sequence[tuple[float, float]]) -> float:
    """Return the standard deviation of log-odds between groups, the noise of counting taken out."""
    n, s = np.array(known).T
    noise = float(np.mean(1 / (s + 0.5) + 1 / (n - s + 0.5)))
    variance = float(np.var(_log_odds(known), ddof=1)) - noise if len(known) > 1 else _SPREAD**2
    return math.sqrt(max(variance, _LEAST_SPREAD**2))
