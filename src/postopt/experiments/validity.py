"""Whether the split of the units is the one that was planned: if not, nothing can be claimed from it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from postopt.experiments.definition import Definition
from postopt.experiments.sample_ratio import SampleRatioCheck
from postopt.experiments.standing import Standing
from postopt.experiments.traffic import Numbers

_ALPHA = 0.001  # as is usual for sample ratios: a fault shows soon, and a false alarm costs a whole experiment
_MIXED = 100.0  # units' variance at which the mixture is most sensitive; arbitrary, some hundreds of units
_SHOWN = 6


class Fault(NamedTuple):
    """What is wrong with a split, in words, and whether more units could still put it right."""

    words: str
    lasting: bool


def invalidity(definition: Definition, standing: Standing) -> Fault | None:
    """Return what is wrong with the split, or None.

    In mode "find" each arm has a fixed share, so the numbers of units, of outcomes and of outcomes in reports must be
    in that proportion. If the first are and the second are not, outcomes get lost for one arm more than for another (a
    page that breaks, a tracker that is blocked), which ruins the comparison as surely.

    An arm that is paused takes no more part in this; those that remain keep their proportion to each other. One that
    was resumed has missed some, and stays out of it.

    In mode "earn" shares follow the outcomes. The units of each arm must be as many as their propensities add up to;
    reports say nothing about propensities, and are not checked.

    Feedback is never checked: how often a post is shown is not decided here.

    Units that were dealt wrongly stay so. Outcomes and reports may only have come for one arm before the other, so
    what is wrong with them holds for as long as it is seen.
    """
    places = [place for place in standing.active if place not in standing.why]
    if len(places) < 2:
        return None
    if definition.mode == "earn":
        words = _against_propensities(standing)
        return Fault(words, lasting=True) if words else None
    weights = np.array(definition.weights)[places]
    for counts, what, lasting in (
        (standing.assigned.astype(np.float64), "units were assigned", True),
        (
            standing.tally.of_assignments(),
            "outcomes came for the units: some get lost, or only successes are recorded",
            False,
        ),
        (standing.observed, "outcomes were reported", False),
    ):
        wrong = _against_weights(counts[places], weights)
        if wrong:
            return Fault(f"{wrong} {what} ({_named(standing, places, counts)})", lasting)
    return None


def _against_weights(counts: Numbers, weights: Numbers) -> str:
    seen = counts > 0
    rates = counts[seen] / counts.sum()
    # The evidence is a mean of likelihoods over that of tolerated shares: at most the greatest likelihood over that of
    # the planned ones, which is soon computed, and nearly always small.
    if float(counts[seen] @ np.log(rates / (weights[seen] / weights.sum()))) < -math.log(_ALPHA):
        return ""
    check = SampleRatioCheck(weights, alpha=_ALPHA)
    check.update(counts)
    return f"not as planned (p = {check.p_value:.2g} at all looks together):" if check.invalid else ""


def _against_propensities(standing: Standing) -> str:
    """Compare units with the sum of their propensities, for the units that this process dealt.

    Their difference is a martingale with the variance v = sum p (1 - p). A normal mixture with v_0 turns it into a test
    that holds at all looks: log(e) = d**2 / (2 (v + v_0)) - log((v + v_0) / v_0) / 2 passes log(K / alpha) for any
    of the K arms with probability alpha at most (Robbins, "Statistical methods related to the law of the iterated
    logarithm", Annals of Mathematical Statistics 41, 1970).
    """
    off, variance = standing.dealt - standing.expected, standing.variance + _MIXED
    log_e = off * off / (2 * variance) - np.log(variance / _MIXED) / 2
    worst = int(np.argmax(log_e))
    if log_e[worst] <= math.log(len(log_e) / _ALPHA):
        return ""
    return (
        f"not by the propensities: {standing.dealt[worst]:,.0f} units got {standing.names[worst]}, "
        f"{standing.expected[worst]:,.0f} were to"
    )


def _named(standing: Standing, places: list[int], counts: Numbers) -> str:
    shown = ", ".join(f"{standing.names[place]}: {counts[place]:,.0f}" for place in places[:_SHOWN])
    return shown + (", ..." if len(places) > _SHOWN else "")
