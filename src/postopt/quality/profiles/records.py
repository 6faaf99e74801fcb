"""What a platform allows and shows, each figure with the page that says so and the day it was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from postopt._checks import check_count, check_name
from postopt.errors import shown

UNITS: Final = ("code_points", "weighted", "hashtags", "mentions")
"""How a limit counts: characters, X's weighted characters, or how many hashtags or mentions there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A page that says something, and when it was read.

    Attributes:
        address: of the page, or "host" for what a host decides itself.
        as_of: the day it was read.
    """

    address: str
    as_of: date

    def __post_init__(self) -> None:
        check_name("address", self.address)
        if not isinstance(self.as_of, date):
            raise ValueError(f"as_of is {shown(self.as_of)}; a date is needed")  # noqa: TRY004 - as all others

    def __str__(self) -> str:
        return f"{self.address} ({self.as_of:%Y-%m-%d})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much of something a text may have.

    Where pages disagree, `maximum` is the smallest that any of them states, and `disputed_to` the largest: more than
    `maximum` is a warning, more than `disputed_to` is too much whoever is right.

    Attributes:
        unit: one of `UNITS`.
        source: where the figures come from.
        maximum: the most that is allowed, or None where only a recommendation is known.
        disputed_to: the largest maximum that any page states, or None where `maximum` is settled.
        recommended: the most that the platform recommends, or None.
        note: what is not settled, in words.
    """

    unit: str
    source: Source
    maximum: int | None = None
    disputed_to: int | None = None
    recommended: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit is {shown(self.unit)}; allowed: {', '.join(UNITS)}")
        _check_source(self.source)
        for name in ("maximum", "disputed_to", "recommended"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name), least=0)
        if self.maximum is None and (self.recommended is None or self.disputed_to is not None):
            raise ValueError("maximum is None; a limit without one needs a recommendation, and has nothing disputed")
        if self.maximum is not None and self.disputed_to is not None and self.disputed_to <= self.maximum:
            raise ValueError(f"disputed_to is {self.disputed_to}; more than the maximum, {self.maximum}, is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Where a feed cuts a text and says "See more".

    Attributes:
        device: "mobile" or "desktop".
        characters: how many code points show.
        source: where the figure comes from.
        lines: how many lines show, or None where no page says so.
        note: what is not settled, in words.
    """

    device: str
    characters: int
    source: Source
    lines: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        check_name("device", self.device)
        check_count("characters", self.characters)
        _check_source(self.source)
        if self.lines is not None:
            check_count("lines", self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Whether a platform refuses what one of our policy rules finds.

    Attributes:
        name: of the rule: "personal_attribute", "before_after", "self_perception", "fake_button", "profanity" or
            "sensational".
        hard: whether a text that breaks it may not be published there. False is a warning.
        source: where the platform says so.
    """

    name: str
    hard: bool
    source: Source

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if self.hard not in (True, False):
            raise ValueError(f"hard is {shown(self.hard)}; True or False is needed")
        _check_source(self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformProfile:
    """A platform's limits, folds and rules, as they were read on a day.

    A host whose platform differs makes its own, or changes one by `dataclasses.replace`.

    Attributes:
        name: such as "facebook_ad".
        as_of: when the newest of its pages was read.
        limits: how much of what a text may have.
        folds: where feeds cut it.
        rules: how strict it is; a rule of ours that is not among them is a warning.

    Raises:
        ValueError: a field holds something else.
    """

    name: str
    as_of: date
    limits: tuple[Limit, ...] = ()
    folds: tuple[Fold, ...] = ()
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if not isinstance(self.as_of, date):
            raise ValueError(f"as_of is {shown(self.as_of)}; a date is needed")  # noqa: TRY004 - as all others
        for name, kind in (("limits", Limit), ("folds", Fold), ("rules", Rule)):
            values = getattr(self, name)
            if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
                raise ValueError(f"{name} is {shown(values)}; a tuple of {kind.__name__} is needed")

    @property
    def sources(self) -> tuple[Source, ...]:
        """All pages that it rests on, each once."""
        held: tuple[Limit | Fold | Rule, ...] = (*self.limits, *self.folds, *self.rules)
        return tuple(dict.fromkeys(item.source for item in held))

    def rule(self, name: str) -> Rule | None:
        """Return how strict it is with a rule, or None if it does not say."""
        return next((rule for rule in self.rules if rule.name == name), None)


def _check_source(value: object) -> None:
    if not isinstance(value, Source):
        raise ValueError(f"source is {shown(value)}; a Source is needed")  # noqa: TRY004 - as all others
