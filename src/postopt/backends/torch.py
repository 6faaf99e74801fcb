"""Heads in torch, on the CPU: the engine compares backends on rows that lie in the host's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from postopt._optional import needs
from postopt.backends.base import Head, Layers, ScoringFunctions
from postopt.backends.scoring import as_layers, checked

with needs("torch"):
    import torch

if TYPE_CHECKING:
    from postopt.backends.base import Float32Array


def _mlp(layers: Layers) -> Head:
    # Plain tensors record no gradients, so that no mode of torch has to be entered.
    tensors = [(torch.from_numpy(weights), torch.from_numpy(bias)) for weights, bias in checked(layers)]
    *hidden, (last, offset) = tensors

    def head(rows: Float32Array) -> Float32Array:
        # torch shares the memory of arrays and takes only those it could write to.
        values = torch.from_numpy(np.require(rows, np.float32, ("C", "W")))
        for weights, bias in hidden:
            values = torch.addmm(bias, values, weights).relu_()
        scores: Float32Array = torch.addmm(offset, values, last).numpy()[:, 0]
        return scores

    return head


def _linear(weights: Float32Array, bias: float) -> Head:
    return _mlp(as_layers(weights, bias))


SCORING = ScoringFunctions("torch", str(torch.__version__), _linear, _mlp)
