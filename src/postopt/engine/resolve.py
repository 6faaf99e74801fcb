"""From candidates to choices: what is known, what has to be asked, and what follows from the answers.

Loaded when the first role is used, never by `import postopt`. Not thread-safe: its engine holds a lock around it.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from postopt._optional import install_name
from postopt.backends.json import canonical
from postopt.clock import Clock
from postopt.engine import probe, wisdom
from postopt.engine.catalog import CELLS, Candidate
from postopt.engine.choice import Choice, choose
from postopt.engine.handles import (
    CompressionHandle,
    FingerprintHandle,
    Gate,
    Handle,
    HashHandle,
    JSONHandle,
    LoopHandle,
    ScoringHandle,
    gated,
)
from postopt.engine.overrides import Pin, all_candidates
from postopt.engine.permission import Permission
from postopt.engine.records import Cell, Examination, Role, Timing, Verdict
from postopt.engine.slots import SLOTS, candidates_of, cells_of
from postopt.engine.sweep import sweep
from postopt.errors import BackendUnavailableError, WisdomError

Key = tuple[Role, str]

DEADLINE_SECONDS = {"measure": 10.0, "patient": 120.0}
"""Longest wait for one examination: room for a few libraries that hang for 2 s each, and for all heavy ones."""

# Examined verdicts of this process, by role, name and stamp. Bursts are not shared: each engine measures for
# itself, or two engines that are compared would only quote each other.
_EXAMINED: dict[tuple[Role, str, str], Verdict] = {}


def load(target: str) -> Any:
    """Import and return what "module:ATTRIBUTE" names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Resolver:
    """Everything one engine knows, and how it decides.

    Args:
        rigor: of the engine.
        setting: which wisdom, see `wisdom.locate`.
        payloads: the host's own objects to measure on; their bursts are neither looked up nor kept in wisdom.
        pins: explicit choices by slot.
        examine: `probe.examine`, or what a test puts in its place; so are the others.
    """

    def __init__(
        self,
        *,
        rigor: str,
        setting: Any,
        payloads: Sequence[Any] | None,
        pins: Mapping[str, Pin],
        examine: Callable[..., Examination] = probe.examine,
        look: Callable[[Iterable[Candidate]], Mapping[Key, Verdict]] = sweep,
        load: Callable[[str], Any] = load,
        examined: dict[tuple[Role, str, str], Verdict] = _EXAMINED,
        now: Clock = time.time,
    ) -> None:
        self.rigor = rigor
        self.pins = pins
        self.candidates = all_candidates()
        self.verdicts: dict[Key, Verdict] = {}
        self.bursts: dict[Cell, dict[str, Timing]] = {}
        self.choices: dict[str, Choice] = {}
        self.notes: dict[str, None] = {}
        self._kind = "patient" if rigor == "patient" else "measure"
        self._raced: set[Cell] = set()
        self.measuring_seconds = 0.0
        self._payloads = payloads
        self._examine = examine
        self._look = look
        self._load = load
        self._examined = examined
        self._now = now
        self._backends: dict[tuple[str, str], Any] = {}
        self.wisdom = wisdom.locate(setting, now=now)
        self._known = self.wisdom.read() if self.wisdom else wisdom.Knowledge()
        self._note(self._known.problem)

    def resolve(self, roles: Iterable[str], allowed: Permission) -> None:
        """Fill `choices` for all slots of `roles`.

        Raises:
            BackendUnavailableError: an explicit choice cannot be honoured.
            WisdomError: the rigor is "wisdom_only" and wisdom does not cover a slot.
        """
        wanted = [slot for slot, (role, _) in SLOTS.items() if role in roles]
        free = [slot for slot in wanted if slot not in self.pins]
        self.verify({slot: self.pins[slot] for slot in wanted if slot in self.pins}, allowed)
        for slot in wanted:
            if slot in self.pins:
                self.choices[slot] = _pinned(slot, self.pins[slot])
        if not free:
            return
        candidates = [c for slot in free for c in candidates_of(slot, self.candidates)]
        self._learn(candidates)
        if self.rigor != "wisdom_only":
            self._ask(candidates, self._open_cells(free) if self.rigor != "estimate" else (), allowed)
        for slot in free:
            self.choices[slot] = self._decide(slot, allowed)

    def verify(self, pins: Mapping[str, Pin], allowed: Permission) -> None:
        """Make sure that explicit choices work, examining nobody else.

        Raises:
            BackendUnavailableError: one of them does not; says why and what to type.
        """
        chosen = {(slot, name): pin for slot, pin in pins.items() for name in _names(pin)}
        candidates = [self._candidate(slot, name) for slot, name in chosen]
        self._learn(candidates)
        self._ask(candidates, (), allowed, heavy=True)
        for (slot, name), pin in chosen.items():
            self._check(slot, name, pin, allowed)

    def measure_all(self) -> None:
        """Race everything that can be raced and was not, overridden roles included."""
        allowed = Permission(probe=True, measure=True)
        self._learn(self.candidates)
        self._ask(self.candidates, CELLS, allowed)
        self.resolve([role for role, _ in SLOTS.values()], allowed)

    def survey(self) -> None:
        """Look at what is installed for all roles; imports and examines nothing."""
        self._learn(self.candidates)

    def backend(self, slot: str, name: str) -> Any:
        """Import and return the backend `name` of `slot`, which must be known to work.

        Raises:
            MissingDependencyError: it works in the probing subprocess, but not here.
        """
        if (slot, name) not in self._backends:
            self._backends[slot, name] = self._load(self._candidate(slot, name).target)
        return self._backends[slot, name]

    def handle(self, role: str, backends: Mapping[str, Any] | None = None) -> Handle:
        """Return a settled handle for `role`: of `backends` by slot where given, else of what was chosen."""
        given = backends or {}

        def one(slot: str) -> Any:
            return given[slot] if slot in given else self.backend(slot, self.choices[slot].name)

        if role in ("hash", "fingerprint"):
            plain = HashHandle if role == "hash" else FingerprintHandle
            if role in given:
                return plain(given[role])
            gates = self.choices[role].gates
            return plain(*gated([(gate.below, self.backend(role, gate.name)) for gate in gates]))
        if role == "json":
            return JSONHandle(one("json"), canonical)
        if role == "compression":
            return CompressionHandle(one("compression.speed"), one("compression.size"))
        return ScoringHandle(one("scoring")) if role == "scoring" else LoopHandle(one("loop"))

    def working(self, slot: str) -> tuple[Candidate, ...]:
        """Return the candidates for `slot` that are known to work."""
        return tuple(c for c in candidates_of(slot, self.candidates) if self.state(c) == "working")

    def comparable(self) -> dict[Cell, dict[str, Timing]]:
        """Return the bursts of candidates that work now."""
        return {
            cell: {name: t for name, t in rows.items() if self._works(cell.role, name)}
            for cell, rows in self.bursts.items()
        }

    def _learn(self, candidates: Sequence[Candidate]) -> None:
        """Look at what is installed, and recall what was found out about exactly that before."""
        findings = {(f.verdict.role, f.verdict.name, f.verdict.stamp): f.verdict for f in self._known.findings}
        for key, seen in self._look(candidates).items():
            recalled = self._examined.get((*key, seen.stamp)) or findings.get((*key, seen.stamp))
            before = self.verdicts.get(key)
            if before is not None and before.stamp == seen.stamp and before.state != "present":
                continue
            self.verdicts[key] = recalled if seen.state == "present" and recalled is not None else seen
        if self._payloads is not None:
            return
        for entry in self._known.entries:
            verdict = self.verdicts.get((entry.cell.role, entry.name))
            current = verdict is not None and (verdict.version, verdict.stamp) == (entry.version, entry.stamp)
            if current and (self.rigor != "patient" or entry.rigor == "patient"):
                self.bursts.setdefault(entry.cell, {}).setdefault(entry.name, entry.timing)

    def _open_cells(self, slots: Iterable[str]) -> list[Cell]:
        """Return the cells of `slots` that somebody who may win has not been measured in.

        A slot with one possible backend has nothing to decide, and is left alone.
        """
        cells = []
        for slot in slots:
            possible = [c for c in candidates_of(slot, self.candidates) if self.possible(c)]
            if len(possible) > 1:
                cells += [
                    cell for cell in cells_of(slot) if any(c.name not in self.bursts.get(cell, {}) for c in possible)
                ]
        return cells

    def _ask(
        self, candidates: Sequence[Candidate], cells: Sequence[Cell], allowed: Permission, *, heavy: bool = False
    ) -> None:
        """Examine what is unknown and race `cells`, as far as that is allowed here."""
        if not allowed.probe:
            return
        cells = cells if allowed.measure else ()
        candidates = [c for c in candidates if self.possible(c, heavy=heavy)]
        if not cells and all(self.state(c) == "working" for c in candidates):
            return
        found = self._examine(
            candidates,
            known=[self.verdicts[c.key] for c in candidates if self.state(c) != "present"],
            cells=cells,
            timings=self.comparable(),
            rigor=self._kind,
            payloads=self._payloads,
            deadline_seconds=DEADLINE_SECONDS[self._kind],
        )
        self._absorb(found)

    def _absorb(self, found: Examination) -> None:
        self.measuring_seconds += found.measuring_seconds
        for note in found.notes:
            self._note(note)
        now = self._now()
        for verdict in found.verdicts:
            self.verdicts[verdict.role, verdict.name] = verdict
            if verdict.final and verdict.state in ("working", "broken", "wrong"):
                self._examined[verdict.role, verdict.name, verdict.stamp] = verdict
        findings = [
            wisdom.Finding(verdict, wisdom.CONTRACTS[verdict.role], now)
            for verdict in found.verdicts
            if verdict.library and verdict.final and verdict.state in ("working", "broken", "wrong")
        ]
        entries = [
            self._entry(race.cell, name, timing, now)
            for race in found.races
            for name, timing in race.timings.items()
            if timing != self.bursts.get(race.cell, {}).get(name) and (race.cell.role, name) in self.verdicts
        ]
        for race in found.races:
            self.bursts.setdefault(race.cell, {}).update(race.timings)
        self._raced.update(entry.cell for entry in entries)
        if self.wisdom and (findings or entries):
            self._note(self.wisdom.add(findings, entries if self._payloads is None else ()))

    def _entry(self, cell: Cell, name: str, timing: Timing, now: float) -> wisdom.Entry:
        verdict = self.verdicts[cell.role, name]
        contract = wisdom.CONTRACTS[cell.role]
        return wisdom.Entry(cell, name, verdict.version, verdict.stamp, self._kind, contract, now, timing)

    def _decide(self, slot: str, allowed: Permission) -> Choice:
        bursts = self.comparable()
        while True:
            # Nothing of a role may be examined yet, where an event loop runs: what postopt itself depends on will do.
            working = self.working(slot) or candidates_of(slot, self.candidates)[:1]
            unknown = [c.name for c in candidates_of(slot, self.candidates) if self.possible(c) and c not in working]
            choice = choose(slot, working, bursts)
            if choice.source == "measured" and self._raced.isdisjoint(cells_of(slot)):
                choice = replace(choice, source="wisdom")
            if self.rigor == "wisdom_only":
                self._require_wisdom(slot, choice, unknown)
            elif choice.source == "estimate" and cells_of(slot) and self.rigor != "estimate":
                choice = replace(choice, note=allowed.reason or "not measured in time")
            elif unknown and allowed.reason:
                choice = replace(choice, note=f"{', '.join(unknown)} not examined: {allowed.reason}")
            unsettled = bool(not allowed.probe and (unknown or choice.note))
            failed = self._import(slot, choice.gates)
            if not failed:
                return replace(choice, settled=not unsettled)
            if len(working) == 1:
                raise BackendUnavailableError(f"no {slot} backend works here: {failed}")

    def _import(self, slot: str, gates: Iterable[Gate]) -> str:
        """Import the backends of `gates`; return "" or what went wrong, with the culprit marked as broken."""
        for gate in gates:
            try:
                self.backend(slot, gate.name)
            except Exception as error:  # noqa: BLE001  # whatever a library raises, the next best takes over
                reason = f"works in a subprocess but not in this process: {type(error).__name__}: {error}"
                key = self._candidate(slot, gate.name).key
                self.verdicts[key] = replace(self.verdicts[key], state="broken", reason=reason, final=False)
                self._note(f"{slot}: {gate.name} {reason}")
                return reason
        return ""

    def _require_wisdom(self, slot: str, choice: Choice, unknown: Sequence[str]) -> None:
        guessed = choice.source == "estimate" and cells_of(slot)
        if guessed or (choice.source == "only one" and unknown):
            where = self.wisdom.path if self.wisdom else "no file"
            raise WisdomError(
                f'the rigor is "wisdom_only" and wisdom ({where}) does not say who is fastest for {slot}',
                hint="measure once: postopt doctor --measure",
            )

    def _check(self, slot: str, name: str, pin: Pin, allowed: Permission) -> None:
        """Raise BackendUnavailableError unless `name` is known to work, imports here, and has the locked version."""
        candidate = self._candidate(slot, name)
        verdict = self.verdicts[candidate.key]
        asked = f"{pin.source} asks for the {slot} backend {name!r}"
        if verdict.state in ("absent", "too_old"):
            raise BackendUnavailableError(
                f"{asked}, but {candidate.library} is not usable: {verdict.reason}",
                hint=f'install it with: pip install "{install_name(candidate.library)}"',
            )
        if verdict.state == "present":
            why = allowed.reason or f'the rigor is "{self.rigor}"'
            raise BackendUnavailableError(
                f"{asked}, which has not been examined yet ({why})",
                hint="examine it first: engine.prepare(), or await engine.aprepare() where an event loop runs",
            )
        if verdict.state != "working":
            raise BackendUnavailableError(f"{asked}, which is {verdict.state}: {verdict.reason}")
        locked = (pin.versions or {}).get(name, verdict.version)
        if locked != verdict.version:
            raise BackendUnavailableError(f"{asked} in version {locked}; installed is {verdict.version}")
        try:
            self.backend(slot, name)
        except Exception as error:
            raise BackendUnavailableError(
                f"{asked}, which works in a subprocess but not in this process: {type(error).__name__}: {error}"
            ) from error

    def _candidate(self, slot: str, name: str) -> Candidate:
        return next(c for c in candidates_of(slot, self.candidates) if c.name == name)

    def state(self, candidate: Candidate) -> str:
        """Return what is known about `candidate`; "present" if nobody has looked yet."""
        verdict = self.verdicts.get(candidate.key)
        return verdict.state if verdict else "present"

    def _works(self, role: Role, name: str) -> bool:
        verdict = self.verdicts.get((role, name))
        return verdict is not None and verdict.state == "working"

    def possible(self, candidate: Candidate, *, heavy: bool = False) -> bool:
        """Whether `candidate` may still win: works, or is there and cheap enough to find out."""
        if self.state(candidate) not in ("working", "present"):
            return False
        return heavy or not candidate.heavy or self.rigor == "patient" or candidate.library in sys.modules

    def _note(self, text: str) -> None:
        if text:
            self.notes[text] = None


def _names(pin: Pin) -> list[str]:
    return list(dict.fromkeys(gate.name for gate in pin.gates)) or [pin.name]


def _pinned(slot: str, pin: Pin) -> Choice:
    return Choice(slot, pin.gates or (Gate(None, pin.name),), pin.source)


def first_handle(role: str, pins: Mapping[str, Pin]) -> Handle:
    """Return a handle of what needs no examination: the standard library's backends (numpy's for scoring).

    For a thread that can neither examine anything nor wait for the one that does.

    Raises:
        BackendUnavailableError: an explicit choice asks for another backend.
    """
    waiting = Permission(probe=False, measure=False, reason="another thread is examining it")
    resolver = Resolver(rigor="estimate", setting=None, payloads=None, pins=pins)
    for slot in (slot for slot, (owner, _) in SLOTS.items() if owner == role):
        candidates = candidates_of(slot, resolver.candidates)
        plain = next((c for c in candidates if not c.library), candidates[0])
        if slot in pins and pins[slot].name != plain.name:
            resolver.verify({slot: pins[slot]}, waiting)
        resolver.choices[slot] = Choice(slot, (Gate(None, plain.name),), "estimate", settled=False)
    return resolver.handle(role)
