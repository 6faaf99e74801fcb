"""Small model heads in numpy, and what the role "scoring" promises.

A head maps (n, d) float32 rows to (n,) float32 scores for any n, 0 included, and keeps copies of its weights.
Backends agree within 1e-5 of the largest score: they add in different orders, and nobody rounds to less than
float32. None sets the number of threads of the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from postopt.backends.base import Head, Layers, ScoringFunctions

if TYPE_CHECKING:
    from postopt.backends.base import Float32Array


def checked(layers: Layers) -> list[tuple[Float32Array, Float32Array]]:
    """Return contiguous float32 copies of (weights, bias) layers; raises ValueError if they do not fit together."""
    copies = [
        (np.array(weights, np.float32, order="C"), np.array(bias, np.float32, order="C")) for weights, bias in layers
    ]
    width = copies[0][0].shape[0] if copies else 0
    for weights, bias in copies:
        if weights.ndim != 2 or bias.shape != weights.shape[1:] or weights.shape[0] != width:
            raise ValueError(f"a layer of weights {weights.shape} and bias {bias.shape} follows one of {width} outputs")
        width = weights.shape[1]
    if width != 1:
        raise ValueError(f"the last layer has {width} outputs, not 1")
    return copies


def as_layers(weights: Float32Array, bias: float) -> Layers:
    """Return a linear head as the one layer of a network."""
    return [(np.asarray(weights, np.float32)[:, None], np.array([bias], np.float32))]


def _linear(weights: Float32Array, bias: float) -> Head:
    ((column, offset),) = checked(as_layers(weights, bias))
    vector = column[:, 0]

    def head(rows: Float32Array) -> Float32Array:
        return rows @ vector + offset

    return head


def _mlp(layers: Layers) -> Head:
    *hidden, (last, offset) = checked(layers)
    vector = last[:, 0]

    def head(rows: Float32Array) -> Float32Array:
        for weights, bias in hidden:
            rows = np.maximum(rows @ weights + bias, np.float32(0))
        return rows @ vector + offset

    return head


NUMPY = ScoringFunctions("numpy", np.__version__, _linear, _mlp)
