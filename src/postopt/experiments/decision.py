"""What an experiment has to say: a state, in words, with its n and its interval."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from postopt.experiments.display import html, words
from postopt.experiments.records import Arm
from postopt.stats.interval import Interval


class State(StrEnum):
    """Where an experiment is.

    Attributes:
        RUNNING: nothing is settled yet.
        WINNER: one arm beats all others; stays so.
        NO_WINNER: the horizon is over and none was found, which stays so; or only one arm is left.
        INVALID: the split is not the one that was planned, so nothing can be claimed from it.
        STOPPED: ended by hand or because exploring cost as much as it may; stays so.
        EARNING: mode "earn": the arms that earn most are shown most, and nothing is claimed.
    """

    RUNNING = "RUNNING"
    WINNER = "WINNER"
    NO_WINNER = "NO_WINNER"
    INVALID = "INVALID"
    STOPPED = "STOPPED"
    EARNING = "EARNING"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """What is known of one arm.

    Attributes:
        arm: which.
        status: "active", "paused" or "removed".
        n: outcomes that count.
        mean: their mean; 0 before there is one.
        assigned: units that got it, by the log of assignments.
        share: of the units that come next.
        lift: of its mean over the control's (.20 is 20 % more), compared day by day; 0 for the control itself.
        interval: of that lift, valid whenever it is looked at; n is that of both arms.
    """

    arm: Arm
    status: str
    n: int
    mean: float
    assigned: int
    share: float
    lift: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Decision:
    """What an experiment says at one moment; `str()` says it in words, and a notebook shows it as a table.

    Attributes:
        experiment: its name.
        state: see `State`.
        winner: the arm that beats all others, or None; never one in any state but WINNER.
        leader: the arm with the best mean so far among those that are active. A name for a reader, not a claim.
        against: whom `lift` compares the leader with: the control, or the best of the others where the control leads.
        lift: of the leader (.20 is 20 % better). A metric of which less is better counts downwards: a lift above zero
            is always the better one.
        interval: of that lift; holds with probability `level` at all looks together. (-1, inf) says nothing at all.
        n: outcomes that count, of all arms.
        reasons: why, and what it would take to know more, in words.
        arms: one by one, in the order given.
        at: when, in seconds since the epoch.
    """

    experiment: str
    state: State
    winner: Arm | None
    leader: Arm
    against: Arm
    lift: float
    interval: Interval
    n: int
    reasons: tuple[str, ...]
    arms: tuple[ArmResult, ...]
    at: float

    def __str__(self) -> str:
        return words(self)

    def _repr_html_(self) -> str:
        return html(self)
