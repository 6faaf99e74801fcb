"""How experiments of this host usually go: their rate, their length, and how much arms differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from postopt._checks import check_amount, check_positive
from postopt.errors import OutcomeError, shown


@dataclass(frozen=True, slots=True)
class Usual:
    """What past experiments teach about the next one.

    It decides only where a test is strongest, never whether it is valid.

    Attributes:
        rate: mean of an outcome; for a mean, its square over the variance plays this part (see `LiftScore`).
        n: observations of an experiment when it ends, all its arms together.
        tau: standard deviation of the true lift of one arm over another.

    The defaults are round numbers near those of 2,220 headline tests of a news site (clicks; Upworthy Research Archive,
    2013 to 2015): medians of 1.2 % and 15,000 impressions a test, and a tau of 27 %. They are a start until there are
    experiments of one's own.

    Raises:
        ValueError: one of them is not positive and finite.
    """

    rate: float = 0.015
    n: float = 16_000.0
    tau: float = 0.26

    def __post_init__(self) -> None:
        check_positive("rate", self.rate, "successes per observation")
        check_positive("n", self.n, "observations")
        check_positive("tau", self.tau, "standard deviations of a lift")

    @classmethod
    def learn(
        cls,
        groups: Iterable[Sequence[tuple[object, float, float]]],
        *,
        design_effect: float = 1.7,
        least: int = 20,
    ) -> Self:
        """Return the usual of past groups [(text, n, successes), ...], each of one randomised contrast.

        Rate and n are medians. The variance of lifts is what the spread of the rates in a group shows above noise
        (the method of moments of DerSimonian and Laird, Controlled Clinical Trials 7, 1986, with relative rates and
        the noise of each widened by the design effect), averaged over groups by their degrees of freedom; twice
        that for the difference of two arms. It is not allowed to fall below (2 %)**2.

        Args:
            groups: past experiments; those without two arms that were shown, or without a success, count for nothing.
            design_effect: factor on the variance of a rate.
            least: groups below which the defaults are kept; 20 is arbitrary.

        Raises:
            OutcomeError: a count is negative, NaN, or successes exceed n.
        """
        used = [contrast for group in groups if (contrast := _contrast(group, design_effect)) is not None]
        if len(used) < least:
            return cls()
        spread = sum(excess for _, _, excess, _ in used) / sum(weight for _, _, _, weight in used)
        return cls(
            rate=median(rate for rate, _, _, _ in used),
            n=median(n for _, n, _, _ in used),
            tau=math.sqrt(2 * max(spread, 0.0002)),
        )


def _contrast(
    group: Sequence[tuple[object, float, float]], design_effect: float
) -> tuple[float, float, float, float] | None:
    """Return rate, n, the excess of the squared relative deviations over noise, and what to divide it by."""
    check_amount("design_effect", design_effect, "variances over those of independent outcomes")
    arms = []
    for _, n, successes in group:
        if not 0 <= successes <= n < math.inf:
            raise OutcomeError(f"{shown(successes)} successes of {shown(n)}; 0 <= successes <= n is needed")
        if n:
            arms.append((n, successes))
    total, successes = sum(n for n, _ in arms), sum(x for _, x in arms)
    if len(arms) < 2 or not 0 < successes < total:
        return None
    rate = successes / total
    noise = design_effect * (1 - rate) / rate  # of the relative rate, times n
    weighted = sum(n * (x / n / rate - 1) ** 2 for n, x in arms)
    weight = total - sum(n * n for n, _ in arms) / total
    return rate, total, (weighted - noise * (len(arms) - 1)) / weight * (len(arms) - 1), len(arms) - 1
