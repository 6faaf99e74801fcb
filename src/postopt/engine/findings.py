"""What one engine has found out: verdicts and bursts, from folders, from wisdom, and from asking the subprocess."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from postopt.clock import Clock
from postopt.engine import probe, wisdom
from postopt.engine.catalog import Candidate, third_party
from postopt.engine.overrides import all_candidates
from postopt.engine.permission import Permission
from postopt.engine.records import Cell, Examination, Role, State, Timing, Verdict
from postopt.engine.slots import candidates_of, cells_of
from postopt.engine.sweep import sweep
from postopt.errors import WisdomError

Key: TypeAlias = tuple[Role, str]
Examined: TypeAlias = dict[tuple[Role, str, str], Verdict]

DEADLINE_SECONDS = {"measure": 10.0, "patient": 120.0}
"""Longest wait for one examination: room for a few libraries that hang for 2 s each, and for all heavy ones."""

_ANSWERS = ("working", "broken", "wrong")

# Examined verdicts of this process, by role, name and stamp. Bursts are not shared: each engine measures for
# itself, or two engines that are compared would only quote each other.
_EXAMINED: Examined = {}


class Findings:
    """Verdicts and bursts of all candidates, as far as known.

    Args:
        rigor: of the engine.
        setting: which wisdom, see `wisdom.locate`.
        payloads: the host's own objects to measure on; their bursts are neither looked up nor kept in wisdom.
        examine: `probe.examine`, or what a test puts in its place; so are the others.
        look: `sweep.sweep`.
        examined: verdicts that this process shares.
        now: wall clock in seconds, for the age of wisdom.

    Attributes:
        candidates: ours and those of other distributions, in the order that breaks ties.
        verdicts: by role and name; empty until `learn`.
        bursts: by cell and name.
        raced: cells in which this engine has measured somebody.
        measuring_seconds: what that took.
        notes: what did not go as it normally would, in order, each once.
        wisdom: the file of measurements, or None.
    """

    def __init__(
        self,
        *,
        rigor: str,
        setting: Any,
        payloads: Sequence[Any] | None,
        examine: Callable[..., Examination] = probe.examine,
        look: Callable[[Iterable[Candidate]], Mapping[Key, Verdict]] = sweep,
        examined: Examined = _EXAMINED,
        now: Clock = time.time,
    ) -> None:
        self.candidates = all_candidates()
        self.verdicts: dict[Key, Verdict] = {}
        self.bursts: dict[Cell, dict[str, Timing]] = {}
        self.raced: set[Cell] = set()
        self.measuring_seconds = 0.0
        self.notes: dict[str, None] = {}
        self.wisdom: wisdom.Wisdom | None = None
        self._rigor = "patient" if rigor == "patient" else "measure"
        self._payloads = payloads
        self._examine = examine
        self._look = look
        self._examined = examined
        self._now = now
        try:
            self.wisdom = wisdom.locate(setting, now=now)
        except WisdomError as error:
            self.note(f"wisdom is neither read nor kept: {error}")
        self._known = self.wisdom.read() if self.wisdom else wisdom.Knowledge()
        for note in (self._known.problem, *third_party().problems):
            self.note(note)

    def learn(self, candidates: Sequence[Candidate]) -> None:
        """Look at what is installed, and recall what was found out about exactly that before."""
        findings = {(f.verdict.role, f.verdict.name, f.verdict.stamp): f.verdict for f in self._known.findings}
        for key, seen in self._look(candidates).items():
            recalled = self._examined.get((*key, seen.stamp)) or findings.get((*key, seen.stamp))
            before = self.verdicts.get(key)
            if before is None or before.stamp != seen.stamp:
                self.verdicts[key] = before = seen
            if before.state == "present" and recalled is not None:
                self.verdicts[key] = recalled
        for entry in self._known.entries if self._payloads is None else ():
            verdict = self.verdicts.get((entry.cell.role, entry.name))
            current = verdict is not None and (verdict.version, verdict.stamp) == (entry.version, entry.stamp)
            if current and (self._rigor != "patient" or entry.rigor == "patient"):
                self.bursts.setdefault(entry.cell, {}).setdefault(entry.name, entry.timing)

    def ask(
        self, candidates: Sequence[Candidate], cells: Sequence[Cell], allowed: Permission, *, heavy: bool = False
    ) -> None:
        """Examine who is unknown and race `cells`, as far as that is allowed here.

        `heavy` says that candidates which take seconds to import are wanted too.
        """
        if not allowed.probe:
            return
        cells = cells if allowed.measure else ()
        candidates = [c for c in candidates if self.possible(c, heavy=heavy)]
        if not cells and all(self.state(c) == "working" for c in candidates):
            return
        self._absorb(
            self._examine(
                candidates,
                known=[self.verdicts[c.key] for c in candidates if self.state(c) != "present"],
                cells=cells,
                timings=self.comparable(),
                rigor="patient" if heavy else self._rigor,
                payloads=self._payloads,
                deadline_seconds=DEADLINE_SECONDS[self._rigor],
            )
        )

    def missing_cells(self, slots: Iterable[str]) -> list[Cell]:
        """Return the cells of `slots` that somebody who may win has not been measured in.

        A slot with one possible backend has nothing to decide, and is left alone.
        """
        cells: list[Cell] = []
        for slot in slots:
            names = [c.name for c in candidates_of(slot, self.candidates) if self.possible(c)]
            if len(names) > 1:
                cells += [cell for cell in cells_of(slot) if not self.bursts.get(cell, {}).keys() >= set(names)]
        return cells

    def comparable(self) -> dict[Cell, dict[str, Timing]]:
        """Return the bursts of candidates that work now."""
        return {
            cell: {name: timing for name, timing in rows.items() if self._works(cell.role, name)}
            for cell, rows in self.bursts.items()
        }

    def working(self, slot: str) -> tuple[Candidate, ...]:
        """Return the candidates for `slot` that are known to work."""
        return tuple(c for c in candidates_of(slot, self.candidates) if self._works(*c.key))

    def state(self, candidate: Candidate) -> State:
        """Return what is known about `candidate`; "present" if nobody has looked yet."""
        verdict = self.verdicts.get(candidate.key)
        return verdict.state if verdict else "present"

    def possible(self, candidate: Candidate, *, heavy: bool = False) -> bool:
        """Whether `candidate` may still win: works, or is there and cheap enough to find out."""
        if self.state(candidate) not in ("working", "present"):
            return False
        return heavy or not candidate.heavy or self._rigor == "patient" or candidate.library in sys.modules

    def note(self, text: str) -> None:
        """Keep `text` for the report, unless it is empty."""
        if text:
            self.notes[text] = None

    def _works(self, role: Role, name: str) -> bool:
        verdict = self.verdicts.get((role, name))
        return verdict is not None and verdict.state == "working"

    def _absorb(self, found: Examination) -> None:
        self.measuring_seconds += found.measuring_seconds
        for note in found.notes:
            self.note(note)
        answers = [verdict for verdict in found.verdicts if verdict.final and verdict.state in _ANSWERS]
        self._examined.update({(v.role, v.name, v.stamp): v for v in answers})
        self.verdicts.update({(v.role, v.name): v for v in found.verdicts})
        entries = [
            self._entry(race.cell, name, timing)
            for race in found.races
            for name, timing in race.timings.items()
            if timing != self.bursts.get(race.cell, {}).get(name)
        ]
        self.raced.update(entry.cell for entry in entries)
        for race in found.races:
            self.bursts.setdefault(race.cell, {}).update(race.timings)
        findings = [wisdom.Finding(v, wisdom.CONTRACTS[v.role], self._now()) for v in answers if v.library]
        kept = entries if self._payloads is None else []
        if self.wisdom and (findings or kept):
            self.note(self.wisdom.add(findings, kept))

    def _entry(self, cell: Cell, name: str, timing: Timing) -> wisdom.Entry:
        verdict = self.verdicts[cell.role, name]
        contract = wisdom.CONTRACTS[cell.role]
        return wisdom.Entry(cell, name, verdict.version, verdict.stamp, self._rigor, contract, self._now(), timing)
