"""Offers in words and short forms, in English and Spanish: "half price", "two for one", "2x1", "BOGO".

"Half price" says what "50 %" says. Of several for the price of fewer, a reading is "2 for 1", however it is written:
"buy one get one free" is one. What costs nothing is in `postopt.quality.rules.boasts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.quality.spans import Span, in_small_letters
from postopt.quality.stating.dates import Place

_FEW: Final = {
    "one": 1, "1": 1, "uno": 1, "una": 1, "another": 1, "otro": 1, "otra": 1, "a second": 1, "the second": 1,
    "two": 2, "2": 2, "dos": 2, "three": 3, "3": 3, "tres": 3, "four": 4, "4": 4, "cuatro": 4, "five": 5, "5": 5,
    "cinco": 5,
}  # fmt: skip
_N = "|".join(sorted(_FEW, key=len, reverse=True))
_THING = r"(?: [^\W\d_]+)?"
_HALF = re.compile(
    r"(?<![\w-])(?:half[- ]price[ds]?|half off|half the (?:usual |normal |full )?price|(?:a )?mitad del? precio)(?!\w)",
    re.IGNORECASE,
)
# Several for the price of fewer; three by two metres are a size. What joins the two is looked for first: it is rarer.
_FOR = re.compile(
    rf"(?: for | por |-for-|-por-|x|×| x | × | for the price of | por el precio de | al precio de )(?P<paid>{_N})"
    r"(?![\w%€$£]|[.,]\d| ?(?:m|cm|mm|km|metros?|met(?:er|re)s?|pulgadas|inch(?:es)?|in|ft|feet|[€$£%x×]|euros?|"
    r"dollars?|people|personas)(?!\w))"
)
_BEFORE_FOR = re.compile(rf"(?<![\w.,/])(?P<all>{_N})$")
_MORE = re.compile(
    rf"(?<!\w)(?:buy|compra) (?P<paid>{_N}){_THING},? (?:and |y )?(?:get|llévate|te llevas) (?P<more>{_N}){_THING}"
    r" (?:for )?(?:free|gratis)(?!\w)",
    re.IGNORECASE,
)
_TAKE = re.compile(
    rf"(?<!\w)(?:llévate|take|get) (?P<all>{_N}){_THING},? (?:and |y )?(?:paga|pay for)(?: solo| sólo| only)? "
    rf"(?P<paid>{_N})(?!\w)",
    re.IGNORECASE,
)
_BOGO = re.compile(r"(?<!\w)(?:bogof?|b1g1)(?!\w)", re.IGNORECASE)
# One of these is in each of the last three.
_WORDS: Final = ("bogo", "b1g1", "free", "gratis", "paga", "pay for")
_LONGEST: Final = max(map(len, _FEW)) + 1


def half_prices(text: str) -> Iterator[Place]:
    """Yield where something is offered at half its price, as a percentage."""
    lowered = text.casefold()
    for match in _HALF.finditer(text) if "half" in lowered or "mitad" in lowered else ():
        yield match.span(), frozenset({"50"})


def multiples(text: str) -> Iterator[Place]:
    """Yield where several are offered for the price of fewer."""
    lowered = in_small_letters(text)
    for match in _FOR.finditer(lowered):
        before = _BEFORE_FOR.search(lowered, max(0, match.start() - _LONGEST), match.start())
        if before is not None:
            yield from _several((before.start(), match.end()), before["all"], match["paid"])
    if not any(word in lowered for word in _WORDS):
        return
    for match in _BOGO.finditer(text):
        yield match.span(), frozenset({"2 for 1"})
    for match in _MORE.finditer(text):
        paid = _FEW[match["paid"].casefold()]
        yield match.span(), frozenset({f"{paid + _FEW[match['more'].casefold()]} for {paid}"})
    for match in _TAKE.finditer(text):
        yield from _several(match.span(), match["all"], match["paid"])


def _several(span: Span, count: str, paid: str) -> Iterator[Place]:
    if _FEW[count.casefold()] > _FEW[paid.casefold()]:
        yield span, frozenset({f"{_FEW[count.casefold()]} for {_FEW[paid.casefold()]}"})
