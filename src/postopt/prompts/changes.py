"""Every promotion and every rollback, written down where the prompts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeAlias

from postopt.prompts.events import PromptPromoted, PromptRolledBack

Kind: TypeAlias = Literal["promoted", "by_hand", "guardrail", "worse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the prompt in production.

    Attributes:
        number: of the change, from 1.
        kind: "promoted", or why it was rolled back (`PromptRolledBack.reason_code`).
        version: that came into production, or was taken out.
        former: that it replaced, or that replaced it.
        n: posts that this rests on; 0 for one by hand.
        words: what that rests on, or the reason that a person gave.
        at: when, in seconds since the epoch.
    """

    number: int
    kind: Kind
    version: str
    former: str
    n: int
    words: str
    at: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote."""
        return cls(**data)

    def event(self, optimizer: str) -> PromptPromoted | PromptRolledBack:
        """Return it for those who listen, without the words."""
        if self.kind == "promoted":
            return PromptPromoted(at=self.at, optimizer=optimizer, version=self.version, former=self.former, n=self.n)
        return PromptRolledBack(
            at=self.at, optimizer=optimizer, version=self.version, former=self.former, reason_code=self.kind
        )
