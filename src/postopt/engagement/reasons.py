"""What moved an expectation most against its page's level, in words: associations, not causes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from postopt.engagement.expectation import NUMBERS, Expectation
from postopt.engagement.heads import Head
from postopt.engagement.posts import Row
from postopt.engagement.words import SPACES

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


def of(row: Row, expected: Expectation, head: Head) -> tuple[str, ...]:
    """Return at most `MOST` reasons, the largest first, each saying whether it goes with more or with less.

    What is said of a word is what it adds anywhere in text or title: alone, with the post's type and on the page; a
    pair of neighbours has a reason of its own. What adds to the page's level is otherwise said of the page, of the
    post's type, of when it is published, and of its length.
    """
    weight, adds, parts = head.weights, expected.adds, expected.weights
    share = weight[_COMMON] * len(parts[_COMMON]) ** -0.5
    kind, language_hour, weekday_hour, hour, length, title_length = [share * part for part in parts[_COMMON]]
    share = weight[_OWN] * len(parts[_OWN]) ** -0.5 if adds[_OWN] else 0.0
    own, own_type, own_hour, own_weekday, own_length = [share * part for part in parts[_OWN]]
    usual = adds[_USUAL_TYPE] + adds[_USUAL_TYPE + 1]
    page = sum(adds[len(SPACES) :]) + adds[_PAGE] + own + head.intercept - usual - adds[_USUAL_HOUR]
    found: list[tuple[float, Callable[[], str]]] = [
        (page, lambda: _page(expected.standing.n)),
        (usual + kind + own_type, lambda: row.type or "its type"),
        (
            adds[_USUAL_HOUR] + language_hour + weekday_hour + hour + own_hour + own_weekday,
            lambda: _when(row.weekday, row.hour),
        ),
        (length + title_length + own_length, lambda: "its length"),
        *_words(expected, weight),
    ]
    found.sort(key=lambda reason: -abs(reason[0]))
    return tuple([f"{name()} ({'more' if by > 0 else 'less'})" for by, name in found[:MOST] if abs(by) >= _LEAST])


def _page(n: int) -> str:
    if not n:
        return "posts like it on other pages"
    return f"the page's last {n} posts" if n > 1 else "the page's one known post"


def _when(weekday: int, hour: int) -> str:
    return f"{_DAYS[weekday]} {_HOURS[hour // 6]}" if hour >= 0 else "when it is published"


def _words(expected: Expectation, weight: Sequence[float]) -> list[tuple[float, Callable[[], str]]]:
    """Return the word and the pairs of neighbours, of text and of title, that add or take most."""
    parts, tokens = expected.weights, expected.reading.tokens
    if not tokens:
        return []
    n = len(parts[_WORDS])
    share = len(tokens) ** -0.5
    by_type, by_page = weight[_OF_TYPE] * share, weight[_OF_PAGE] * share if expected.adds[_OF_PAGE] else 0.0
    by_word, by_title = weight[_WORDS] * max(n, 1) ** -0.5, weight[_TITLE] * max(len(tokens) - n, 1) ** -0.5
    alone = [by_word * part for part in parts[_WORDS]] + [by_title * part for part in parts[_TITLE]]
    place, most = _largest(
        [a + by_type * b + by_page * c for a, b, c in zip(alone, parts[_OF_TYPE], parts[_OF_PAGE], strict=True)]
    )
    found: list[tuple[float, Callable[[], str]]] = [(most, partial(_quoted, "word", tokens[place : place + 1]))]
    for first, pairs in ((0, _PAIRS), (n, _TITLE_PAIRS)):
        if parts[pairs]:
            place, most = _largest(parts[pairs])
            name = partial(_quoted, "words", tokens[first + place : first + place + 2])
            found.append((weight[pairs] * len(parts[pairs]) ** -0.5 * most, name))
    return found


def _quoted(what: str, tokens: Sequence[str]) -> str:
    return f'the {what} "{" ".join([token[:_SHOWN] for token in tokens])}"'


def _largest(values: Sequence[float]) -> tuple[int, float]:
    """Return which value is furthest from 0, and that value."""
    low, high = min(values), max(values)
    most = high if high > -low else low
    return values.index(most), most
