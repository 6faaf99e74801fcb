"""What randomised contrasts say of each trait, and whether later ones say it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from postopt.engagement.advising.traits import TRAITS, reading_of
from postopt.experiments.contrasts import Contrasts, Vector, contrasts, read_groups
from postopt.experiments.effects import Effect, discoveries, effects
from postopt.experiments.records import Group

ALPHA = 0.05
"""The share of false discoveries, and the error of every interval."""

EARLIER = 0.6
"""The share of the data that effects are looked for in; the later part confirms them. Arbitrary."""


class Estimate(NamedTuple):
    """What one set of contrasts says of a trait.

    Attributes:
        effect: of having it, in log-odds, or in log units of an amount.
        pairs: of texts of one contrast of which one has the trait and one has not.
        tests: contrasts in which there are such pairs, those that share a text counted as one.
        shown: impressions of all texts of these contrasts.
    """

    effect: Effect
    pairs: int
    tests: int
    shown: float

    @property
    def significant(self) -> bool:
        """Whether the interval excludes no effect."""
        low, high = self.effect.interval(ALPHA)
        return not low <= 0 <= high


def estimates(groups: Iterable[Group], *, language: str | None) -> dict[str, Estimate]:
    """Return what these contrasts say of each trait; traits that vary too little to say anything are left out.

    Each contrast counts by its information, errors are robust to what contrasts that share a text have in common; see
    `experiments.effects`.

    Raises:
        OutcomeError: there are no groups at all, a row is no `(text, n, successes)`, or its counts cannot be.
    """
    rows = read_groups(groups)
    data = contrasts(rows)
    impressions = np.array([sum(row[1] for row in group) for group in rows], dtype=np.float64)
    return measured(data, impressions, language=language, spread=data.spread())


def measured(data: Contrasts, impressions: Vector, *, language: str | None, spread: float) -> dict[str, Estimate]:
    """Return what these contrasts, with so many impressions each, say of each trait."""
    matrix = matrix_of(data.texts, language)
    found = {}
    for name, column, effect in zip(TRAITS, matrix.T, effects(data, matrix, spread), strict=True):
        if effect is None:
            continue
        have = data.sums(column)
        without = data.sums(1 - column)
        varies = (have > 0) & (without > 0)
        found[name] = Estimate(
            effect,
            pairs=round(float(np.sum(have * without))),
            tests=len(set(data.component[varies].tolist())),
            shown=float(np.sum(impressions[varies])),
        )
    return found


def matrix_of(texts: Iterable[str], language: str | None) -> Vector:
    """Return a row of 0 and 1 for each text, a column for each trait."""
    read = [reading_of(text, language) for text in texts]
    rows = [[float(trait.holds(reading)) for trait in TRAITS.values()] for reading in read]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(TRAITS))


def found_among(together: Mapping[str, Estimate]) -> set[str]:
    """Return the traits with an effect: by Benjamini-Hochberg at `ALPHA` over all that were looked at."""
    passed = discoveries([estimate.effect.p_value for estimate in together.values()], ALPHA)
    return {name for name, yes in zip(together, passed, strict=True) if yes}


def confirmed_by(earlier: Estimate | None, later: Estimate | None) -> bool | None:
    """Return whether later contrasts show again what earlier ones did: the same sign, and an interval without 0.

    None where either side says nothing.
    """
    if earlier is None or later is None:
        return None
    return later.significant and (later.effect.log_odds > 0) == (earlier.effect.log_odds > 0)
