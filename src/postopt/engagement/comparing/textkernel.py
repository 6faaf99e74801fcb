"""How alike two texts are in their words, parts of words, marks and lengths: a kernel that needs no model.

A text is a vector with one column for each word and each part of a word (the first four and six letters, the last
three) that two of the learned texts share, weighed by the root of its rarity, log(N / texts with it); 13 cues of length
and marks and the readable features, standardised. The kernel is the inner product, a weighted sum over these four
blocks, each with a mean square of 1 over the learned texts. So a sum of kernels over learned texts is one number for
each column, and a text is scored from those alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt.experiments.terms import cues, key, tokens
from postopt.quality.readable import FEATURES, read

Matrix: TypeAlias = NDArray[np.float32]
Vector: TypeAlias = NDArray[np.float64]

# Share of a term's block and of a dense block in the kernel. Fitted on open headline tests, where half or twice as much
# of either does as well.
_TERMS: Final = 0.42
_DENSE: Final = 0.08

# A term seen in one text cannot be told from that text.
_LEAST_TEXTS: Final = 2

# Arbitrary, far above any post: what comes after it is not read.
_MOST_CHARACTERS: Final = 10_000

_CUES: Final = 13


class Words(NamedTuple):
    """A text as the kernel reads it.

    Attributes:
        terms: hashes of its words.
        parts: hashes of the beginnings and ends of its words.
        dense: cues and readable features.
    """

    terms: frozenset[int]
    parts: frozenset[int]
    dense: tuple[float, ...]


def read_words(text: str) -> Words:
    """Return a text as the kernel reads it; nothing after its first 10,000 characters counts."""
    text = text[:_MOST_CHARACTERS]
    found = tokens(text)
    parts = {part for word in set(found) for part in (f"^{word[:4]}", f"^{word[:6]}", f"{word[-3:]}$")}
    reading = read(text)
    readable = (float(feature.holds(reading)) for feature in FEATURES)
    return Words(
        frozenset(key(word) for word in found),
        frozenset(key(part) for part in parts),
        (*cues(text, found), *readable),
    )


class Row(NamedTuple):
    """A text as a vector: the places and values of its terms and parts, and the dense columns."""

    places: NDArray[np.int64]
    values: Vector
    dense: Vector


class TextKernel:
    """The kernel over the columns that some texts have. It is never changed, so any number of threads may use it."""

    def __init__(self, keys: NDArray[np.int64], values: Vector, low: Vector, high: Vector, scale: Vector) -> None:
        self._keys = keys
        self._values = values
        self._low = low
        self._high = high
        self._scale = scale

    @classmethod
    def learn(cls, texts: Sequence[Words]) -> Self:
        """Return the kernel over the columns of these texts, which are distinct."""
        blocks = [_rarity([text.terms for text in texts], 0), _rarity([text.parts for text in texts], 1)]
        columns = sorted(column for block in blocks for column in block.items())
        dense = np.array([text.dense for text in texts], dtype=np.float64)
        spread = dense.std(axis=0)
        size = np.full(dense.shape[1], dense.shape[1] - _CUES)
        size[:_CUES] = _CUES
        scale = np.where(spread > 1e-9, np.sqrt(_DENSE / size) / np.maximum(spread, 1e-9), 0.0)
        keys = np.array([column for column, _ in columns], dtype=np.int64)
        values = np.array([value for _, value in columns], dtype=np.float64)
        return cls(keys, values, dense.min(axis=0), dense.max(axis=0), scale)

    def row(self, text: Words) -> Row:
        """Return the vector of a text; a cue counts no further than the learned texts went."""
        wanted = np.array(sorted({*map(_first, text.terms), *map(_second, text.parts)}), dtype=np.int64)
        places = np.searchsorted(self._keys, wanted)
        known = places < len(self._keys)
        known[known] = self._keys[places[known]] == wanted[known]
        places = places[known]
        return Row(places, self._values[places], self._scale * np.clip(text.dense, self._low, self._high))

    def gram(self, rows: Sequence[Row]) -> Matrix:
        """Return the kernel of each of these texts with each, centred."""
        dense = np.array([row.dense for row in rows])
        dense -= dense.mean(axis=0)
        gram = np.asarray(dense @ dense.T, dtype=np.float32)
        text = np.repeat(np.arange(len(rows)), [len(row.places) for row in rows])
        places = np.concatenate([row.places for row in rows])
        order = np.argsort(places, kind="stable")
        columns, start = np.unique(places[order], return_index=True)
        # Most columns are of few texts: adding each to the block of its texts is far less work than a dense product.
        for column, texts in zip(columns, np.split(text[order], start[1:]), strict=bool(len(columns))):
            gram[np.ix_(texts, texts)] += self._values[column] ** 2
        return gram

    def collapse(self, rows: Sequence[Row], dual: Vector) -> Vector:
        """Return one weight for each column: their sum over a text's vector is that of `dual` times the kernel."""
        sparse = np.zeros(len(self._keys))
        for row, weight in zip(rows, dual.tolist(), strict=True):
            sparse[row.places] += weight * row.values
        return np.concatenate([sparse, dual @ np.array([row.dense for row in rows])])

    def apply(self, weights: Vector, row: Row) -> float:
        """Return the sum of weights, as `collapse` gave them, over a text's vector."""
        return float(row.values @ weights[row.places] + row.dense @ weights[len(self._keys) :])

    def distance(self, a: Row, b: Row) -> float:
        """Return the square of the distance of two texts' vectors: 0 for those that read the same."""
        _, first, second = np.intersect1d(a.places, b.places, assume_unique=True, return_indices=True)
        shared = float(np.sum(a.values[first] ** 2) + np.sum(b.values[second] ** 2))
        apart = float(np.sum(a.values**2) + np.sum(b.values**2)) - shared
        return max(apart, 0.0) + float(np.sum((a.dense - b.dense) ** 2))

    def arrays(self) -> dict[str, NDArray[Any]]:  # Any: of several dtypes
        """Return what it learned, for a file."""
        return {
            "text_keys": self._keys, "text_values": self._values, "text_low": self._low, "text_high": self._high,
            "text_scale": self._scale,
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:  # Any: of several dtypes
        """Return the kernel that gave these arrays.

        Raises:
            KeyError: one is missing.
        """
        return cls(*(arrays[f"text_{name}"] for name in ("keys", "values", "low", "high", "scale")))


def _first(term: int) -> int:
    return 2 * term


def _second(part: int) -> int:
    return 2 * part + 1


def _rarity(texts: Iterable[frozenset[int]], block: int) -> dict[int, float]:
    """Return the value of each column of a block, so that the mean square of a text's vector is its share."""
    found = list(texts)
    count = Counter(term for text in found for term in text)
    rarity = {term: np.log(len(found) / n) for term, n in count.items() if n >= _LEAST_TEXTS}
    total = sum(rarity[term] for text in found for term in text if term in rarity)
    scale = _TERMS * len(found) / total if total > 0 else 0.0
    return {2 * term + block: float(np.sqrt(scale * value)) for term, value in rarity.items()}
