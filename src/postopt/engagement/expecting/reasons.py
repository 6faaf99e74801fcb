"""What moved an expectation most against its page's level, in words: associations, not causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from postopt.engagement.expecting.expectation import NUMBERS, Expectation
from postopt.engagement.expecting.heads import Head
from postopt.engagement.expecting.words import SPACES
from postopt.engagement.posts import Row

MOST: Final = 3
"""Reasons that are given at most; arbitrary."""

# What moves an expectation by less than that, in log1p units, is no reason; arbitrary: about 5 %.
_LEAST = 0.05

# Characters of a word that are shown; arbitrary.
_SHOWN = 30

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS = ("night", "morning", "afternoon", "evening")
_USUAL_TYPE, _USUAL_HOUR = NUMBERS.index("type"), NUMBERS.index("hour")  # "posts of the type" follows "type"
_WORDS, _TITLE, _PAIRS, _TITLE_PAIRS, _OF_TYPE, _COMMON, _PAGE, _OF_PAGE, _OWN = range(len(SPACES))

# What is said of: so many words, or something else. A reason is by how much it moves, what of, and of words the place
# of the first.
_OF_PAGES_POSTS, _OF_ITS_TYPE, _OF_ITS_TIME, _OF_ITS_LENGTH = -1, -2, -3, -4
_Reason: TypeAlias = tuple[float, int, int]


def of(row: Row, expected: Expectation, head: Head) -> tuple[str, ...]:
    """Return at most `MOST` reasons, the largest first, each saying whether it goes with more or with less.

    What is said of a word is what it adds anywhere in text or title: alone, with the post's type and on the page; a
    pair of neighbours has a reason of its own. What adds to the page's level is otherwise said of the page, of the
    post's type, of when it is published, and of its length.
    """
    weight, adds, parts = head.weights, expected.adds, expected.weights
    kind, language_hour, weekday_hour, hour, length, title_length = parts[_COMMON]
    own, own_type, own_hour, own_weekday, own_length = parts[_OWN]
    all_pages = weight[_COMMON] * len(parts[_COMMON]) ** -0.5
    this_page = weight[_OWN] * len(parts[_OWN]) ** -0.5 if adds[_OWN] else 0.0
    usual = adds[_USUAL_TYPE] + adds[_USUAL_TYPE + 1]
    page = sum(adds[len(SPACES) :]) + adds[_PAGE] + this_page * own + head.intercept - usual - adds[_USUAL_HOUR]
    hours = all_pages * (language_hour + weekday_hour + hour) + this_page * (own_hour + own_weekday)
    found = [
        (page, _OF_PAGES_POSTS, 0),
        (usual + all_pages * kind + this_page * own_type, _OF_ITS_TYPE, 0),
        (adds[_USUAL_HOUR] + hours, _OF_ITS_TIME, 0),
        (all_pages * (length + title_length) + this_page * own_length, _OF_ITS_LENGTH, 0),
        *_words(expected, weight),
    ]
    found = [reason for reason in found if abs(reason[0]) >= _LEAST]
    found.sort(key=_size, reverse=True)
    return tuple(
        [f"{_named(row, expected, what, place)} ({'more' if by > 0 else 'less'})" for by, what, place in found[:MOST]]
    )


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


def _words(expected: Expectation, weight: Sequence[float]) -> list[_Reason]:
    """Return the word and the pairs of neighbours, of text and of title, that add or take most."""
    parts, n = expected.weights, len(expected.weights[_WORDS])
    titled = len(parts[_TITLE])
    if not n + titled:
        return []
    share = (n + titled) ** -0.5
    by_type, by_page = weight[_OF_TYPE] * share, weight[_OF_PAGE] * share if expected.adds[_OF_PAGE] else 0.0
    by_word, by_title = weight[_WORDS] * max(n, 1) ** -0.5, weight[_TITLE] * max(titled, 1) ** -0.5
    alone = [by_word * part for part in parts[_WORDS]] + [by_title * part for part in parts[_TITLE]]
    place, most = _largest(
        [a + by_type * b + by_page * c for a, b, c in zip(alone, parts[_OF_TYPE], parts[_OF_PAGE], strict=True)]
    )
    found = [(most, 1, place)]
    for first, pairs in ((0, _PAIRS), (n, _TITLE_PAIRS)):
        if parts[pairs]:
            place, most = _largest(parts[pairs])
            found.append((weight[pairs] * len(parts[pairs]) ** -0.5 * most, 2, first + place))
    return found


def _largest(values: Sequence[float]) -> tuple[int, float]:
    """Return which value is furthest from 0, and that value."""
    low, high = min(values), max(values)
    most = high if high > -low else low
    return values.index(most), most
