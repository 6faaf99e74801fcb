"""Superlatives, guarantees and what costs nothing, in English and Spanish: only what the brief says may be said.

What is offered free is an offer that the brief has to make. "It is free" and "complimentary" say it in passing, of what
may be anything, and are no more than a guarantee.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.quality.rules.spreading import spread
from postopt.quality.spans import Span
from postopt.quality.stating.statements import Statements

_SUPERLATIVE: Final = (
    r"#1|# ?1(?= \w)|(?:number|no\.|nº|n\.º|número) (?:one|uno|1)(?!\d)|world'?s (?:best|first|finest|favou?rite|"
    r"only|largest)|the (?:very )?best|best (?:in|of|ever|on)(?= )|best[- ](?:selling|price|value)|(?:the )?cheapest|"
    r"lowest prices?|unbeatable|unrivall?ed|unmatched|award[- ]winning|market[- ]leading|world[- ]class|"
    r"industry[- ]leading|(?:the )?most (?:popular|trusted|advanced|powerful|effective|loved)|the (?:fastest|finest|"
    r"largest|biggest|safest|strongest|healthiest|only)|revolutionary|el mejor|la mejor|los mejores|las mejores|"
    r"lo mejor de|l[oa]s? más \w+ del? (?:mundo|mercado|país|ciudad|barrio|sector)|más vendid[oa]s?|"
    r"el precio más bajo|los precios más bajos|insuperables?|inigualables?|imbatibles?|premiad[oa]s?|"
    r"galardonad[oa]s?|líder(?:es)? (?:del|en)|únic[oa]s? en"
)
_GUARANTEE: Final = (
    r"guaranteed?|money[- ]back|risk[- ]free|no risk|zero risk|clinically (?:proven|tested)|scientifically proven|"
    r"proven (?:to|results)|doctor[- ]recommended|dermatologist[- ]tested|fda[- ]approved|certified|cures?|"
    r"instant results|results in|never fails?|works every time|lifetime warranty|while (?:stocks|supplies) last|"
    r"garantizad[oa]s?|garantizamos|garantía|te devolvemos (?:el|tu) dinero|sin riesgos?|clínicamente (?:probad|"
    r"testad)[oa]s?|científicamente probad[oa]s?|recomendad[oa]s? por (?:médicos|dentistas|expertos)|"
    r"aprobad[oa]s? por|certificad[oa]s?|resultados (?:inmediatos|asegurados)|nunca falla|hasta agotar existencias|"
    r"cura(?:n)? (?:el|la|los|las)"
)
_OFFERED: Final = (
    r"(?:for|completely|totally|absolutely|100 ?%|eats?|drinks?|stays?|travels?|rides?|gets? in|one|second|third) free|"
    r"free (?:of (?:charge|cost)|shipping|delivery|trials?|gifts?|samples?|returns|entry|entrance|admission|parking|"
    r"tickets?|upgrades?|installation|consultations?|quotes?|estimates?|refills?|fitting|lessons?|class(?:es)?|"
    r"sessions?|workshops?|downloads?|e-?books?|guides?|wi-?fi|breakfast|lunch|dinner|meals?|desserts?|drinks?|"
    r"coffees?|teas?|cakes?|months?|weeks?|(?:[^\W\d_]+ )?with (?:every|each|any|your))|gratis|"
    r"(?<!violencia )gratuit[oa]s?|sin (?:cargo|coste|costo)"
)
_IN_PASSING: Final = r"(?:is|are|it's) free(?! (?:of|from|to))|no (?:extra )?charge|at no cost|complimentary"
_FREE: Final = rf"{_OFFERED}|{_IN_PASSING}"
_FREE_WORDS: Final = ("free", "grat", "sin c")
_KINDS: Final = (
    ("superlative", re.compile(rf"(?<![\w-])(?:{spread(_SUPERLATIVE)})(?![\w-])", re.IGNORECASE)),
    ("guarantee", re.compile(rf"(?<![\w-])(?:{spread(f'{_GUARANTEE}|{_IN_PASSING}')})(?![\w-])", re.IGNORECASE)),
    ("offer", re.compile(rf"(?<![\w-])(?:{_OFFERED})(?![\w-])", re.IGNORECASE)),
)
_AT_NO_PRICE = re.compile(_FREE, re.IGNORECASE)
# What a brief says that costs nothing may be called free in any of these words.
_COSTS_NOTHING = re.compile(
    rf"(?<![\w-])(?<!feel )(?:{_FREE}|free(?![ -](?:time|range|spirit|from))|[$€£]\s?0|s/ ?0|no pagan?)(?!\w|[.,]\d)",
    re.IGNORECASE,
)


def boasts(text: str, stated: Statements) -> Iterator[tuple[str, Span]]:
    """Yield each "superlative", "guarantee" and "offer" that the brief does not state, and its place."""
    free = None
    lowered = text.casefold()
    for kind, expression in _KINDS:
        if kind == "offer" and not any(word in lowered for word in _FREE_WORDS):
            continue
        for match in expression.finditer(text):
            if stated.says(match[0]):
                continue
            if _AT_NO_PRICE.fullmatch(match[0]):
                if free is None:
                    free = any(_COSTS_NOTHING.search(phrase) for phrase in stated.phrases)
                if free:
                    continue
            yield kind, match.span()
