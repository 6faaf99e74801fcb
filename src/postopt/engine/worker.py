"""The probing subprocess: imports libraries, checks what they answer, races those that answer right.

Whatever a library does here (crash, hang, exit, print, fork) happens to this process only; `probe` watches it.
One JSON object a line goes in, one comes out for every step, announced before it is taken, so that the
watcher knows whose fault it is if nothing follows.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeAlias

from postopt.backends import golden
from postopt.engine import payloads, race
from postopt.engine.catalog import load
from postopt.engine.race import MEASURE, PATIENT, Rules
from postopt.engine.records import Cell, Role, Timing
from postopt.engine.workload import Work, work
from postopt.errors import MissingDependencyError

Message: TypeAlias = dict[str, Any]


def main() -> NoReturn:
    """Answer the one request on stdin and leave at once, whatever threads or exit handlers libraries have left."""
    report = os.fdopen(os.dup(1), "wb")
    request = json.loads(sys.stdin.buffer.readline())
    # From here on a library that prints or reads talks to nobody.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    _no_core_dumps()
    if hasattr(signal, "alarm"):
        # Should the host die meanwhile, nobody ends us; the kernel does, whatever a library is stuck in.
        signal.alarm(math.ceil(request["seconds"]) + 1)
    us = os.getpid()

    def emit(message: Message) -> None:
        if os.getpid() != us:  # a library forked while it was imported, and this is the copy
            os._exit(0)
        report.write(json.dumps(message).encode() + b"\n")
        report.flush()

    Examiner(emit).run(request)
    os._exit(0)


def _no_core_dumps() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@dataclass(slots=True)
class Examiner:
    """Carries out one request, telling `emit` before and after each step."""

    emit: Callable[[Message], None]
    backends: dict[tuple[Role, str], list[tuple[list[str], Any]]] = field(default_factory=dict)

    def run(self, request: Message) -> None:
        """Examine `request["tasks"]`, then race `request["cells"]` among those that work."""
        self.emit({"event": "ready"})
        for task in request["tasks"]:
            self.emit({"event": "examining", "key": task["key"]})
            self.emit({"event": "verdict", "key": task["key"], **self._examine(task)})
        measured = payloads.complete(payloads.choose(request["payloads"])) if request["cells"] else {}
        rules = PATIENT if request["rigor"] == "patient" else MEASURE
        rng = random.Random(request["seed"])  # noqa: S311  # shuffles bursts
        for asked in request["cells"]:
            cell = Cell(*asked["cell"])
            self.emit({"event": "racing", "cell": cell})
            stored = {name: Timing(*timing) for name, timing in asked["stored"].items()}
            self.emit({"event": "race", "cell": cell, **self._race(cell, asked["order"], stored, measured, rules, rng)})
        self.emit({"event": "done"})

    def _examine(self, task: Message) -> Message:
        role, name = task["key"]
        start = time.process_time()
        try:
            loaded = [(goals, load(target)) for goals, target in task["targets"]]
        except BaseException as error:  # noqa: BLE001  # SystemExit too: nothing a library raises ends the examination
            return {"state": "broken", "reason": f"cannot be imported: {_told(error)}", "import_seconds": 0.0}
        seconds = time.process_time() - start
        try:
            for _, backend in loaded if task["check"] else ():
                golden.check(role, backend)
        except BaseException as error:  # noqa: BLE001  # same
            return {"state": "wrong", "reason": _told(error), "import_seconds": seconds}
        self.backends[role, name] = loaded
        return {"state": "working", "reason": "", "import_seconds": seconds}

    def _race(
        self,
        cell: Cell,
        order: Sequence[str],
        stored: Mapping[str, Timing],
        measured: Mapping[int, payloads.Payloads],
        rules: Rules,
        rng: random.Random,
    ) -> Message:
        works: dict[str, Work] = {}
        failed: dict[str, str] = {}
        start = time.perf_counter()
        for name in order:
            backend = self._backend(cell, name)
            if backend is None:
                continue
            try:
                works[name] = work(cell, backend, measured)
                works[name].run()
            except BaseException as error:  # noqa: BLE001  # same
                failed[name] = _told(error)
                works.pop(name, None)
        timings = remeasure(cell, works, stored, rules, rng)
        return {
            "winner": race.winner(cell, timings, [name for name in order if name in timings]) if timings else "",
            "timings": {name: (t.wall, t.cpu, t.bytes_out) for name, t in timings.items()},
            "failed": failed,
            "seconds": time.perf_counter() - start,
        }

    def _backend(self, cell: Cell, name: str) -> Any:
        for goals, backend in self.backends.get((cell.role, name), ()):
            if not goals or cell.goal in goals:
                return backend
        return None


def remeasure(
    cell: Cell, works: Mapping[str, Work], stored: Mapping[str, Timing], rules: Rules, rng: random.Random
) -> dict[str, Timing]:
    """Measure whoever has no stored bursts, against the best of those who have.

    The stored bursts of the others are scaled by how much that best one's cost has changed since, so that all of
    them compare. Returns the timings in the order of `works`.
    """
    old = {name: stored[name] for name in works if name in stored}
    fresh = [name for name in works if name not in old]
    if not old or not fresh:
        return dict(old) if old else measure(cell, works, rules, rng)
    best = race.winner(cell, old, list(old))
    new = measure(cell, {name: works[name] for name in works if name == best or name in fresh}, rules, rng)
    change = race.cost(race.deciding_bursts(new)[best]) / race.cost(race.deciding_bursts(old)[best])
    return {name: new[name] if name in new else _scaled(old[name], change) for name in works}


def measure(cell: Cell, works: Mapping[str, Work], rules: Rules, rng: random.Random) -> dict[str, Timing]:
    """Race the works, and return seconds per payload by name, in the order of `works`.

    For the goal "size" only those race whose output is within the tie of the smallest. Whoever has no rival runs as
    often as it takes to show what it costs.
    """
    racing = race.smallest({name: w.bytes_out for name, w in works.items()}) if cell.goal == "size" else list(works)
    groups = [racing, *([name] for name in works if name not in racing)] if works else []
    timings: dict[str, Timing] = {}
    for names in groups:
        outcome = race.race(
            {name: works[name].run for name in names},
            order=names,
            clock=time.perf_counter,
            cpu_clock=time.process_time,
            rng=rng,
            rules=rules if len(names) > 1 else replace(rules, shown_rounds=rules.hopeless_rounds),
        )
        for name, timing in outcome.timings.items():
            timings[name] = replace(_scaled(timing, 1 / works[name].payloads), bytes_out=works[name].bytes_out)
    return {name: timings[name] for name in works}


def _scaled(timing: Timing, factor: float) -> Timing:
    wall, cpu = (tuple(seconds * factor for seconds in series) for series in (timing.wall, timing.cpu))
    return replace(timing, wall=wall, cpu=cpu)


def _told(error: BaseException) -> str:
    """Return type and message of what went wrong, on one line; of the cause, where ours only wraps it."""
    if isinstance(error, MissingDependencyError) and error.__cause__ is not None:
        error = error.__cause__
    try:
        text = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001  # a broken library may well raise a broken exception
        text = ""
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
