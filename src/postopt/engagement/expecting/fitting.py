"""One pass over past posts: what would have been expected of each when it was published, and learning from it."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.baseline import Standing
from postopt.engagement.covering.intervals import Intervals
from postopt.engagement.expecting.chances import Chances
from postopt.engagement.expecting.expectation import (
    COLD,
    NUMBERS,
    OF_ALL,
    SETTLED,
    YOUNG,
    Experts,
    kind_of,
    numbers_of,
)
from postopt.engagement.expecting.heads import Head, Matrix
from postopt.engagement.expecting.learned import MOST_TOLD, Learned, Range
from postopt.engagement.expecting.words import places_of
from postopt.engagement.ngrams import Indices, Vector
from postopt.engagement.posts import Columns

LEAST_POSTS: Final = 80
"""Fewer posts teach nothing: a quarter of them must be enough for an interval."""

# So few labels a page is taken to have for one in `_EVERY` posts besides, or for more of few posts, so that about
# `_LEAST_CUTS` do: from those the heads of new pages learn. All arbitrary.
_CUTS = (0, 0, 1, 2, 4, 8)
_EVERY = 8
_LEAST_CUTS = 300

# Of the posts in order of time, the first quarter only teaches words and pages, and the heads are judged on the last.
_BURN_IN, _JUDGED = 0.25, 0.75

# A language with fewer posts was not learned; arbitrary.
_LEAST_OF_LANGUAGE = 20

# A kind of page with fewer posts to learn from has the head of all of them, and with fewer errors their spread; both
# arbitrary.
_LEAST_OF_KIND = 30
_LEAST_ERRORS = 10

# Errors count as this much at least where others are divided by them, in log1p units; arbitrary.
_LEAST_ERROR = 0.05


class Known(NamedTuple):
    """What was known of posts when they were published, and what became of them.

    Attributes:
        place: of each post in the order of publication.
        numbers: (n, len(NUMBERS)).
        level: of its page.
        kind: of its page: `COLD`, `YOUNG` or `SETTLED`.
        log: log1p of its outcome.
    """

    place: Indices
    numbers: Matrix
    level: Vector
    kind: Indices
    log: Vector

    def part(self, chosen: NDArray[np.bool_]) -> Known:
        """Return some of the posts."""
        return Known(self.place[chosen], self.numbers[chosen], self.level[chosen], self.kind[chosen], self.log[chosen])


def fit(columns: Columns, keys: list[int], seed: int, experts: Experts, intervals: Intervals) -> Learned:
    """Teach parts that know nothing yet from posts in order of publication, and return all that was learned."""
    start, judged = int(len(columns) * _BURN_IN), int(len(columns) * _JUDGED)
    replay = _Replay(columns, keys, experts)
    seen, cut, late = _replayed(replay, seed, judged)
    both = _joined(seen, cut)
    both = both.part(both.place >= start)
    early = both.part(both.place < judged)
    experts.heads = _heads(early)
    experts.spreads = _spreads(early, np.abs(early.log - experts.weighed(early.numbers, early.level, early.kind)))
    last = seen.part(seen.place >= judged)
    centre, spread = experts.weighed(last.numbers, last.level, last.kind), np.array(experts.spreads)[last.kind]
    published = columns.published[judged:]
    at = published + experts.baseline.maturity
    intervals.fit(columns.pages[judged:], centre, spread, last.log, published, at)
    chances = Chances.fit((centre - last.level) / spread, (last.log > last.level).astype(np.float64))
    then, now = last.log - centre, late.log - experts.weighed(late.numbers, late.level, late.kind)
    stale = _usual(np.abs(then)) / max(_usual(np.abs(now)), _LEAST_ERROR)
    experts.heads = _heads(both)
    told = dict.fromkeys(keys[-MOST_TOLD:], True)
    return Learned(experts, intervals, chances, _range(columns), told, float(at[-1]), max(stale, 1.0))


def _joined(first: Known, second: Known) -> Known:
    return Known(
        np.concatenate([first.place, second.place]), np.concatenate([first.numbers, second.numbers]),
        np.concatenate([first.level, second.level]), np.concatenate([first.kind, second.kind]),
        np.concatenate([first.log, second.log]),
    )  # fmt: skip


def _range(columns: Columns) -> Range:
    counts = Counter(columns.languages)
    languages = {language for language, n in counts.items() if n >= _LEAST_OF_LANGUAGE}
    longest = max(len(text) + len(title) for text, title in zip(columns.texts, columns.titles, strict=True))
    return Range(languages, longest, float(columns.published[0]), float(columns.published[-1]))


def _replayed(replay: _Replay, seed: int, judged: int) -> tuple[Known, Known, Known]:
    """Learn from all posts in order, each label `maturity` after its post.

    Returns what was known of each post when it was published; the same as if some of them had younger pages; and of
    those from place `judged` on what was known when their labels came.
    """
    n = len(replay.columns)
    every = min(max(n // _LEAST_CUTS, 1), _EVERY)
    cuts = np.random.default_rng(seed).integers(0, len(_CUTS) * every, n).tolist()
    seen, cut, late = _Rows(replay), _Rows(replay), _Rows(replay)

    def learn(due: int) -> None:
        if due >= judged:
            late.add(due, replay.says(due), replay.standing(due, None, replay.published[due] + replay.maturity))
        replay.learn(due)

    due = 0
    for place in range(n):
        while due < place and replay.matured(due, place):
            learn(due)
            due += 1
        says = replay.says(place)
        seen.add(place, says, replay.standing(place, None, replay.published[place]))
        replay.common[place] = sum(says[:OF_ALL])
        if cuts[place] < len(_CUTS):
            cut.add(place, says, replay.standing(place, _CUTS[cuts[place]], replay.published[place]))
    for left in range(due, n):
        learn(left)
    return seen.known(), cut.known(), late.known()


class _Replay:
    """Past posts in order, and the experts that learn from them one after another."""

    def __init__(self, columns: Columns, keys: list[int], experts: Experts) -> None:
        self.columns, self.experts, self._keys = columns, experts, keys
        self.published, self.hours = columns.published.tolist(), columns.hours.tolist()
        self.outcomes = columns.outcomes.tolist()
        self.log = np.log1p(columns.outcomes)
        experts.words.usual = float(np.median(self.log[: max(int(len(columns) * _BURN_IN), 1)]))
        places = places_of(experts.reader.many(columns))
        self._flat, self._ends, self._sizes = places.flat, places.offsets.tolist(), places.sizes
        self.common = [0.0] * len(columns)
        self.maturity = experts.baseline.maturity

    def says(self, place: int) -> list[float]:
        """Return what the spaces say of a post now."""
        flat = self._flat[self._ends[place] : self._ends[place + 1]]
        says: list[float] = self.experts.words.says_at(flat, self._sizes[place]).tolist()
        return says

    def standing(self, place: int, most: int | None, now: float) -> Standing:
        """Return what is known of a post's page at a time."""
        columns = self.columns
        return self.experts.baseline.standing(
            columns.pages[place], language=columns.languages[place], type=columns.types[place], now=now, most=most
        )

    def matured(self, place: int, other: int) -> bool:
        """Return whether a post's label had come when another was published."""
        return bool(self.published[place] + self.maturity <= self.published[other])

    def learn(self, place: int) -> None:
        """Learn from a post."""
        columns, experts = self.columns, self.experts
        above = float(self.log[place]) - experts.words.usual
        flat = self._flat[self._ends[place] : self._ends[place + 1]]
        experts.words.learn_at(flat, self._sizes[place], above)
        experts.baseline.learn(
            columns.pages[place], self.outcomes[place], published=self.published[place],
            at=self.published[place] + self.maturity, id=self._keys[place], type=columns.types[place],
            language=columns.languages[place], hour=self.hours[place], rest=above - self.common[place],
        )  # fmt: skip


class _Rows:
    """What was known of posts, row by row."""

    def __init__(self, replay: _Replay) -> None:
        self._replay = replay
        self._places: list[int] = []
        self._numbers = array("d")
        self._levels: list[float] = []
        self._kinds: list[int] = []

    def add(self, place: int, says: list[float], standing: Standing) -> None:
        """Note what is known of a post."""
        replay = self._replay
        kind, hour, now = replay.columns.types[place], replay.hours[place], replay.published[place]
        self._numbers.extend(numbers_of(says, standing, kind, hour, now))
        self._places.append(place)
        self._levels.append(standing.level)
        self._kinds.append(kind_of(standing.n))

    def known(self) -> Known:
        """Return the rows as columns."""
        places = np.array(self._places, dtype=np.int64)
        numbers = np.array(self._numbers).reshape(len(places), len(NUMBERS))
        kinds = np.array(self._kinds, dtype=np.int64)
        return Known(places, numbers, np.array(self._levels), kinds, self._replay.log[places])


def _heads(known: Known) -> list[Head]:
    """Return the head for each kind of page."""
    heads = []
    for kind in (COLD, YOUNG, SETTLED):
        chosen = known.kind == kind
        rows = known if np.count_nonzero(chosen) < _LEAST_OF_KIND else known.part(chosen)
        heads.append(Head.fit(rows.numbers, rows.log - rows.level))
    return heads


def _spreads(known: Known, error: Vector) -> list[float]:
    """Return how large errors are for each kind of page, against those of settled pages or, without any, of all."""
    settled = known.kind == SETTLED
    usual = max(_usual(error[settled] if np.count_nonzero(settled) >= _LEAST_ERRORS else error), _LEAST_ERROR)
    spreads = []
    for kind in (COLD, YOUNG):
        errors = error[known.kind == kind]
        spreads.append(max(_usual(errors) / usual, 1.0) if len(errors) >= _LEAST_ERRORS else 1.0)
    return [*spreads, 1.0]


def _usual(errors: Vector) -> float:
    """Return the error that nine in ten errors do not exceed."""
    return float(np.quantile(errors, 0.9))
