"""Numbers that assert nothing, in English and Spanish: of a list's items, of what the text itself lists, in idioms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.quality.spans import Span

_OWN_THINGS: Final = (
    "reasons|ways|tips|things|steps|ideas|facts|questions|razones|motivos|formas|maneras|consejos|cosas|pasos|datos|"
    "preguntas|trucos"
)
_ITEM: Final = re.compile(r"(?<![\w.,$€£])(\d{1,2})[.)](?= \S)")
_IDLE: Final = re.compile(
    # None begins with a letter but "no. 1": to ask that first spares trying them all at each letter.
    r"(?=[^a-mo-z])(?:"
    + "|".join(
        (
            r"(?m:^[^\w\n]{0,8}\d{1,2}[.)](?=\s))",  # "1. ", "2) " where a line begins
            r"\d\ufe0f?\u20e3",  # a keycap
            r"<3(?!\d)|(?<!\w)[:;]-?[3)]",  # drawn with marks
            rf"(?<!\w)(?:[1-9]|1\d|20)(?= (?:(?:good|great|simple|easy|quick|buen[oa]s) )?(?:{_OWN_THINGS})(?!\w))",
            r"(?<!\w)1 (?:of|de)(?= (?:the|our|your|those|l[oa]s|nuestr[oa]s|tus)(?!\w))",
            r"(?<!\w)(?:50/50|[23]D|4K|[45]G|1st|1\.?[ºª])(?!\w)",
            r"(?:# ?|(?<!\w)(?:no|nº|n\.º)\.? ?)1(?!\d)",  # a superlative, and found as one
        )
    )
    + ")",
    re.IGNORECASE,
)
_CALLED: Final = ("step ", "part ", "tip ", "paso ", "parte ", "consejo ", "two cents")
_IDLE_WORDS: Final = re.compile(
    r"(?<!\w)(?:(?:step|part|tip|paso|parte|consejo) \d{1,2}(?![\w%]|[.,]\d)|(?:my|our|your) two cents(?!\w))",
    re.IGNORECASE,
)


def idle_numbers(text: str) -> Iterator[Span]:
    """Yield where numbers stand that assert nothing of what the text is about."""
    yield from (match.span() for match in _IDLE.finditer(text))
    lowered = text.casefold()
    if any(word in lowered for word in _CALLED):
        yield from (match.span() for match in _IDLE_WORDS.finditer(text))
    yield from _of_items(text)


def _of_items(text: str) -> Iterator[Span]:
    """Yield the numbers of a list within lines: "1) bread 2) butter", "1. Bread. 2. Butter."; two at least, from 1."""
    run: list[Span] = []
    for match in _ITEM.finditer(text):
        number = int(match[1])
        if number != len(run) + 1:
            yield from run if len(run) > 1 else ()
            run = []
        if number == len(run) + 1:
            run.append(match.span())
    yield from run if len(run) > 1 else ()
