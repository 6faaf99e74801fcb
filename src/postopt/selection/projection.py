"""Few numbers for a text: what tells texts apart, and what tells models apart on them.

Idea: a text is a bag of weighted tokens, a vector x of unit length with some 2,000 entries. Two maps make it short.
The first is that of latent semantic analysis: the leading right singular vectors of the bags, which keep what
distinguishes the texts. The second is reduced-rank ridge regression: a ridge regression from the bags to the scores of
all models, and to the cells where the warm start knows them; of its fitted values the leading right singular vectors
are kept. They are the directions in which models differ, however little of the texts' variance lies there. Both blocks
are scaled to the same mean length and put side by side.

The singular vectors come from a randomised range finder with two power iterations, seeded.

Sources: S. Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990; A. J. Izenman, "Reduced-rank
regression for the multivariate linear model", J. Multivariate Analysis 5, 1975; N. Halko, P. G. Martinsson and
J. A. Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

LATENT = 48
SUPERVISED = 24
_BASIS = 192
_OVERSAMPLING = 16
_RIDGE = 1.0


def latent_basis(bags: Matrix, rng: np.random.Generator) -> Matrix:
    """Return up to 192 leading right singular vectors of the bags, as columns."""
    width = min(_BASIS + _OVERSAMPLING, *bags.shape)
    sketch = bags @ rng.standard_normal((bags.shape[1], width), dtype=np.float32)
    for _ in range(2):
        sketch = bags @ (bags.T @ np.linalg.qr(sketch)[0])
    basis = np.linalg.qr(sketch)[0]
    right: Matrix = np.linalg.svd(basis.T @ bags, full_matrices=False)[2]
    return right[:_BASIS].T


def projection(bags: Matrix, basis: Matrix, targets: NDArray[np.float64]) -> Matrix:
    """Return the map from bags to few numbers; `targets` are what the supervised block predicts, a row for each bag."""
    latent = bags @ basis
    centred = (latent - latent.mean(0)).astype(np.float64)
    gram = centred.T @ centred + _RIDGE * np.eye(centred.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (targets - targets.mean(0)))
    directions = np.linalg.svd(centred @ weights, full_matrices=False)[2][:SUPERVISED].T
    supervised = (weights @ directions).astype(np.float32)
    first = latent[:, :LATENT]
    length = _mean_length(latent @ supervised)
    scale = _mean_length(first) / length if length > 0 else 0.0
    return np.hstack([basis[:, :LATENT], basis @ (supervised * np.float32(scale))])


def _mean_length(rows: Matrix) -> float:
    return float(np.sqrt((rows * rows).sum(1)).mean())
