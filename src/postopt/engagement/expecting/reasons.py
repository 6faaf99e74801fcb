"""What moved an expectation most against its page's level, in words: associations, not causes."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from postopt.engagement.baseline import ENOUGH
from postopt.engagement.expecting.expectation import Expectation
from postopt.engagement.expecting.heads import Head
from postopt.engagement.expecting.spaces import CIRCUMSTANCES, OF_ALL, SPACES
from postopt.engagement.ngrams import Vector
from postopt.engagement.posts import Row

MOST: Final = 3
"""Reasons that are given at most; arbitrary."""

# What moves an expectation by less than that, in log1p units, is no reason; arbitrary: about 5 %.
_LEAST = 0.05

# Characters of a word that are shown; arbitrary.
_SHOWN = 30

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS = ("night", "morning", "afternoon", "evening")

# What is said of: so many words, or something else. A reason is by how much it moves, what of, and of words the place
# of the first.
_OF_PAGES_POSTS, _OF_ITS_TYPE, _OF_ITS_TIME, _OF_ITS_LENGTH = -1, -2, -3, -4
_Reason: TypeAlias = tuple[float, int, int]


def of(row: Row, expected: Expectation, newcomers: Head) -> tuple[str, ...]:
    """Return at most `MOST` reasons, the largest first, each saying whether it goes with more or with less.

    What is said of a word is what it adds anywhere in text or title: alone, with the post's type and on the page; a
    pair of neighbours has a reason of its own. Then there are the post's type, when it is published, and its length;
    whatever else lies between the page's level and the expectation is said of the page.
    """
    shape = expected.reading.shape
    adds = expected.weights * shape.x * _counts(expected.standing.n, newcomers)[shape.space]
    kind, by_language, by_weekday, hour, _, _, own_type, own_hour, own_weekday, *lengths = adds[
        -len(CIRCUMSTANCES) :
    ].tolist()
    found = [
        (kind + own_type, _OF_ITS_TYPE, 0),
        (by_language + by_weekday + hour + own_hour + own_weekday, _OF_ITS_TIME, 0),
        (sum(lengths), _OF_ITS_LENGTH, 0),
    ]
    words = adds[: -len(CIRCUMSTANCES)]
    page = expected.centre - expected.standing.level - sum(by for by, _, _ in found) - float(words.sum())
    found = [(page, _OF_PAGES_POSTS, 0), *found, *_words(words, shape.text, shape.title)]
    found = [reason for reason in found if abs(reason[0]) >= _LEAST]
    found.sort(key=_size, reverse=True)
    return tuple(
        [f"{_named(row, expected, what, place)} ({'more' if by > 0 else 'less'})" for by, what, place in found[:MOST]]
    )


def _counts(n: int, newcomers: Head) -> Vector:
    """Return how much what each space says counts on a page with n labels."""
    if n >= ENOUGH:
        return np.ones(len(SPACES))
    known = n / (n + 1)
    counts = np.full(len(SPACES), known)
    counts[:OF_ALL] += (1 - known) * newcomers.weights[:OF_ALL]
    return counts


def _words(adds: Vector, text: int, title: int) -> list[_Reason]:
    """Return the word and the pairs of neighbours, of text and of title, that add or take most."""
    tokens = text + title
    if not tokens:
        return []
    found = [_largest(adds[: 3 * tokens].reshape(3, tokens).sum(axis=0), 1, 0)]
    pairs = adds[3 * tokens :]
    for first, some in ((0, pairs[: max(text - 1, 0)]), (text, pairs[text:])):
        if len(some):
            found.append(_largest(some, 2, first))
    return found


def _largest(adds: Vector, words: int, first: int) -> _Reason:
    place = int(np.abs(adds).argmax())
    return float(adds[place]), words, first + place


def _size(reason: _Reason) -> float:
    return abs(reason[0])


def _named(row: Row, expected: Expectation, what: int, place: int) -> str:
    if what == _OF_PAGES_POSTS:
        return _page(expected.standing.n)
    if what == _OF_ITS_TYPE:
        return row.type or "its type"
    if what == _OF_ITS_TIME:
        return _when(row.weekday, row.hour)
    if what == _OF_ITS_LENGTH:
        return "its length"
    words = " ".join([token[:_SHOWN] for token in expected.reading.tokens[place : place + what]])
    return f'the word "{words}"' if what == 1 else f'the words "{words}"'


def _page(n: int) -> str:
    if not n:
        return "posts like it on other pages"
    return f"the page's last {n} posts" if n > 1 else "the page's one known post"


def _when(weekday: int, hour: int) -> str:
    return f"{_DAYS[weekday]} {_HOURS[hour // 6]}" if hour >= 0 else "when it is published"
