"""A static table of vectors, one for each word, distilled from an embedder: near its vectors, and far cheaper.

A text's vector is the mean of its words' vectors. Two steps make a word's vector. The embedder embeds each word of the
host's texts by itself; the mean of those is already near to what it says of the whole text. A ridge regression from
these means to the embedder's vectors of the texts then turns each word's vector towards what the word does in a
sentence. Since both are linear, what is kept is one table, and no model. A word that was not seen shares the vector of
its bucket: the mean of those of the rarest words.

The regression is fitted on texts without any outcome, so it gives nothing away of one.

Sources: S. Arora, Y. Liang and T. Ma, "A simple but tough-to-beat baseline for sentence embeddings", ICLR 2017 (means
of word vectors); A. E. Hoerl and R. W. Kennard, Technometrics 12(1), 1970, 55-67 (ridge regression).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.embeddings import Embedder, Vectors, check_embedder, embed
from postopt.engagement.expecting.modelfile import ModelFile, read_model, write_model
from postopt.errors import ModelFileError, NotFittedError
from postopt.experiments.terms import key, tokens

_KIND: Final = "static embeddings"
_VERSIONS: Final = {"format": 1, "words": 1}

# Arbitrary, a factor of about three apart: what the texts that are left out choose from, one of five of them.
_PENALTIES: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
_HELD: Final = 5

# Fewer texts than that give no regression; arbitrary.
LEAST_TEXTS: Final = 50

# Arbitrary, far above any post: what comes after it is not read. And texts whose words are added up at a time.
_MOST_CHARACTERS: Final = 10_000
_ROWS: Final = 256


class StaticEmbedder:
    """An `Embedder` that looks words up in a table. It is never changed, so any number of threads may use it.

    Attributes:
        name: of the embedder it was distilled from, and of the table.
        dimension: of a vector.
        fidelity: share of the variance of the embedder's vectors that it gives back, on texts that were left out (R2).

    Args:
        keys: hashes of the words, sorted.
        table: their vectors, one row each; the last row is for words that are not there.
        source: name of the embedder.
        fidelity: as above.
    """

    def __init__(self, keys: NDArray[np.int64], table: NDArray[np.float16], source: str, fidelity: float) -> None:
        self._keys = keys
        self._rounded = table
        self._table = table.astype(np.float32)
        self._source = source
        self.fidelity = fidelity
        self.dimension = int(table.shape[1])
        digest = hashlib.sha256(keys.tobytes() + table.tobytes()).hexdigest()[:12]
        self.name = f"static-{digest}:{source}"

    @classmethod
    def distil(cls, embedder: Embedder, texts: Sequence[str]) -> Self:
        """Return a table of the words of these texts; the embedder embeds each text and each word once.

        Raises:
            NotFittedError: there are fewer than 50 distinct texts with a word.
            ModelError: the embedder cannot embed them.
            ValueError: the embedder is none.
        """
        check_embedder(embedder)
        distinct = sorted({text[:_MOST_CHARACTERS] for text in texts if tokens(text[:_MOST_CHARACTERS])})
        if len(distinct) < LEAST_TEXTS:
            raise NotFittedError(f"{len(distinct)} distinct texts have words; {LEAST_TEXTS} are needed")
        words = {key(word): word for text in distinct for word in tokens(text)}
        keys = np.array(sorted(words), dtype=np.int64)
        alone = embed(embedder, [words[number] for number in keys.tolist()])
        rows = [_keys_of(text) for text in distinct]
        alone = np.concatenate([alone, _unknown(alone, keys, rows)])
        means = _means(alone, _places(keys, rows))
        centre, spread = means.mean(axis=0), np.maximum(means.std(axis=0), 1e-6)
        turned, fidelity = _turned((means - centre) / spread, embed(embedder, distinct))
        weights, start = turned[:-1], turned[-1]
        table = ((alone - centre) / spread) @ weights + start
        return cls(keys, table.astype(np.float16), embedder.name, fidelity)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of the texts, one row each; a text without words has that of an unknown word."""
        places = _places(self._keys, [_keys_of(text[:_MOST_CHARACTERS]) for text in texts])
        return _means(self._table, places)

    def save(self, path: str | Path) -> None:
        """Write the table to a folder, whole or not at all.

        Raises:
            ModelFileError: the folder holds something else.
            OSError: it cannot be written.
        """
        state = {"source": self._source, "fidelity": self.fidelity}
        write_model(path, _KIND, _VERSIONS, ModelFile({"keys": self._keys, "table": self._rounded}, state))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return a table that `save` wrote.

        Raises:
            ModelFileError: there is none, or it is damaged.
            NewerModelError: another version of postopt wrote it.
        """
        arrays, state = read_model(path, _KIND, _VERSIONS)
        try:
            return cls(arrays["keys"], arrays["table"], str(state["source"]), float(state["fidelity"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{path} does not hold a table of vectors: {error}") from error


def _keys_of(text: str) -> list[int]:
    return [key(word) for word in tokens(text)]


def _places(keys: NDArray[np.int64], rows: Sequence[Sequence[int]]) -> list[NDArray[np.int64]]:
    """Return the rows of a table that hold the words of each text; its last row for unknown ones, and for no words."""
    sizes = [max(len(row), 1) for row in rows]
    flat = np.fromiter(chain.from_iterable(row or (-1,) for row in rows), dtype=np.int64, count=sum(sizes))
    places = np.minimum(np.searchsorted(keys, flat), len(keys) - 1)
    places = np.where(keys[places] == flat, places, len(keys))
    return np.split(places, np.cumsum(sizes)[:-1]) if rows else []


def _means(table: Vectors, places: Sequence[NDArray[np.int64]]) -> Vectors:
    """Return the mean of some rows of a table for each text."""
    means = np.empty((len(places), table.shape[1]), dtype=np.float32)
    for first in range(0, len(places), _ROWS):
        some = places[first : first + _ROWS]
        sizes = np.array([len(place) for place in some])
        sums = np.add.reduceat(table[np.concatenate(some)], np.cumsum(sizes) - sizes, axis=0)
        means[first : first + _ROWS] = sums / sizes[:, None]
    return means


def _unknown(alone: Vectors, keys: NDArray[np.int64], rows: Sequence[Sequence[int]]) -> Vectors:
    """Return what stands for a word that was not seen: the mean of those seen in one text, or of all."""
    seen = np.concatenate([np.searchsorted(keys, sorted(set(row))) for row in rows])
    once = np.bincount(seen, minlength=len(keys)) == 1
    unknown: Vectors = alone[once if once.any() else slice(None)].mean(axis=0, keepdims=True)
    return unknown


def _turned(means: Vectors, vectors: Vectors) -> tuple[NDArray[Any], float]:  # Any: of one of two precisions
    """Return weights (the last row is the constant) that lead from means to vectors, and their R2 out of sample."""
    held = np.arange(len(means)) % _HELD == 0
    columns = np.column_stack([means / np.sqrt(means.shape[1]), np.ones(len(means))]).astype(np.float64)
    best, fidelity = _PENALTIES[0], -np.inf
    total = np.sum((vectors[held] - vectors[~held].mean(axis=0)) ** 2, dtype=np.float64)
    for penalty in _PENALTIES:
        left = vectors[held] - columns[held] @ _ridge(columns[~held], vectors[~held], penalty)
        r2 = 1 - float(np.sum(left**2)) / max(float(total), 1e-30)
        if r2 > fidelity:
            best, fidelity = penalty, r2
    weights = _ridge(columns, vectors, best)
    weights[:-1] /= np.sqrt(means.shape[1])
    return weights, fidelity


def _ridge(columns: NDArray[np.float64], values: Vectors, penalty: float) -> NDArray[np.float64]:
    penalties = np.full(columns.shape[1], penalty)
    penalties[-1] = 1e-9  # the constant is free
    return np.asarray(np.linalg.solve(columns.T @ columns + np.diag(penalties), columns.T @ values), dtype=np.float64)
