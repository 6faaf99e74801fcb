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

All weights are in one table, and a post's are fetched at once: x is such that each weight has the variance 1
beforehand, whatever space it belongs to.

Sources: T. Graepel, J. Q. Candela, T. Borchert and R. Herbrich, "Web-scale Bayesian click-through rate prediction for
sponsored search advertising", ICML 2010 (diagonal posteriors on hashed columns); K. Weinberger et al., "Feature hashing
for large scale multitask learning", ICML 2009 (crossing with a page, in one table).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.expecting.reading import Reading, Readings
from postopt.engagement.expecting.spaces import (
    CIRCUMSTANCES,
    COMMON,
    KEYS,
    OF_PAGE,
    OF_TYPE,
    OWN,
    PAGE,
    PAIRS,
    SPACES,
    TITLE,
    TITLE_PAIRS,
    WORDS,
    Floats,
    sizes,
)
from postopt.engagement.ngrams import BUCKETS, MASK, Hashes, Indices, Vector, pairs, sums

Matrix: TypeAlias = NDArray[np.float64]

NOISE: Final = 1.5
"""Variance of what no word explains, in the square of log1p units; fitted on open posts of 119 pages of 2016."""

# How much faster variances fall than a filter with covariances would have it, up to which share in one step, and how
# many standard deviations an error counts for at most. Fitted on the same posts.
_CERTAINTY = 1.5
_MOST_CERTAINTY = 0.9
_FURTHEST = 1.5

# Posts whose words are looked up at once, so that what they need fits a core's cache; arbitrary.
_ROWS = 1024

_CIRCUMSTANCES = np.array(CIRCUMSTANCES)
_CIRCUMSTANCE_KEYS = KEYS[_CIRCUMSTANCES].astype(np.uint32)


class WordModel:
    """The means and variances of all weights, and how they learn.

    Laws:
        - What was learned depends on the posts and their order, and on nothing else: no clock and no chance.
        - What it says of one post and of many differs by rounding only.

    Attributes:
        noise: variance of what no word explains.
        usual: the logarithm of the usual outcome; what weights say is by how much a post is above it.

    Reading while another thread learns gives some weights before and some after the update.
    """

    def __init__(self, noise: float = NOISE) -> None:
        self.noise = noise
        self.usual = 0.0
        self.means: Floats = np.zeros(BUCKETS, dtype=np.float32)
        self.variances: Floats = np.ones(BUCKETS, dtype=np.float32)

    def weights(self, reading: Reading) -> Floats:
        """Return the weight of each of a post's columns; times its shape's `x` they sum up to what is said of it."""
        return self.means.take(reading.columns)

    def says_of(self, readings: Readings) -> Matrix:
        """Return what each space says of many posts, a column for each space."""
        rows = range(0, len(readings.pages), _ROWS)
        said = [self._says_of(readings.take(first, first + _ROWS)) for first in rows]
        return np.concatenate([np.zeros((0, len(SPACES))), *said])

    def _says_of(self, readings: Readings) -> Matrix:
        found = np.zeros((len(readings.pages), len(SPACES)))
        for tokens, offsets, alone, paired in (
            (readings.text, readings.text_offsets, WORDS, PAIRS),
            (readings.title, readings.title_offsets, TITLE, TITLE_PAIRS),
        ):
            counts = np.diff(offsets)
            found[:, alone] = self._sums(tokens, KEYS[alone], offsets)
            found[:, OF_TYPE] += self._sums(tokens ^ np.repeat(readings.types, counts), KEYS[OF_TYPE], offsets)
            found[:, OF_PAGE] += self._sums(tokens ^ np.repeat(readings.pages, counts), KEYS[OF_PAGE], offsets)
            found[:, paired] = self._pairs(tokens, KEYS[paired], offsets)
        circumstances = self.means[(readings.circumstances ^ _CIRCUMSTANCE_KEYS) & MASK]
        for space in (COMMON, PAGE, OWN):
            found[:, space] = sum(circumstances.T[space == _CIRCUMSTANCES])
        for space, n in enumerate(sizes(np.diff(readings.text_offsets), np.diff(readings.title_offsets))):
            found[:, space] *= np.sqrt(SPACES[space].prior / np.maximum(n, 1))
        return found

    def _sums(self, hashes: Hashes, key: np.int32, offsets: Indices) -> Vector:
        return sums(self._found(hashes, key), offsets)

    def _found(self, hashes: Hashes, key: np.int32) -> Floats:
        # Seen as int32, which they fit, they are looked up sooner than as uint32.
        return self.means.take(((hashes ^ np.uint32(key)) & MASK).view(np.int32))

    def _pairs(self, tokens: Hashes, key: np.int32, offsets: Indices) -> Vector:
        weights = np.zeros(len(tokens), dtype=np.float32)
        weights[:-1] = self._found(pairs(tokens), key)
        weights[offsets[1:][offsets[:-1] < offsets[1:]] - 1] = 0.0  # behind a text's last token another text begins
        return sums(weights, offsets)

    def learn(self, reading: Reading, residual: float) -> None:
        """Learn from one post: by how much its log1p was above the usual."""
        places, x = reading.columns.astype(np.intp), reading.shape.x
        m, v = self.means.take(places), self.variances.take(places)
        vx = v * x
        variance = self.noise + float(vx.dot(x))
        most = _FURTHEST * variance**0.5
        gain = vx * np.float32(1 / variance)
        # A place that is there twice moves once: the last assignment holds.
        self.means[places] = m + gain * np.float32(min(max(residual - float(m.dot(x)), -most), most))
        share = np.minimum(gain * (np.float32(_CERTAINTY) * x), np.float32(_MOST_CERTAINTY))
        self.variances[places] = np.maximum(v - share * v, reading.shape.least)
