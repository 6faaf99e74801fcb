"""Hashed n-grams: which columns the words of a text stand in.

A text's tokens are stable 32-bit hashes. A token's column is its lowest bits, those of a pair of neighbours and of a
token crossed with something else (a page) are mixed from both. One text or many: the columns are the same. Nothing is
looked up, so a word that was never seen has a column too, whose weight is 0 unless another word shares it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint32]

BUCKETS: Final = 2**18

WIDEST: Final = 4 * BUCKETS
"""No space has more columns, so that higher bits of a hash can be left out: small ints are added sooner."""

# Odd, from Knuth's multiplicative hashing (16 bits): a pair in the other order has another column.
ODD: Final = 40503

# Rows that are multiplied at once, so that what they need fits a core's cache; arbitrary.
_ROWS = 4096


def words(tokens: Sequence[int], buckets: int = BUCKETS) -> list[int]:
    """Return the columns of a text's tokens; `buckets` is a power of two."""
    mask = buckets - 1
    return [token & mask for token in tokens]


def pairs(tokens: Sequence[int], buckets: int = BUCKETS) -> list[int]:
    """Return the columns of the pairs of neighbours."""
    mask = buckets - 1
    return [(first * ODD + second) & mask for first, second in pairwise(tokens)]


def crossed(tokens: Sequence[int], key: int, buckets: int = BUCKETS) -> list[int]:
    """Return the columns of a text's tokens together with a 32-bit key."""
    mask = buckets - 1
    return [(token ^ key) & mask for token in tokens]


@dataclass(frozen=True, slots=True)
class Rows:
    """A sparse matrix of ones: row i has them in `columns[offsets[i]:offsets[i + 1]]`, one more for each repeat."""

    columns: NDArray[Any]  # Any: signed or not, of any width
    offsets: Indices

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Indices:
        """How many columns each row has."""
        return np.diff(self.offsets)

    def sums(self, values: Vector | NDArray[np.float32]) -> Vector:
        """Return the sum of each row's `values`, one for each entry of `columns`."""
        found = np.zeros(len(self))
        filled = self.sizes > 0  # reduceat gives an empty row what is not its own
        if filled.any():
            found[filled] = np.add.reduceat(values, self.offsets[:-1][filled])
        return found

    def times(self, weights: Vector | NDArray[np.float32]) -> Vector:
        """Return the product with one weight for each column."""
        return np.concatenate([part.sums(weights[part.columns]) for part in self._parts()] or [np.zeros(0)])

    def take(self, first: int, last: int) -> Rows:
        """Return the rows from `first` to before `last`."""
        offsets = self.offsets[first : last + 1]
        return Rows(self.columns[offsets[0] : offsets[-1]], offsets - offsets[0])

    def _parts(self) -> Iterator[Rows]:
        for first in range(0, len(self), _ROWS):
            yield self.take(first, min(first + _ROWS, len(self)))


def words_of(tokens: Hashes, offsets: Indices, buckets: int = BUCKETS) -> Rows:
    """Return the columns of many texts' tokens, as `words` does for one."""
    return Rows(tokens.astype(np.int64) & (buckets - 1), offsets)


def pairs_of(tokens: Hashes, offsets: Indices, buckets: int = BUCKETS) -> Rows:
    """Return the columns of many texts' pairs, as `pairs` does for one."""
    wide = tokens.astype(np.int64)
    within = np.ones(max(len(wide) - 1, 0), dtype=bool)
    filled = np.diff(offsets) > 0
    last = offsets[1:][filled] - 1
    within[last[:-1]] = False
    columns = ((wide[:-1] * ODD + wide[1:]) & (buckets - 1))[within]
    return Rows(columns, offsets - np.concatenate([[0], np.cumsum(filled)]))


def crossed_of(tokens: Hashes, offsets: Indices, keys: Hashes, buckets: int = BUCKETS) -> Rows:
    """Return the columns of many texts' tokens, each with its text's key, as `crossed` does for one."""
    return Rows((tokens ^ np.repeat(keys, np.diff(offsets))).astype(np.int64) & (buckets - 1), offsets)


def joined(first: Rows, second: Rows) -> Rows:
    """Return rows that hold the columns of both, row by row, those of the first in front."""
    offsets = first.offsets + second.offsets
    columns = np.empty(offsets[-1], dtype=first.columns.dtype)
    for rows, before in ((first, second.offsets[:-1]), (second, first.offsets[1:])):
        columns[np.repeat(before, rows.sizes) + np.arange(len(rows.columns))] = rows.columns
    return Rows(columns, offsets)
