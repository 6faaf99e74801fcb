"""Where in a text something stands that is nearly a value: a name with a letter changed, a date with another day.

The place with the fewest edits (a character put in, left out or replaced), by Myers' bit-parallel algorithm: the column
of the edit distance's table is kept as differences of +1 and -1 in two integers, one bit for each character of the
value, so that a character of the text costs a few operations on integers, whatever the length of the value.

Source: G. Myers, "A fast bit-vector algorithm for approximate string matching based on dynamic programming", Journal of
the ACM 46(3), 1999, 395-415; the form here is H. Hyyro's (2001).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from postopt.quality.spans import Span, joined

MOST_READ: Final = 10_000
"""Code points in which a near variant is looked for; far above any post."""

# Fewer characters than this are near anything.
_LEAST: Final = 4


def nearest(text: str, value: str, share: float) -> Span | None:
    """Return the whole words that differ from `value` by fewest edits, at most a `share` of its characters, or None.

    Case does not count. The first place wins among equals.
    """
    if len(value) < _LEAST:
        return None
    text, value = _lowered(text[:MOST_READ]), _lowered(value)
    most = max(1, int(share * len(value)))
    end, edits = _least_edits(text, value)
    if edits > most:
        return None
    back = text[max(0, end - len(value) - most) : end][::-1]
    size, _ = _least_edits(back, value[::-1], anchored=True)
    start = end - size
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return _whole_words(text, start, end) if start < end else None


def _lowered(text: str) -> str:
    return "".join(lower if len(lower := mark.lower()) == 1 else mark for mark in text)


def _least_edits(text: Iterable[str], value: str, *, anchored: bool = False) -> tuple[int, int]:
    """Return where the best match ends and its edits; it begins anywhere or, if anchored, where the text does."""
    places: dict[str, int] = {}
    for index, mark in enumerate(value):
        places[mark] = places.get(mark, 0) | 1 << index
    full, last = (1 << len(value)) - 1, 1 << (len(value) - 1)
    up, down, edits = full, 0, len(value)
    best = (edits, 0)
    for end, mark in enumerate(text, 1):
        match = places.get(mark, 0)
        diagonal = (((match & up) + up) ^ up) | match | down
        right_up, right_down = down | (full & ~(diagonal | up)), up & diagonal
        edits += bool(right_up & last) - bool(right_down & last)
        right_up = (right_up << 1 | anchored) & full
        right_down = right_down << 1 & full
        up, down = right_down | (full & ~(diagonal | right_up)), right_up & diagonal
        # A character replaced at the end costs as much as one left out: the longer place is the better one.
        if edits < best[0] or (edits == best[0] and end == best[1] + 1):
            best = edits, end
    return best[1], best[0]


def _whole_words(text: str, start: int, end: int) -> Span:
    """Return a place widened to the words and numbers that it cuts."""
    while start > 0 and joined(text, start):
        start -= 1
    while end < len(text) and joined(text, end):
        end += 1
    return start, end
