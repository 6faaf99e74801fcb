"""What is installed, by one look into the directories of `sys.path`: no import, no metadata scan.

`importlib.util.find_spec` says "there" for a folder without code, a local file that shadows a library and a
version that is too old; `importlib.metadata` costs ten times as much. The names in the folders tell both:
modules, and distributions with their version ("orjson-3.11.4.dist-info").
"""
# Strings on purpose: a Path for each of some 600 entries would double the cost.
# ruff: noqa: PTH116, PTH118, PTH123, PTH208

from __future__ import annotations

import itertools
import os
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES

from postopt.engine.catalog import Candidate
from postopt.engine.records import Role, State, Verdict

_METADATA = (".dist-info", ".egg-info")
_NATIVE = (".so", ".pyd")
_PACKAGE = {f"__init__{ending}" for ending in (".py", ".pyc", *EXTENSION_SUFFIXES)}


@dataclass(slots=True)
class _Module:
    """Where an import would find a library: `files` is empty for a folder that holds no `__init__`."""

    directory: str
    location: str
    files: tuple[str, ...]


@dataclass(slots=True)
class _Distribution:
    directory: str
    location: str
    version: str


@dataclass(slots=True)
class _Installed:
    """What one pass over the path has found, the first of each name, as an import would."""

    modules: dict[str, _Module] = field(default_factory=dict)
    distributions: dict[str, _Distribution] = field(default_factory=dict)


def sweep(candidates: Iterable[Candidate], path: Sequence[str] | None = None) -> dict[tuple[Role, str], Verdict]:
    """Return one verdict for each (role, name): "working" for the standard library, else what folders say.

    That is "absent", "present", "too_old", "denied", or "broken" for an install whose parts do not fit. What
    only zip archives hold is not seen.

    Args:
        candidates: whom to look for.
        path: directories to search, in order; None means `sys.path`.
    """
    wanted = {candidate.key: candidate for candidate in reversed(tuple(candidates))}
    optional = [candidate for candidate in wanted.values() if candidate.library]
    libraries = {candidate.library for candidate in optional}
    distributions = {name for candidate in optional for name in _distributions(candidate)}
    installed = _look(sys.path if path is None else path, libraries, distributions)
    return {key: _verdict(candidate, installed) for key, candidate in reversed(wanted.items())}


def _distributions(candidate: Candidate) -> list[str]:
    names = (candidate.distribution or candidate.library, *candidate.other_distributions)
    return [_normalised(name) for name in names]


def _normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")  # PEP 503 for names without doubled separators


def texts(path: Iterable[object]) -> list[str]:
    """Return what an import looks at in `sys.path`: it skips whatever is no text, such as a Path."""
    return [entry for entry in path if isinstance(entry, str)]


def _look(path: Sequence[str], libraries: set[str], distributions: set[str]) -> _Installed:
    installed = _Installed()
    # Most entries concern nobody: one comparison of prefixes decides, before anything is taken apart.
    prefixes = tuple({name.lower().replace("_", "-").partition("-")[0] for name in libraries | distributions})
    for directory in dict.fromkeys(entry or os.curdir for entry in texts(path)):
        try:
            names = os.listdir(directory)
        except (OSError, ValueError):  # not there, not readable, an archive, or no possible name
            continue
        for name in [name for name in names if name.lower().startswith(prefixes)]:
            if name.endswith(_METADATA):
                _note_distribution(installed, directory, name, distributions)
            elif name.partition(".")[0] in libraries:
                _note_module(installed, directory, name)
    return installed


def _note_distribution(installed: _Installed, directory: str, name: str, wanted: set[str]) -> None:
    project, _, rest = name.rpartition(".")[0].partition("-")
    project = _normalised(project)
    if project in wanted and project not in installed.distributions:
        location = os.path.join(directory, name)
        version = rest.partition("-py")[0] or _version(location)  # an .egg-info may end in "-py3.11"
        installed.distributions[project] = _Distribution(directory, location, version)


def _version(location: str) -> str:
    """Read the version of a distribution whose folder does not name it (an .egg-info in a source tree)."""
    try:
        with open(os.path.join(location, "PKG-INFO"), encoding="utf-8", errors="replace") as lines:
            return next((line[8:].strip() for line in lines if line.startswith("Version:")), "")
    except OSError:
        return ""


def _note_module(installed: _Installed, directory: str, name: str) -> None:
    library = name.partition(".")[0]
    known = installed.modules.get(library)
    # Within a folder an import prefers package, extension, source; across folders the first wins, except that
    # any real module beats a folder without __init__.
    if known and known.files and (known.directory != directory or name != library):
        return
    location = os.path.join(directory, name)
    if name == library:
        try:
            inside = os.listdir(location)
        except OSError:
            return
        if not _PACKAGE.isdisjoint(inside):
            code = [part for part in inside if part.endswith(_NATIVE) or part in _PACKAGE]
            files = tuple(os.path.join(location, part) for part in code)
            installed.modules[library] = _Module(directory, location, files)
        elif known is None:
            installed.modules[library] = _Module(directory, location, ())
    elif name.endswith(_NATIVE) or name in (f"{library}.py", f"{library}.pyc"):
        installed.modules[library] = _Module(directory, location, (location,))


def _verdict(candidate: Candidate, installed: _Installed) -> Verdict:
    def verdict(state: State, reason: str = "", version: str = "", stamp: str = "") -> Verdict:
        return Verdict(candidate.role, candidate.name, candidate.library, state, reason, version, stamp)

    if not candidate.library:
        version = sys.version.partition(" ")[0]
        return verdict("working", version=version, stamp=f"python {version}")
    found = (installed.distributions.get(name) for name in _distributions(candidate))
    distribution = next((entry for entry in found if entry), None)
    module = installed.modules.get(candidate.library)
    if module is None and distribution is None:
        return verdict("absent", "not installed")
    version = distribution.version if distribution else ""
    stamp = _stamp(module, distribution)
    mismatch = _mismatch(candidate.library, module, distribution)
    if mismatch:
        return verdict("broken", mismatch, version, stamp)
    if version in candidate.denied:
        return verdict("denied", f"version {version} is known to be wrong: {candidate.denied[version]}", version, stamp)
    if _release(version) < candidate.minimum:
        oldest = ".".join(map(str, candidate.minimum))
        return verdict("too_old", f"version {version} is older than {oldest}", version, stamp)
    return verdict("present", version=version, stamp=stamp)


def _mismatch(library: str, module: _Module | None, distribution: _Distribution | None) -> str:
    """Say why module and distribution do not belong together, or "" if they do."""
    if module and not module.files:
        return f"{module.location} is a folder without __init__.py, so importing it gives an empty namespace package"
    if module and not distribution:
        return (
            f"{module.location} has no metadata on the path, so its version is unknown and neither the oldest "
            "version allowed nor the deny-list nor a lock can be checked"
        )
    if distribution and not distribution.version:
        return f"{distribution.location} names no version, so nothing that depends on it can be checked"
    if not distribution or (module and module.directory == distribution.directory) or _editable(distribution):
        return ""
    if module:
        return f"{module.location} shadows the {library} that is installed in {distribution.directory}"
    return f"{distribution.location} says that it is installed, but there is no module {library} on the path"


def _editable(distribution: _Distribution) -> bool:
    """Whether the distribution was installed in place: its code then lies elsewhere on purpose (PEP 610)."""
    try:
        with open(os.path.join(distribution.location, "direct_url.json"), encoding="utf-8") as file:
            return bool(re.search(r'"editable"\s*:\s*true', file.read()))
    except OSError:
        return False


def _stamp(module: _Module | None, distribution: _Distribution | None) -> str:
    """Return what changes when the files do: location, newest file time, total size and version."""
    newest = size = 0
    for file in module.files if module else ():
        try:
            info = os.stat(file)
        except OSError:  # gone since the folder was listed
            continue
        if stat.S_ISREG(info.st_mode):
            newest, size = max(newest, info.st_mtime_ns), size + info.st_size
    location = module.location if module else distribution.location if distribution else ""
    return f"{location} {newest} {size} {distribution.version if distribution else ''}"


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers that lead a version: (3, 11, 4) for "3.11.4+cpu", () for one without any."""
    numbers = []
    for part in version.split("."):
        digits = "".join(itertools.takewhile(str.isdecimal, part))
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
