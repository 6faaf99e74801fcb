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
_IDLE: Final = re.compile(
    "|".join(
        (
            r"(?m:^[^\w\n]{0,8}\d{1,2}[.)](?=\s))",  # "1. ", "2) " where a line begins
            r"(?<=[:;.,] )\d{1,2}\)(?= )",  # "in short: 1) bread, 2) butter"
            r"\d\ufe0f?\u20e3",  # a keycap
            r"<3(?!\d)|(?<!\w)[:;]-?[3)]",  # drawn with marks
            rf"(?<!\w)(?:[1-9]|1\d|20)(?= (?:(?:good|great|simple|easy|quick|buen[oa]s) )?(?:{_OWN_THINGS})(?!\w))",
            r"(?<!\w)(?:step|part|tip|paso|parte|consejo) \d{1,2}(?![\w%]|[.,]\d)",
            r"(?<!\w)1 (?:of|de)(?= (?:the|our|your|those|l[oa]s|nuestr[oa]s|tus)(?!\w))",
            r"(?<!\w)(?:50/50|[23]D|4K|[45]G|1st|1\.?[ºª])(?!\w)",
            r"(?<!\w)(?:my|our|your) two cents(?!\w)",
            r"(?:# ?|(?<!\w)(?:no|nº|n\.º)\.? ?)1(?!\d)",  # a superlative, and found as one
        )
    ),
    re.IGNORECASE,
)


def idle_numbers(text: str) -> Iterator[Span]:
    """Yield where numbers stand that assert nothing of what the text is about."""
    return (match.span() for match in _IDLE.finditer(text))
