"""Explicit choices: who may be asked for what, where they were said, and which one counts here and now."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postopt.engine.catalog import CATALOG, Candidate, third_party
from postopt.engine.slots import NAMES, candidates_of
from postopt.errors import BackendUnavailableError

if TYPE_CHECKING:
    from postopt.engine.handles import Gate, Handle

# The event loop of the standard library: what `loop_factory` gives where uvloop does not work.
ASYNCIO = Candidate(role="loop", name="asyncio", target="postopt.engine.loop:LOOP", estimate=(1.3, 1.3, 1.3))


@dataclass(frozen=True, slots=True)
class Pin:
    """An explicit choice: which backend, who said so, and, from a lock file, exactly which versions by size."""

    name: str
    source: str
    gates: tuple[Gate, ...] = ()
    versions: Mapping[str, str] | None = None


def all_candidates() -> tuple[Candidate, ...]:
    """Return our own candidates and those that other distributions declare, in the order that breaks ties."""
    return (*CATALOG, ASYNCIO, *third_party().candidates)


def slots_of(name: str) -> tuple[str, ...]:
    """Return the slots that an override of `name` means.

    Raises:
        BackendUnavailableError: there is no such role.
    """
    if name not in NAMES:
        raise BackendUnavailableError(f"there is no role {name!r}", hint=f"roles are: {', '.join(NAMES)}")
    return ("compression.speed", "compression.size") if name == "compression" else (name,)


def pins(overrides: Mapping[str, str], source: str) -> dict[str, Pin]:
    """Return the explicit choice for each slot; "compression.size" beats "compression".

    Raises:
        BackendUnavailableError: an unknown role, or a name that no candidate for it has.
    """
    chosen: dict[str, Pin] = {}
    for role in sorted(overrides, key=lambda name: "." in name):  # the more specific last
        for slot in slots_of(role):
            check_name(slot, overrides[role])
            chosen[slot] = Pin(overrides[role], source)
    return chosen


def environment_pins(environ: Mapping[str, str]) -> dict[str, Pin]:
    """Return the explicit choices of `POSTOPT_JSON`, `POSTOPT_COMPRESSION_SIZE` and so on; empty ones are unset.

    Raises:
        BackendUnavailableError: a value that no candidate has as its name.
    """
    chosen: dict[str, Pin] = {}
    for role in NAMES:
        variable = "POSTOPT_" + role.upper().replace(".", "_")
        if environ.get(variable):
            chosen |= pins({role: environ[variable]}, f"the environment variable {variable}")
    return chosen


def check_name(slot: str, name: str) -> None:
    """Raise BackendUnavailableError if no candidate for `slot` is called `name`."""
    # Entry points are read only if our own table does not know the name: reading them costs milliseconds.
    if any(candidate.name == name for candidate in candidates_of(slot, (*CATALOG, ASYNCIO))):
        return
    allowed = list(dict.fromkeys(candidate.name for candidate in candidates_of(slot, all_candidates())))
    if name not in allowed:
        raise BackendUnavailableError(f"there is no {slot} backend {name!r}", hint=f"names are: {', '.join(allowed)}")


class Frame:
    """What one `with engine.use(...)` says, and the frame around it.

    A task started inside the block inherits the frame with its context and may outlive the block; `active` ends
    the override for it as well, so that a block's effect ends where the block does.
    """

    __slots__ = ("active", "handles", "outer", "owner")

    def __init__(self, owner: object, handles: Mapping[str, Handle], outer: Frame | None) -> None:
        self.owner = owner
        self.handles = handles
        self.active = True
        # Skip what has ended: the chain stays as long as the blocks are nested, however long a task lives.
        while outer is not None and not outer.active:
            outer = outer.outer
        self.outer: Frame | None = outer


FRAME: ContextVar[Frame | None] = ContextVar("postopt_engine_use", default=None)


def active(owner: object, role: str) -> Handle | None:
    """Return the handle that the innermost active frame of `owner` holds for `role`, if any does."""
    frame = FRAME.get()
    while frame is not None:
        if frame.active and frame.owner is owner and role in frame.handles:
            return frame.handles[role]
        frame = frame.outer
    return None
