"""What a miner knows of one feature, and when that makes it a confirmed or a retired pattern."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Self, TypeAlias

from postopt.errors import shown
from postopt.experiments.effects import LEAST_CONTRASTS, Effect, pooled, replication, shrunk
from postopt.prompts.pattern import Status

At: TypeAlias = float | None

# A confirmed pattern is one that as many new contrasts as all so far would show again with this probability at least.
REPLICATES = 0.9


@dataclass(frozen=True, slots=True)
class Record:
    """One feature's evidence and status; times in seconds since the epoch or None.

    Attributes:
        name: of the feature.
        status: as `Pattern` has it.
        found: the effect it was proposed by.
        usual: standard deviation of the effects of all features then.
        evidence: what later, disjoint contrasts said, oldest first.
        waiting: digests of later, disjoint contrasts in which it varies, and which are too few yet to say anything.
        proposed_at, confirmed_at, retired_at: when.
        reason: why it has its status.
    """

    name: str
    status: Status
    found: Effect
    usual: float
    proposed_at: At
    reason: str
    evidence: tuple[tuple[Effect, At], ...] = field(default=())
    waiting: frozenset[str] = frozenset()
    confirmed_at: At = None
    retired_at: At = None

    def enough(self, at: At, half_life: float) -> int:
        """Return how many contrasts have to wait before they are looked at.

        As many as say something, and half as many as what is known now rests on: each look at growing evidence costs
        some of alpha, so that there are to be few of them, however small the batches.
        """
        known = sum(effect.n * _share(then, at, half_life) for effect, then in self.evidence)
        return max(LEAST_CONTRASTS, math.ceil(known / 2))

    def known(self, at: At, half_life: float) -> Effect:
        """Return what is known now: the later evidence, aged, or the found effect pulled towards 0."""
        if not self.evidence:
            return shrunk(self.found, self.usual)
        return pooled([(effect, _share(then, at, half_life)) for effect, then in self.evidence])

    def together(self, at: At, half_life: float) -> Effect:
        """Return what the contrasts it was found in and the later ones say together."""
        return pooled([(self.found, _share(self.proposed_at, at, half_life)), (self.known(at, half_life), 1.0)])

    def settled(self, *, significant: bool, alpha: float, at: At, half_life: float) -> Self:
        """Return the record with the status that its evidence gives it now.

        `significant` says whether all contrasts together exclude no effect, with all features that were tested in mind.
        """
        if self.status not in ("proposed", "confirmed") or not self.evidence:
            return self
        known = self.known(at, half_life)
        same = (known.log_odds > 0) == (self.found.log_odds > 0)
        low, high = known.interval(alpha)
        if not same and not low <= 0 <= high:
            return replace(self, status="retired", retired_at=at, reason="later contrasts say the opposite")
        if self.status == "confirmed":
            if low <= 0 <= high:
                return replace(self, status="retired", retired_at=at, reason="what confirmed it has faded")
            return self
        again = corrected(known.p_value, len(self.evidence)) <= alpha
        together = self.together(at, half_life)
        likely = replication(shrunk(together, self.usual), together.error, alpha) >= REPLICATES
        if significant and same and again and likely:
            return replace(self, status="confirmed", confirmed_at=at, reason="later contrasts show it, too")
        return self

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return the record as plain JSON."""
        return {
            "name": self.name, "status": self.status, "found": list(self.found), "usual": self.usual,
            "evidence": [[list(effect), at] for effect, at in self.evidence], "waiting": sorted(self.waiting),
            "proposed_at": self.proposed_at, "confirmed_at": self.confirmed_at, "retired_at": self.retired_at,
            "reason": self.reason,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the record that gave this state."""
        return cls(**{
            **state,
            "found": Effect(*state["found"]),
            "evidence": tuple((Effect(*effect), at) for effect, at in state["evidence"]),
            "waiting": frozenset(state["waiting"]),
        })  # fmt: skip


def _share(then: At, now: At, half_life: float) -> float:
    """Return what share of its weight evidence still has; all of it where a time is unknown or the clock went back."""
    if then is None or now is None:
        return 1.0
    # Beyond 2^-60 of its weight nothing is left to tell.
    return float(2.0 ** -min(max(now - then, 0.0) / half_life, 60.0))


def corrected(p_value: float, looks: int) -> float:
    """Return the p-value of the last of several looks at growing evidence.

    Look k has the share 6 / (pi k)^2 of alpha; these shares add up to 1.
    """
    return min(p_value * looks**2 * 1.6449340668482264, 1.0)


def replaced(records: Mapping[str, Record], new: Sequence[Record]) -> dict[str, Record]:
    """Return the records with some replaced or added."""
    return {**records, **{record.name: record for record in new}}


def checked_time(name: str, value: At) -> At:
    """Return a time, or refuse what is none with ValueError."""
    # Dates of the years 1 to 9999, which are what can be written down.
    if value is not None and not (type(value) in (int, float) and -62_135_596_800 <= value < 253_402_300_800):
        raise ValueError(f"{name} is {shown(value)}; seconds since the epoch are needed")
    return value


def digest(value: object) -> str:
    """Return 16 hexadecimal digits that stand for a text or a contrast."""
    return blake2b(json.dumps(value).encode(), digest_size=8).hexdigest()
