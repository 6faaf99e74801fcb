"""A machine on paper: what is installed there and how fast it is, instead of a subprocess and a clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from postopt.engine import OptimizedEngine
from postopt.engine.catalog import CATALOG
from postopt.engine.findings import Findings
from postopt.engine.overrides import ASYNCIO
from postopt.engine.records import SIZES, Examination, Race, Timing, Verdict
from postopt.engine.resolve import Resolver

NOW = 1.8e9
ATTRIBUTES = ("dumps", "loads", "digest", "compress", "decompress", "linear", "mlp", "new_event_loop")


def _backend(name, version):
    """Return a stand-in for a backend of any role: its functions return who they are."""
    functions = {attribute: (lambda *_, a=attribute: (name, a)) for attribute in ATTRIBUTES}
    return SimpleNamespace(name=name, version=version, **functions)


@dataclass
class Machine:
    """What an engine asks: `look` instead of a sweep, `examine` instead of the probe, `load` instead of an import.

    Attributes:
        installed: library -> version.
        states: (role, name) -> (state, reason) of those that do not work when examined.
        seconds: (role, name) -> seconds per call, the same at all sizes or one a size.
        bytes_out: compressed size by name.
        limit: how many cells an examination gets done before its deadline.
        import_errors: name -> what importing it in this process raises.
        asked: one entry an examination: (names examined, cells raced).
        passed: the timings each examination was given.
        loaded: names imported, in order.
    """

    installed: dict = field(default_factory=dict)
    states: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)
    bytes_out: dict = field(default_factory=dict)
    limit: int = 1000
    import_errors: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    passed: list = field(default_factory=list)
    loaded: list = field(default_factory=list)

    def look(self, candidates):
        return {candidate.key: self._seen(candidate) for candidate in candidates}

    def _seen(self, candidate):
        library = candidate.library
        if not library:
            return Verdict(*candidate.key, "", "working", version="3.11", stamp="python")
        if library not in self.installed:
            return Verdict(*candidate.key, library, "absent", "not installed")
        version = self.installed[library]
        return Verdict(*candidate.key, library, "present", version=version, stamp=f"{library} {version}")

    def examine(self, candidates, *, known, cells, timings, rigor, payloads, deadline_seconds):
        known = {(v.role, v.name): v for v in known}
        verdicts = {c.key: known.get(c.key) or self._examined(c) for c in candidates}
        cells = list(cells)
        self.asked.append(([c.name for c in candidates if c.key not in known], cells))
        self.passed.append(timings)
        races = []
        for cell in cells[: self.limit]:
            rivals = [c for c in candidates if c.role == cell.role and (not c.goals or cell.goal in c.goals)]
            names = dict.fromkeys(c.name for c in rivals if verdicts[c.key].state == "working")
            raced = {name: timings.get(cell, {}).get(name) or self._timing(cell, name) for name in names}
            if raced:
                races.append(Race(cell, next(iter(raced)), raced))
        notes = ("the deadline passed",) if len(cells) > self.limit else ()
        return Examination(tuple(verdicts.values()), tuple(races), 0.01 * len(races), notes)

    def _examined(self, candidate):
        seen = self._seen(candidate)
        state, reason = self.states.get(candidate.key, ("working", ""))
        return Verdict(*candidate.key, candidate.library, state, reason, seen.version, seen.stamp, import_seconds=0.02)

    def _timing(self, cell, name):
        cost = self.seconds.get((cell.role, name), 1e-6)
        if isinstance(cost, tuple):
            cost = cost[SIZES.index(cell.size)]
        noise = random.Random(f"{cell}{name}")
        wall = tuple(cost * noise.uniform(1, 1.02) for _ in range(9))
        return Timing(wall, wall, self.bytes_out.get(name, 0) if cell.role == "compression" else 0)

    def load(self, target):
        candidate = next(c for c in (*CATALOG, ASYNCIO) if c.target == target)
        if candidate.name in self.import_errors:
            raise self.import_errors[candidate.name]
        self.loaded.append(candidate.name)
        return _backend(candidate.name, self.installed.get(candidate.library, "3.11"))

    def engine(self, **arguments):
        """Return an engine of this machine, without wisdom unless some is given."""
        return self.place(OptimizedEngine(**{"wisdom": None, **arguments}))

    def place(self, engine):
        """Let `engine` find itself on this machine."""
        findings = Findings(
            rigor=engine._rigor,
            setting=engine._wisdom,
            payloads=engine._payloads,
            examine=self.examine,
            look=self.look,
            examined={},
            now=lambda: NOW,
        )
        engine._resolver = Resolver(rigor=engine._rigor, pins=engine._pins, findings=findings, load=self.load)
        return engine


@pytest.fixture
def machine():
    """A machine with the usual libraries at plausible speeds."""
    return Machine(
        installed={
            "numpy": "2.0", "orjson": "3.11", "blake3": "1.0", "xxhash": "3.5", "lz4": "4.4", "zstandard": "0.23",
        },
        seconds={
            ("json", "stdlib"): (5e-6, 4e-5, 6e-4),
            ("json", "orjson"): (5e-7, 3e-6, 9e-5),
            ("json", "msgspec"): (7e-7, 5e-6, 1e-4),
            ("hash", "sha256"): (4e-7, 2.5e-6, 4e-5),
            ("hash", "blake2b"): (6e-7, 4e-6, 6e-5),
            ("hash", "blake3"): (7e-7, 2.0e-6, 9e-6),
            ("fingerprint", "blake2b"): (6e-7, 4e-6, 6e-5),
            ("fingerprint", "xxh3"): (6e-8, 1e-7, 9e-7),
            ("compression", "zlib"): (1e-5, 4e-5, 5e-4),
            ("compression", "lz4"): (1e-6, 4e-6, 5e-5),
            ("compression", "zstandard"): (4e-6, 1e-5, 1e-4),
        },
        bytes_out={"zlib": 100, "lz4": 150, "zstandard": 101},
    )  # fmt: skip
