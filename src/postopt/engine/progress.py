"""How far an examination has come: what is settled, what is still to be asked, and who is to blame for a death.

An examination takes one process if all goes well, and one more for each candidate that ends or hangs it. What is
learned before such an end is kept here; the next process is asked for the rest only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from postopt.engine import race
from postopt.engine.catalog import Candidate, contenders
from postopt.engine.records import Cell, Examination, Race, Role, Timing, Verdict

Key: TypeAlias = tuple[Role, str]

_START_SECONDS = 10.0  # a cold interpreter on a busy machine; 25 ms is usual
_HEAVY = 10  # a heavy library takes seconds to import, and is asked for only where that is accepted


@dataclass(frozen=True, slots=True)
class Limits:
    """Longest wait in seconds for one library and for one race, and when all has to be over (monotonic time)."""

    library: float
    race: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Fault:
    """The step that a process did not come back from: a candidate, a cell or, if neither, its own start.

    `waited` is how long it was waited for, or None if it ended by itself; `late` says that the whole examination's
    time was over, so that nobody is to blame.
    """

    key: Key | None = None
    cell: Cell | None = None
    waited: float | None = None
    late: bool = False


class Reports(Protocol):
    """Where messages come from: a `WorkerProcess`, or a list of them in a test."""

    def next_message(self, seconds: float) -> Mapping[str, Any] | None:
        """Return the next message, None at the end; raise TimeoutError if nothing comes within `seconds`."""
        ...


class Progress:
    """The state of one examination.

    Args:
        candidates: whom it is about, in the order that breaks ties.
        found: what the sweep says of each.
        settled: verdicts that need no process.
        cells: what to race.
        timings: bursts of earlier examinations.
        limits: how long to wait.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        found: Mapping[Key, Verdict],
        settled: Mapping[Key, Verdict],
        cells: Iterable[Cell],
        timings: Mapping[Cell, Mapping[str, Timing]],
        limits: Limits,
    ) -> None:
        self._candidates = candidates
        self._found = found
        self._verdicts = dict(settled)
        self._timings = timings
        self._limits = limits
        self._races: list[Race] = []
        self._notes: list[str] = []
        self._cells = [cell for cell in dict.fromkeys(cells) if self._racing(cell) and not self._decide(cell)]

    def unfinished(self) -> bool:
        """Whether there is anything left that takes a process."""
        return bool(self._unexamined() or self._cells)

    def request(self) -> dict[str, Any]:
        """Return what the next process has to do: examine who is not, load again who works and races, race."""
        racing = {(cell.role, name) for cell in self._cells for name in self._racing(cell)}
        again = [key for key in self._found if key in racing and key in self._verdicts]
        tasks = [
            {"key": key, "check": key not in self._verdicts, "targets": self._targets(key)}
            for key in (*self._unexamined(), *again)
        ]
        cells = [
            {"cell": cell, "order": self._racing(cell), "stored": _plain(self._timings.get(cell, {}))}
            for cell in self._cells
        ]
        return {"tasks": tasks, "cells": cells}

    def follow(self, reports: Reports) -> Fault | None:
        """Take in all that a process reports, and return the step it did not come back from, or None."""
        step, limit = Fault(), _START_SECONDS
        while True:
            left = self._limits.deadline - time.monotonic()
            try:
                message = reports.next_message(max(0.0, min(limit, left)))
            except TimeoutError:
                return replace(step, waited=limit, late=left < limit)
            if message is None:
                return step
            match message["event"]:
                case "examining":
                    role, name = message["key"]
                    step, limit = Fault(key=(role, name)), self._limit((role, name))
                case "verdict":
                    self._judge(message)
                case "racing":
                    step, limit = Fault(cell=Cell(*message["cell"])), self._limits.race
                case "race":
                    self._finish(message)
                case "done":
                    return None

    def blame(self, fault: Fault, ending: str, *, final: bool) -> None:
        """Settle what the fault is about, so that the next process does not run into it again.

        Args:
            fault: the step.
            ending: how the process ended, as a verb phrase.
            final: whether it was its own doing, so that another try would end the same way.
        """
        if fault.late:
            self.give_up("not everything was examined: the time was over")
            return
        done = "finish" if fault.key or fault.cell else "start"
        reason = ending if fault.waited is None else f"did not {done} within {fault.waited:g} s"
        if fault.key:
            seen = replace(self._found[fault.key], state="broken", reason=reason)
            self._verdicts[fault.key] = replace(seen, final=final and fault.waited is None)
        elif fault.cell:
            self._blame_race(fault.cell, reason)
        else:
            self.give_up(f"no library could be examined: Python itself {reason}")

    def give_up(self, note: str) -> None:
        """Leave the rest unexamined, and say why."""
        self._notes.append(note)
        for key in self._unexamined():
            seen = self._found[key]
            self._verdicts[key] = seen if seen.state == "working" else replace(seen, reason=note, final=False)
        self._cells = []

    def result(self) -> Examination:
        """Return all that was found out, verdicts in the order of the candidates."""
        verdicts = tuple(self._verdicts.get(key, seen) for key, seen in self._found.items())
        seconds = sum(race.seconds for race in self._races)
        return Examination(verdicts, tuple(self._races), seconds, tuple(self._notes))

    def _unexamined(self) -> list[Key]:
        return [key for key in self._found if key not in self._verdicts]

    def _targets(self, key: Key) -> list[tuple[tuple[str, ...], str]]:
        return [(candidate.goals, candidate.target) for candidate in self._candidates if candidate.key == key]

    def _limit(self, key: Key) -> float:
        heavy = any(candidate.heavy for candidate in self._candidates if candidate.key == key)
        return self._limits.library * (_HEAVY if heavy else 1)

    def _racing(self, cell: Cell) -> list[str]:
        """Return who works, or may turn out to, in the order that breaks ties."""
        names = dict.fromkeys(candidate.name for candidate in contenders(cell, self._candidates))
        verdicts = {name: self._verdicts.get((cell.role, name)) for name in names}
        return [name for name, verdict in verdicts.items() if verdict is None or verdict.state == "working"]

    def _decide(self, cell: Cell) -> bool:
        """Decide a cell from earlier bursts alone, if all who race in it are known to work and have some."""
        stored = self._timings.get(cell, {})
        names = self._racing(cell)
        if not all(name in stored and (cell.role, name) in self._verdicts for name in names):
            return False
        timings = {name: stored[name] for name in names}
        self._races.append(Race(cell, race.winner(cell, timings, names), timings))
        return True

    def _judge(self, message: Mapping[str, Any]) -> None:
        role, name = message["key"]
        if message["state"] == "working" and (role, name) in self._verdicts:
            return  # loaded again only, in order to race
        self._verdicts[role, name] = replace(
            self._found[role, name],
            state=message["state"],
            reason=message["reason"],
            import_seconds=message["import_seconds"],
        )

    def _finish(self, message: Mapping[str, Any]) -> None:
        cell = Cell(*message["cell"])
        self._cells.remove(cell)
        for name, reason in message["failed"].items():
            self._notes.append(f"{name} is out of the race for {_shown(cell)}: {reason}")
        timings = {name: Timing(tuple(wall), tuple(cpu), out) for name, (wall, cpu, out) in message["timings"].items()}
        if timings:
            self._races.append(Race(cell, message["winner"], timings, message["seconds"]))

    def _blame_race(self, cell: Cell, reason: str) -> None:
        """Distrust every third party's library of the cell: which one it was cannot be told."""
        racing = self._racing(cell)
        reason = f"{reason} while {_shown(cell)} was measured among {', '.join(racing)}"
        self._notes.append(reason)
        for name in racing:
            if self._found[cell.role, name].library:
                seen = self._found[cell.role, name]
                self._verdicts[cell.role, name] = replace(seen, state="broken", reason=reason, final=False)
        if cell in self._cells:
            self._cells.remove(cell)


def _shown(cell: Cell) -> str:
    return f"{cell.role} {cell.goal} at {cell.size} {'rows' if cell.role == 'scoring' else 'bytes'}"


def _plain(timings: Mapping[str, Timing]) -> dict[str, Any]:
    return {name: (timing.wall, timing.cpu, timing.bytes_out) for name, timing in timings.items()}
