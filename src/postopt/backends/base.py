"""What the engine hands out: one protocol a role, data and callables only.

Every member is a plain attribute, so that `engine.json.dumps(x)` costs two attribute loads over calling the
library's own function. `name` and `version` say which library runs. The records below each protocol are what
our own backends are made of; any object with the same attributes will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    import numpy as np
    from numpy.typing import NDArray

    Float32Array: TypeAlias = NDArray[np.float32]

Bytes: TypeAlias = bytes | bytearray | memoryview


class Backend(Protocol):
    """What every role has in common."""

    @property
    def name(self) -> str:
        """Name in reports, overrides and lock files, such as "orjson"."""
        ...

    @property
    def version(self) -> str:
        """Version of the library that does the work; Python's own for the standard library."""
        ...


class JSONBackend(Backend, Protocol):
    """JSON under the contract of `postopt.backends.json`: the same value or the same error whichever library runs."""

    @property
    def dumps(self) -> Callable[[Any], bytes]:
        """Encode to UTF-8 bytes; raises TypeError."""
        ...

    @property
    def loads(self) -> Callable[[Bytes | str], Any]:
        """Decode bytes or text; raises ValueError."""
        ...


class HashBackend(Backend, Protocol):
    """A digest of bytes. Values differ between backends: never persist one without its `name`."""

    @property
    def digest(self) -> Callable[[Bytes], bytes]:
        """Return a digest of 32 bytes (secure hashes) or 16 (fingerprints)."""
        ...


class CompressionBackend(Backend, Protocol):
    """A pair of inverse functions. Bytes differ between backends: decompress with the one that compressed."""

    @property
    def compress(self) -> Callable[[Bytes], bytes]:
        """Compress at the level that suits the backend's goal."""
        ...

    @property
    def decompress(self) -> Callable[[Bytes], bytes]:
        """Return the bytes that were compressed, checksum verified; raises CorruptDataError."""
        ...


Head: TypeAlias = "Callable[[Float32Array], Float32Array]"
Layers: TypeAlias = "Sequence[tuple[Float32Array, Float32Array]]"


class ScoringBackend(Backend, Protocol):
    """Builders of small model heads: each returns a function from (n, d) float32 rows to (n,) float32 scores."""

    @property
    def linear(self) -> Callable[[Float32Array, float], Head]:
        """Build `x @ weights + bias`; weights (d,)."""
        ...

    @property
    def mlp(self) -> Callable[[Layers], Head]:
        """Build a ReLU network from (weights (d_in, d_out), bias (d_out,)) layers; the last has d_out = 1."""
        ...


class LoopBackend(Backend, Protocol):
    """Makes event loops."""

    @property
    def new_event_loop(self) -> Callable[[], AbstractEventLoop]:
        """Return a new event loop that nobody runs yet."""
        ...


@dataclass(frozen=True, slots=True)
class JSONFunctions:
    """A `JSONBackend`."""

    name: str
    version: str
    dumps: Callable[[Any], bytes]
    loads: Callable[[Bytes | str], Any]


@dataclass(frozen=True, slots=True)
class HashFunctions:
    """A `HashBackend`."""

    name: str
    version: str
    digest: Callable[[Bytes], bytes]


@dataclass(frozen=True, slots=True)
class CompressionFunctions:
    """A `CompressionBackend`."""

    name: str
    version: str
    compress: Callable[[Bytes], bytes]
    decompress: Callable[[Bytes], bytes]


@dataclass(frozen=True, slots=True)
class ScoringFunctions:
    """A `ScoringBackend`."""

    name: str
    version: str
    linear: Callable[[Float32Array, float], Head]
    mlp: Callable[[Layers], Head]


@dataclass(frozen=True, slots=True)
class LoopFunctions:
    """A `LoopBackend`."""

    name: str
    version: str
    new_event_loop: Callable[[], AbstractEventLoop]
