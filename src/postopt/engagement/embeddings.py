"""Texts as vectors of a local model: what such a model must offer, and what is asked of its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from postopt.errors import ModelError, shown

Vectors: TypeAlias = NDArray[np.float32]

# Where an embedder may be asked to compute: "auto" takes a GPU if there is one that works.
DEVICES: Final = ("auto", "cpu", "cuda")


@runtime_checkable
class Embedder(Protocol):
    """Something that turns texts into vectors.

    Guarantees:
        - row i is of text i, of `dimension` finite numbers, and depends on that text alone up to rounding;
        - `name` names the model and all that changes its vectors, so that equal names mean equal vectors.
    """

    name: str
    dimension: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a float32 array of (texts, dimension); no texts give an array of no rows.

        Raises:
            ModelError: the model cannot embed them.
        """
        ...


@runtime_checkable
class Movable(Protocol):
    """An embedder that can compute elsewhere."""

    def on(self, device: str) -> Embedder:
        """Return it, or one of the same name and dimension, on a device: "auto", "cpu" or "cuda".

        Raises:
            BackendUnavailableError: the device is not there.
            ValueError: there is no such device.
        """
        ...


def check_embedder(embedder: object) -> Embedder:
    """Return what is an embedder, and refuse all else with ValueError."""
    if isinstance(embedder, type) or not isinstance(embedder, Embedder):
        raise ValueError(  # noqa: TRY004 - as all others
            f"embedder is {shown(embedder)}; something with a name, a dimension and encode(texts) is needed"
        )
    return embedder


def check_device(device: object) -> str:
    """Return a device that has a name here, and refuse all else with ValueError."""
    if not isinstance(device, str) or device not in DEVICES:
        raise ValueError(f'device is {shown(device)}; "auto", "cpu" or "cuda" is needed')
    return str(device)


def embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Return what an embedder says of the texts, checked: one row of finite numbers each.

    Raises:
        ModelError: it returned anything else.
    """
    needed = (len(texts), embedder.dimension)
    try:
        vectors = np.asarray(embedder.encode(list(texts)), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ModelError(f"embedder {embedder.name} returned no array of numbers: {error}") from error
    if vectors.shape != needed:
        raise ModelError(f"embedder {embedder.name} returned an array of {vectors.shape}; {needed} is needed")
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ModelError(f"embedder {embedder.name} returned a number that is not finite for text {row}")
    return vectors
