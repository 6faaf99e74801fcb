"""What is expected of a post: words, page and circumstances put together, for one post or for many."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from postopt.engagement.baseline import ENOUGH, PageBaseline, Standing
from postopt.engagement.expecting.heads import Head, Matrix
from postopt.engagement.expecting.reading import Reader, Reading
from postopt.engagement.expecting.spaces import OF_ALL, SPACES, Floats
from postopt.engagement.expecting.words import WordModel
from postopt.engagement.ngrams import Indices, Vector
from postopt.engagement.posts import Columns, Row
from postopt.quality.features import FeatureBatch

# Page, language and type of a post, and how many of the page's labels counted: -1 for all.
_Alike: TypeAlias = tuple[str, str, str, int]

# Nothing is expected to do better; expm1 of it is the largest outcome that is read.
_MOST = math.log1p(1e12)


class Expectation(NamedTuple):
    """What is expected of one post, in log1p units.

    Attributes:
        centre: as many posts like it do better as do worse.
        spread: how far off that usually is, against posts of settled pages.
        standing: of its page.
        reading: its columns.
        weights: what each of them says; see `WordModel.weights`.
    """

    centre: float
    spread: float
    standing: Standing
    reading: Reading
    weights: Floats


class Expectations(NamedTuple):
    """What is expected of many posts: `Expectation` in columns, with the standing's level, baseline and n."""

    centre: Vector
    spread: Vector
    level: Vector
    baseline: Vector
    n: Indices


@dataclass(slots=True)
class Experts:
    """The parts that learn, and what weighs what they say.

    On a page with `ENOUGH` labels that counted, what its words say is all: the page is one of them. On one with n fewer
    that weighs n to 1 against what `newcomers` says, and errors are that much larger.

    Attributes:
        baseline: what pages usually get.
        words: what words and circumstances say.
        reader: reads posts for it.
        newcomers: of a page without any label, by how much a post is above what its language and type usually get.
        surprise: how far off that is, against posts of settled pages; at least 1.
    """

    baseline: PageBaseline
    words: WordModel
    reader: Reader
    newcomers: Head = field(default_factory=lambda: Head.fit(np.zeros((0, OF_ALL + 1)), np.zeros(0)))
    surprise: float = 1.0

    def expect(self, row: Row, known: float) -> Expectation:
        """Return what is expected of a post, from labels of its page that counted at `known`."""
        standing = self.baseline.standing(row.page, language=row.language, type=row.type, now=known)
        reading = self.reader.one(row)
        weights = self.words.weights(reading)
        centre, spread = self.words.usual + float(weights.dot(reading.shape.x)), 1.0
        if standing.n < ENOUGH:
            numbers = self.numbers(row, reading, weights)
            centre, spread = map(float, self.on_new_page(centre, numbers, standing.n))
        return Expectation(min(max(centre, 0.0), _MOST), spread, standing, reading, weights)

    def numbers(self, row: Row, reading: Reading, weights: Floats) -> Vector:
        """Return what `newcomers` reads of a post: what spaces say on any page, and what its kind usually gets."""
        says = np.bincount(reading.shape.space, weights * reading.shape.x, len(SPACES))
        return np.append(says[:OF_ALL], self.baseline.of_kind(row.language, row.type)[0])

    def on_new_page(self, centre: Any, numbers: Any, n: Any) -> tuple[Any, Any]:  # Any: of one post or of many
        """Return centre and spread of a post on a page with n labels, fewer than `ENOUGH`.

        Args:
            centre: what its words say, the page's own among them.
            numbers: what `newcomers` reads, a row for each post.
            n: that many.
        """
        known = n / (n + 1)
        unknown = numbers[..., -1] + self.newcomers.says(numbers)
        return known * centre + (1 - known) * unknown, np.sqrt(1 + (self.surprise**2 - 1) / (n + 1))

    def expect_many(self, columns: Columns, nows: Vector, texts: FeatureBatch | None = None) -> Expectations:
        """Return what is expected of many posts, as `expect` says it of each; `texts` if they were read already."""
        says = self.words.says_of(self.reader.many(columns, texts))
        level, baseline, n = self._standings(columns, nows)
        # Column by column: the rounding of a post does not depend on how many others there are.
        centre, spread = sum(says.T, np.full(len(n), self.words.usual)), np.ones(len(n))
        new = np.flatnonzero(n < ENOUGH)
        if len(new):
            kinds = self._kinds(columns, new)
            numbers = np.column_stack([says[new, :OF_ALL], kinds])
            centre[new], spread[new] = self.on_new_page(centre[new], numbers, n[new])
        return Expectations(np.clip(centre, 0.0, _MOST), spread, level, baseline, n)

    def _kinds(self, columns: Columns, rows: Indices) -> Matrix:
        """Return what posts of the language and type of each row usually get."""
        kinds = [(columns.languages[row], columns.types[row]) for row in rows.tolist()]
        levels = {kind: self.baseline.of_kind(*kind)[0] for kind in set(kinds)}
        return np.array([levels[kind] for kind in kinds])

    def _standings(self, columns: Columns, nows: Vector) -> tuple[Vector, Vector, Indices]:
        """Return level, baseline and n of the posts' pages, each as it was known when the post was published."""
        places = {page: place for place, page in enumerate(dict.fromkeys(columns.pages))}
        rows = np.fromiter(map(places.__getitem__, columns.pages), np.int64, len(columns))
        latest = [self.baseline.standing(page, language="", type="", now=math.inf) for page in places]
        # Asked for after the standing: if a label comes in between, that can only be too late.
        since = np.array([self.baseline.known(page) for page in places])
        level, baseline, n = (np.array(column)[rows] for column in _columns(latest))
        found: dict[_Alike, Standing] = {}
        for row in np.flatnonzero((n < ENOUGH) | (nows < since[rows])).tolist():
            page, language, kind, now = columns.pages[row], columns.languages[row], columns.types[row], float(nows[row])
            history = self.baseline.histories.get(page)
            alike = (page, language, kind, -1 if history is None or now >= history.known else history.counting(now))
            if alike not in found:
                found[alike] = self.baseline.standing(page, language=language, type=kind, now=now)
            level[row], baseline[row], n[row], _ = found[alike]
        return level, baseline, n


def _columns(standings: list[Standing]) -> tuple[list[float], list[float], list[int]]:
    return [s.level for s in standings], [s.baseline for s in standings], [s.n for s in standings]
