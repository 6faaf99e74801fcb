"""Hashed n-grams: which columns of one table the words of a text stand in.

A text's tokens are stable 32-bit hashes. The column of a word, of a pair of neighbours, or of either crossed with
something else (a page) is the lowest bits of what is mixed from them. One text or many: the columns are the same.
Nothing is looked up, so a word that was never seen has a column too, whose weight is 0 unless another shares it.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint32]

BUCKETS: Final = 2**22
"""Columns of the table, a power of two. With a quarter of them more words share one, and less is told from them
(docs/design/0028-predictor.md)."""

MASK: Final = BUCKETS - 1

ODD: Final = 40503
"""From Knuth's multiplicative hashing (16 bits): a pair in the other order has another column."""


def pairs(tokens: Hashes) -> Hashes:
    """Return a hash of each token and the one behind it."""
    return tokens[:-1] * np.uint32(ODD) ^ tokens[1:]


def sums(values: NDArray[np.float32], offsets: Indices) -> Vector:
    """Return the sum of each row: row i has `values[offsets[i]:offsets[i + 1]]`."""
    found = np.zeros(len(offsets) - 1)
    filled = offsets[:-1] < offsets[1:]  # reduceat gives an empty row what is not its own
    if filled.any():
        found[filled] = np.add.reduceat(values, offsets[:-1][filled])
    return found
