"""What past contrasts teach about the difference between two texts: expected difference, and how far it may be off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.comparing.contrastprocess import Matrix, fit
from postopt.engagement.comparing.embeddingkernel import EmbeddingKernel
from postopt.engagement.comparing.textkernel import Row, TextKernel, Vector, read_words
from postopt.engagement.embeddings import Embedder, embed
from postopt.experiments.contrasts import Contrasts, Indices, contrasts
from postopt.experiments.records import Group

# The inverse takes memory by the square and time by the cube of the texts: 7,000 are 200 MB a matrix, and a minute.
MOST_TEXTS: Final = 7_000

# Weight of words beside an embedder's kernel. Fitted on open headline tests, where .1 to .3 do as well.
_WORDS_BESIDE: Final = 0.15

# How much of the spread the kernel may explain. Of .3, .5 and .7 none does better on open headline tests; where it is
# too much, the slope says so.
_SHARE: Final = 0.5

# Standard deviation of the log-odds within a group below which nobody's texts are believed to lie, however much was
# seen; arbitrary.
LEAST_SPREAD: Final = 0.05

# The part of the prior variance below which no pair is believed to be known, however much was seen; arbitrary.
_LEAST_SPAN: Final = 0.01


class Seen(NamedTuple):
    """A text as the model compares it: a vector of words, one of an embedder (or None), and its score."""

    row: Row
    placed: Matrix | None
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantModel:
    """A Gaussian process over texts, fitted within contrasts. It is never changed, so any number of threads may use it.

    Attributes:
        words: kernel of the words.
        weights: of its columns.
        embedding: kernel of an embedder, or None.
        dual: of its points.
        beside: weight of the kernel of words.
        scale: variance of one unit of the kernels together.
        unexplained: variance of the true log-odds that no kernel sees.
        slope: by which expected differences are shrunk, from predictions out of fold; already in the scores.
        span: variance of true differences around the expected, in units of that expected before anything was learned;
            from predictions out of fold.
        centre: mean score of the learned texts.
    """

    words: TextKernel
    weights: Vector
    embedding: EmbeddingKernel | None
    dual: Vector
    beside: float
    scale: float
    unexplained: float
    slope: float
    span: float
    centre: float

    @classmethod
    def learn(cls, groups: Sequence[Group], embedder: Embedder | None, *, design_effect: float) -> Self:
        """Return what these groups, as `read_groups` returns them, teach."""
        data = contrasts(groups, design_effect=design_effect)
        texts, of = np.unique(np.array(data.texts, dtype=object), return_inverse=True)
        read = [read_words(text) for text in texts]
        words = TextKernel.learn(read)
        rows = [words.row(text) for text in read]
        embedding = None if embedder is None else EmbeddingKernel.learn(embed(embedder, list(texts)))
        beside = 1.0 if embedding is None else _WORDS_BESIDE
        kernel = np.float32(beside) * words.gram(rows)
        if embedding is not None:
            kernel += embedding.gram()
        kernel = kernel[np.ix_(of, of)]
        unit = 1 / max(_within(data, kernel), 1e-12)
        spread = spread_of(data)
        scale, unexplained = unit * _SHARE * spread**2, (1 - _SHARE) * spread**2
        kernel *= np.float32(scale)
        learned = fit(data, kernel, unexplained)
        slope, span = _calibrated(data, learned.held_out, kernel, unexplained)
        dual = (slope * scale * np.bincount(of, learned.dual, minlength=len(texts))).astype(np.float64)
        model = cls(
            words=words, weights=words.collapse(rows, beside * dual), embedding=embedding, dual=dual, beside=beside,
            scale=scale, unexplained=unexplained, slope=slope, span=span, centre=0.0,
        )  # fmt: skip
        placed = None if embedding is None else embedding.points
        return replace(model, centre=float(np.mean(model._scores(rows, placed))))

    def see(self, texts: Sequence[str], embedder: Embedder | None) -> list[Seen]:
        """Return the texts as the model compares them.

        Args:
            texts: any.
            embedder: the one it was learned with.

        Raises:
            ModelError: the embedder cannot embed them.
        """
        rows = [self.words.row(read_words(text)) for text in texts]
        if self.embedding is None or embedder is None:
            return [Seen(row, None, score) for row, score in zip(rows, self._scores(rows, None), strict=True)]
        placed = self.embedding.place(embed(embedder, texts))
        return [Seen(*parts) for parts in zip(rows, placed, self._scores(rows, placed), strict=True)]

    def _scores(self, rows: Sequence[Row], placed: Matrix | None) -> list[float]:
        scores = np.array([self.words.apply(self.weights, row) for row in rows], dtype=np.float64) - self.centre
        if self.embedding is not None and placed is not None:
            scores += self.embedding.apply(self.dual, placed)
        return [float(score) for score in scores]

    def variance(self, a: Seen, b: Seen) -> float:
        """Return the variance of the true difference of two different texts around that of their scores."""
        apart = self.beside * self.words.distance(a.row, b.row)
        if a.placed is not None and b.placed is not None:
            apart += EmbeddingKernel.distance(a.placed, b.placed)
        return self.span * (self.scale * apart + 2 * self.unexplained)

    def arrays(self) -> dict[str, NDArray[Any]]:  # Any: of several dtypes
        """Return the arrays of a file."""
        embedding = {} if self.embedding is None else {**self.embedding.arrays(), "dual": self.dual}
        return {**self.words.arrays(), **embedding, "weights": self.weights}

    def state(self) -> dict[str, float]:
        """Return the rest of a file."""
        return {name: getattr(self, name) for name in _NUMBERS}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], state: Mapping[str, Any]) -> Self:  # Any: several dtypes; JSON
        """Return the model that gave these.

        Raises:
            KeyError: something is missing.
            TypeError, ValueError: something is no number.
        """
        with_embedding = "dual" in arrays
        return cls(
            words=TextKernel.from_arrays(arrays),
            weights=arrays["weights"],
            embedding=EmbeddingKernel.from_arrays(arrays) if with_embedding else None,
            dual=arrays["dual"] if with_embedding else np.zeros(0),
            **{name: float(state[name]) for name in _NUMBERS},
        )


_NUMBERS = ("beside", "scale", "unexplained", "slope", "span", "centre")


def spread_of(data: Contrasts) -> float:
    """Return the standard deviation of the true log-odds within a group, and no less than the data can tell from 0.

    If all texts were equal, the moment estimate of its square (`Contrasts.spread`) would lie around 0 with a standard
    error of sqrt(2 d) / c: Q has d degrees of freedom, and c is what Q less d is divided by. So texts that few have
    seen, and that look equal, are not taken to be equal.
    """
    weights = 1 / data.variance
    total = data.sums(weights)
    scale = float(np.sum(total - data.sums(weights**2) / total))
    chance = math.sqrt(2 * (len(data.texts) - len(data))) / scale
    return max(data.spread(), math.sqrt(chance), LEAST_SPREAD)


def pairs_of(data: Contrasts) -> tuple[Indices, Indices]:
    """Return the first and second row of each pair of texts in one group."""
    ends = [*data.start[1:].tolist(), len(data.texts)]
    spans = zip(data.start.tolist(), ends, strict=True)
    found = [pair for first, end in spans for pair in combinations(range(first, end), 2)]
    both = np.array(found, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def most_informative(groups: Sequence[Group], design_effect: float) -> list[Group]:
    """Return the groups with the most information that have `MOST_TEXTS` texts together, in their order."""
    data = contrasts(groups, design_effect=design_effect)
    information = data.sums(1 / data.variance)
    kept, texts = set(), 0
    for index in np.argsort(-information, kind="stable").tolist():
        texts += len(groups[index])
        if texts > MOST_TEXTS:
            break
        kept.add(index)
    return [group for index, group in enumerate(groups) if index in kept]


def _within(data: Contrasts, kernel: Matrix) -> float:
    """Return the mean variance within a group that a process with this kernel has."""
    ends = [*data.start[1:].tolist(), len(data.texts)]
    between = sum(
        float(kernel[first:end, first:end].mean()) * (end - first)
        for first, end in zip(data.start.tolist(), ends, strict=True)
    )
    own = float(np.sum(np.diag(kernel), dtype=np.float64))
    return float(own - between) / (len(data.texts) - len(data))


def _calibrated(data: Contrasts, predicted: Vector, kernel: Matrix, unexplained: float) -> tuple[float, float]:
    """Return slope and span, by what was predicted of each text without its component.

    The span is a mean of what is left, weighted by w^2 prior. Under normal laws each pair's has a variance of 2 / w^2,
    and as many are independent as there are contrasts; no span below the standard error of a span of 0 is believed.
    """
    a, b = pairs_of(data)
    expected, observed = predicted[b] - predicted[a], data.effect[b] - data.effect[a]
    noise = data.variance[a] + data.variance[b]
    prior = kernel[a, a] + kernel[b, b] - 2 * kernel[a, b].astype(np.float64) + 2 * unexplained
    weights = 1 / (noise + prior)
    power = float(np.sum(weights * expected**2))
    slope = max(float(np.sum(weights * expected * observed)) / power, 0.0) if power > 0 else 0.0
    left = (observed - slope * expected) ** 2 - noise
    known = float(np.sum((weights * prior) ** 2))
    chance = math.sqrt(2 / known * len(a) / (len(data.texts) - len(data)))
    return slope, max(float(np.sum(weights**2 * left * prior)) / known, chance, _LEAST_SPAN)
