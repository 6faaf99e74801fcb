"""Which full stops, commas and marks of a text end nothing: those of numbers, links, addresses and abbreviations.

One place for all that cut a text into sentences, so that the opening marks of Spanish and what is left out of a text
begin and end where the same sentence does.
"""

from __future__ import annotations

import re
from typing import Final

from postopt.quality.stating.links import emails, links

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_AFTER_LINK: Final = ".,;:!?…)]}'\"’”»"
# Before a name: "Sr. Ruiz", "St. John". Others only where no new sentence may begin: "etc. We open."
_TITLES: Final = "mr|mrs|ms|prof|profa|dr|dra|sr|sra|sres|sras|srta|sta|sto|rev|hon|gov|sen|col|capt|lt|sgt|st|mt|ft|av"
_OTHERS: Final = (
    "avda|ave|blvd|rd|dpto|dept|ctra|pza|tel|tfno|ext|vs|etc|ed|approx|aprox|est|inc|ltd|corp|jr|fig|vol|pág|págs|núm"
    "|nº|máx|mín|max|min|jan|feb|apr|aug|sept|oct|nov|dec"
)
_NO_END: Final = re.compile(
    r"(?<=\d)[.,:'’](?=\d)"
    r"|^[^\w\n]{0,4}\d{1,2}\.(?= )"  # of a list's items
    r"|(?<![\w'’])(?:"
    rf"(?:{_TITLES})\."
    rf"|(?:{_OTHERS})\.(?!\s+(?-i:[A-ZÀ-Þ¿¡\"“]))"
    r"|(?:no|nos|art|p|pp)\.(?=\s?\d)"  # "No. 4", and not "The answer is no."
    r"|p\. ?ej\.|(?:ee|ff|jj|rr|cc)\. ?(?:uu|aa|oo|hh|mm|ss)\."
    r"|(?:[^\W\d_]\. ?)+[^\W\d_]\."  # "a. m.", "U.S.", "J. R. R."
    r"|(?-i:[A-ZÀ-Þ])\.|[^\W\d_]\.(?!\s+(?-i:[A-ZÀ-Þ¿¡\"“])))",  # "J. Low", and not "14:30 h. Come in."
    re.IGNORECASE | re.MULTILINE,
)
MIDDLE: Final = "·"
"""What is written over a mark that ends nothing; no letter."""


def ends_only(text: str) -> str:
    """Return a text of the same length in which what ends no sentence is written over.

    Links and addresses are written over with "x", the marks after them stand; a mark within a number ("1.299,50"), of
    an abbreviation ("Sr.", "p. ej.", "EE. UU.", "a. m.", "No. 4") or of an initial with a point in the middle.
    """
    if not any(mark in text for mark in ".,:@"):
        return text
    marks = list(text)
    for start, end in _addresses(text):
        marks[start:end] = "x" * (end - start)
    covered = "".join(marks)
    return _NO_END.sub(lambda found: re.sub(r"[.,:'’]", MIDDLE, found[0]), covered)


def _addresses(text: str) -> list[tuple[int, int]]:
    whole = [(found.start(), found.start() + len(found[0].rstrip(_AFTER_LINK))) for found in _LINK.finditer(text)]
    return [*whole, *links(text), *emails(text)] if "." in text else whole
