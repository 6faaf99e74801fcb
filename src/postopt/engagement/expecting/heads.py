"""What is expected on a page that nobody knows yet: a small ridge regression on what words say anywhere."""

from __future__ import annotations

from typing import NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.ngrams import Vector

Matrix: TypeAlias = NDArray[np.float64]

# Arbitrary, as if ten posts more had said that a column says nothing: it matters only where there are few posts.
_PENALTY = 10.0


class Head(NamedTuple):
    """A linear function of a post's numbers, that is not extrapolated: no number counts beyond those learned from.

    Attributes:
        weights: one for each number.
        intercept: what is expected where all numbers are 0.
        low: least of each number among the posts learned from.
        high: most of each.
    """

    weights: Vector
    intercept: float
    low: Vector
    high: Vector

    @classmethod
    def fit(cls, numbers: Matrix, target: Vector) -> Self:
        """Learn by ridge regression on standardised numbers; of no posts at all it learns to say 0."""
        if not len(target):
            zeros = np.zeros(numbers.shape[1])
            return cls(zeros, 0.0, zeros, zeros)
        mean, spread = numbers.mean(axis=0), numbers.std(axis=0)
        scale = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
        standard = (numbers - mean) * scale
        products = np.einsum("ij,ik->jk", standard, standard) + _PENALTY * np.eye(len(mean))
        weights = scale * np.linalg.solve(products, np.einsum("ij,i->j", standard, target - target.mean()))
        intercept = float(target.mean() - np.sum(mean * weights))
        return cls(weights, intercept, numbers.min(axis=0), numbers.max(axis=0))

    def says(self, numbers: Matrix) -> Vector:
        """Return what is expected of posts, a row of numbers each, or of one; how many changes no rounding."""
        return np.asarray(sum((np.clip(numbers, self.low, self.high) * self.weights).T) + self.intercept)
