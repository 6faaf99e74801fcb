"""From what words and page say of a post to one number that is expected: a small ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
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

    weights: tuple[float, ...]
    intercept: float
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, numbers: Matrix, target: Vector) -> Self:
        """Learn by ridge regression on standardised numbers; of no posts at all it learns to say 0."""
        if not len(target):
            zeros = (0.0,) * numbers.shape[1]
            return cls(zeros, 0.0, zeros, zeros)
        mean, spread = numbers.mean(axis=0), numbers.std(axis=0)
        scale = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
        standard = (numbers - mean) * scale
        products = np.einsum("ij,ik->jk", standard, standard) + _PENALTY * np.eye(len(mean))
        weights = scale * np.linalg.solve(products, np.einsum("ij,i->j", standard, target - target.mean()))
        intercept = float(target.mean() - np.sum(mean * weights))
        low, high = numbers.min(axis=0), numbers.max(axis=0)
        return cls(tuple(weights.tolist()), intercept, tuple(low.tolist()), tuple(high.tolist()))

    def adds(self, numbers: Sequence[float]) -> list[float]:
        """Return what each of a post's numbers adds to the intercept."""
        return [
            weight * (low if number < low else high if number > high else number)  # noqa: FURB136 - half of min's time
            for number, weight, low, high in zip(numbers, self.weights, self.low, self.high, strict=True)
        ]

    def many(self, numbers: Matrix) -> Vector:
        """Return what is expected of many posts."""
        return np.asarray(np.clip(numbers, self.low, self.high) @ np.array(self.weights) + self.intercept)
