"""What would be better: by how much a call, at what import bill, and whether that is worth it.

A library that is not installed cannot be measured. What is said about it comes from the estimate table and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postopt._optional import install_name
from postopt.engine.choice import Choice, costs
from postopt.engine.slots import SLOTS, candidates_of, cells_of
from postopt.engine.units import duration, task

if TYPE_CHECKING:
    from postopt.engine.catalog import Candidate
    from postopt.engine.records import Cell
    from postopt.engine.resolve import Resolver

# CPU seconds of the first import, measured once beside `import json` (7.6 ms) on one x86-64 core under CPython 3.11;
# a reference for what is not installed, never used for a choice.
IMPORT_SECONDS = {
    "blake3": 0.001,
    "lz4": 0.002,
    "msgspec": 0.027,
    "numba": 0.23,
    "onnxruntime": 0.091,
    "orjson": 0.020,
    "torch": 1.1,
    "xxhash": 0.001,
    "zstandard": 0.011,
}

NOTHING = 0.95
"""Reference figures closer to the choice's than this are no reason to install anything."""

_MIDDLE = 1  # index of the middle one of three size classes, which stands for all

WORTH = 0.001
"""Share of one core below which a saving is called not worth it. Arbitrary, so it is printed beside the verdict."""


def advise(resolver: Resolver, *, calls_per_second: float | None = None) -> tuple[str, ...]:
    """Return advice on the slots decided so far: what overrides cost, what is missing, what was not raced."""
    texts: list[str] = []
    for slot in SLOTS:
        choice = resolver.choices.get(slot)
        if choice is None or not cells_of(slot):
            continue
        if slot in resolver.pins:
            texts.append(_override(resolver, choice, calls_per_second))
        rivals = candidates_of(slot, resolver.findings.candidates)
        states = {candidate.name: resolver.findings.state(candidate) for candidate in rivals}
        missing = [c for c in rivals if states[c.name] in ("absent", "too_old") and not c.heavy]
        if missing:
            best = min(missing, key=lambda candidate: candidate.estimate[_MIDDLE])
            texts.append(_missing(resolver, choice, best, calls_per_second))
        heavy = [candidate.library for candidate in rivals if candidate.heavy and states[candidate.name] == "present"]
        if heavy:
            names = ", ".join(heavy)
            texts.append(f'{slot}: OptimizedEngine(rigor="patient") also races what is slow to import: {names}')
    return tuple(text for text in texts if text)


def saving(resolver: Resolver, cell: Cell, name: str, other: str) -> float | None:
    """Return what `other` saves a call over `name` in `cell` as measured: seconds, or bytes for the goal "size"."""
    measured = costs(cell, resolver.findings.comparable().get(cell, {}))
    if name not in measured or other not in measured:
        return None
    return measured[name] - measured[other]


def _override(resolver: Resolver, choice: Choice, rate: float | None) -> str:
    cell = _middle(choice.slot)
    measured = costs(cell, resolver.findings.comparable().get(cell, {}))
    best = min(measured, key=lambda name: measured[name], default=choice.name)
    saved = saving(resolver, cell, choice.name, best)
    if not saved or saved <= 0:
        return ""
    gain = f"{_amount(cell, saved)} ({task(cell)}){_verdict(cell, saved, rate)}"
    return f"{choice.slot}: {choice.source} chose {choice.name}; {best} saves {gain}"


def _missing(resolver: Resolver, choice: Choice, candidate: Candidate, rate: float | None) -> str:
    """Say what a library that is not usable here would bring, by the reference figures."""
    cell = _middle(choice.slot)
    rivals = candidates_of(choice.slot, resolver.findings.candidates)
    chosen = next(rival for rival in rivals if rival.name == choice.name)
    share = candidate.estimate[_MIDDLE] / chosen.estimate[_MIDDLE]
    if share > NOTHING:
        return ""
    what = "bytes" if cell.goal == "size" else "time"
    text = (
        f'{choice.slot}: pip install "{install_name(candidate.library)}" brings {candidate.library}; by a reference '
        f"figure, not measured here, {task(cell)} takes {share:.2g} of the {what} it takes with {choice.name}"
    )
    base = costs(cell, resolver.findings.comparable().get(cell, {})).get(choice.name)
    if base is None:
        return text
    saved = base * (1 - share)
    text += f": {_amount(cell, saved)} less"
    bill = IMPORT_SECONDS.get(candidate.library)
    if bill is not None and cell.goal != "size":
        text += f"; its import costs about {duration(bill)}, paid back after {bill / saved:,.0f} calls"
    return text + _verdict(cell, saved, rate)


def _middle(slot: str) -> Cell:
    """Return the cell that stands for `slot`: its first goal at the middle size."""
    return cells_of(slot)[_MIDDLE]


def _amount(cell: Cell, saved: float) -> str:
    return f"{saved:,.0f} bytes" if cell.goal == "size" else f"{duration(saved)} a call"


def _verdict(cell: Cell, saved: float, rate: float | None) -> str:
    if rate is None or cell.goal == "size":
        return ""
    share = saved * rate
    judged = "worth it" if share >= WORTH else "not worth it"
    return f". At {rate:g} calls/s that is {share * 100:.2g} % of a core: {judged} (the line is at {WORTH * 100:g} %)"
