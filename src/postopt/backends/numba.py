"""Heads compiled by numba: no call of BLAS, and so the least overhead for a single row.

One kernel serves all heads. It is compiled at the first call, which takes about a second, without Python objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from postopt._optional import needs
from postopt.backends.base import Head, Layers, ScoringFunctions
from postopt.backends.scoring import as_layers, checked

with needs("numba"):
    import numba

if TYPE_CHECKING:
    from collections.abc import Callable

    from postopt.backends.base import Float32Array

    _Arrays = tuple[Float32Array, ...]


def _forward(rows: Any, weights: Any, biases: Any) -> Any:  # pragma: no cover  # runs compiled only
    scores = np.empty(len(rows), np.float32)
    for row in range(len(rows)):
        values = rows[row]
        for layer in range(len(weights)):
            matrix = weights[layer]
            sums = biases[layer].copy()
            # Along the rows of the matrix, so that the inner loop is contiguous and compiles to vector code.
            for i in range(matrix.shape[0]):
                for j in range(matrix.shape[1]):
                    sums[j] += values[i] * matrix[i, j]
            if layer < len(weights) - 1:
                for j in range(len(sums)):
                    sums[j] = max(sums[j], np.float32(0))
            values = sums
        scores[row] = values[0]
    return scores


_kernel: Callable[[Float32Array, _Arrays, _Arrays], Float32Array] = numba.njit(_forward)


def _mlp(layers: Layers) -> Head:
    weights, biases = zip(*checked(layers), strict=True)

    def head(rows: Float32Array) -> Float32Array:
        return _kernel(np.ascontiguousarray(rows, np.float32), weights, biases)

    return head


def _linear(weights: Float32Array, bias: float) -> Head:
    return _mlp(as_layers(weights, bias))


SCORING = ScoringFunctions("numba", numba.__version__, _linear, _mlp)
