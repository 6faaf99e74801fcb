"""One pass over past posts: what would have been expected of each when it was published, and learning from it."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.baseline import ENOUGH
from postopt.engagement.covering.intervals import Intervals
from postopt.engagement.expecting.chances import Chances
from postopt.engagement.expecting.expectation import Experts
from postopt.engagement.expecting.heads import Head, Matrix
from postopt.engagement.expecting.learned import MOST_TOLD, Learned, Range
from postopt.engagement.expecting.reading import Reading
from postopt.engagement.expecting.spaces import OF_ALL
from postopt.engagement.ngrams import Indices, Vector
from postopt.engagement.posts import Columns

LEAST_POSTS: Final = 80
"""Fewer posts teach nothing: a quarter of them must be enough for an interval."""

# From one in `_EVERY` posts, or from more of few posts, so that about `_LEAST_NEW` do, is learned what becomes of posts
# on new pages. Both arbitrary.
_EVERY = 8
_LEAST_NEW = 300

# Of the posts in order of time, the first quarter only teaches words and pages, and errors are those on the last.
_BURN_IN, _JUDGED = 0.25, 0.75

# A language with fewer posts was not learned; arbitrary.
_LEAST_OF_LANGUAGE = 20

# Of fewer errors it is not told how large they are; arbitrary.
_LEAST_ERRORS = 10

# Errors count as this much at least where others are divided by them, in log1p units; arbitrary.
_LEAST_ERROR = 0.05


class Seen(NamedTuple):
    """What was known of posts when they were published, in their order.

    Attributes:
        centre: what their words said, the page's own among them.
        late: the same when their labels came.
        level: of their pages.
        n: labels of their pages.
        numbers: what `Experts.newcomers` reads of those on new pages, and of those that are taken to be; else NaN.
    """

    centre: Vector
    late: Vector
    level: Vector
    n: Indices
    numbers: Matrix


def fit(columns: Columns, keys: list[int], seed: int, experts: Experts, intervals: Intervals) -> Learned:
    """Teach parts that know nothing yet from posts in order of publication, and return all that was learned."""
    posts = len(columns)
    start, judged = int(posts * _BURN_IN), int(posts * _JUDGED)
    log = np.log1p(columns.outcomes)
    maturity = experts.baseline.maturity
    # Of posts of a few hours no label would have come before the next post, and there would be nothing to judge by.
    delay = min(maturity, float(columns.published[judged] - columns.published[start]))
    experts.baseline = experts.baseline.matured(delay)
    experts.words.usual = float(np.median(log[: max(start, 1)]))
    every = min(max(posts // _LEAST_NEW, 1), _EVERY)
    as_new = np.random.default_rng(seed).integers(0, every, posts) == 0
    seen = _replayed(columns, keys, experts, as_new)
    as_new[:start] = False
    early, late = as_new.copy(), as_new.copy()
    early[judged:], late[:judged] = False, False
    experts.newcomers = _newcomers(seen, log, early)
    level, settled = seen.level[judged:], seen.n[judged:] >= ENOUGH
    error = np.abs(log - seen.centre)[judged:]
    usual = _usual(error[settled] if np.count_nonzero(settled) >= _LEAST_ERRORS else error)
    if np.count_nonzero(late) >= _LEAST_ERRORS:
        unknown, _ = experts.on_new_page(seen.centre[late], seen.numbers[late], 0)
        experts.surprise = max(_usual(np.abs(log[late] - unknown)) / usual, 1.0)
    centre, spread = _expected(experts, seen, judged)
    at = columns.published[judged:] + maturity
    intervals.fit(columns.pages[judged:], centre, spread, log[judged:], columns.published[judged:], at)
    chances = Chances.fit((centre - level) / spread, (log[judged:] > level).astype(np.float64))
    stale = max(_usual(error) / _usual(np.abs(log - seen.late)[judged:]), 1.0)
    experts.newcomers = _newcomers(seen, log, as_new)
    experts.baseline = experts.baseline.matured(maturity)
    told = dict.fromkeys(keys[-MOST_TOLD:], True)
    return Learned(experts, intervals, chances, _range(columns), told, float(at[-1]), stale)


def _newcomers(seen: Seen, log: Vector, chosen: NDArray[np.bool_]) -> Head:
    numbers = seen.numbers[chosen]
    return Head.fit(numbers, log[chosen] - numbers[:, -1])


def _expected(experts: Experts, seen: Seen, first: int) -> tuple[Vector, Vector]:
    """Return centre and spread of the posts from place `first` on."""
    centre, n = seen.centre[first:].copy(), seen.n[first:]
    spread, new = np.ones(len(n)), n < ENOUGH
    centre[new], spread[new] = experts.on_new_page(centre[new], seen.numbers[first:][new], n[new])
    return np.maximum(centre, 0.0), spread


def _range(columns: Columns) -> Range:
    counts = Counter(columns.languages)
    languages = {language for language, n in counts.items() if n >= _LEAST_OF_LANGUAGE}
    longest = max(len(text) + len(title) for text, title in zip(columns.texts, columns.titles, strict=True))
    return Range(languages, longest, float(columns.published[0]), float(columns.published[-1]))


def _replayed(columns: Columns, keys: list[int], experts: Experts, as_new: NDArray[np.bool_]) -> Seen:
    """Learn from all posts in order, each label `maturity` after its post, and return what was known of each.

    A post from before the first label teaches nothing of new pages, and goes out of `as_new`.
    """
    posts = len(columns)
    centre, late, level = np.full((3, posts), np.nan)
    seen = Seen(centre, late, level, np.zeros(posts, np.int64), np.full((posts, OF_ALL + 1), np.nan))
    words, baseline, published = experts.words, experts.baseline, columns.published.tolist()
    readings: dict[int, Reading] = {}

    def said(reading: Reading) -> float:
        return words.usual + float(words.weights(reading).dot(reading.shape.x))

    def learn(due: int) -> None:
        reading, outcome = readings.pop(due), float(columns.outcomes[due])
        seen.late[due] = said(reading)
        words.learn(reading, float(np.log1p(outcome)) - words.usual)
        baseline.learn(
            columns.pages[due], outcome, published=published[due], at=published[due] + baseline.maturity, id=keys[due],
            language=columns.languages[due], type=columns.types[due],
        )  # fmt: skip

    due = 0
    for place, now in enumerate(published):
        while due < place and published[due] + baseline.maturity <= now:
            learn(due)
            due += 1
        as_new[place] &= due > 0
        row = columns.row(place)
        standing = baseline.standing(row.page, language=row.language, type=row.type, now=now)
        reading = readings[place] = experts.reader.one(row)
        seen.centre[place], seen.level[place], seen.n[place] = said(reading), standing.level, standing.n
        if as_new[place] or standing.n < ENOUGH:
            seen.numbers[place] = experts.numbers(row, reading, words.weights(reading))
    for left in range(due, posts):
        learn(left)
    return seen


def _usual(errors: Vector) -> float:
    """Return the error that nine in ten errors do not exceed."""
    return max(float(np.quantile(errors, 0.9)), _LEAST_ERROR)
