"""What the words of a post say about its outcome: a regression that learns post by post.

Bayesian linear regression on hashed words, their pairs and both crossed with page and type, where each weight has a
mean and a variance of its own and no covariances are kept: the Kalman filter of a constant state with a diagonal
covariance. With x the columns of a post, r by how much its log1p is above the usual and s the variance of the noise,
one update is

    S = s + sum(v * x**2);  e = r - sum(m * x);  g = v * x / S;  m += g * e;  v -= 1.5 * g * x * v

so that a rare word moves far and a common one hardly, and learning never ends. Words that go together share an effect,
which no covariance says here; so variances fall 1.5 times as fast as they would in the filter. No single post, however
far off, moves more than one that is 1.5 standard deviations off. (Both measured: docs/design/0028-predictor.md.) One
pass in order of arrival is all the fitting there is: what it said of a post before its label came is an honest
prediction.

Sources: T. Graepel, J. Q. Candela, T. Borchert and R. Herbrich, "Web-scale Bayesian click-through rate prediction for
sponsored search advertising", ICML 2010 (diagonal posteriors on hashed columns); K. Weinberger et al., "Feature hashing
for large scale multitask learning", ICML 2009 (crossing with a page, in one table).
"""

from __future__ import annotations

from itertools import chain, pairwise
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.expecting.reading import Reading, Readings
from postopt.engagement.ngrams import (
    BUCKETS,
    ODD,
    WIDEST,
    Indices,
    Rows,
    Vector,
    crossed,
    crossed_of,
    joined,
    pairs,
    pairs_of,
    words,
    words_of,
)

Table: TypeAlias = NDArray[np.float32]

NOISE: Final = 1.5
"""Variance of what no word explains, in the square of log1p units; fitted on open posts of 119 pages of 2016."""

# How much faster variances fall than a filter with covariances would have it, up to which share in one step, and how
# many standard deviations an error counts for at most. Fitted on the same posts.
_CERTAINTY = 1.5
_MOST_CERTAINTY = 0.9
_FURTHEST = 1.5


class Space(NamedTuple):
    """Columns of one kind, in a table of their own.

    Attributes:
        name: what they are.
        buckets: how many columns there are, a power of two.
        prior: variance of a weight before anything is known. Fitted on the same posts, as `NOISE` was.
        least: variance that a weight keeps, so that old posts are forgotten; 0 forgets nothing.
    """

    name: str
    buckets: int
    prior: float
    least: float = 0.0


# Words of a page are many more than words are: 119 pages of three months have a million.
_CROSSED: Final = WIDEST
_MASK, _WIDE = BUCKETS - 1, _CROSSED - 1

SPACES: Final = (
    Space("words", BUCKETS, 0.3),
    Space("title", BUCKETS, 0.3),
    Space("pairs", BUCKETS, 0.3),
    Space("title pairs", BUCKETS, 0.3),
    Space("type's words", BUCKETS, 0.3),
    Space("circumstances", BUCKETS, 0.1, 0.002),
    Space("page", BUCKETS, 3.0, 0.001),
    Space("page's words", _CROSSED, 0.5),
    Space("page's circumstances", BUCKETS, 0.1, 0.002),
)
OF_PAGE: Final = 3
"""So many of them, the last, are about one page only."""

STARTS: Final = tuple(np.cumsum([0, *(space.buckets for space in SPACES)]).tolist())
"""Where each space's table begins; the last is where all end."""


class Places(NamedTuple):
    """Where the weights of many posts are.

    Attributes:
        flat: the places of post i are `flat[offsets[i]:offsets[i + 1]]`, space by space.
        offsets: where each post's begin.
        sizes: (n, number of spaces), how many each space has.
    """

    flat: NDArray[np.int32]
    offsets: Indices
    sizes: Indices


class WordModel:
    """The means and variances of all weights, and how they learn.

    What a space says of a post is the sum of its weights over the square root of their number.

    Laws:
        - What was learned depends on the posts and their order, and on nothing else: no clock and no chance.
        - What it says of one post and of many differs by rounding only.

    Attributes:
        noise: variance of what no word explains.
        usual: the logarithm of the usual outcome; what spaces say is by how much a post is above it.

    Reading while another thread learns gives some weights before and some after the update.
    """

    def __init__(self, noise: float = NOISE) -> None:
        self.noise = noise
        self.usual = 0.0
        self.means: Table = np.zeros(STARTS[-1], dtype=np.float32)
        self.variances: Table = np.concatenate(
            [np.full(space.buckets, space.prior, dtype=np.float32) for space in SPACES]
        )
        self._least = np.array([space.least for space in SPACES])
        # Single floats come out of a memoryview sooner than out of an array, whose memory it shares.
        self._views: list[Any] = [self.means[a:b].data for a, b in pairwise(STARTS)]  # Any: typed as if of ints

    def says(self, reading: Reading) -> tuple[list[float], list[list[float]]]:
        """Return what each space says of a post, and the weights of its columns."""
        # The columns of `columns_of`, looked up as they are found: this is most of what a single prediction costs.
        words, title, pairs, title_pairs, of_type, common, page, of_page, own = self._views
        text, titled, key, name, mask, wide = reading.text, reading.title, reading.type, reading.page, _MASK, _WIDE
        both = text + titled
        weights: list[list[float]] = [
            [words[token & mask] for token in text],
            [title[token & mask] for token in titled],
            [pairs[(first * ODD + second) & mask] for first, second in pairwise(text)],
            [title_pairs[(first * ODD + second) & mask] for first, second in pairwise(titled)],
            [of_type[(token ^ key) & mask] for token in both],
            [common[token & mask] for token in reading.common],
            [page[name & mask]],
            [of_page[(token ^ name) & wide] for token in both],
            [own[token & mask] for token in reading.own],
        ]
        return [sum(part) * len(part) ** -0.5 if part else 0.0 for part in weights], weights

    def says_of(self, readings: Readings) -> Vector:
        """Return what each space says of many posts, a column for each space."""
        found = []
        for start, rows in zip(STARTS[:-1], rows_of(readings), strict=True):
            found.append(rows.times(self.means[start:]) / np.sqrt(np.maximum(rows.sizes, 1)))
        return np.column_stack(found)

    def says_at(self, places: NDArray[np.int32], sizes: Indices) -> Vector:
        """Return what each space says of one post whose weights are at these places."""
        space = np.repeat(_SPACE, sizes)
        return np.bincount(space, self.means[places], minlength=len(_SPACE)) / np.sqrt(np.maximum(sizes, 1))

    def learn(self, reading: Reading, residual: float) -> None:
        """Learn from one post: by how much its log1p was above the usual."""
        columns = columns_of(reading)
        sizes = np.array([len(part) for part in columns])
        flat = np.fromiter(chain.from_iterable(columns), np.int64)
        self.learn_at(flat + np.repeat(_STARTS, sizes), sizes, residual)

    def learn_at(self, places: NDArray[np.integer], sizes: Indices, residual: float) -> None:
        """Learn from one post whose weights are at these places."""
        x = np.repeat(np.maximum(sizes, 1) ** -0.5, sizes)
        m, v = self.means[places], self.variances[places]
        vx = v * x
        variance = self.noise + float(vx @ x)
        most = _FURTHEST * variance**0.5
        gain = vx / variance
        # A place that is there twice moves once: the last assignment holds.
        self.means[places] = m + gain * min(max(residual - float(m @ x), -most), most)
        share = np.minimum(_CERTAINTY * gain * x, _MOST_CERTAINTY)
        self.variances[places] = np.maximum(v - share * v, np.repeat(self._least, sizes))


_SPACE = np.arange(len(SPACES))
_STARTS = np.array(STARTS[:-1])


def columns_of(reading: Reading) -> list[list[int]]:
    """Return a post's columns in each of `SPACES`."""
    text, title = reading.text, reading.title
    both = text + title
    return [
        words(text), words(title), pairs(text), pairs(title), crossed(both, reading.type), words(reading.common),
        words([reading.page]), crossed(both, reading.page, _CROSSED), words(reading.own),
    ]  # fmt: skip


def rows_of(readings: Readings) -> list[Rows]:
    """Return many posts' columns in each of `SPACES`, as `columns_of` does for one."""
    text, title = (readings.text, readings.text_offsets), (readings.title, readings.title_offsets)
    both = joined(Rows(*text), Rows(*title))
    n, of_all = readings.common.shape
    of_page = readings.own.shape[1]
    return [
        words_of(*text), words_of(*title), pairs_of(*text), pairs_of(*title),
        crossed_of(both.columns, both.offsets, readings.types),
        words_of(readings.common.ravel(), np.arange(n + 1) * of_all),
        words_of(readings.pages, np.arange(n + 1)),
        crossed_of(both.columns, both.offsets, readings.pages, _CROSSED),
        words_of(readings.own.ravel(), np.arange(n + 1) * of_page),
    ]  # fmt: skip


def places_of(readings: Readings) -> Places:
    """Return where the weights of many posts are, in the order of `columns_of`."""
    rows = rows_of(readings)
    sizes = np.column_stack([part.sizes for part in rows])
    offsets = np.concatenate([[0], np.cumsum(sizes.sum(axis=1))])
    flat, before = np.empty(offsets[-1], dtype=np.int32), offsets[:-1].copy()
    for start, part in zip(STARTS[:-1], rows, strict=True):
        flat[np.repeat(before - part.offsets[:-1], part.sizes) + np.arange(len(part.columns))] = part.columns + start
        before += part.sizes
    return Places(flat, offsets, sizes)
