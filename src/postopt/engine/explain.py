"""Why a slot is filled as it is, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postopt.engine.advice import saving
from postopt.engine.diagnosis import measured
from postopt.engine.report import NUMBERS
from postopt.engine.slots import SLOTS, candidates_of, cells_of
from postopt.engine.units import duration, payload, task

if TYPE_CHECKING:
    from postopt.engine.choice import Choice
    from postopt.engine.records import Cell
    from postopt.engine.resolve import Resolver

_SOURCES = {
    "measured": "measured by this engine",
    "wisdom": "measured earlier on this machine, with the same versions",
    "estimate": "estimated, not measured",
    "only one": "nothing else works here",
}


def explain(resolver: Resolver, slot: str) -> str:
    """Return who fills `slot`, why, the numbers of each size class, and who was rejected."""
    findings = resolver.findings
    findings.learn(findings.candidates)
    choice = resolver.choices.get(slot)
    if choice is None:
        pin = resolver.pins.get(slot)
        said = f"; {pin.source} asks for {pin.name}" if pin else ""
        return f"{slot}: not used yet, so nothing is decided{said}"
    lines = [f"{slot}: {_who(choice)} ({_SOURCES.get(choice.source, f'chosen by {choice.source}')})"]
    if choice.note:
        lines.append(f"  {choice.note}")
    cells = [_cell(resolver, choice, cell) for cell in cells_of(slot)]
    lines += [*cells, f"  {NUMBERS[0].lower()}{NUMBERS[1:]}"] if cells else []
    lines += _bill(resolver, choice)
    for candidate in candidates_of(slot, resolver.findings.candidates):
        verdict = resolver.findings.verdicts[candidate.key]
        if verdict.state != "working":
            lines.append(f"  rejected {candidate.name}: {verdict.state}: {verdict.reason or 'not examined'}")
    return "\n".join(lines)


def _who(choice: Choice) -> str:
    if len(choice.gates) == 1:
        return choice.name
    return ", ".join(
        f"{gate.name} from there on" if gate.below is None else f"{gate.name} below {gate.below} bytes"
        for gate in choice.gates
    )


def _cell(resolver: Resolver, choice: Choice, cell: Cell) -> str:
    rows = measured(resolver.findings.comparable().get(cell, {}))
    numbers = ", ".join(f"{name} {numbers}" for name, numbers in rows.items())
    return f"  {cell.goal} {payload(cell.role, cell.size)}: {choice.at(cell.size)}; {numbers or 'not measured'}"


def _bill(resolver: Resolver, choice: Choice) -> list[str]:
    """Say what the import cost and after how many calls the choice has earned it, where both were measured."""
    cell = next(iter(cells_of(choice.slot)[1:2]), None)
    plain = candidates_of(choice.slot, resolver.findings.candidates)[0].name
    spent = resolver.findings.verdicts[SLOTS[choice.slot][0], choice.name].import_seconds
    saved = saving(resolver, cell, plain, choice.name) if cell and cell.goal != "size" else None
    if not spent or not saved or saved <= 0 or cell is None:
        return []
    bill = f"its import took {duration(spent)} of CPU, paid back after {spent / saved:,.0f} calls"
    return [f"  saves {duration(saved)} a call over {plain} ({task(cell)}); {bill}"]
