"""Whether a date stands in a text in another format: "March 3, 2026", "3 de marzo de 2026" or "2026-03-03".

A date of several parts (weekday, day of a month, year) is a run of figures with no more than marks and words such as
"de" between them. It is the same date if each of its parts is. In digits alone, what comes first is the language's to
say: the day in Spanish and in English but for that of the United States, where it is the month; "en" may be either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from postopt.quality.lexicon import primary
from postopt.quality.spans import Span
from postopt.quality.stating.figures import Figure, figures
from postopt.quality.stating.nearest import MOST_READ
from postopt.quality.stating.statements import Statements

_BETWEEN = re.compile(r"[-/.,\s]{0,3}(?:(?:of|the|de|del|el)\s)?")
_AROUND = re.compile(r"\W*(?:(?:on|of|the|el|de|del)\W+)*")
_DIGITS = re.compile(r"\d+")
_BLANKS = re.compile(r"\s+")


def dates_of(value: str) -> tuple[Figure, ...]:
    """Return the parts of the date that a value is; none if it is, or holds, anything else."""
    found, end = figures(value), 0
    for figure in found:
        if figure.kind != "date" or not _AROUND.fullmatch(value, end, figure.span[0]):
            return ()
        end = figure.span[1]
    return found if _AROUND.fullmatch(value, end) else ()


def same_date(text: str, value: str, parts: Sequence[Figure], languages: tuple[str, str]) -> Span | None:
    """Return where a text has the date of a value in another format.

    What differs in case, in spaces or in one character alone is none, but the same format with a slip in it: whether
    "Thursday" is "Thursdays", or "12 MAY" what the brief wants, is not to be guessed.

    Args:
        text: where to look.
        value: the date as it was to stand.
        parts: of the value, as `dates_of` gives them.
        languages: tags of the text's and the value's, which say what "3/4" is.
    """
    ways, own = _ways(*languages), value[parts[0].span[0] : parts[-1].span[1]]
    for run in _runs(text):
        for first in range(len(run) - len(parts) + 1):
            held = run[first : first + len(parts)]
            span = held[0].span[0], held[-1].span[1]
            if not _slip(text[slice(*span)], own) and any(
                _agree([_read(text, one, spoken) for one in held], [_read(value, one, wanted) for one in parts])
                for spoken, wanted in ways
            ):
                return span
    return None


def other_date(text: str, parts: Sequence[Figure], stated: Statements) -> Span | None:
    """Return where a text has another day than a value's parts say: that with most of them, or else the first new one.

    Args:
        text: where to look.
        parts: of the value.
        stated: by the brief.
    """
    best, most = None, -1
    for run in _runs(text):
        if not any(map(_is_day, run)) and any(map(_is_day, parts)):
            continue
        shared = sum(any(figure.readings & part.readings for figure in run) for part in parts)
        if shared > most and (shared or not all(map(stated.states, run))):
            best, most = (run[0].span[0], run[-1].span[1]), shared
    return best


def _runs(text: str) -> Iterator[list[Figure]]:
    run: list[Figure] = []
    for figure in figures(text[:MOST_READ]):
        if figure.kind != "date":
            continue
        if run and not _BETWEEN.fullmatch(text, run[-1].span[1], figure.span[0]):
            yield run
            run = []
        run.append(figure)
    if run:
        yield run


def _is_day(figure: Figure) -> bool:
    return any(reading[2:3] == "-" for reading in figure.readings)


def _ways(spoken: str, wanted: str) -> list[tuple[bool, bool]]:
    """Return whether the day comes first, for a text and a value: what one language leaves open is one way in both."""
    mine, theirs = _day_first(spoken), _day_first(wanted)
    return [(way, way) for way in mine] if mine == theirs else [(way, other) for way in mine for other in theirs]


def _day_first(language: str) -> tuple[bool, ...]:
    tag = language.casefold()
    if tag == "en-us":
        return (False,)
    return (True,) if primary(tag) == "es" or tag.startswith("en-") else (True, False)


def _read(text: str, figure: Figure, day_first: bool) -> frozenset[str]:  # noqa: FBT001 - one of two conventions
    """Return what a part says by a convention: of "3/4", one of its two readings."""
    digits = _DIGITS.findall(text, *figure.span)
    if len(figure.readings) < 2 or len(digits) != 2 or not _is_day(figure):
        return figure.readings
    day, month = digits if day_first else digits[::-1]
    return frozenset({f"{int(month):02}-{int(day):02}"})


def _agree(held: list[frozenset[str]], sought: list[frozenset[str]]) -> bool:
    """Whether each part of one is said by another part of the other."""
    left = list(held)
    for part in sought:
        match = next((readings for readings in left if readings & part), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _slip(text: str, value: str) -> bool:
    """Whether two texts differ by one character at most, case and spaces apart."""
    one, other = (_BLANKS.sub("", each).casefold() for each in (text, value))
    start = _alike(one, other)
    end = _alike(one[start:][::-1], other[start:][::-1])
    return max(len(one), len(other)) - start - end <= 1


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts have in common from the beginning."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
