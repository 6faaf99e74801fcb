"""What is expected of a post: words, page and circumstances put together, for one post or for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from postopt.engagement.baseline import ENOUGH, PageBaseline, Standing
from postopt.engagement.expecting.heads import Head, Matrix
from postopt.engagement.expecting.history import CONTEXT_NAMES
from postopt.engagement.expecting.reading import Reader, Reading
from postopt.engagement.expecting.words import OF_PAGE, SPACES, WordModel
from postopt.engagement.ngrams import Indices, Vector
from postopt.engagement.posts import Columns, Row
from postopt.quality.features import FeatureBatch

COLD, YOUNG, SETTLED = range(3)
"""A page without any label that counts, with fewer than `ENOUGH`, and with as many or more."""

NUMBERS: Final = (*(space.name for space in SPACES), *CONTEXT_NAMES, "own level")
"""What the heads read of a post."""

OF_ALL: Final = len(SPACES) - OF_PAGE
"""So many of the spaces, the first, say the same on any page."""

# Page, language, type and hour of a post, and how many of the page's labels counted: -1 for all.
_Alike: TypeAlias = tuple[str, str, str, int, int]

_NOTHING = (0.0,) * OF_PAGE
_LEVEL = CONTEXT_NAMES.index("level")
_BEFORE, _AFTER = (0.0,) * _LEVEL, (0.0,) * (len(CONTEXT_NAMES) - _LEVEL - 1)

# Nothing is expected to do better; expm1 of it is the largest outcome that is read.
_MOST = math.log1p(1e12)


class Expectation(NamedTuple):
    """What is expected of one post, in log1p units.

    Attributes:
        centre: as many posts like it do better as do worse.
        spread: how far off that usually is, against posts of settled pages.
        standing: of its page.
        reading: its hashes.
        says: what each space says of it.
        weights: what each word or circumstance says, space by space.
        adds: what each of `NUMBERS` adds to the page's level.
    """

    centre: float
    spread: float
    standing: Standing
    reading: Reading
    says: list[float]
    weights: list[list[float]]
    adds: list[float]

    @property
    def common(self) -> float:
        """What its words and circumstances say on any page."""
        return sum(self.says[:OF_ALL])


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

    Attributes:
        baseline: what pages usually get.
        words: what words and circumstances say.
        reader: reads posts for it.
        heads: for each kind of pages, `COLD`, `YOUNG` and `SETTLED`, how much each of `NUMBERS` counts.
        spreads: for each kind, how far off expectations are against those for settled pages.
    """

    baseline: PageBaseline
    words: WordModel
    reader: Reader
    heads: Sequence[Head] = ()
    spreads: Sequence[float] = (1.0, 1.0, 1.0)

    def expect(self, row: Row, now: float, known: float | None = None) -> Expectation:
        """Return what is expected of a post that is published `now`, from labels that counted then or at `known`."""
        known = now if known is None else known
        standing = self.baseline.standing(row.page, language=row.language, type=row.type, now=known)
        reading = self.reader.one(row)
        says, weights = self.words.says(reading)
        numbers = numbers_of(says, standing, row.type, row.hour, now)
        kind = kind_of(standing.n)
        head = self.heads[kind]
        adds = head.adds(numbers)
        centre = min(max(standing.level + head.intercept + sum(adds), 0.0), _MOST)
        return Expectation(centre, self.spreads[kind], standing, reading, says, weights, adds)

    def expect_many(self, columns: Columns, nows: Vector, texts: FeatureBatch | None = None) -> Expectations:
        """Return what is expected of many posts, as `expect` says it of each; `texts` if they were read already."""
        says = self.words.says_of(self.reader.many(columns, texts))
        places, standings, contexts = self._standings(columns, nows)
        level = np.array([standing.level for standing in standings])[places]
        baseline = np.array([standing.baseline for standing in standings])[places]
        n = np.array([standing.n for standing in standings], dtype=np.int64)[places]
        newest = np.array([standing.past.newest if standing.past else 0.0 for standing in standings])[places]
        says[n < ENOUGH, OF_ALL:] = 0.0
        context = contexts[places]
        silence = np.log1p(np.maximum(nows - newest, 0.0) / 3600.0)
        context[:, -2] = np.where(n > 0, silence, 0.0)
        numbers = np.column_stack([says, context])
        kinds = np.where(n >= ENOUGH, SETTLED, np.where(n > 0, YOUNG, COLD))
        centre = self.weighed(numbers, level, kinds)
        return Expectations(centre, np.array(self.spreads)[kinds], level, baseline, n)

    def weighed(self, numbers: Matrix, level: Vector, kinds: Indices) -> Vector:
        """Return the centres of posts with these numbers."""
        centre = level.copy()
        for kind, head in enumerate(self.heads):
            chosen = kinds == kind
            if chosen.any():
                centre[chosen] += head.many(numbers[chosen])
        return np.clip(centre, 0.0, _MOST)

    def _standings(self, columns: Columns, nows: Vector) -> tuple[Indices, list[Standing], Matrix]:
        """Return what is known of the posts' pages, and for each post the place of that: posts alike share one."""
        # Of a page all labels count, or so many: what is known of it then is the same.
        posts: list[_Alike] = list(
            zip(columns.pages, columns.languages, columns.types, columns.hours.tolist(), repeat(-1))
        )
        known = {page: self.baseline.known(page) for page in set(columns.pages)}
        then = np.array([known[page] for page in columns.pages])
        for early in np.flatnonzero(nows < then).tolist():
            history = self.baseline.histories[columns.pages[early]]
            posts[early] = (*posts[early][:-1], history.counting(float(nows[early])))
        found: dict[_Alike, int] = {}
        places = np.array([found.setdefault(post, len(found)) for post in posts], dtype=np.int64)
        some = np.empty(len(found), dtype=np.int64)
        some[places] = np.arange(len(places))
        standings: list[Standing] = []
        contexts: list[tuple[float, ...]] = []
        pages: dict[tuple[str, str, str, int], Standing] = {}
        for (page, language, kind, hour, count), now in zip(found, nows[some].tolist(), strict=True):
            standing = pages.get((page, language, kind, count))
            if standing is None:
                standing = self.baseline.standing(page, language=language, type=kind, now=now)
                pages[page, language, kind, count] = standing
            standings.append(standing)
            contexts.append(numbers_of((), standing, kind, hour, now))
        table = np.array(contexts).reshape(len(standings), len(CONTEXT_NAMES) + 1)
        return places, standings, table


def kind_of(n: int) -> int:
    """Return which head a page with that many labels has."""
    return SETTLED if n >= ENOUGH else YOUNG if n else COLD


def numbers_of(says: Sequence[float], standing: Standing, kind: str, hour: int, now: float) -> tuple[float, ...]:
    """Return `NUMBERS` of a post of which the words' model says that; a young page's own words count for nothing."""
    if standing.n < ENOUGH and says:
        says = (*says[:OF_ALL], *_NOTHING)
    past = standing.past
    if past is None:
        return (*says, *_BEFORE, standing.level, *_AFTER, 0.0)
    return (*says, *past.columns(kind, hour), past.silence(now), past.level - standing.level)
