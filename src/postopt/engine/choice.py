"""Decide who fills what, from bursts or from the estimate table. Pure: no clock, no import, no file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from postopt.engine import race
from postopt.engine.catalog import Candidate
from postopt.engine.handles import Gate
from postopt.engine.records import SIZES, Cell, Role, Timing
from postopt.engine.slots import SLOTS, cells_of

GAIN = 1.05
"""What a gate must gain: a digest changes its algorithm with the size only for 5 % or more."""

WEIGHTS: dict[tuple[Role, str], float] = {
    ("json", "dumps"): 0.25,
    ("json", "loads"): 0.20,
    ("hash", "digest"): 0.15,
    ("fingerprint", "digest"): 0.10,
    ("compression", "speed"): 0.10,
    ("compression", "size"): 0.10,
    ("scoring", "linear"): 0.05,
    ("scoring", "mlp"): 0.05,
}
"""Share of each goal in the score and, within a slot, in the choice; its sizes share it equally.

A judgement, not a measurement: what one cached post passes through (it is encoded, keyed, compressed, and decoded
later), with encoding first because the standard library is slowest there.
"""

Bursts = Mapping[Cell, Mapping[str, Timing]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Who fills a slot and why.

    Attributes:
        slot: what was decided, a key of `SLOTS`.
        gates: who serves which input size; one entry without bound unless the choice depends on size.
        source: "measured", "wisdom", "estimate", "only one", or where an explicit choice came from.
        note: one sentence on whatever made the choice other than it would normally be.
        settled: False if a later use, outside an event loop, should decide again.
    """

    slot: str
    gates: tuple[Gate, ...]
    source: str
    note: str = ""
    settled: bool = True

    @property
    def name(self) -> str:
        """The backend at the 4 KB class."""
        return self.at(SIZES[1])

    def at(self, size: int) -> str:
        """Return the backend that serves inputs of `size`."""
        return next(gate.name for gate in self.gates if gate.below is None or size < gate.below)


def costs(cell: Cell, timings: Mapping[str, Timing]) -> dict[str, float]:
    """Return what is minimised in `cell`, by name: seconds per call, or bytes out for the goal "size".

    Outputs within 5 % of the smallest cost the same, as in the race: among those, time decides.
    """
    if not timings:
        return {}
    if cell.goal != "size":
        return race.costs(timings)
    sizes = {name: timing.bytes_out for name, timing in timings.items()}
    near = race.smallest(sizes)
    least = max(sizes[name] for name in near)
    return {name: float(max(size, least)) for name, size in sizes.items()}


def choose(slot: str, candidates: Sequence[Candidate], bursts: Bursts) -> Choice:
    """Choose among working candidates of `slot`, given in the order that breaks ties.

    A cell counts as measured if anybody was measured in it; a candidate that was not is then out of the race.
    Where no cell is measured the estimates decide, and heavy candidates are out. The best has the lowest weighted
    sum of log costs; for the goal "size", the fastest of those whose output is within 5 % of the smallest. For a
    digest, each size class may then go to another that is at least 5 % better there.
    """
    cells = cells_of(slot)
    if len(candidates) == 1:
        return Choice(slot, (Gate(None, candidates[0].name),), "only one")
    names = [candidate.name for candidate in candidates]
    table = {cell: {n: t for n, t in bursts.get(cell, {}).items() if n in names} for cell in cells}
    measured = {cell: timings for cell, timings in table.items() if timings}
    rows = {cell: costs(cell, timings) for cell, timings in measured.items()} or _estimates(slot, candidates)
    # In the order of `candidates`, and only those that every row knows.
    racing = [name for name in names if all(name in row for row in rows.values())] or names[:1]
    if slot == "compression.size" and measured:
        racing = _near(racing, rows)
        rows = {cell: race.costs(timings) for cell, timings in measured.items()}
    best = _best(racing, rows)
    source = "measured" if measured else "estimate"
    note = f"{len(measured)} of {len(cells)} cells were measured" if 0 < len(measured) < len(cells) else ""
    if SLOTS[slot][1] == ("digest",):
        return Choice(slot, _gates(racing, rows, best), source, note)
    return Choice(slot, (Gate(None, best),), source, note)


def _near(racing: Sequence[str], rows: Mapping[Cell, Mapping[str, float]]) -> list[str]:
    """Return those of `racing` whose outputs are, by their geometric mean, within 5 % of the smallest."""
    means = {name: math.exp(sum(math.log(row[name]) for row in rows.values()) / len(rows)) for name in racing}
    return race.smallest(means)


def _estimates(slot: str, candidates: Sequence[Candidate]) -> dict[Cell, dict[str, float]]:
    """Return the estimate table's rows for `slot`; a slot without cells is decided as if it had one."""
    role, goals = SLOTS[slot]
    cells = cells_of(slot) or (Cell(role, "", SIZES[0]),)
    width = len(cells) // max(len(goals), 1)
    light = [candidate for candidate in candidates if not candidate.heavy]
    return {cell: {c.name: c.estimate[index % width] for c in light} for index, cell in enumerate(cells)}


def _best(racing: Sequence[str], rows: Mapping[Cell, Mapping[str, float]]) -> str:
    """Return the first of `racing` whose weighted mean of log costs is within the tie of the lowest."""
    weights = {cell: WEIGHTS.get((cell.role, cell.goal), 1.0) for cell in rows}
    total = sum(weights.values())
    means = {
        name: sum(weight * math.log(rows[cell][name]) for cell, weight in weights.items()) / total
        for name in racing
        if all(name in row for row in rows.values())
    }
    limit = min(means.values(), default=0.0) + math.log1p(race.TIE)
    return next((name for name, mean in means.items() if mean <= limit), racing[0])


def _gates(racing: Sequence[str], rows: Mapping[Cell, Mapping[str, float]], best: str) -> tuple[Gate, ...]:
    """Give each size class to whoever is at least 5 % better there than `best`, the best overall.

    A gate stands at the size where the larger inputs' backend was measured: between two classes nobody knows, and
    the smaller one's backend is right just below (BLAKE3 gains from 4 chunks of 1 KB on, for one).
    """
    names = []
    for cell, row in rows.items():
        winner = _best(racing, {cell: row})
        better = winner in row and row[winner] * GAIN < row.get(best, math.inf)
        names.append((cell.size, winner if better else best))
    bounded = [Gate(upper, name) for (_, name), (upper, above) in pairwise(names) if name != above]
    return (*bounded, Gate(None, names[-1][1]))
