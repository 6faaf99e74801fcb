"""Ridge regression within groups, on many sparse and a few dense columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from postopt.experiments.contrasts import Contrasts, Indices, Vector

# A term seen in one text cannot be told from that text.
_LEAST_TEXTS = 2

# Prior variance of all dense columns together, where that of the terms of an average text is 1. Fitted on open
# headline tests, where anything from 0.2 to 0.5 does equally well.
_DENSE = 0.3

# Conjugate gradients stop here at the latest; with these penalties they take 20 to 60 steps.
_STEPS = 200
_TOLERANCE = 1e-10


class Within:
    """The part of one value a row that lies within groups, and beside columns whose effect is set aside.

    A projection that is orthogonal under the weights: what a regression leaves of the values whose columns are one for
    each group and those set aside, without a penalty. Rows of weight 0 are not learned from.

    Source: R. Frisch and F. V. Waugh, Econometrica 1(4), 1933, 387-401.
    """

    def __init__(self, data: Contrasts, weights: Vector, aside: Vector) -> None:
        self._data = data
        self._weights = np.where(weights > 0, weights, 1e-300)  # the mean of a group that is left out is used by nobody
        self._root = np.sqrt(weights)
        self._aside = np.array([data.centred(column, self._weights) for column in aside.T]).reshape(-1, len(weights)).T
        self._inverse = np.linalg.pinv(self._root[:, None] * self._aside, rcond=1e-9)

    def __call__(self, values: Vector) -> Vector:
        """Return what is left of one value a row."""
        values = self._data.centred(values, self._weights)
        return np.asarray(values - self._aside @ (self._inverse @ (self._root * values)), dtype=np.float64)


class Design:
    """Texts by columns: a column for each term that two texts of the `learned` rows share, and the dense ones.

    A term weighs the root of its rarity log(N / texts with it), which damps the commonest without drowning the
    rest; dense columns are standardised, the last two of them rarity on average and the number of unknown terms, and
    count no further than they were seen to go. Vocabulary, scales and ends come from the `learned` rows alone.

    Args:
        rows: the distinct terms of each text.
        dense: other columns of each text.
        learned: which rows are learned from.
    """

    def __init__(self, rows: Sequence[Sequence[int]], dense: Vector, learned: Indices) -> None:
        sizes = np.array([len(row) for row in rows], dtype=np.int64)
        flat = np.array([term for row in rows for term in row], dtype=np.int64)
        self._rows = len(rows)
        self._row = np.repeat(np.arange(len(rows)), sizes)
        distinct = {tuple(rows[index]) for index in learned.tolist()}
        counted = np.array([term for row in distinct for term in row], dtype=np.int64)
        keys, count = np.unique(counted, return_counts=True)
        self.unknown = float(np.log(max(len(distinct), 1)))
        self.keys: Indices = keys[count >= _LEAST_TEXTS]
        self.rarity: Vector = self.unknown - np.log(count[count >= _LEAST_TEXTS])
        place = np.minimum(np.searchsorted(self.keys, flat), max(len(self.keys) - 1, 0))
        known = self.keys[place] == flat if len(self.keys) else np.zeros(len(flat), dtype=bool)
        rarity = np.full(len(flat), self.unknown)
        rarity[known] = self.rarity[place[known]]
        self._set_dense(dense, sizes, rarity, known, learned)
        self._row, self._column = self._row[known], place[known]
        value = np.sqrt(np.maximum(rarity[known], 0.0))
        size = float(np.mean(np.bincount(self._row, value**2, minlength=self._rows)[learned])) if len(learned) else 0.0
        self.scale = size**-0.5 if size > 0 else 0.0
        self._value = value * self.scale

    def _set_dense(self, dense: Vector, sizes: Indices, rarity: Vector, known: Indices, learned: Indices) -> None:
        mean = np.bincount(self._row, rarity, minlength=self._rows) / np.maximum(sizes, 1)
        unknown = np.bincount(self._row, np.where(known, 0.0, 1.0), minlength=self._rows)
        raw = np.column_stack([dense, mean, unknown])
        self.low: Vector = raw[learned].min(axis=0)
        self.high: Vector = raw[learned].max(axis=0)
        raw = np.clip(raw, self.low, self.high)
        spread = raw[learned].std(axis=0)
        self.dense_scale: Vector = np.where(spread > 1e-9, (_DENSE / raw.shape[1]) ** 0.5 / np.maximum(spread, 1e-9), 0)
        self._dense = (raw - raw[learned].mean(axis=0)) * self.dense_scale

    def times(self, beta: Vector) -> Vector:
        """Return the product with one coefficient for each column, terms first."""
        terms = len(self.keys)
        sparse = np.bincount(self._row, self._value * beta[:terms][self._column], minlength=self._rows)
        return np.asarray(sparse + self._dense @ beta[terms:], dtype=np.float64)

    def transposed(self, values: Vector) -> Vector:
        """Return the product of the transposed matrix with one value for each row."""
        sparse = np.bincount(self._column, self._value * values[self._row], minlength=len(self.keys))
        return np.concatenate([sparse, values @ self._dense])

    def ridge(self, within: Within, effect: Vector, weights: Vector, penalty: float) -> Vector:
        """Return the coefficients of `effect` within groups that minimise loss plus penalty.

        Rows of weight 0 are left out. By conjugate gradients: M. R. Hestenes and E. Stiefel, Journal of Research of the
        National Bureau of Standards 49(6), 1952, 409-436.
        """
        residual = self.transposed(weights * within(effect))
        beta = np.zeros(len(residual))
        direction, size = residual, float(np.sum(residual**2))
        enough = size * _TOLERANCE
        for _ in range(_STEPS):
            if size <= enough:
                break
            step = self.transposed(weights * within(self.times(direction))) + penalty * direction
            length = size / float(np.sum(direction * step))
            beta = beta + length * direction
            residual = residual - length * step
            before, size = size, float(np.sum(residual**2))
            direction = residual + (size / before) * direction
        return beta
