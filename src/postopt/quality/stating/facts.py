"""Which of a brief's facts a text has lost, and what stands there instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from postopt.generation.constraints import Constraints
from postopt.quality.spans import MOST_READ, Span, joined, masked, occurrences, overlap
from postopt.quality.stating.figures import Figure, figures
from postopt.quality.stating.formats import dates_of, other_date, same_date
from postopt.quality.stating.nearest import nearest
from postopt.quality.stating.statements import Statements, statements_of
from postopt.quality.stating.units import other_unit
from postopt.types import Brief

# Up to this share of a value's characters may differ in what is taken for it. Arbitrary: a quarter lets one character
# of four and two of eight differ.
_SHARE: Final = 0.25
_DIGIT: Final = re.compile(r"\d")
# Kinds that say what they are: of these, one that the brief does not state stands for the fact that is missing.
_TELLING: Final = frozenset(("price", "percentage", "date", "time", "link", "email", "phone"))


@dataclass(frozen=True, slots=True)
class BrokenFact:
    """A fact that does not stand in a text unchanged and on its own.

    Attributes:
        name: of the fact.
        value: what has to stand in the text.
        span: what stands there in its place, or None if nothing like it does.
        same: whether that is the same date in another format: a text may say so, and an editor may put the value there.
    """

    name: str
    value: str
    span: Span | None
    same: bool = False


def broken_facts(text: str, brief: Brief, language: str | None = None) -> tuple[BrokenFact, ...]:
    """Return the facts that do not stand in a text as they are, in the brief's order; no place stands for two of them.

    What counts as standing there is `Constraints`' to say: to the code point. A variant of a fact is, in this order:
    the same date in another format ("March 3, 2026" for "3 March 2026"; of it alone `same` is true), an amount with the
    same number and another unit ("2-3 weeks" for "2-3 days"), a figure that says the same in another format ("1.299,00"
    for "1,299.00"), what differs by a quarter of its characters at most ("13 May" for "12 May"), and a price,
    percentage, date, time, link, address or phone number that the brief does not state, if the fact is one. Variants
    are looked for in the first 10,000 characters.

    Args:
        text: the post.
        brief: whose facts.
        language: of the text, for dates such as "3/4/2026"; the brief's if None.
    """
    lost = _constraints(tuple(brief.facts.items())).missing_from(text)
    if not lost:
        return ()
    stated = statements_of(brief)
    text = masked(text[:MOST_READ], [*kept_places(text[:MOST_READ], brief), *_phrases(text[:MOST_READ], brief)])
    broken = []
    for name in lost:
        value = brief.facts[name]
        parts = dates_of(value)
        same = same_date(text, value, parts, (language or brief.language, brief.language)) if parts else None
        span = same or _variant(text, value, stated)
        if span is not None:
            text = masked(text, [span])
        broken.append(BrokenFact(name, value, span, same=same is not None))
    return tuple(broken)


def kept_places(text: str, brief: Brief) -> list[Span]:
    """Return where the values of facts stand on their own, none within a longer one."""
    found: list[Span] = []
    for value in sorted(set(brief.facts.values()), key=len, reverse=True):
        fresh = [(a, b) for a, b in occurrences(text, value) if not (joined(text, a) or joined(text, b))]
        if fresh:
            text = masked(text, fresh)
            found += fresh
    return found


# By the facts in their order: two briefs are equal whose facts stand in different orders.
@lru_cache(maxsize=256)
def _constraints(facts: tuple[tuple[str, str], ...]) -> Constraints:
    return Constraints(Brief(topic="-", facts=dict(facts)))


def _variant(text: str, value: str, stated: Statements) -> Span | None:
    """Return what stands in a text in place of a value that it lacks."""
    if (span := other_unit(text, value)) is not None:
        return span
    near = _near(text, value)
    only = figures(value)
    if parts := dates_of(value):
        other = other_date(text, parts, stated)
        if near is None or other is None:
            return near or other
        # The wider of two that overlap, if it cuts no date: of "9 March - 28 June" the first day is only a part.
        dates = [figure.span for figure in figures(text) if figure.kind == "date" and overlap(figure.span, near)]
        wider = all(near[0] <= start and end <= near[1] for start, end in (other, *dates))
        return other if overlap(near, other) and not wider else near
    # A fact that is more than its figure ("£22 per person") is not repaired by replacing the figure alone.
    if len(only) != 1 or not _is_whole(value, only[0]):
        return near
    alike = [figure for figure in figures(text) if figure.kind == only[0].kind]
    same = next((figure.span for figure in alike if figure.readings & only[0].readings), None)
    if same is not None or only[0].kind not in _TELLING:
        return same or near
    fresh = [figure.span for figure in alike if not stated.states(figure)]
    if near is None:
        return next(iter(fresh), None)
    # A link with another end is replaced as a whole.
    return next((span for span in fresh if overlap(span, near)), near)


def _near(text: str, value: str) -> Span | None:
    """Return what nearly is a value; what has no digit where it has some is its label ("Wheels: 9 wheels")."""
    near = nearest(text, value, _SHARE)
    if near is not None and _DIGIT.search(value) and not _DIGIT.search(text, *near):
        near = nearest(masked(text, [near]), value, _SHARE)
        return near if near is not None and _DIGIT.search(text, *near) else None
    return near


def _is_whole(value: str, figure: Figure) -> bool:
    """Whether a value is a figure and nothing else but marks."""
    start, end = figure.span
    outside = value[:start] + value[end:]
    return not any(mark.isalnum() for mark in outside)


def _phrases(text: str, brief: Brief) -> Iterator[Span]:
    """Yield where the brief's own phrases stand: a street named in the topic is no variant of the address."""
    for phrase in (brief.topic, brief.call_to_action, brief.brand, brief.audience):
        start = text.find(phrase) if phrase else -1
        if phrase and start >= 0:
            yield start, start + len(phrase)
