"""How long a text is, as platforms count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from postopt.quality.stating.links import HASHTAG, MENTION, links

LINK_WEIGHT: Final = 23
"""What X counts for a link, however long it is."""

# X counts these code points as two characters and all others as one, by version 3 of twitter-text's configuration.
_HEAVY = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")

# Emoji as they are drawn: flags, keycaps, and pictures with skin tones, joined by U+200D. Each counts as two.
_PICTURE: Final = (
    "[\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25aa-\u25ff\u2600-\u27bf\u2934\u2935\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
    "(?:\ufe0f|[\U0001f3fb-\U0001f3ff]|[\U000e0020-\U000e007f])*"
)
_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:\u200d{_PICTURE})*")
_EXTENDS: Final = ("Mn", "Me", "Mc")


def length(text: str, unit: str = "code_points") -> int:
    """Return how long a text is in a unit of `UNITS` in `profiles.records`.

    "weighted" is X's count: after NFC, a link is 23, an emoji sequence 2, Latin letters and common punctuation 1 each,
    anything else 2 each (docs.x.com/fundamentals/counting-characters). X's own library decides what a link is by the
    list of all domain endings; here it is what `links` finds.
    """
    match unit:
        case "code_points":
            return len(text)
        case "weighted":
            return _weight(unicodedata.normalize("NFC", text))
        case "hashtags":
            return sum(1 for _ in HASHTAG.finditer(text))
        case "mentions":
            return sum(1 for _ in MENTION.finditer(text))
        case _:
            raise ValueError(f"unit is {unit!r}; allowed: code_points, weighted, hashtags, mentions")


def surplus_from(text: str, unit: str, maximum: int) -> int:
    """Return where the part of a text begins that is more than `maximum`; its length if nothing is."""
    if unit == "code_points":
        return min(maximum, len(text))
    if unit in ("hashtags", "mentions"):
        places = [match.start() for match in (HASHTAG if unit == "hashtags" else MENTION).finditer(text)]
        return places[maximum] if len(places) > maximum else len(text)
    total = 0
    for weight, start in _weights(text):
        total += weight
        if total > maximum:
            return start
    return len(text)


def whole_until(text: str, end: int) -> int:
    """Return the largest place up to `end` that cuts no letter from its accents and no emoji in two."""
    place = min(end, len(text))
    while 0 < place < len(text) and (_extends(text[place]) or text[place - 1] == "\u200d"):
        place -= 1
    return place


def _extends(mark: str) -> bool:
    joins = mark in "\u200d\u20e3" or "\ufe00" <= mark <= "\ufe0f" or "\U0001f3fb" <= mark <= "\U0001f3ff"
    return joins or unicodedata.category(mark) in _EXTENDS


def _weight(text: str) -> int:
    total, place = 0, 0
    for start, end in [*links(text), (len(text), len(text))]:
        rest, emoji = _EMOJI.subn("", text[place:start])
        total += len(rest) + len(_HEAVY.findall(rest)) + 2 * emoji + LINK_WEIGHT * (end > start)
        place = end
    return total


def _weights(text: str) -> Iterator[tuple[int, int]]:
    """Yield X's weight of each link, emoji and other code point, and where it begins."""
    place = 0
    for start, end in links(text):
        yield from _weights_of_marks(text, place, start)
        yield LINK_WEIGHT, start
        place = end
    yield from _weights_of_marks(text, place, len(text))


def _weights_of_marks(text: str, place: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _EMOJI.finditer(text, place, end):
        yield from ((1 + (_HEAVY.match(text, index) is not None), index) for index in range(place, match.start()))
        yield 2, match.start()
        place = match.end()
    yield from ((1 + (_HEAVY.match(text, index) is not None), index) for index in range(place, end))
