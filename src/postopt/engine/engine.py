"""The face of the engine: roles as attributes, explicit choices, and the moment at which anything is found out."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, overload

from postopt.engine.catalog import ROLES
from postopt.engine.handles import (
    CompressionHandle,
    FingerprintHandle,
    Handle,
    HashHandle,
    JSONHandle,
    LoopHandle,
    ScoringHandle,
    defer,
    settle,
    unsettle,
)
from postopt.engine.overrides import FRAME, Frame, Pin, active, check_name, environment_pins, pins, slots_of
from postopt.engine.permission import IN_LOOP, here, in_event_loop
from postopt.engine.slots import SLOTS

if TYPE_CHECKING:
    from pathlib import Path

    from postopt.backends.base import CompressionBackend, HashBackend, JSONBackend, LoopBackend, ScoringBackend
    from postopt.engine.device import DevicePlan
    from postopt.engine.report import EngineReport
    from postopt.engine.resolve import Resolver

RIGORS = ("estimate", "measure", "patient", "wisdom_only")
DEFAULT = "default"

_NO_OVERRIDES: Mapping[str, str] = MappingProxyType({})


class OptimizedEngine:
    """Hands out the fastest working backend of each role, as measured on this machine.

    Building an engine imports nothing heavy, measures nothing, reads no file and starts no process. The first use
    of a role resolves it: one look at what is installed; for what is not known yet, one subprocess that imports
    it, checks it against the role's contract and races it; then the winner, and nobody else, is imported here. After
    that, `engine.json.dumps` is the library's own function.

    In a thread that runs an event loop nothing is examined or measured. There a role is served from wisdom, or from
    what is known to work (at least the standard library), and a later use elsewhere decides for good: call
    `prepare` before the loop starts, or await `aprepare` inside it. In a forked child nothing is raced; call
    `prepare` before forking.

    Who is asked, first answer counts: `backend()` at the call site, `use()` around it, `overrides`, environment
    variables (`POSTOPT_JSON=orjson`, read when the engine is built), wisdom, a measurement, the estimate table. An
    explicit choice examines nobody else, and raises where it cannot be honoured; an automatic one falls back to the
    next best and says so in the report.

    Threads may share an engine. It is not meant to be copied.

    Args:
        wisdom: where measurements are kept between runs: "default" (the user's cache folder, unless POSTOPT_WISDOM
            says otherwise), "readonly" (the same, never written), a path (of a file if it ends in ".json", else of
            a folder), or None ("off") to neither read nor write any.
        rigor: "estimate" (libraries are checked but not timed), "measure" (milliseconds a role), "patient" (more
            rounds, and libraries that are slow to import take part), or "wisdom_only" (as in FFTW: nothing is
            measured; a role that wisdom does not cover raises WisdomError).
        overrides: role -> name of a backend. Roles are json, hash, fingerprint, compression (or only
            "compression.speed" or "compression.size"), scoring and loop.
        payloads: JSON-able objects to measure on, instead of synthetic posts. They are passed to the subprocess
            through a pipe; neither they nor their timings are stored. What is not JSON raises TypeError or ValueError
            when it is first measured on.

    Raises:
        BackendUnavailableError: an override, or its environment variable, names a role or backend that does not exist.
        ValueError: `rigor` is none of the above.

    Attributes:
        json: `dumps`, `loads`, `canonical`.
        hash: `digest` (secure), `gates`.
        fingerprint: `digest` for keys inside this process that nobody attacks, `gates`.
        compression: `compress`, `decompress`, and the backends `speed` and `size`.
        scoring: `linear`, `mlp`.
        loop_factory: call it for a new event loop; uvloop's where that works.
    """

    json: JSONHandle
    hash: HashHandle
    fingerprint: FingerprintHandle
    compression: CompressionHandle
    scoring: ScoringHandle
    loop_factory: LoopHandle

    def __init__(
        self,
        *,
        wisdom: str | os.PathLike[str] | None = DEFAULT,
        rigor: Literal["estimate", "measure", "patient", "wisdom_only"] = "measure",
        overrides: Mapping[str, str] = _NO_OVERRIDES,
        payloads: Sequence[Any] | None = None,
    ) -> None:
        if rigor not in RIGORS:
            raise ValueError(f"rigor is {rigor!r}; allowed: {', '.join(RIGORS)}")
        self._rigor = rigor
        self._wisdom = os.environ.get("POSTOPT_WISDOM") or DEFAULT if wisdom == DEFAULT else wisdom
        self._pins = {**environment_pins(os.environ), **pins(overrides, "the argument overrides")}
        self._payloads = None if payloads is None else tuple(payloads)
        self._lock = threading.RLock()  # held while something is found out
        self._switch = threading.RLock()  # held while handles change their class, so never for long
        self._pid = os.getpid()
        self._resolver: Resolver | None = None
        self._device: DevicePlan | None = None
        self._uses: dict[str, int] = dict.fromkeys(ROLES, 0)  # open blocks that override a role
        # What is decided for good, and what serves an event loop's thread until then.
        self._resolved: dict[str, Handle] = {}
        self._provisional: dict[str, Handle] = {}
        self.json = defer(JSONHandle, partial(self._find, "json"))
        self.hash = defer(HashHandle, partial(self._find, "hash"))
        self.fingerprint = defer(FingerprintHandle, partial(self._find, "fingerprint"))
        self.compression = defer(CompressionHandle, partial(self._find, "compression"))
        self.scoring = defer(ScoringHandle, partial(self._find, "scoring"))
        self.loop_factory = defer(LoopHandle, partial(self._find, "loop"))
        _ENGINES.add(self)

    @classmethod
    def from_lock(cls, path: str | os.PathLike[str]) -> OptimizedEngine:
        """Return an engine that makes exactly the choices `lock` wrote to `path`; checks them at once.

        Roles that the file does not list are decided as usual.

        Raises:
            WisdomError: the file cannot be read or is no lock file.
            BackendUnavailableError: a backend it names is not here, does not work, or has another version.
            RuntimeError: an event loop runs in this thread, and something has to be examined.
        """
        from postopt.engine import lock  # noqa: PLC0415  # imports json, which a host may never need

        locked = lock.read(path)
        engine = cls()
        engine._pins = {**engine._pins, **locked}
        engine.prepare({SLOTS[slot][0] for slot in locked})
        return engine

    @property
    def device(self) -> DevicePlan:
        """Where local models would run: device, dtype, batch size; a plan, not a measurement.

        Neither torch nor the driver is loaded into this process. The driver is asked at the first access, in a
        subprocess, and only if torch is a CUDA build; inside an event loop it is not asked.
        """
        from postopt.engine import device  # noqa: PLC0415  # imports subprocess

        with self._lock:
            if self._device is None and in_event_loop():
                return device.cpu(f"not asked for a GPU: {IN_LOOP}")
            self._device = self._device or device.plan()
            return self._device

    def prepare(self, roles: Iterable[str] | None = None) -> None:
        """Resolve `roles` now, all of them if None, with at most one subprocess. Blocks meanwhile.

        Raises:
            RuntimeError: an event loop runs in this thread: await `aprepare` there.
            BackendUnavailableError: an explicit choice cannot be honoured, or there is no such role.
            WisdomError: at rigor "wisdom_only", wisdom does not cover a role.
        """
        wanted = [role for role in _roles(roles) if role not in self._resolved]
        if wanted and in_event_loop():
            raise RuntimeError("prepare() would block the event loop of this thread; use: await engine.aprepare()")
        if wanted:
            self._resolve(wanted)

    async def aprepare(self, roles: Iterable[str] | None = None) -> None:
        """Do what `prepare` does, in a worker thread."""
        from anyio import to_thread  # noqa: PLC0415  # only hosts with an event loop need it

        await to_thread.run_sync(self.prepare, roles)

    @overload
    def backend(self, role: Literal["json"], name: str) -> JSONBackend: ...
    @overload
    def backend(self, role: Literal["hash", "fingerprint"], name: str) -> HashBackend: ...
    @overload
    def backend(self, role: Literal["compression.speed", "compression.size"], name: str) -> CompressionBackend: ...
    @overload
    def backend(self, role: Literal["scoring"], name: str) -> ScoringBackend: ...
    @overload
    def backend(self, role: Literal["loop"], name: str) -> LoopBackend: ...
    def backend(self, role: str, name: str) -> Any:
        """Return the backend `name` for `role`, whatever else is chosen: the most explicit choice there is.

        Raises:
            BackendUnavailableError: it does not exist, is not installed, or does not work here.
        """
        (slot, *more) = slots_of(role)
        if more:
            raise ValueError('role is "compression"; say which: "compression.speed" or "compression.size"')
        check_name(slot, name)
        with self._lock:
            resolver = self._open()
            resolver.verify({slot: Pin(name, "engine.backend()")}, here(self._pid))
            return resolver.backend(slot, name)

    @contextmanager
    def use(self, **backends: str) -> Iterator[OptimizedEngine]:
        """Choose other backends inside a `with` block: `with engine.use(json="stdlib", hash="blake3"):`.

        It counts for the code of this thread or task and for tasks started inside, until the block ends; others
        see nothing of it. Blocks nest. For one goal only: `engine.use(**{"compression.size": "zlib"})`. Entering waits
        for a measurement that another thread makes.

        Raises:
            BackendUnavailableError: a choice does not exist, is not installed, or does not work here.
        """
        chosen = pins(backends, "engine.use()")
        goals = [slot for slot in chosen if slot.startswith("compression.")]
        rest = self._find("compression") if len(goals) == 1 else None
        with self._lock:
            resolver = self._open()
            resolver.verify(chosen, here(self._pid))
            given = {slot: resolver.backend(slot, pin.name) for slot, pin in chosen.items()}
            if isinstance(rest, CompressionHandle):
                given = {"compression.speed": rest.speed, "compression.size": rest.size, **given}
            roles: set[str] = {SLOTS[slot][0] for slot in chosen}
            handles = {role: resolver.handle(role, given) for role in roles}
        self._enter(handles)
        frame = Frame(self, handles, FRAME.get())
        token = FRAME.set(frame)
        try:
            yield self
        finally:
            frame.active = False
            # Fails if closed from another context, as the garbage collector does; the frame is over anyway.
            with suppress(ValueError):
                FRAME.reset(token)
            self._leave(handles)

    def lock(self, path: str | os.PathLike[str] = "postopt.lock") -> Path:
        """Write role -> "backend==version" to `path` as JSON, resolving every role first; return the path.

        Raises:
            RuntimeError: an event loop runs in this thread and a role is not resolved yet.
            OSError: the file cannot be written.
        """
        from postopt.engine import lock  # noqa: PLC0415  # imports json

        self.prepare()
        with self._lock:
            return lock.write(path, self._open())

    def report(self, *, measure: bool = False, calls_per_second: float | None = None) -> EngineReport:
        """Return what was chosen, by how much, and what would be better.

        Covers the roles used so far; a fresh engine reports "unmeasured".

        Args:
            measure: first measure everything that was not, also where an override decides, so that the report
                says what the override costs.
            calls_per_second: how often the host calls a role; judges whether an advice is worth it.

        Raises:
            RuntimeError: `measure`, and an event loop runs in this thread.
        """
        from postopt.engine import diagnosis  # noqa: PLC0415  # a program may never ask

        if measure and in_event_loop():
            raise RuntimeError("report(measure=True) would block the event loop of this thread")
        with self._lock:
            resolver = self._open()
            if measure:
                resolver.measure_all()
                self._keep(ROLES)
            return diagnosis.diagnose(resolver, calls_per_second=calls_per_second)

    def explain(self, role: str) -> str:
        """Return in words who fills `role` and why: numbers, rejections, overrides. Measures nothing.

        Raises:
            BackendUnavailableError: there is no such role.
        """
        from postopt.engine import explain  # noqa: PLC0415  # a program may never ask

        slots = slots_of(role)
        with self._lock:
            return "\n".join(explain.explain(self._open(), slot) for slot in slots)

    def _find(self, role: str) -> Handle:
        """Return a settled handle for `role`, for this context and now."""
        handle = active(self, role) or self._resolved.get(role)
        if handle is not None:
            return handle
        if not in_event_loop():
            self._resolve([role])
            handle = self._resolved.get(role)
            return handle if handle is not None else self._open().handle(role)  # raises: nothing works
        handle = self._provisional.get(role)
        return handle if handle is not None else self._provide(role)

    def _resolve(self, roles: Sequence[str]) -> None:
        with self._lock:
            missing = [role for role in roles if role not in self._resolved]  # another thread may have been faster
            if missing:
                self._open().resolve(missing, here(self._pid))
                self._keep(missing)

    def _provide(self, role: str) -> Handle:
        """Serve an event loop's thread, which must not wait for a measurement that another thread makes."""
        if not self._lock.acquire(blocking=False):
            from postopt.engine import resolve  # noqa: PLC0415  # loaded already by the thread that measures

            return resolve.first_handle(role, self._pins)
        try:
            resolver = self._open()
            resolver.resolve([role], here(self._pid))
            self._keep([role])
            return self._resolved.get(role) or self._provisional.get(role) or resolver.handle(role)
        finally:
            self._lock.release()

    def _keep(self, roles: Iterable[str]) -> None:
        """Store the handles of what was just decided; let those that are final run without us. Holds the lock."""
        resolver = self._open()
        unfilled = {SLOTS[slot][0] for slot in resolver.unfilled}
        for role in (role for role in roles if role not in unfilled):
            handle = resolver.handle(role)
            if all(choice.settled for slot, choice in resolver.choices.items() if SLOTS[slot][0] == role):
                with self._switch:
                    self._resolved[role] = handle
                    if not self._uses[role]:
                        settle(self._public(role), handle)
            else:
                self._provisional[role] = handle

    def _open(self) -> Resolver:
        if self._resolver is None:
            # The first use pays, not `import postopt`.
            from postopt.engine.findings import Findings  # noqa: PLC0415
            from postopt.engine.resolve import Resolver  # noqa: PLC0415

            findings = Findings(rigor=self._rigor, setting=self._wisdom, payloads=self._payloads)
            self._resolver = Resolver(rigor=self._rigor, pins=self._pins, findings=findings)
        return self._resolver

    def _enter(self, roles: Iterable[str]) -> None:
        with self._switch:
            for role in roles:
                self._uses[role] += 1
                unsettle(self._public(role))

    def _leave(self, roles: Iterable[str]) -> None:
        with self._switch:
            for role in roles:
                self._uses[role] -= 1
                if role in self._resolved and not self._uses[role]:
                    settle(self._public(role), self._resolved[role])

    def _public(self, role: str) -> Handle:
        public: Handle = getattr(self, "loop_factory" if role == "loop" else role)
        return public


def _roles(roles: Iterable[str] | None) -> list[str]:
    if roles is None:
        return list(ROLES)
    return list(dict.fromkeys(SLOTS[slot][0] for role in roles for slot in slots_of(role)))


_ENGINES: weakref.WeakSet[OptimizedEngine] = weakref.WeakSet()
_FORKING = threading.local()
_FORK_SECONDS = 2.0


def _before_fork() -> None:
    """Let other threads finish what they decide: a child would inherit their half-done imports, and wait for ever."""
    _FORKING.locks = []
    for engine in sorted(_ENGINES, key=id):  # in one order, whichever thread forks
        if engine._lock.acquire(timeout=_FORK_SECONDS):  # noqa: SLF001  # this module's own class
            _FORKING.locks.append(engine._lock)  # noqa: SLF001


def _after_fork_in_parent() -> None:
    for lock in _FORKING.locks:
        lock.release()


def _after_fork_in_child() -> None:
    """Give each engine new locks: the threads that may hold the old ones do not exist in the child."""
    for engine in list(_ENGINES):
        engine._lock, engine._switch = threading.RLock(), threading.RLock()  # noqa: SLF001


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
