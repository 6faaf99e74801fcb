"""Sum up what a resolver knows as a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

from postopt.engine import race
from postopt.engine.advice import advise
from postopt.engine.records import Cell, Timing, Verdict
from postopt.engine.report import EngineReport, Measured, Row
from postopt.engine.score import score
from postopt.engine.slots import SLOTS, cells_of

if TYPE_CHECKING:
    from postopt.engine.choice import Choice
    from postopt.engine.resolve import Resolver


def diagnose(resolver: Resolver, *, calls_per_second: float | None = None) -> EngineReport:
    """Return the report on what `resolver` has decided so far."""
    findings = resolver.findings
    findings.learn(findings.candidates)
    bursts = findings.comparable()
    choices = {slot: resolver.choices[slot] for slot in SLOTS if slot in resolver.choices}
    rows = [row for choice in choices.values() for row in _rows(choice, bursts, findings.verdicts)]
    chosen = {cell: choice.at(cell.size) for slot, choice in choices.items() for cell in cells_of(slot)}
    notes = [f"{slot}: {choice.note}" for slot, choice in choices.items() if choice.note]
    return EngineReport(
        score=score(chosen, bursts),
        measuring_seconds=findings.measuring_seconds,
        choices=tuple(rows),
        rejected=tuple(_rejected(resolver)),
        advice=advise(resolver, calls_per_second=calls_per_second),
        notes=(*notes, *findings.notes),
    )


def _rejected(resolver: Resolver) -> Iterator[Verdict]:
    decided = {SLOTS[slot][0] for slot in resolver.choices}
    chosen = {(SLOTS[slot][0], gate.name) for slot, choice in resolver.choices.items() for gate in choice.gates}
    for verdict in resolver.findings.verdicts.values():
        if verdict.state == "present" and verdict.role in decided and (verdict.role, verdict.name) not in chosen:
            yield replace(verdict, reason=verdict.reason or "not examined")
        elif verdict.state not in ("working", "present"):
            yield verdict


def measured(timings: Mapping[str, Timing]) -> dict[str, Measured]:
    """Return median and interquartile range of each candidate in a cell, the fastest first."""
    series = race.deciding_bursts(timings)
    rows = {name: Measured(median(b), _spread(b), len(b), timings[name].bytes_out) for name, b in series.items()}
    return dict(sorted(rows.items(), key=lambda item: item[1].median))


def _spread(bursts: Sequence[float]) -> float:
    ordered = sorted(bursts)
    last = len(ordered) - 1
    return ordered[round(0.75 * last)] - ordered[round(0.25 * last)]


def _rows(
    choice: Choice, bursts: Mapping[Cell, Mapping[str, Timing]], verdicts: Mapping[tuple[Any, str], Verdict]
) -> list[Row]:
    role = SLOTS[choice.slot][0]
    rows = []
    for cell in cells_of(choice.slot) or (Cell(role, "", 0),):
        name = choice.at(cell.size)
        version, numbers = verdicts[role, name].version, measured(bursts.get(cell, {}))
        rows.append(Row(choice.slot, role, cell.goal, cell.size, name, version, choice.source, numbers))
    return rows
