"""How alike two texts are for a model that embeds them: a Gaussian kernel on standardised vectors.

    k(a, b) = exp(-|a - b|**2 / 2)

where each column is standardised over the learned texts and divided by the root of their number, so that two texts
that have nothing in common are about the root of 2 apart. The directions with most variance are kept. Linear kernels
on the same vectors are worse (see the design note on ranking).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float32]
Vector: TypeAlias = NDArray[np.float64]

# Directions that are kept, those in which the learned vectors vary most. Of three layers of 384 columns each these hold
# 93 % of the variance, and no fewer pairs are told rightly; a comparison reads a third of the memory.
_DIRECTIONS: Final = 384

# Rows that are compared with all points at a time: bounds memory.
_ROWS: Final = 256


class EmbeddingKernel:
    """The kernel over learned vectors. It is never changed, so any number of threads may use it.

    Attributes:
        points: the learned vectors as the kernel compares them, one row each.
    """

    def __init__(self, centre: Matrix, turn: Matrix, points: NDArray[np.float16]) -> None:
        self._centre = centre
        self._turn = turn
        self._rounded = points  # half precision: what is kept is what was learned with, in half the bytes
        self.points: Matrix = points.astype(np.float32)
        self._squares = np.sum(self.points**2, axis=1)

    @classmethod
    def learn(cls, vectors: Matrix) -> Self:
        """Return the kernel over these vectors, one row a text."""
        centre, spread = vectors.mean(axis=0), vectors.std(axis=0)
        # A column that hardly varies says nothing, and would be blown up by its own rounding.
        varies = spread > 1e-6 * np.abs(vectors).max(axis=0, initial=1e-30)
        scale = np.where(varies, 1 / np.maximum(spread, 1e-30), 0) / np.sqrt(max(int(varies.sum()), 1))
        scaled = (vectors - centre) * scale
        _, directions = np.linalg.eigh(scaled.T.astype(np.float64) @ scaled)
        turn = (scale[:, None] * directions[:, -_DIRECTIONS:]).astype(np.float32)
        return cls(centre, turn, ((vectors - centre) @ turn).astype(np.float16))

    def place(self, vectors: Matrix) -> Matrix:
        """Return vectors as the kernel compares them."""
        return ((vectors - self._centre) @ self._turn).astype(np.float16).astype(np.float32)

    def gram(self) -> Matrix:
        """Return the kernel of each point with each."""
        return self._near(self.points)

    def apply(self, dual: Vector, placed: Matrix) -> Vector:
        """Return the sum of `dual`, one number a point, times the kernel, for each of these vectors."""
        parts = [self._near(placed[row : row + _ROWS]) @ dual for row in range(0, len(placed), _ROWS)]
        return np.concatenate([np.zeros(0), *parts])

    def _near(self, placed: Matrix) -> Matrix:
        squares = np.sum(placed**2, axis=1)[:, None] + self._squares
        return np.asarray(np.exp(np.minimum(placed @ self.points.T - squares / 2, 0)), dtype=np.float32)

    @staticmethod
    def distance(a: Matrix, b: Matrix) -> float:
        """Return k(a, a) + k(b, b) - 2 k(a, b)."""
        return float(2 - 2 * np.exp(-np.sum((a - b) ** 2) / 2))

    def arrays(self) -> dict[str, NDArray[Any]]:  # Any: of several dtypes
        """Return what it learned, for a file."""
        return {"embedding_centre": self._centre, "embedding_turn": self._turn, "embedding_points": self._rounded}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:  # Any: of several dtypes
        """Return the kernel that gave these arrays.

        Raises:
            KeyError: one is missing.
        """
        return cls(*(arrays[f"embedding_{name}"] for name in ("centre", "turn", "points")))
