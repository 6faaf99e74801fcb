"""What happens, as plain records: ids, names, counts and reason codes, never the text of a prompt or a post."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A code cannot hold a sentence, so a rejected text cannot slip into an event inside its reason.
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events; who subscribes to it receives every one.

    Attributes:
        at: when it happened, in seconds since the epoch by the publisher's wall clock.
    """

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PostWritten(Event):
    """A post kept its brief and was handed to the caller.

    Attributes:
        post_id: `Post.id`.
        generator: name of the generator that answered.
        tier: kind of source, as in `Trace.tier`.
        model: model or grammar, as in `Trace.model`.
        attempts: calls made until the answer, this one included.
        cost_usd: what it cost.
        seconds: from request to answer, or None if nobody measured.
    """

    post_id: str
    generator: str
    tier: str
    model: str
    attempts: int = 1
    cost_usd: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRejected(Event):
    """A variant was not emitted.

    Attributes:
        generator: name of the generator that was asked.
        variant: which variant of its brief, from 0.
        reason_codes: why, as codes such as "fact_missing" or "too_long". The sentences that quote the text stay in
            `Posts.rejections`.

    Raises:
        ValueError: a code is not a lower-case identifier of at most 64 characters.
    """

    generator: str
    variant: int
    reason_codes: tuple[str, ...]

    def __post_init__(self) -> None:
        for code in self.reason_codes:
            if not _CODE.fullmatch(code):
                # The offender is not shown: it may be the text that this check keeps out.
                raise ValueError('reason_codes hold identifiers such as "fact_missing", not sentences')


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendChosen(Event):
    """The engine chose a backend for a role.

    Attributes:
        role: such as "json".
        goal: such as "dumps" or "size"; empty if the choice holds for the whole role.
        backend: name of the chosen backend.
        version: of the library behind it.
        source: what decided: such as "override", "lock", "wisdom", "measured" or "estimate".
    """

    role: str
    goal: str
    backend: str
    version: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailBreached(Event):
    """An arm of an experiment made a guarded metric worse than is tolerated, and is paused.

    Attributes:
        experiment: its name.
        arm: name of the arm.
        metric: name of the metric.
        change: of the arm's mean against the control's; .30 is 30 % more.
        tolerance: what it may be worse by.
        n: outcomes of the metric, of both arms.
    """

    experiment: str
    arm: str
    metric: str
    change: float
    tolerance: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentDecided(Event):
    """An experiment came into a state that it will not leave.

    Attributes:
        experiment: its name.
        state: such as "WINNER" or "INVALID".
        winner: name of the winning arm, or None.
        lift: of the winner, or of the arm that leads; .20 is 20 % better.
        n: outcomes, of all arms.
    """

    experiment: str
    state: str
    winner: str | None
    lift: float
    n: int
