"""A text cut into its sentences, so that some of them can be left out and the rest reads as before."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from postopt.quality.rules.ends import ends_only
from postopt.quality.spans import Span

# Marks that end a sentence, with what closes after them; or the end of a line. Read from the first mark on only: a text
# of marks takes linear time.
_END = re.compile(r"(?:(?<![.!?…])[.!?…]+[\"'”’»)\]]*|(?=\n))(?P<gap>\s+)")


class Sentence(NamedTuple):
    """A sentence, or a line without an end mark.

    Attributes:
        start: where it begins.
        end: where it ends; the white space after it is `gap`.
        gap: what stands between it and the next one.
    """

    start: int
    end: int
    gap: str


def sentences(text: str, whole: Iterable[Span] = ()) -> list[Sentence]:
    """Return the sentences of a text, in order; none ends within a place in `whole`."""
    found, start = [], len(text) - len(text.lstrip())
    held = _merged(whole)
    begins = [first for first, _ in held]
    for end in _END.finditer(ends_only(text)):
        place = end.start("gap")
        before = bisect_left(begins, place) - 1
        if place <= start or (before >= 0 and place < held[before][1]):
            continue
        if text[place - 1] == "." and text[place : place + 20].lstrip()[:1].islower():
            continue
        found.append(Sentence(start, place, end["gap"]))
        start = end.end()
    if start < len(text):
        end_of_text = len(text.rstrip())
        found.append(Sentence(start, end_of_text, text[end_of_text:]))
    return found


def holding(places: Iterable[Span], among: Sequence[Sentence]) -> set[int]:
    """Return the numbers of the sentences that have a character of one of the places, or that an empty place is in."""
    starts, ends = [sentence.start for sentence in among], [sentence.end for sentence in among]
    numbers: set[int] = set()
    for first, last in places:
        numbers.update(range(bisect_right(ends, first), bisect_left(starts, max(last, first + 1))))
    return numbers


def without(text: str, numbers: Collection[int], among: Iterable[Sentence]) -> str:
    """Return a text without these sentences; a paragraph that ended after one of them still ends."""
    kept: list[tuple[str, str]] = []
    for number, sentence in enumerate(among):
        if number not in numbers:
            kept.append((text[sentence.start : sentence.end], sentence.gap))
        elif kept and sentence.gap.count("\n") > kept[-1][1].count("\n"):
            kept[-1] = (kept[-1][0], sentence.gap)
    return "".join(part for pair in kept for part in pair).rstrip()


def _merged(places: Iterable[Span]) -> list[Span]:
    """Return places that overlap as one, in order."""
    merged: list[Span] = []
    for first, last in sorted(places):
        if merged and first < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
