"""What is chosen as a whole, in the order in which reports list it.

A slot is a role or a part of one. JSON is one slot, because text is usually read where it was written; compression
is two, one a goal; a digest may change with the size of its input, a decompressor may not.
"""

from __future__ import annotations

from collections.abc import Sequence

from postopt.engine.catalog import CELLS, Candidate
from postopt.engine.records import Cell, Role

SLOTS: dict[str, tuple[Role, tuple[str, ...]]] = {
    "json": ("json", ("dumps", "loads")),
    "hash": ("hash", ("digest",)),
    "fingerprint": ("fingerprint", ("digest",)),
    "compression.speed": ("compression", ("speed",)),
    "compression.size": ("compression", ("size",)),
    "scoring": ("scoring", ("linear", "mlp")),
    "loop": ("loop", ()),
}
"""Slot -> its role and the goals that are decided together."""

NAMES = ("json", "hash", "fingerprint", "compression", "compression.speed", "compression.size", "scoring", "loop")
"""What an override may name: a slot, or "compression" for both of its goals."""


def cells_of(slot: str) -> tuple[Cell, ...]:
    """Return the cells that decide `slot`."""
    role, goals = SLOTS[slot]
    return tuple(cell for cell in CELLS if cell.role == role and cell.goal in goals)


def candidates_of(slot: str, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return one candidate a name that can fill `slot`, in the order that breaks ties."""
    role, goals = SLOTS[slot]
    return tuple(c for c in candidates if c.role == role and (not c.goals or not set(goals).isdisjoint(c.goals)))
