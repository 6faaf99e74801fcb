"""Which backends exist: static metadata, apart from the code it points to.

Nothing here imports a backend. A candidate's `target` ("module:ATTRIBUTE") is loaded in the probing
subprocess first, and in this process only once the candidate is chosen.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from postopt.engine.records import SIZES, Cell, Role

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint  # four times `import json`

ENTRY_POINT_GROUP = "postopt.backends"
ROLES: tuple[Role, ...] = get_args(Role)
ROWS = (1, 32, 1024)
"""Batch sizes of the role "scoring": one post, a page of them, a backfill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One backend that could fill one role.

    A library that needs another object for each goal (one compression level for speed, another for size) has
    one candidate a goal, all of the same role and name; they share one verdict.

    Attributes:
        role: the role it fills.
        name: its name in overrides, reports and locks.
        library: import name of what it needs, or "" for the standard library.
        distribution: name on the package index, where it differs from `library`.
        other_distributions: further names under which the same module is installed.
        minimum: oldest version that is known to fill the role, as numbers.
        denied: version -> why it must not be used.
        target: "module:ATTRIBUTE" of the backend object.
        goals: what it competes for; empty means all goals of its role.
        heavy: importing or warming it up costs more than a measurement may (seconds); it is raced only if it
            is imported already or at rigor "patient".
        estimate: expected seconds per call at each of `SIZES` (of `ROWS` for scoring), relative to the first
            candidate of its role and goal, for the rigor "estimate"; bytes, not seconds, for the goal "size".
    """

    role: Role
    name: str
    target: str
    library: str = ""
    distribution: str = ""
    other_distributions: tuple[str, ...] = ()
    minimum: tuple[int, ...] = ()
    denied: Mapping[str, str] = field(default_factory=dict)
    goals: tuple[str, ...] = ()
    heavy: bool = False
    estimate: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def key(self) -> tuple[Role, str]:
        """Role and name: what a verdict is about."""
        return self.role, self.name


def _candidate(role: Role, name: str, module: str, attribute: str, **rest: object) -> Candidate:
    return Candidate(role=role, name=name, target=f"postopt.backends.{module}:{attribute}", **rest)  # type: ignore[arg-type]  # the table below is the only caller


# Order decides ties: the standard library first, then by what the import costs (brackets: CPU in units of
# `import json`, CPython 3.11). Estimates are what `examine` measures on its own payloads, here on one x86-64 core with
# SHA extensions under CPython 3.11; geometric means over the goals of a candidate that has several.
CATALOG: tuple[Candidate, ...] = (
    _candidate("json", "stdlib", "json", "JSON"),
    _candidate(  # [2.6]
        "json", "orjson", "orjson", "JSON", library="orjson", minimum=(3, 10), estimate=(0.094, 0.11, 0.12)
    ),
    _candidate(  # [3.6]
        "json", "msgspec", "msgspec", "JSON", library="msgspec", minimum=(0, 19), estimate=(0.34, 0.41, 0.43)
    ),
    _candidate("hash", "sha256", "hashing", "SHA256"),
    _candidate("hash", "blake2b", "hashing", "BLAKE2B", estimate=(1.1, 1.7, 1.8)),
    _candidate(  # [0.15]
        "hash", "blake3", "blake3", "HASH", library="blake3", minimum=(1, 0), estimate=(1.1, 0.53, 0.26)
    ),
    _candidate("fingerprint", "blake2b", "hashing", "FINGERPRINT"),
    _candidate(  # [0.13]
        "fingerprint", "xxh3", "xxhash", "FINGERPRINT",
        library="xxhash", minimum=(3, 5), estimate=(0.10, 0.026, 0.017),
    ),
    _candidate("compression", "zlib", "compression", "ZLIB_SPEED", goals=("speed",)),
    _candidate("compression", "zlib", "compression", "ZLIB_SIZE", goals=("size",)),
    _candidate(  # [0.16]
        "compression", "lz4", "lz4", "SPEED",
        library="lz4", minimum=(4, 3), goals=("speed",), estimate=(0.14, 0.12, 0.24),
    ),
    _candidate(
        "compression", "lz4", "lz4", "SIZE",
        library="lz4", minimum=(4, 3), goals=("size",), estimate=(1.32, 1.39, 1.30),
    ),
    _candidate(  # [1.4]
        "compression", "zstandard", "zstandard", "SPEED",
        library="zstandard", minimum=(0, 22), goals=("speed",), estimate=(0.48, 0.32, 0.26),
    ),
    _candidate(
        "compression", "zstandard", "zstandard", "SIZE",
        library="zstandard", minimum=(0, 22), goals=("size",), estimate=(1.05, 1.01, 0.95),
    ),
    _candidate("scoring", "numpy", "scoring", "NUMPY", library="numpy", minimum=(1, 26)),  # [8.5]
    _candidate(  # [12]
        "scoring", "onnxruntime", "onnxruntime", "SCORING", library="onnxruntime", minimum=(1, 20),
        other_distributions=("onnxruntime-gpu", "onnxruntime-directml"), heavy=True, estimate=(4.0, 2.9, 1.8),
    ),
    _candidate(  # [30]
        "scoring", "numba", "numba", "SCORING",
        library="numba", minimum=(0, 60), heavy=True, estimate=(0.67, 2.9, 14.0),
    ),
    _candidate(  # [145]
        "scoring", "torch", "torch", "SCORING",
        library="torch", minimum=(2, 4), heavy=True, estimate=(4.0, 2.8, 3.0),
    ),
    _candidate("loop", "uvloop", "uvloop", "LOOP", library="uvloop", minimum=(0, 20)),  # [5.7]
)  # fmt: skip  # one line for the name, one for the facts: a table, not a list of calls

CELLS: tuple[Cell, ...] = (
    *(Cell("json", goal, size) for goal in ("dumps", "loads") for size in SIZES),
    *(Cell("hash", "digest", size) for size in SIZES),
    *(Cell("fingerprint", "digest", size) for size in SIZES),
    *(Cell("compression", goal, size) for goal in ("speed", "size") for size in SIZES),
    *(Cell("scoring", goal, rows) for goal in ("linear", "mlp") for rows in ROWS),
)
"""Every question the race can answer. The role "loop" has none: uvloop is taken where it works."""


def contenders(cell: Cell, candidates: Iterable[Candidate] = CATALOG) -> tuple[Candidate, ...]:
    """Return the candidates that compete in `cell`, in the order that breaks ties."""
    return tuple(c for c in candidates if c.role == cell.role and (not c.goals or cell.goal in c.goals))


def load(target: str) -> Any:
    """Import and return what "module:ATTRIBUTE" names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


class ThirdParty(NamedTuple):
    """Candidates that other distributions declare, and one sentence for each declaration that is unusable."""

    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...]


@functools.cache
def third_party() -> ThirdParty:
    """Read the entry points of the group "postopt.backends", once per process.

    An entry point is named "role:name" ("json:simdjson") and points to "module:ATTRIBUTE". Nothing is
    imported: the code runs in the probing subprocess first, like our own. A malformed or colliding entry is
    reported, never raised.
    """
    # Here, not above: importlib.metadata costs 4x `import json`, and most hosts have no third-party backend.
    from importlib.metadata import entry_points  # noqa: PLC0415

    try:
        return read_entry_points(entry_points(group=ENTRY_POINT_GROUP))
    except Exception as error:  # noqa: BLE001  # metadata of any distribution may be damaged: that costs the others only
        return ThirdParty((), (f"entry points cannot be read: {type(error).__name__}: {error}",))


def read_entry_points(entry_points: Iterable[EntryPoint]) -> ThirdParty:
    """Turn entry points into candidates, sorted by name so that the order of installation does not matter."""
    candidates: dict[tuple[Role, str], Candidate] = {}
    problems: list[str] = []
    taken = {candidate.key for candidate in CATALOG}
    for point in sorted(entry_points, key=lambda point: (point.name, point.value)):
        role, _, name = point.name.partition(":")
        shown = f"entry point {point.name!r} ({point.value})"
        if role not in ROLES or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            problems.append(f"{shown} is not named role:name with a role of {', '.join(ROLES)}")
        elif not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", point.value, re.ASCII):
            problems.append(f"{shown} does not point to module:ATTRIBUTE")
        elif (role, name) in taken:
            problems.append(f"{shown} is ignored: that name is taken")
        else:
            taken.add((role, name))
            candidates[role, name] = Candidate(
                role=role,
                name=name,
                target=point.value,
                library=point.value.partition(":")[0].partition(".")[0],
                distribution=point.dist.name if point.dist else "",
            )
    return ThirdParty(tuple(candidates.values()), tuple(problems))
