"""Unit vectors in buckets: the nearest of a bucket by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Vector: TypeAlias = NDArray[np.float32]

MAX_COMPARED = 1024
"""Most vectors of one bucket that a question is compared with, the newest; arbitrary, 0.4 ms at 384 dimensions."""


class Embedder(Protocol):
    """Turns texts into vectors; a sentence-embedding model of the host."""

    def embed(self, texts: Sequence[str]) -> ArrayLike:
        """Return one row a text, all of one length, finite and none zero."""
        ...


class Vectors:
    """Vectors by number, each in one bucket."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._buckets: dict[bytes, dict[int, Vector]] = {}

    def embed(self, text: str) -> Vector:
        """Return the unit vector of `text`.

        Raises:
            ValueError: the embedder returned no finite vector other than zero; or whatever it raises.
        """
        rows = np.asarray(self._embedder.embed([text]), dtype=np.float32)
        if rows.ndim != 2 or len(rows) != 1:
            raise ValueError(f"the embedder returned shape {rows.shape} for one text; (1, d) is needed")
        length = float(np.linalg.norm(rows[0]))
        if not 0 < length < float("inf"):
            raise ValueError("the embedder returned a vector without a direction")
        unit: Vector = rows[0] / np.float32(length)
        return unit

    def add(self, number: int, bucket: bytes, vector: Vector) -> None:
        """Keep a vector."""
        self._buckets.setdefault(bucket, {})[number] = vector

    def remove(self, number: int, bucket: bytes) -> None:
        """Forget a vector, if it is there."""
        vectors = self._buckets.get(bucket, {})
        vectors.pop(number, None)
        if not vectors:
            self._buckets.pop(bucket, None)

    def nearest(self, bucket: bytes, vector: Vector, min_cosine: float) -> list[tuple[float, int]]:
        """Return cosine and number of the vectors at least so near, nearest first."""
        vectors = self._buckets.get(bucket, {})
        numbers = list(vectors)[-MAX_COMPARED:]
        same_length = [number for number in numbers if vectors[number].shape == vector.shape]
        if not same_length:
            return []
        cosines = np.stack([vectors[number] for number in same_length]) @ vector
        found = [
            (float(cosine), number) for cosine, number in zip(cosines, same_length, strict=True) if cosine >= min_cosine
        ]
        return sorted(found, reverse=True)
