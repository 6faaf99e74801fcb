"""Examine backends in a subprocess, so that no library can crash, hang or silence the host."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from postopt.engine.catalog import Candidate
from postopt.engine.payloads import choose
from postopt.engine.process import WorkerProcess
from postopt.engine.progress import Key, Limits, Progress
from postopt.engine.records import Cell, Examination, Timing, Verdict
from postopt.engine.sweep import sweep, texts

# Isolated mode starts with a path of its own, so the host's comes first on stdin.
_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from postopt.engine.worker import main; main()"
)
_RACE_SECONDS = {"measure": 2.0, "patient": 20.0}  # well above `Rules.most_seconds`


def examine(
    candidates: Sequence[Candidate],
    *,
    known: Iterable[Verdict] = (),
    cells: Iterable[Cell] = (),
    timings: Mapping[Cell, Mapping[str, Timing]] | None = None,
    rigor: str = "measure",
    payloads: Iterable[Any] | None = None,
    limit_seconds: float = 2.0,
    deadline_seconds: float = 20.0,
    path: Sequence[str] | None = None,
    seed: int = 0,
) -> Examination:
    """Say which candidates work here and, for each of `cells`, which of those is fastest.

    Blocks for at most `deadline_seconds`; call it from a thread that may wait, never from an event loop's.
    Never raises for anything a library does. Does the sweep itself; starts no process if every verdict is
    known and no cell has to be raced.

    Args:
        candidates: whom to examine, in the order that breaks ties.
        known: verdicts of earlier examinations; final ones whose stamp still holds are passed on as they are.
        cells: what to race; a cell without any working candidate has no race in the answer.
        timings: bursts of earlier examinations. Where all working candidates of a cell have some, the race is
            decided from them; where some are missing, those are raced against the best of the others only.
        rigor: "measure", or "patient": more rounds, and heavy candidates take part.
        payloads: JSON-able objects to measure on instead of synthetic posts. They reach the subprocess
            through a pipe and are not kept.
        limit_seconds: longest wait for one library (ten times as long for a heavy one).
        deadline_seconds: longest wait for all of them.
        path: directories to import from; None means `sys.path`.
        seed: of the order in which bursts are taken.

    Returns:
        One verdict for each (role, name), one race for each decided cell, seconds spent measuring, and notes
        on what could not be done.

    Raises:
        TypeError: `payloads` holds something that is not JSON.
        ValueError: `payloads` holds NaN, an infinity or a cycle.
    """
    places = texts(sys.path if path is None else path)
    found = sweep(candidates, places)
    progress = Progress(
        candidates,
        found,
        _settled(candidates, found, known, rigor),
        cells,
        timings or {},
        Limits(limit_seconds, _RACE_SECONDS[rigor], time.monotonic() + deadline_seconds),
    )
    measured = [obj for chosen in choose(payloads or ()).values() for obj in chosen.objects]
    settings = {"rigor": rigor, "payloads": measured, "seed": seed, "seconds": deadline_seconds}
    while progress.unfinished():
        try:
            worker = WorkerProcess(_BOOTSTRAP, (places, {**progress.request(), **settings}))
        except OSError as error:
            progress.give_up(f"no library could be examined: {error}")
            break
        try:
            fault = progress.follow(worker)
        finally:
            ending, its_own = worker.close()
        if fault is not None:
            progress.blame(fault, ending, final=its_own)
    return progress.result()


def _settled(
    candidates: Sequence[Candidate], found: Mapping[Key, Verdict], known: Iterable[Verdict], rigor: str
) -> dict[Key, Verdict]:
    """Return what is settled before any process runs: by the folders, by earlier verdicts, by the rigor."""
    recalled = {(v.role, v.name): v for v in known if v.final and v.state in ("broken", "wrong", "working")}
    settled: dict[Key, Verdict] = {}
    for candidate in candidates:
        verdict = found[candidate.key]
        old = recalled.get(candidate.key)
        if verdict.state not in ("present", "working"):
            settled[candidate.key] = verdict
        elif old and old.stamp == verdict.stamp:
            settled[candidate.key] = old
        elif candidate.heavy and rigor != "patient" and candidate.library not in sys.modules:
            reason = 'not examined: importing it takes seconds, so it is tried only at rigor "patient"'
            settled[candidate.key] = replace(verdict, reason=reason, final=False)
    return settled
