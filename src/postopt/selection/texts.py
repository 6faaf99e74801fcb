"""What a text says about which model will do well on it: fitted once, at the warm start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from postopt.selection.neighbours import SHARPNESS, memberships, prototypes, regress, unit_rows
from postopt.selection.projection import SUPERVISED, Matrix, latent_basis, projection
from postopt.selection.tokens import HEAD, TAIL, Vocabulary, tokens

FEWEST = 50
"""Texts from which anything is fitted; with fewer the table is all there is (arbitrary)."""

MOST = 8192
"""Texts that are fitted at most, spread evenly over those given: it bounds time and memory."""

_FOLDS = 4
_CELL_LABELS = 64
_LABEL_WEIGHT = 2.0
_REMEMBERED = 1024


class TextAnswer(NamedTuple):
    """What a text says.

    Attributes:
        unknown: for each model, what to add to its mean over all where the cell says nothing.
        within: for each model, what to add to the mean of a cell that is known.
        point: the supervised part of the text's vector.
    """

    unknown: list[float]
    within: list[float]
    point: Matrix


class TextModel:
    """Expected differences from what the table says, by text; `ask` takes microseconds.

    Two answers for each text and model: where the cell says nothing, relative to the mean over all texts; and on top of
    a known cell. The second is only used as far as it has earned it: `within` is the share
    of it that predicted the differences between models best on held-out texts (4 folds), and 0 unless that is better
    than the table alone by more than its own standard error.

    Args:
        texts: of the warm start, 50 or more.
        scores: of each model on each text, where there is none what the table expects.
        expected: what the table expects for the text's cell without the text's own scores.
        cells: number of the cell of each text, from 0; -1 for no coordinates.
        seed: of the range finder and the prototypes.

    Attributes:
        models: how many there are.
        within: the share of the second answer, 0, 0.5 or 1.
        dimensions: of the supervised part of a text's vector.

    Memory: 2048 x 72 + 192 x (72 + 2 models) numbers of 4 bytes, about 0.7 MB, and the last 1,024 texts' answers.
    """

    def __init__(
        self,
        texts: Sequence[str],
        scores: NDArray[np.float64],
        expected: NDArray[np.float64],
        cells: NDArray[np.int64],
        *,
        seed: int,
    ) -> None:
        self.models = scores.shape[1]
        rows = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), MOST)).astype(int))
        bags_of = [tokens(texts[row]) for row in rows]
        self._vocabulary = Vocabulary(bags_of)
        bags = self._bags(bags_of)
        scores, expected, cells = scores[rows], expected[rows], cells[rows]
        labels = _labels(cells)
        targets = np.hstack([scores - scores.mean(0), scores - expected])
        rng = np.random.default_rng(seed)
        basis = latent_basis(bags, rng)
        self.within = _share_within(bags, basis, scores, targets, labels, cells, seed)
        self._embedding, centres, heads = _fit(bags, basis, scores, targets, labels, seed)
        self._centres = centres * np.float32(SHARPNESS)
        # A column of ones sums the weights in the same product.
        self._heads = np.hstack([heads, np.ones((len(heads), 1), dtype=np.float32)])
        self.dimensions = min(SUPERVISED, self._embedding.shape[1])
        self._embedding *= np.asarray(self._vocabulary.weights, dtype=np.float32)[:, None]
        self._remembered: dict[str, TextAnswer] = {}

    def ask(self, text: str) -> TextAnswer:
        """Return what the text adds for each model."""
        key = text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}{len(text)} {text[-TAIL:]}"
        answer = self._remembered.get(key)
        if answer is None:
            if len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            answer = self._remembered[key] = self._answer(text)
        return answer

    def _answer(self, text: str) -> TextAnswer:
        rows = self._embedding.take(self._vocabulary.of(tokens(text)), 0)
        point: Matrix = np.add.reduce(rows, 0)
        length = math.sqrt(point @ point)
        if length > 0:
            point /= np.float32(length)
        near = np.exp(self._centres @ point)
        found: list[float] = (near @ self._heads).tolist()
        total = found[-1]
        added = [value / total for value in found]
        return TextAnswer(added[: self.models], added[self.models : -1], point[-SUPERVISED:])

    def _bags(self, texts: Sequence[Sequence[str]]) -> Matrix:
        bags = np.zeros((len(texts), max(len(self._vocabulary), 1)), dtype=np.float32)
        weights = np.asarray(self._vocabulary.weights, dtype=np.float32)
        for row, text in enumerate(texts):
            numbers = self._vocabulary.of(text)
            bags[row, numbers] = weights[numbers]
        return unit_rows(bags)


def _fit(
    bags: Matrix,
    basis: Matrix,
    scores: NDArray[np.float64],
    targets: NDArray[np.float64],
    labels: NDArray[np.float64],
    seed: int,
) -> tuple[Matrix, Matrix, Matrix]:
    """Return the projection, the prototypes and what each of them adds."""
    embedding = projection(bags, basis, np.hstack([scores, labels]))
    points = unit_rows(bags @ embedding)
    centres = prototypes(points, np.random.default_rng(seed))
    return embedding, centres, regress(memberships(points, centres), targets)


def _labels(cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a column for each of the most frequent cells: which texts are in it."""
    known, counts = np.unique(cells[cells >= 0], return_counts=True)
    kept = known[np.argsort(-counts, kind="stable")][:_CELL_LABELS]
    labels: NDArray[np.float64] = _LABEL_WEIGHT * (cells[:, None] == kept[None, :])
    return labels


def _share_within(
    bags: Matrix,
    basis: Matrix,
    scores: NDArray[np.float64],
    targets: NDArray[np.float64],
    labels: NDArray[np.float64],
    cells: NDArray[np.int64],
    seed: int,
) -> float:
    """Return how much of the texts' second answer is worth adding to a known cell: 0, 0.5 or 1."""
    known = cells >= 0
    if known.sum() < FEWEST:
        return 0.0
    models = scores.shape[1]
    fold = np.random.default_rng(seed).permutation(len(bags)) % _FOLDS
    added = np.zeros((len(bags), models))
    for number in range(_FOLDS):
        kept, left = fold != number, fold == number
        embedding, centres, heads = _fit(bags[kept], basis, scores[kept], targets[kept], labels[kept], seed)
        shares = memberships(unit_rows(bags[left] @ embedding), centres)
        added[left] = (shares @ heads)[:, models:]
    # Only differences between models decide a choice: what all have in common on a text is taken out.
    missed, added = _centred(targets[known, models:]), _centred(added[known])
    gains = {share: (missed**2 - (missed - share * added) ** 2).sum(1) for share in (0.5, 1.0)}
    share = max(gains, key=lambda share: float(gains[share].mean()))
    gain = gains[share]
    return share if gain.mean() > gain.std() / len(gain) ** 0.5 else 0.0


def _centred(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = rows - rows.mean(1, keepdims=True)
    return centred
