"""What the engine learns about backends, as plain data that goes through JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["json", "hash", "fingerprint", "compression", "scoring", "loop"]
Goal: TypeAlias = Literal["speed", "size"]
State: TypeAlias = Literal["absent", "present", "too_old", "denied", "broken", "wrong", "working"]

SIZES = (256, 4096, 65536)
"""Size classes in bytes: a short text, a post with its metadata, a batch. Larger inputs behave like the last."""


class Cell(NamedTuple):
    """One question of the engine: who fills `role` best for `goal` at inputs of about `size` bytes?

    For the role "json" the goal tells the direction apart: "dumps" or "loads"; for "scoring" the size is rows.
    """

    role: Role
    goal: str
    size: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about one candidate here.

    Attributes:
        role: the role it would fill.
        name: the candidate's name in that role.
        library: import name of the library it needs.
        state: "absent" (not installed), "present" (installed, not examined), "too_old", "denied" (a version known
            to be wrong), "broken" (does not import or run), "wrong" (runs, but breaks the role's contract) or
            "working".
        reason: one sentence that says why, empty only for "present" and "working".
        version: installed version, or "" if unknown.
        stamp: what the verdict was based on: location, file time and size; a changed stamp voids the verdict.
        final: False if another try may end differently (a time-out on a busy machine).
        import_seconds: process CPU it took to import the library, where it was imported.
    """

    role: Role
    name: str
    library: str
    state: State
    reason: str = ""
    version: str = ""
    stamp: str = ""
    final: bool = True
    import_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Bursts of one candidate in one cell: seconds per call by both clocks, one entry a round.

    `bytes_out` is what one payload of the cell compresses to on average, and 0 for other roles.
    """

    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Race:
    """The outcome of one cell: who won, everybody's bursts, and how long it took to find out."""

    cell: Cell
    winner: str
    timings: Mapping[str, Timing]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Examination:
    """What one run of the probing subprocess brought back."""

    verdicts: tuple[Verdict, ...] = ()
    races: tuple[Race, ...] = ()
    measuring_seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())
