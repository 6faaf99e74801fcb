"""Places in a text, as findings name them: code points from a start up to an end that is not included."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, TypeAlias

from postopt.generation.constraints import INVISIBLE
from postopt.judgement import Finding

Span: TypeAlias = tuple[int, int]

MOST_READ: Final = 100_000
"""Code points of a text that claims and policy read: no brief allows more, and every platform refuses it."""

_LIGATURES: Final = "\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06"
_ILLEGIBLE = re.compile(f"[ \t]{{2}}|[{_LIGATURES}]|{INVISIBLE.pattern}")
# Letters and digits in another dress: mathematical, full-width, circled, squared.
_DRESSED = re.compile("[\u2100-\u214f\u24b6-\u24e9\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f130-\U0001f149]")
_TURKISH: Final = {0x130: "I", 0x131: "i"}
_MASK = "\0"
_IN_NUMBERS = ".,:/'’-"
_UNSPACED = "\u0e00"


def quoted(text: str, span: Span) -> str:
    """Return what stands at `span` in quotation marks, shortened beyond 80 characters."""
    part = text[slice(*span)]
    return f'"{part}"' if len(part) <= 80 else f'"{part[:77]}..."'


def occurrences(text: str, value: str) -> Iterator[Span]:
    """Yield where a value stands in a text, none within another; nowhere if it is empty."""
    start = text.find(value) if value else -1
    while start >= 0:
        yield start, start + len(value)
        start = text.find(value, start + len(value))


def overlap(span: Span, other: Span) -> bool:
    """Whether two places have a character in common."""
    return span[0] < other[1] and other[0] < span[1]


def joined(text: str, place: int) -> bool:
    """Whether the characters before and after a place belong to one word or number.

    Scripts from Thai on in Unicode's order mostly write words without spaces: there every place ends one.
    """
    if not 0 < place < len(text):
        return False
    left, right = text[place - 1], text[place]
    if left.isalnum() and right.isalnum():
        return max(left, right) < _UNSPACED
    if right in _IN_NUMBERS:
        return left.isdecimal() and text[place + 1 : place + 2].isdecimal()
    return left in _IN_NUMBERS and right.isdecimal() and text[max(0, place - 2) : place - 1].isdecimal()


def masked(text: str, spans: Iterable[Span]) -> str:
    """Return a text of the same length in which nothing can be read at these places, in one pass."""
    pieces, end = [], 0
    for start, stop in sorted(spans):
        if stop > end:
            pieces += [text[end:start], _MASK * (stop - max(start, end))]
            end = stop
    return "".join([*pieces, text[end:]])


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings as they stand in the text; those about no place last, each group in the order given."""
    return sorted(findings, key=lambda finding: (finding.span is None, finding.span or ()))


def undressed(text: str) -> str:
    """Return a text of the same length with plain letters and digits for full-width, mathematical and circled ones."""
    return _DRESSED.sub(_plain, text) if not text.isascii() else text


def _plain(mark: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", mark[0])
    return plain if len(plain) == 1 else mark[0]  # "™" is two letters


def with_latin_i(text: str) -> str:
    """Return a text of the same length with i for the Turkish ones, which `re.IGNORECASE` finds and no look-up does."""
    return text if text.isascii() else text.translate(_TURKISH)


def in_small_letters(text: str) -> str:
    """Return a text of the same length in small letters; what becomes two letters stays as it is."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(m.lower() if len(m.lower()) == 1 else m for m in text)


def legible(text: str) -> tuple[str, Callable[[int], int]]:
    """Return a text as it reads, and where its places were.

    It is in NFC, with one space for several, without what does not show, and with plain letters and digits for
    full-width, mathematical, circled and joined ones. That is NFKC of these alone: "½" and "…" stay as they are.
    """
    text = undressed(text)
    if unicodedata.is_normalized("NFC", text) and not _ILLEGIBLE.search(text):
        return text, lambda place: place
    return _changed(text, _legible)


def _legible(cluster: str) -> str:
    if cluster.isspace():
        return cluster if "\n" in cluster else " "
    form: Literal["NFC", "NFKC"] = "NFKC" if cluster[0] in _LIGATURES else "NFC"
    return unicodedata.normalize(form, INVISIBLE.sub("", cluster))


def folded(text: str) -> tuple[str, Callable[[int], int]]:
    """Return a text without distinctions of case, composition and white space, and where its places were."""
    return _changed(text, fold)


def fold(text: str) -> str:
    """Return a text without distinctions of case, composition and white space, and without what does not show."""
    seen = INVISIBLE.sub("", text)
    composed_text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", seen).casefold())
    return re.sub(r"\s+", " ", composed_text)


def _changed(text: str, change: Callable[[str], str]) -> tuple[str, Callable[[int], int]]:
    pieces, origins = [], []
    for start, end in _clusters(text):
        piece = change(text[start:end])
        pieces.append(piece)
        origins += [start] * len(piece)
    origins.append(len(text))
    return "".join(pieces), origins.__getitem__


def _clusters(text: str) -> Iterator[Span]:
    """Yield runs of white space, and each other character with the accents that follow it."""
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not (
            unicodedata.combining(text[place]) or (text[place].isspace() and text[place - 1].isspace())
        ):
            yield start, place
            start = place
