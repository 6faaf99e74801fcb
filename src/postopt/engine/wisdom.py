"""Measurements kept between runs: one file a machine, one entry a candidate and cell, with the raw bursts.

Entries, not winners, are kept: adding a library then measures that library, and nothing else is forgotten.
The file is a cache. Whatever is wrong with it, it counts as absent, the reason is told, and life goes on.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import platformdirs

from postopt._files import write_whole
from postopt.clock import Clock
from postopt.engine import machine
from postopt.engine.records import Cell, Role, State, Timing, Verdict
from postopt.errors import WisdomError

FORMAT = "postopt wisdom 1"
TTL_SECONDS = 30 * 86_400
# A full file is about 100 KB: 24 cells, 4 candidates, 15 bursts by two clocks. More is not ours.
MAX_BYTES = 4_000_000
MAX_ENTRIES = 2_000

CONTRACTS: dict[Role, int] = dict.fromkeys(get_args(Role), 1)
"""Raise a role's number when its contract, golden vectors or built-in payloads change: its entries are then void."""

RIGORS = ("measure", "patient")


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, when it was reached, and under which version of the role's contract."""

    verdict: Verdict
    contract: int
    saved: float


@dataclass(frozen=True, slots=True)
class Entry:
    """The bursts of one candidate in one cell: of which version and files, at which rigor, and when (Unix time)."""

    cell: Cell
    name: str
    version: str
    stamp: str
    rigor: str
    contract: int
    saved: float
    timing: Timing


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a wisdom file says; `problem` is why it says nothing, and empty if it simply is not there."""

    findings: tuple[Finding, ...] = ()
    entries: tuple[Entry, ...] = ()
    problem: str = ""


T = TypeVar("T", Finding, Entry)


class Wisdom:
    """One wisdom file of this machine.

    Args:
        path: the file.
        readonly: never write.
        now: wall clock in seconds, for the age of entries (`TTL_SECONDS`).
        facts: what the machine's key is made of.
    """

    def __init__(
        self,
        path: Path,
        *,
        readonly: bool = False,
        now: Clock = time.time,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.readonly = readonly
        self._now = now
        self.facts = dict(machine.describe() if facts is None else facts)

    def read(self) -> Knowledge:
        """Return what is known and not older than 30 days. Never raises."""
        try:
            return self._fresh(_decode(_read(self.path), self.facts))
        except FileNotFoundError:
            return Knowledge()
        except (WisdomError, OSError) as error:
            return Knowledge(problem=f"wisdom ignored: {self.path}: {error}")

    def add(self, findings: Iterable[Finding], entries: Iterable[Entry]) -> str:
        """Merge into the file, new over old, and return "" or why nothing was written.

        The file is replaced whole: of two processes that add at once, the last one's file stays, never a mixture.
        """
        if self.readonly:
            return ""
        old = self.read()
        merged = Knowledge(
            _newest({_finding_key(f): f for f in (*old.findings, *findings)}.values()),
            _newest({_entry_key(e): e for e in (*old.entries, *entries)}.values()),
        )
        try:
            write_whole(self.path, _encode(merged, self.facts))
        except OSError as error:
            return f"wisdom not saved: {self.path}: {error.strerror or error}"
        return ""

    def export(self, target: Path) -> int:
        """Write what is known to `target` and return the number of entries.

        Raises:
            WisdomError: there is nothing to export.
        """
        known = self.read()
        if not known.entries and not known.findings:
            raise WisdomError(
                known.problem or f"there is no wisdom at {self.path}", hint="run: postopt doctor --measure"
            )
        write_whole(target, _encode(known, self.facts))
        return len(known.entries)

    def load(self, source: Path) -> int:
        """Merge the file `source`, made by `export`, and return the number of its entries.

        Raises:
            WisdomError: it cannot be read, or was measured on another machine; the message says what differs.
        """
        try:
            known = self._fresh(_decode(_read(source), self.facts))
        except OSError as error:
            raise WisdomError(f"{source}: {error.strerror or error}") from error
        self._check_writable()
        problem = self.add(known.findings, known.entries)
        if problem:
            raise WisdomError(problem)
        return len(known.entries)

    def clear(self) -> None:
        """Forget everything.

        Raises:
            WisdomError: the file is read-only here.
            OSError: it cannot be removed.
        """
        self._check_writable()
        self.path.unlink(missing_ok=True)

    def _check_writable(self) -> None:
        if self.readonly:
            raise WisdomError(f"{self.path} is read-only here (POSTOPT_WISDOM=readonly)")

    def _fresh(self, known: Knowledge) -> Knowledge:
        now = self._now()
        return Knowledge(
            tuple(f for f in known.findings if _holds(f.saved, now, f.contract, f.verdict.role)),
            tuple(e for e in known.entries if _holds(e.saved, now, e.contract, e.cell.role)),
        )


def _holds(saved: float, now: float, contract: int, role: Role) -> bool:
    # An entry from the future comes from a clock that was set back; a day of grace for time zones set wrongly.
    return now - TTL_SECONDS < saved < now + 86_400 and contract == CONTRACTS[role]


def locate(
    setting: str | os.PathLike[str] | None, *, now: Clock = time.time, facts: Mapping[str, str] | None = None
) -> Wisdom | None:
    """Return the wisdom that `setting` means.

    Args:
        setting: None or "off" for none at all; "default"; "readonly" for the default file, never written; else
            a path: of the file if it ends in ".json", of a folder with one file a machine if not.
        now: wall clock in seconds.
        facts: of the machine; described at once if None.

    Raises:
        WisdomError: the default folder is meant, and this user has no home.
    """
    if setting is None or setting == "off":
        return None
    facts = machine.describe() if facts is None else facts
    readonly = setting == "readonly"
    path = _default_folder() if readonly or setting == "default" else Path(setting)
    if path.suffix != ".json":
        path /= f"{machine.key(dict(facts))}.json"
    return Wisdom(path, readonly=readonly, now=now, facts=facts)


def _default_folder() -> Path:
    try:
        folder = Path(platformdirs.user_cache_dir("postopt"))
    except RuntimeError as error:
        raise WisdomError(str(error), hint="set POSTOPT_WISDOM to a path, or to off") from error
    if not folder.is_absolute():  # what older versions return instead: it would be made in the working directory
        raise WisdomError(f"{folder} is no cache folder", hint="set POSTOPT_WISDOM to a path, or to off")
    return folder / "wisdom-v1"


def _read(path: Path) -> bytes:
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait for somebody to write
        raise WisdomError("it is not a regular file")
    if info.st_size > MAX_BYTES:
        raise WisdomError(f"its size, {info.st_size} bytes, is over {MAX_BYTES}")
    with path.open("rb") as file:
        return file.read(MAX_BYTES)


def _encode(known: Knowledge, facts: Mapping[str, str]) -> bytes:
    document = {
        "format": FORMAT,
        "machine": dict(facts),
        "findings": [dataclasses.asdict(finding) for finding in known.findings],
        "entries": [{**dataclasses.asdict(entry), "cell": list(entry.cell)} for entry in known.entries],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _decode(data: bytes, facts: Mapping[str, str]) -> Knowledge:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WisdomError(f"it is damaged ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise WisdomError(f"it is not a file of the format {FORMAT!r}")
    theirs = document.get("machine")
    if theirs != dict(facts):
        raise WisdomError(f"it was measured on another machine ({_difference(theirs, facts)})")
    try:
        findings = tuple(_finding(item) for item in document["findings"])
        entries = tuple(_entry(item) for item in document["entries"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WisdomError(f"it is damaged ({type(error).__name__}: {error})") from error
    return Knowledge(findings, entries)


def _difference(theirs: Any, ours: Mapping[str, str]) -> str:
    if not isinstance(theirs, dict):
        return "it does not say which"
    names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    return "; ".join(f"{name}: {str(theirs.get(name))[:80]!r}, here {ours.get(name)!r}" for name in names)


def _finding(item: dict[str, Any]) -> Finding:
    verdict = Verdict(**item["verdict"])
    texts = (verdict.name, verdict.library, verdict.reason, verdict.version, verdict.stamp)
    if verdict.role not in CONTRACTS or verdict.state not in get_args(State) or not all(map(_is_text, texts)):
        raise ValueError("a verdict of no known role or state")
    if not isinstance(verdict.final, bool):
        raise TypeError("a verdict that is neither final nor not")
    _numbers([verdict.import_seconds])
    return Finding(verdict, int(item["contract"]), *_numbers([item["saved"]]))


def _entry(item: dict[str, Any]) -> Entry:
    role, goal, size = item["cell"]
    raw = item["timing"]
    timing = Timing(tuple(_numbers(raw["wall"])), tuple(_numbers(raw["cpu"])), int(raw["bytes_out"]))
    texts = (goal, item["name"], item["version"], item["stamp"])
    if role not in CONTRACTS or not all(map(_is_text, texts)) or item["rigor"] not in RIGORS:
        raise ValueError("an entry of no known role or rigor")
    if not timing.wall or len(timing.wall) != len(timing.cpu) or min(timing.wall) <= 0 or min(timing.cpu) < 0:
        raise ValueError("bursts that are missing or not positive")
    if goal == "size" and timing.bytes_out <= 0:
        raise ValueError("a compressed size that is not positive")
    (saved,) = _numbers([item["saved"]])
    return Entry(
        Cell(role, goal, int(size)),
        item["name"],
        item["version"],
        item["stamp"],
        item["rigor"],
        int(item["contract"]),
        saved,
        timing,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _numbers(values: Iterable[Any]) -> list[float]:
    numbers = [float(value) for value in values]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("a number that is not finite")
    return numbers


def _newest(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(items, key=lambda item: item.saved)[-MAX_ENTRIES:])


def _finding_key(finding: Finding) -> tuple[str, str, str]:
    return finding.verdict.role, finding.verdict.name, finding.verdict.stamp


def _entry_key(entry: Entry) -> tuple[Cell, str, str, str, str]:
    return entry.cell, entry.name, entry.version, entry.stamp, entry.rigor
