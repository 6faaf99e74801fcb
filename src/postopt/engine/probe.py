"""Examine backends in a subprocess, so that no library can crash, hang or silence the host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from postopt.engine.catalog import Candidate
from postopt.engine.records import Cell, Examination, Timing, Verdict


def examine(
    candidates: Sequence[Candidate],
    *,
    known: Iterable[Verdict] = (),
    cells: Iterable[Cell] = (),
    timings: Mapping[Cell, Mapping[str, Timing]] | None = None,
    rigor: str = "measure",
    payloads: Sequence[Any] | None = None,
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
        limit_seconds: longest wait for one library (ten times as long for a heavy one at rigor "patient").
        deadline_seconds: longest wait for all of them.
        path: directories to import from; None means `sys.path`.
        seed: of the order in which bursts are taken.

    Returns:
        One verdict for each (role, name), one race for each decided cell, seconds spent measuring, and notes
        on what could not be done.
    """
    raise NotImplementedError
