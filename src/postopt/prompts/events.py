"""What happens to prompts, as records: versions and counts, no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postopt.events.records import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPromoted(Event):
    """A candidate became the prompt of production.

    Attributes:
        optimizer: name of the `PromptOptimizer`.
        version: of the new one.
        former: version of the one that it replaced.
        n: posts of the re-check that it won.
    """

    optimizer: str
    version: str
    former: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRolledBack(Event):
    """Production went back to a former prompt.

    Attributes:
        optimizer: name of the `PromptOptimizer`.
        version: that was taken out.
        former: version that is used again.
        reason_code: "by_hand", "guardrail" (it was paused), or "worse" (the former one earns more).
    """

    optimizer: str
    version: str
    former: str
    reason_code: Literal["by_hand", "guardrail", "worse"]
