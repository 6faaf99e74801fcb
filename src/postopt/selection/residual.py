"""What the outcomes say beyond the table: linear in the text's vector, once there are enough (LinTS)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from postopt.selection.projection import Matrix

FEWEST = 500
"""Outcomes of a model before its residual counts: fewer tell less about 24 numbers than they cost."""

_RIDGE = 10.0
_VARIANCE = 0.25
_TOGETHER = 32


class LinearResidual:
    """Bayesian linear regression of (outcome - expected) on the supervised part of a text's vector, for each model.

    With A = R I + sum of z z' and b = sum of z r, the expected residual is z' A^-1 b, with variance v z' A^-1 z, where
    v = 0.25, the most that an outcome from 0 to 1 can have. R = 10 is arbitrary and on the careful side. Outcomes are
    added to the sums by 32, O(d^2) for each whatever came before; the sums are solved when somebody asks and a model's
    outcomes have grown by 1/64 since. That is cheaper than the rank-one formula of Sherman and Morrison for each, and
    does not drift.

    Source: S. Agrawal and N. Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013.
    """

    def __init__(self, models: int, dimensions: int) -> None:
        self._grams: NDArray[np.float64] = np.tile(np.eye(dimensions) * _RIDGE, (models, 1, 1))
        self._sums: NDArray[np.float64] = np.zeros((models, dimensions))
        self._counts = [0] * models
        self._inverses: NDArray[np.float64] = np.zeros((models, dimensions, dimensions))
        self._weights: NDArray[np.float64] = np.zeros((models, dimensions))
        self._due = [FEWEST] * models
        self._waiting: list[list[tuple[Matrix, float]]] = [[] for _ in range(models)]
        self.ready = False

    def learn(self, model: int, point: Matrix, residual: float) -> None:
        """Take one outcome's residual."""
        waiting = self._waiting[model]
        waiting.append((point, residual))
        if len(waiting) >= _TOGETHER:
            self._add(model)
        self._counts[model] += 1
        if self._counts[model] >= self._due[model]:
            self.ready = True

    def expect(self, point: Matrix) -> tuple[list[float], list[float]]:
        """Return each model's expected residual and its variance; both 0 for a model with too few outcomes."""
        for model, n in enumerate(self._counts):
            if n >= self._due[model]:
                if self._waiting[model]:
                    self._add(model)
                self._inverses[model] = np.linalg.inv(self._grams[model])
                self._weights[model] = self._inverses[model] @ self._sums[model]
                self._due[model] = n + n // 64
        z = point.astype(np.float64)
        means: list[float] = (self._weights @ z).tolist()
        variances: list[float] = (_VARIANCE * ((self._inverses @ z) @ z)).tolist()
        return means, variances

    def _add(self, model: int) -> None:
        waiting = self._waiting[model]
        points = np.asarray([point for point, _ in waiting], dtype=np.float64)
        self._grams[model] += points.T @ points
        self._sums[model] += np.asarray([residual for _, residual in waiting]) @ points
        waiting.clear()
