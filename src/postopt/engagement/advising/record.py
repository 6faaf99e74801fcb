"""What is known of an edit: how much it lifts, how surely, where that was measured, and whether it was found again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, Self, TypeAlias, get_args

from postopt._checks import check_name
from postopt.engagement.advising.estimates import ALPHA, Estimate, confirmed_by, found_among
from postopt.engagement.advising.traits import TRAITS, reading_of
from postopt.errors import shown
from postopt.experiments.effects import Effect, as_lift, replication, shrunk
from postopt.quality.readable import DENIED
from postopt.stats.interval import Interval

KindOfEvidence: TypeAlias = Literal["randomised", "association"]

SAME_SIGN = 0.95
"""With what probability new data have to give the sign of what is shown: the share of suggestions that is aimed at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured of one edit: texts that are as it would make them, against others of the same contrast.

    An edit is a trait of a text (`traits`), or doing without it. Texts were written by people, so that even randomised
    evidence is about texts that differ in the trait and in whatever goes with it: it is no proof that the edit alone
    does it. An association is not even that: it says which posts did better, and nothing of why.

    Attributes:
        trait: name of the trait.
        wanted: whether the edit gives a text the trait, or takes it away.
        effect: of the edit, in log-odds of a click (of an amount: in log units of 1 + amount), pulled towards 0 as far
            as its error asks for, because the largest of many estimates are too large.
        measured: what the data gave before it was pulled; where several sources were put together, the last one's.
        pairs: of texts that were compared.
        tests: in which there were such pairs, those that share a text counted as one.
        impressions: of the texts of these tests; for an association the posts.
        outcome: what was counted: "clicks", "engagement" (reactions, comments and shares). What lifts one may lower the
            other; they are never mixed.
        kind: "randomised", if chance decided who saw which text, or "association".
        source: where the data come from.
        years: first and last, or None if nobody said.
        language: of the texts, "en" say.
        publisher: whose readers they were.
        found: whether it was told from no effect, with all traits that were looked at in mind (Benjamini-Hochberg at
            5 %).
        confirmed: whether later tests showed the same sign again, with an interval that excludes 0; None if nobody
            could look.
    """

    trait: str
    wanted: bool = True
    effect: Effect
    measured: float
    pairs: int
    tests: int
    impressions: int
    outcome: str
    kind: KindOfEvidence
    source: str
    years: tuple[int, int] | None
    language: str
    publisher: str
    found: bool
    confirmed: bool | None

    @property
    def edit(self) -> str:
        """Name of the edit: the trait's, or that with "without" before it."""
        return self.trait if self.wanted else f"without_{self.trait}"

    @property
    def lift(self) -> float:
        """Relative change of the odds of the outcome, .10 for 10 % more; of a rare outcome also that of its rate."""
        return _as_lift(self.effect)[0]

    @property
    def interval(self) -> Interval:
        """Of the lift, at 95 %; its n counts contrasts in which the trait varies.

        It is about texts and readers like those of the source. How far other publishers' differ is not in it until
        their own experiments are (`EvidenceCatalogue.with_experiments`).
        """
        return _as_lift(self.effect)[1]

    @property
    def n(self) -> int:
        """In how many contrasts the trait varies."""
        return self.effect.n

    @property
    def p_again(self) -> float:
        """The probability that as many new contrasts of the same kind give an effect of the same sign."""
        # At an alpha of 1 every estimate of that sign counts, significant or not.
        return replication(self.effect, self.effect.error, 1.0)

    @property
    def stands(self) -> bool:
        """Whether it may be shown.

        It was told from no effect with all traits in mind, later data showed it again, the interval excludes 0, and new
        data would give the same sign with a probability of 95 % or more.
        """
        low, high = self.interval[:2]
        return self.found and self.confirmed is True and not low <= 0 <= high and self.p_again >= SAME_SIGN

    @property
    def denied(self) -> bool:
        """Whether no text is to be pushed towards it or away from it, whatever it earns."""
        return self.trait in DENIED

    def matches(self, text: str) -> bool:
        """Return whether a text is already as the edit would make it.

        Raises:
            ValueError: `text` is no str.
        """
        return TRAITS[self.trait].holds(reading_of(text, self.language or None)) is self.wanted

    def reversed(self) -> Self:
        """Return the same evidence as one about the opposite edit."""
        return replace(
            self,
            wanted=not self.wanted,
            effect=self.effect._replace(log_odds=-self.effect.log_odds),
            measured=-self.measured,
        )

    def explain(self) -> str:
        """Return what is known in three sentences."""
        low, high = self.interval[:2]
        what = "odds of a click" if self.outcome == "clicks" else self.outcome
        has, lacks = f"a text that {TRAITS[self.trait].says}", "one that does not"
        better, than = (has, lacks) if self.wanted else (lacks, has)
        years = "" if self.years is None else f", {self.years[0]} to {self.years[1]}"
        how = "Chance decided who saw which" if self.kind == "randomised" else "An association, nothing of causes"
        again = {True: "later data show it again", False: "later data do not show it", None: "nobody looked again"}
        return (
            f"{self.edit}: {100 * self.lift:+.1f} % {what}, interval {100 * low:+.1f} to {100 * high:+.1f} %, for "
            f"{better} against {than}. From {self.n} contrasts: {self.source}; {self.publisher}, "
            f"{self.language or 'any language'}{years}. {how}; {again[self.confirmed]}."
        )

    __str__ = explain

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return it as plain JSON."""
        return {
            "trait": self.trait, "wanted": self.wanted, "log_odds": self.effect.log_odds, "error": self.effect.error,
            "n": self.effect.n, "clusters": self.effect.clusters, "measured": self.measured, "pairs": self.pairs,
            "tests": self.tests, "impressions": self.impressions, "outcome": self.outcome, "kind": self.kind,
            "source": self.source, "years": None if self.years is None else list(self.years),
            "language": self.language, "publisher": self.publisher, "found": self.found, "confirmed": self.confirmed,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the evidence that gave this state.

        Raises:
            ValueError: it is no such state.
        """
        try:
            values = dict(state)
            effect = Effect(*(values.pop(name) for name in ("log_odds", "error", "n", "clusters")))
            years = values.pop("years")
            record = cls(effect=effect, years=None if years is None else (years[0], years[1]), **values)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError("no state that Evidence.state returned") from error
        record._check()
        return record

    def _check(self) -> None:
        counts = (self.n, self.pairs, self.tests, self.impressions)
        numbers = (*self.effect, self.measured, *counts, *(self.years or ()))
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            raise ValueError(f"{shown(numbers)} has what is no finite number")
        if self.effect.error <= 0 or self.effect.clusters <= 1 or min(counts) < 0:
            raise ValueError(f"{shown(numbers)} has a count or an error that cannot be")
        flags = (self.wanted, self.found, self.confirmed)
        if not all(isinstance(flag, bool) for flag in flags[:2]) or not isinstance(self.confirmed, bool | None):
            raise ValueError(f"{shown(flags)} are to be true or false")
        if self.kind not in get_args(KindOfEvidence):
            raise ValueError(f"kind is {shown(self.kind)}; {' or '.join(get_args(KindOfEvidence))} is needed")
        for name in ("trait", "outcome", "source", "publisher"):
            check_name(name, getattr(self, name))
        if not isinstance(self.language, str):
            raise ValueError(f"language is {shown(self.language)}; a text is needed")  # noqa: TRY004 - as all others


@dataclass(frozen=True, slots=True)
class Origin:
    """Where evidence comes from; the attributes are those of `Evidence`."""

    outcome: str
    kind: KindOfEvidence
    source: str
    years: tuple[int, int] | None
    language: str
    publisher: str


def records_of(
    together: Mapping[str, Estimate],
    earlier: Mapping[str, Estimate],
    later: Mapping[str, Estimate],
    origin: Origin,
    spread: float,
) -> tuple[Evidence, ...]:
    """Return what each estimate says, from all the data, and whether the later ones show it again."""
    found = found_among(together)
    return tuple(
        evidence_of(
            trait,
            estimate,
            origin,
            spread=spread,
            found=trait in found,
            confirmed=confirmed_by(earlier.get(trait), later.get(trait)),
        )
        for trait, estimate in together.items()
    )


def evidence_of(
    trait: str, estimate: Estimate, origin: Origin, *, spread: float, found: bool, confirmed: bool | None
) -> Evidence:
    """Return what an estimate says, pulled towards 0 by what effects are usually like, N(0, spread)."""
    return Evidence(
        trait=trait,
        effect=rounded(shrunk(estimate.effect, spread)),
        measured=_rounded(estimate.effect.log_odds),
        pairs=estimate.pairs,
        tests=estimate.tests,
        impressions=round(estimate.shown),
        outcome=origin.outcome,
        kind=origin.kind,
        source=origin.source,
        years=origin.years,
        language=origin.language,
        publisher=origin.publisher,
        found=found,
        confirmed=confirmed,
    )


@lru_cache(maxsize=1024)  # asked for with every suggestion, of the same few records
def _as_lift(effect: Effect) -> tuple[float, Interval]:
    return as_lift(effect, ALPHA)


def rounded(effect: Effect) -> Effect:
    """Return an effect in the digits that are written down."""
    return Effect(_rounded(effect.log_odds), _rounded(effect.error), effect.n, _rounded(effect.clusters))


def _rounded(value: float) -> float:
    # Six digits: what is beyond depends on the order in which a machine adds.
    return float(f"{value:.5e}")
