"""A model as a folder: arrays as .npy, the rest as one JSON manifest that is written last."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_path
from postopt._files import write_whole
from postopt.errors import ModelFileError, NewerModelError, shown

if sys.platform != "win32":
    import fcntl

MANIFEST: Final = "manifest.json"

_FORMAT = "postopt model"


class ModelFile(NamedTuple):
    """What a model's folder holds.

    Attributes:
        arrays: by name.
        state: all else, as plain JSON.
    """

    arrays: Mapping[str, NDArray[Any]]  # Any: of any dtype but objects
    state: Mapping[str, Any]  # Any: plain JSON


def write_model(path: str | Path, kind: str, versions: Mapping[str, int], model: ModelFile) -> None:
    """Write a model to a folder so that whoever reads it has the model before or this one, whole.

    An array's file is named after what it holds, so that none is ever changed; the manifest names them and is replaced
    at once, after them. Files that it names no longer are removed then. Equal models give equal bytes. Others that
    write to the folder wait.

    Args:
        path: of the folder; it is made if it is not there. One that holds anything but a model is refused.
        kind: what kind of model it is, which `read_model` asks for.
        versions: name -> version of what the reader must know: at least "format".
        model: what is written.

    Raises:
        ModelFileError: the folder holds something else.
        OSError: it cannot be written; what was there before stays.
        ValueError: `path` is no path.
    """
    folder = check_path("path", path)
    if folder.exists() and not _is_ours(folder):
        raise ModelFileError(f"{folder} holds something that is no model", hint="give the name of a new folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        _write(folder, kind, versions, model)


def _write(folder: Path, kind: str, versions: Mapping[str, int], model: ModelFile) -> None:
    files: dict[str, dict[str, str]] = {}
    for name, array in sorted(model.arrays.items()):
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
        files[name] = {"file": f"{name}-{digest[:16]}.npy", "sha256": digest}
        if not (folder / files[name]["file"]).exists():
            write_whole(folder / files[name]["file"], buffer.getvalue())
    content = {"kind": kind, "versions": dict(versions), "arrays": files, "state": model.state}
    manifest = {"format": _FORMAT, "sha256": _digest(content), **content}
    write_whole(folder / MANIFEST, _encoded(manifest))
    named = {entry["file"] for entry in files.values()}
    for file in folder.glob("*.npy"):
        if file.name not in named:
            file.unlink(missing_ok=True)


def read_model(path: str | Path, kind: str, versions: Mapping[str, int]) -> ModelFile:
    """Return a model that `write_model` wrote.

    While another process or thread writes one model after another, it is one of them.

    Raises:
        ModelFileError: there is none, it is truncated, damaged or of another kind, or an older version of something,
            "format" or the features, wrote it.
        NewerModelError: a newer version of something wrote it.
        ValueError: `path` is no path.
    """
    folder = check_path("path", path)
    try:
        return _read(folder, kind, versions)
    except ModelFileError as error:
        if not isinstance(error.__cause__, FileNotFoundError) or not folder.is_dir():
            raise
    # A file is gone: most often because another model took its place between manifest and arrays. None does now.
    with _alone(folder):
        return _read(folder, kind, versions)


def _read(folder: Path, kind: str, versions: Mapping[str, int]) -> ModelFile:
    manifest = _manifest(folder)
    if manifest.get("format") != _FORMAT:
        raise ModelFileError(f"{folder / MANIFEST} is no manifest of a model")
    if manifest.get("kind") != kind:
        raise ModelFileError(f"{folder} holds a model of kind {shown(manifest.get('kind'))}; {kind!r} is needed")
    _check_versions(folder, manifest.get("versions"), versions)
    content = {name: manifest.get(name) for name in ("kind", "versions", "arrays", "state")}
    if manifest.get("sha256") != _digest(content):
        raise ModelFileError(f"{folder / MANIFEST} is damaged: its checksum differs")
    arrays = {name: _array(folder / entry["file"], entry["sha256"]) for name, entry in manifest["arrays"].items()}
    return ModelFile(arrays, manifest["state"])


def _check_versions(folder: Path, found: object, versions: Mapping[str, int]) -> None:
    """Refuse a model of other versions; one that names something that this version does not know is newer."""
    if not isinstance(found, dict) or not all(type(version) is int for version in found.values()):
        raise ModelFileError(f"{folder / MANIFEST} is damaged: it has the versions {shown(found)}")
    if found == dict(versions):
        return
    newer = any(version > versions.get(name, -1) for name, version in found.items())
    says = f"{folder} has the versions {shown(found)}; this version of postopt reads {shown(dict(versions))}"
    if newer:
        raise NewerModelError(
            f"{says}, which is older", hint="install the version of postopt that wrote it, or fit the model anew"
        )
    raise ModelFileError(f"{says}, which is newer", hint="fit the model anew with this version of postopt")


def _manifest(folder: Path) -> dict[str, Any]:  # Any: decoded JSON
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise ModelFileError(f"{folder / MANIFEST} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{folder / MANIFEST} is truncated or damaged") from error
    if not isinstance(found, dict):
        raise ModelFileError(f"{folder / MANIFEST} is no manifest of a model")
    return found


def _array(file: Path, digest: str) -> NDArray[Any]:  # Any: of any dtype but objects
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{file} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelFileError(f"{file} is truncated or damaged: its checksum differs")
    try:
        array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError as error:
        raise ModelFileError(f"{file} is no array") from error
    return array


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one write at a time, or read without any: a write removes arrays that others count on.

    A lock on the folder itself leaves no file behind, and ends with its process. On Windows, and on a file system that
    has no locks, there is none: there two must not write at the same time.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # Said, because the child of a fork has the descriptor as well, and would keep the lock.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _is_ours(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        return _manifest(folder).get("format") == _FORMAT
    except ModelFileError:
        # A first write that was interrupted left arrays and no manifest.
        return all(file.suffix == ".npy" or file.name.startswith(".") for file in folder.iterdir())


def _encoded(value: Any) -> bytes:  # Any: plain JSON
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _digest(content: Mapping[str, Any]) -> str:  # Any: plain JSON
    return hashlib.sha256(_encoded(content)).hexdigest()
