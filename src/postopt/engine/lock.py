"""Choices written down, so that another run makes exactly the same ones.

A lock file is one JSON object: slot -> "backend==version", as in {"json": "orjson==3.11.4"}. A digest that depends
on the input's size lists its gates: {"hash": "sha256==3.11.7 <4096; blake3==1.0.11"}.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from postopt._files import write_whole
from postopt.engine.handles import Gate
from postopt.engine.overrides import Pin, check_name
from postopt.engine.slots import SLOTS
from postopt.errors import WisdomError

if TYPE_CHECKING:
    from postopt.engine.resolve import Resolver

_PART = re.compile(r"([a-z0-9_]+)==(\S+)(?: <([1-9][0-9]{0,17}))?", re.ASCII)
MAX_BYTES = 100_000


def write(path: str | os.PathLike[str], resolver: Resolver) -> Path:
    """Write what `resolver` chose for every slot to `path`, whole or not at all; return the path.

    Raises:
        OSError: `path` cannot be written.
    """
    roles = {slot: _text(resolver, slot) for slot in SLOTS if slot in resolver.choices}
    target = Path(path)
    write_whole(target, json.dumps(roles, indent=2).encode() + b"\n")
    return target


def _text(resolver: Resolver, slot: str) -> str:
    parts = []
    for below, name in resolver.choices[slot].gates:
        version = resolver.findings.verdicts[SLOTS[slot][0], name].version
        parts.append(f"{name}=={version}" + ("" if below is None else f" <{below}"))
    return "; ".join(parts)


def read(path: str | os.PathLike[str]) -> dict[str, Pin]:
    """Return the explicit choice that a lock file makes for each slot it lists.

    Raises:
        WisdomError: it cannot be read or is no lock file.
        BackendUnavailableError: it names a role or a backend that does not exist.
    """
    try:
        with Path(path).open("rb") as file:
            data = json.loads(file.read(MAX_BYTES))
    except OSError as error:
        raise WisdomError(f"lock file {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise WisdomError(f"lock file {path} is damaged: {error}") from error
    if not isinstance(data, dict) or not data:
        raise WisdomError(f"lock file {path} is not an object of role: backend==version")
    return {slot: _pin(path, slot, text) for slot, text in data.items()}


def _pin(path: str | os.PathLike[str], slot: str, text: object) -> Pin:
    parts = [_PART.fullmatch(part) for part in text.split("; ")] if isinstance(text, str) else [None]
    matches = [part for part in parts if part is not None]
    bounds = [int(part[3] or 0) for part in matches]
    ascending = bounds[-1:] == [0] and bounds[:-1] == sorted(set(bounds[:-1])) and 0 not in bounds[:-1]
    if slot not in SLOTS or len(matches) != len(parts) or not ascending:
        raise WisdomError(
            f"lock file {path}: {slot}: {text!r} is not backend==version", hint=f"roles: {', '.join(SLOTS)}"
        )
    if len(parts) > 1 and SLOTS[slot][1] != ("digest",):
        raise WisdomError(f"lock file {path}: {slot}: only a digest may depend on the size of its input")
    for part in matches:
        check_name(slot, part[1])
    gates = tuple(Gate(bound or None, part[1]) for bound, part in zip(bounds, matches, strict=True))
    versions = {part[1]: part[2] for part in matches}
    return Pin(gates[0].name, f"the lock file {path}", gates, versions)
