"""Where a prompt comes from: its parents, what was changed, why, and by whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from postopt._checks import check_name
from postopt.errors import PromptError, shown
from postopt.prompts.template import PromptTemplate


class PatternLike(Protocol):
    """What is needed of a pattern; those of `PatternMiner` have it."""

    @property
    def name(self) -> str:
        """As reports name it."""
        ...

    @property
    def status(self) -> str:
        """As far as it has come: "proposed", "confirmed" or "retired"."""
        ...

    @property
    def lift(self) -> float:
        """The relative change of the metric that goes with it: .20 is 20 % more."""
        ...

    @property
    def interval(self) -> tuple[float, float]:
        """Of the lift."""
        ...

    @property
    def n(self) -> int:
        """How many contrasts or impressions that rests on."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known of a pattern when a prompt was made of it; later knowledge does not change it.

    Attributes:
        name: of the pattern.
        lift: relative: .20 is 20 % more.
        interval: of the lift.
        n: what it rests on, as the pattern counts.
    """

    name: str
    lift: float
    interval: tuple[float, float]
    n: int

    @classmethod
    def of(cls, pattern: PatternLike) -> Self:
        """Return what is known of a pattern now.

        Raises:
            ValueError: it has no name, or its numbers are none.
        """
        low, high = (float(end) for end in pattern.interval[:2])
        numbers = (float(pattern.lift), low, high)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"the pattern {shown(pattern.name)} has no finite lift and interval: {shown(numbers)}")
        return cls(check_name("name", pattern.name), numbers[0], (low, high), int(pattern.n))

    def words(self) -> str:
        """Return it in words."""
        low, high = self.interval
        return f"{self.name}: {self.lift:+.1%} [{low:+.1%}, {high:+.1%}], n = {self.n}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {"name": self.name, "lift": self.lift, "interval": list(self.interval), "n": self.n}

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote."""
        low, high = data["interval"]
        return cls(data["name"], data["lift"], (low, high), data["n"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One prompt with its origin.

    Attributes:
        template: the prompt.
        parents: versions it was made from; empty for a base prompt.
        edit: what was changed, in words.
        evidence: the patterns it was made of, as they were known then.
        proposer: who made it: "base", "edits", "rewrites", "dspy.GEPA", a person's name.
        at: when it was first seen, in seconds since the epoch.
    """

    template: PromptTemplate
    parents: tuple[str, ...] = ()
    edit: str = ""
    evidence: tuple[Evidence, ...] = ()
    proposer: str = "base"
    at: float = 0.0

    @property
    def version(self) -> str:
        """Of the template."""
        return self.template.version

    @property
    def short(self) -> str:
        """The beginning of the version, for people."""
        return self.template.short

    @property
    def change(self) -> str:
        """What was changed, or that nobody said so."""
        return self.edit or "as it was given"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {
            "template": self.template.to_dict(),
            "parents": list(self.parents),
            "edit": self.edit,
            "evidence": [seen.to_dict() for seen in self.evidence],
            "proposer": self.proposer,
            "at": self.at,
        }

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote.

        Raises:
            PromptError: this is something else.
        """
        try:
            return cls(
                template=PromptTemplate.from_mapping(data["template"]),
                parents=tuple(data["parents"]),
                edit=data["edit"],
                evidence=tuple(Evidence.from_mapping(seen) for seen in data["evidence"]),
                proposer=data["proposer"],
                at=data["at"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PromptError(f"this is no version of a prompt: {shown(data)}") from error
