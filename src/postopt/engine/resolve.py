"""From what was found out to what is handed out.

Loaded when the first role is used, never by `import postopt`. Not thread-safe: its engine holds a lock around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from postopt._optional import install_name
from postopt.backends.json import canonical
from postopt.engine.catalog import CELLS, ROLES, Candidate, load
from postopt.engine.choice import Choice, choose
from postopt.engine.findings import Findings
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
from postopt.engine.overrides import Pin
from postopt.engine.permission import Permission
from postopt.engine.slots import SLOTS, candidates_of, cells_of
from postopt.errors import BackendUnavailableError, WisdomError


class Resolver:
    """Decides who fills each slot, and imports the chosen.

    Args:
        rigor: of the engine.
        pins: explicit choices by slot.
        findings: what is known, and whom to ask.
        load: imports a target; a test may put something else in its place.

    Attributes:
        choices: by slot, of the roles used so far.
        unfilled: slot -> why nothing works for it.
    """

    def __init__(
        self, *, rigor: str, pins: Mapping[str, Pin], findings: Findings, load: Callable[[str], Any] = load
    ) -> None:
        self.rigor = rigor
        self.pins = pins
        self.findings = findings
        self.choices: dict[str, Choice] = {}
        self.unfilled: dict[str, str] = {}
        self._load = load
        self._backends: dict[tuple[str, str], Any] = {}

    def resolve(self, roles: Iterable[str], allowed: Permission) -> None:
        """Fill `choices` for all slots of `roles`; `unfilled` says why, where nothing works.

        Raises:
            BackendUnavailableError: an explicit choice cannot be honoured.
            WisdomError: the rigor is "wisdom_only" and wisdom does not cover a slot.
        """
        wanted = [slot for slot, (role, _) in SLOTS.items() if role in roles]
        pinned = {slot: self.pins[slot] for slot in wanted if slot in self.pins}
        self.verify(pinned, allowed)
        self.choices |= {slot: Choice(slot, _gates(pin), pin.source) for slot, pin in pinned.items()}
        free = [slot for slot in wanted if slot not in pinned]
        candidates = [c for slot in free for c in candidates_of(slot, self.findings.candidates)]
        self.findings.learn(candidates)
        if self.rigor != "wisdom_only":
            self.findings.ask(
                candidates, self.findings.missing_cells(free) if self.rigor != "estimate" else (), allowed
            )
        for slot in free:
            try:
                self.choices[slot] = self._decide(slot, allowed)
            except BackendUnavailableError as error:
                # A numpy that crashes must not take JSON with it: whoever uses the role is told.
                self.unfilled[slot] = str(error)
                self.findings.note(str(error))

    def verify(self, pins: Mapping[str, Pin], allowed: Permission) -> None:
        """Make sure that explicit choices work, examining nobody else.

        Raises:
            BackendUnavailableError: one of them does not; says why and what to type.
        """
        chosen = {(slot, gate.name): pin for slot, pin in pins.items() for gate in _gates(pin)}
        candidates = [self._candidate(slot, name) for slot, name in chosen]
        self.findings.learn(candidates)
        self.findings.ask(candidates, (), allowed, heavy=True)
        for (slot, name), pin in chosen.items():
            self._check(slot, name, pin, allowed)

    def measure_all(self) -> None:
        """Race everything that can be raced and was not, overridden roles included, and decide every role."""
        allowed = Permission(probe=True, measure=True)
        self.findings.learn(self.findings.candidates)
        self.findings.ask(self.findings.candidates, CELLS, allowed)
        self.resolve(ROLES, allowed)

    def backend(self, slot: str, name: str) -> Any:
        """Import and return the backend `name` of `slot`, which must be known to work."""
        if (slot, name) not in self._backends:
            self._backends[slot, name] = self._load(self._candidate(slot, name).target)
        return self._backends[slot, name]

    def handle(self, role: str, backends: Mapping[str, Any] | None = None) -> Handle:
        """Return a settled handle for `role`: of `backends` by slot where given, else of what was chosen.

        Raises:
            BackendUnavailableError: nothing works for it here.
        """
        given = backends or {}
        for slot, reason in self.unfilled.items():
            if SLOTS[slot][0] == role and slot not in given:
                raise BackendUnavailableError(reason, hint="why: postopt doctor")

        def one(slot: str) -> Any:
            return given[slot] if slot in given else self.backend(slot, self.choices[slot].name)

        match role:
            case "json":
                return JSONHandle(one("json"), canonical)
            case "compression":
                return CompressionHandle(one("compression.speed"), one("compression.size"))
            case "scoring":
                return ScoringHandle(one("scoring"))
            case "loop":
                return LoopHandle(one("loop"))
        plain = HashHandle if role == "hash" else FingerprintHandle
        if role in given:
            return plain(given[role])
        return plain(*gated([(gate.below, self.backend(role, gate.name)) for gate in self.choices[role].gates]))

    def _decide(self, slot: str, allowed: Permission) -> Choice:
        """Choose for `slot`, skipping whoever cannot be imported here.

        Raises:
            BackendUnavailableError: nobody is left.
            WisdomError: the rigor is "wisdom_only", and wisdom does not decide.
        """
        rivals = candidates_of(slot, self.findings.candidates)
        while True:
            # Where an event loop runs nothing may be examined yet: what postopt itself depends on will do.
            working = self.findings.working(slot) or rivals[:1]
            unknown = [c for c in rivals if self.findings.possible(c) and c not in working]
            choice = choose(slot, working, self.findings.comparable())
            if choice.source == "measured" and self.findings.raced.isdisjoint(cells_of(slot)):
                choice = replace(choice, source="wisdom")
            if self.rigor == "wisdom_only":
                self._require_wisdom(choice, unknown)
            choice = replace(choice, note=choice.note or self._remark(choice, unknown, allowed))
            failed = self._import(slot, choice.gates)
            if not failed:
                return replace(choice, settled=allowed.probe or not choice.note)
            if len(working) == 1:
                raise BackendUnavailableError(f"no {slot} backend works here: {failed}")

    def _remark(self, choice: Choice, unknown: Sequence[Candidate], allowed: Permission) -> str:
        """Say what should have been found out before choosing and was not, or ""."""
        if unknown and self.rigor != "wisdom_only":
            reason = allowed.reason or self.findings.verdicts[unknown[0].key].reason
            told = not reason or reason in self.findings.notes
            return f"{', '.join(c.name for c in unknown)} not examined" + ("" if told else f": {reason}")
        if choice.source == "estimate" and cells_of(choice.slot) and self.rigor != "estimate":
            return f"not measured: {allowed.reason}" if allowed.reason else "not measured in time"
        return ""

    def _import(self, slot: str, gates: Iterable[Gate]) -> str:
        """Import the backends of `gates`; return "" or what went wrong, with the culprit marked as broken."""
        for gate in gates:
            try:
                self.backend(slot, gate.name)
            except Exception as error:  # noqa: BLE001  # whatever a library raises, the next best takes over
                reason = f"works in a subprocess but not in this process: {type(error).__name__}: {error}"
                key = self._candidate(slot, gate.name).key
                verdict = self.findings.verdicts[key]
                self.findings.verdicts[key] = replace(verdict, state="broken", reason=reason, final=False)
                self.findings.note(f"{slot}: {gate.name} {reason}")
                return reason
        return ""

    def _require_wisdom(self, choice: Choice, unknown: Sequence[Candidate]) -> None:
        guessed = choice.source == "estimate" and cells_of(choice.slot)
        if guessed or (choice.source == "only one" and unknown):
            where = self.findings.wisdom.path if self.findings.wisdom else "switched off"
            raise WisdomError(
                f'the rigor is "wisdom_only" and wisdom ({where}) does not say who is fastest for {choice.slot}',
                hint="measure once: postopt doctor --measure",
            )

    def _check(self, slot: str, name: str, pin: Pin, allowed: Permission) -> None:
        """Raise BackendUnavailableError unless `name` is known to work, imports here, and has the locked version."""
        candidate = self._candidate(slot, name)
        verdict = self.findings.verdicts[candidate.key]
        asked = f"{pin.source} asks for the {slot} backend {name!r}"
        if verdict.state in ("absent", "too_old"):
            raise BackendUnavailableError(
                f"{asked}, but {candidate.library} is not usable: {verdict.reason}",
                hint=f'install it with: pip install "{install_name(candidate.library)}"',
            )
        if verdict.state == "present":
            raise BackendUnavailableError(
                f"{asked}, which has not been examined: {allowed.reason or verdict.reason}",
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
        return next(c for c in candidates_of(slot, self.findings.candidates) if c.name == name)


def _gates(pin: Pin) -> tuple[Gate, ...]:
    return pin.gates or (Gate(None, pin.name),)


def first_handle(role: str, pins: Mapping[str, Pin]) -> Handle:
    """Return a handle of what needs no examination: the standard library's backends (numpy's for scoring).

    For a thread that can neither examine anything nor wait for the one that does.

    Raises:
        BackendUnavailableError: an explicit choice asks for a backend that nobody has examined yet.
    """
    waiting = Permission(probe=False, measure=False, reason="another thread is examining it")
    findings = Findings(rigor="estimate", setting=None, payloads=None)
    resolver = Resolver(rigor="estimate", pins=pins, findings=findings)
    slots = [slot for slot, (owner, _) in SLOTS.items() if owner == role]
    resolver.verify({slot: pins[slot] for slot in slots if slot in pins}, waiting)
    for slot in slots:
        candidates = candidates_of(slot, findings.candidates)
        plain = next((c for c in candidates if not c.library), candidates[0])
        gates = _gates(pins[slot]) if slot in pins else (Gate(None, plain.name),)
        resolver.choices[slot] = Choice(slot, gates, "estimate", settled=False)
    return resolver.handle(role)
