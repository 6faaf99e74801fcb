"""The figures a text states: numbers, prices, percentages, offers, dates, times, links, e-mail and phone addresses.

Each has its place and its readings: two figures of one kind say the same if they share a reading. Both decimal
conventions are read, dates by name and in digits, English and Spanish, whatever the text's language: prices and dates
cross languages. What is found first is taken out before the next kind is looked for, so that the "5" of "5 pm" is no
number besides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from postopt.quality.spans import Span, masked, with_latin_i
from postopt.quality.stating.dates import DATE_SCANS, TIME_SCANS, Place
from postopt.quality.stating.links import emails, links, phones, same_link, same_phone
from postopt.quality.stating.numbers import MULTIPLIER, NUMBER, SPELLED, multiplied, readings, spelled
from postopt.quality.stating.offers import half_prices, multiples
from postopt.quality.stating.spoken import counted, spoken_times

KINDS: Final = ("email", "link", "date", "time", "price", "percentage", "offer", "phone", "number")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a text.

    Attributes:
        kind: one of `KINDS`.
        span: where it stands.
        readings: what it may say, comparable within its kind.
    """

    kind: str
    span: Span
    readings: frozenset[str]


# Which currencies a mark may stand for. Two prices agree if they share one.
_DOLLARS: Final = "USD CAD AUD MXN COP CLP ARS UYU NZD"
_CURRENCIES: Final = {
    "us$": "USD", "c$": "CAD", "a$": "AUD", "r$": "BRL", "s/": "PEN", "$u": "UYU", "$": _DOLLARS, "€": "EUR",
    "£": "GBP", "¥": "JPY CNY", "₡": "CRC", "₲": "PYG", "₱": "PHP", "₹": "INR", "₩": "KRW", "euro": "EUR",
    "euros": "EUR", "dollar": _DOLLARS, "dollars": _DOLLARS, "dólar": _DOLLARS, "dólares": _DOLLARS,
    "dolar": _DOLLARS, "dolares": _DOLLARS, "centimos": "cents",
    "bucks": _DOLLARS, "peso": _DOLLARS, "pesos": _DOLLARS, "pound": "GBP", "pounds": "GBP", "quid": "GBP",
    "libra": "GBP", "libras": "GBP", "sol": "PEN", "soles": "PEN", "colones": "CRC", "p": "pence", "pence": "pence",
    "cents": "cents", "cent": "cents", "céntimos": "cents", "centavos": "cents", "¢": "cents", "usd": "USD",
    "eur": "EUR", "gbp": "GBP", "mxn": "MXN", "cop": "COP", "clp": "CLP", "ars": "ARS", "uyu": "UYU", "pen": "PEN",
    "crc": "CRC", "cad": "CAD", "aud": "AUD", "brl": "BRL", "chf": "CHF", "jpy": "JPY", "inr": "INR",
}  # fmt: skip
_MARKS_BEFORE = r"(?:(?:US|C|A|R)\$|S/|\$U|[$€£¥₡₲₱₹₩]|(?<![^\W_])(?:USD|EUR|GBP|CHF|MXN))"
_MARKS_AFTER = (
    r"(?:[€£$¢₡]|(?:euros?|dollars?|d[óo]lar(?:es)?|bucks|pesos?|pounds?|quid|libras?|soles|colones|pence|cents?|"
    r"c[ée]ntimos|centavos|USD|EUR|GBP|MXN|COP|CLP|ARS|UYU|PEN|CRC|CAD|AUD|BRL|CHF|JPY|INR|p)(?!\w))"
)
_PRICE = re.compile(
    rf"(?P<before>{_MARKS_BEFORE})[ \u00a0\u202f]?(?P<amount>{NUMBER})(?P<times>{MULTIPLIER})?"
    r"(?:[ \u00a0](?P<code>[A-Z]{3})(?!\w))?"
    rf"|(?<![\w.,])(?P<amount_>{NUMBER})(?P<times_>{MULTIPLIER})?[ \u00a0\u202f]?(?P<after>{_MARKS_AFTER})",
    re.IGNORECASE,
)
_PERCENT = r"(?:[%٪％]|(?:percent|per cent|por ciento)(?!\w))"
_PERCENTAGE = re.compile(rf"(?<![\w.,])(?P<amount>{NUMBER})[ \u00a0\u202f]?{_PERCENT}", re.IGNORECASE)
# In words, which are looked for only where something else says that they are an amount.
_AMOUNT_WORD = re.compile(rf"(?<!\w){_MARKS_AFTER}|{_PERCENT}", re.IGNORECASE)
_IN_WORDS = re.compile(
    rf"(?P<amount>{SPELLED}) (?:(?P<percent>{_PERCENT})|(?P<currency>{_MARKS_AFTER}))", re.IGNORECASE
)
# A digit after a letter belongs to a name ("B2B", "MP3"), not to a number; one before letters has a unit ("50kg").
_NUMBER = re.compile(rf"(?<!\w)(?<!\d[.,'’])(?P<amount>{NUMBER})(?P<times>{MULTIPLIER})?", re.IGNORECASE)
_SPELLED = re.compile(SPELLED, re.IGNORECASE)


def figures(text: str) -> tuple[Figure, ...]:
    """Return the figures of a text in the order of their places; of several readings of one place, the first kind's."""
    text = with_latin_i(text)
    found: list[Figure] = []
    for scan in _SCANS:
        fresh = list(scan(text))
        if fresh:
            text = masked(text, [figure.span for figure in fresh])
            found += fresh
    return tuple(sorted(found, key=lambda figure: figure.span))


def spelled_numbers(text: str) -> frozenset[str]:
    """Return the readings of the numbers that a text has in words."""
    return frozenset(spelled(match[0]) for match in _SPELLED.finditer(with_latin_i(text)))


def _amount(number: str, times: str | None) -> frozenset[str]:
    """Return the readings of a number with or without "k" or "million" after it."""
    plain = readings(number)
    # "5 m" are metres as well, and "5 k" may be kilometres.
    return plain | multiplied(plain, times) if times else plain


def _in_currencies(amounts: frozenset[str], mark: str) -> frozenset[str]:
    return frozenset(f"{amount} {currency}" for amount in amounts for currency in _CURRENCIES[mark.casefold()].split())


def _prices(text: str) -> Iterator[Figure]:
    for match in _PRICE.finditer(text):
        mark, end = match["before"] or match["after"], match.end()
        if match["code"]:
            if match["code"].casefold() in _CURRENCIES:
                mark = match["code"]
            else:  # three letters that are no currency: "$34 NEW"
                end = match.end("times" if match["times"] else "amount")
        amounts = _amount(match["amount"] or match["amount_"], match["times"] or match["times_"])
        yield Figure("price", (match.start(), end), _in_currencies(amounts, mark))


def _percentages(text: str) -> Iterator[Figure]:
    for match in _PERCENTAGE.finditer(text):
        yield Figure("percentage", match.span(), readings(match["amount"]))


def _in_words(text: str) -> Iterator[Figure]:
    """Yield prices and percentages whose amount is in words: "fifty percent", "veinte euros"."""
    for match in _IN_WORDS.finditer(text) if _AMOUNT_WORD.search(text) else ():
        amount = frozenset({spelled(match["amount"])})
        if match["percent"]:
            yield Figure("percentage", match.span(), amount)
        else:
            yield Figure("price", match.span(), _in_currencies(amount, match["currency"]))


def _numbers(text: str) -> Iterator[Figure]:
    for match in _NUMBER.finditer(text):
        yield Figure("number", match.span(), _amount(match["amount"], match["times"]))


def _placed(
    kind: str, places: Callable[[str], Iterable[Span]], says: Callable[[str], str]
) -> Callable[[str], Iterator[Figure]]:
    def scan(text: str) -> Iterator[Figure]:
        for start, end in places(text):
            yield Figure(kind, (start, end), frozenset({says(text[start:end])}))

    return scan


def _read(kind: str, places: Callable[[str], Iterator[Place]]) -> Callable[[str], Iterator[Figure]]:
    def scan(text: str) -> Iterator[Figure]:
        return (Figure(kind, span, says) for span, says in places(text))

    return scan


_SCANS: Final[tuple[Callable[[str], Iterator[Figure]], ...]] = (
    _placed("email", emails, str.casefold),
    _placed("link", links, same_link),
    _read("time", TIME_SCANS[0]),  # "24/7", before it is taken for a date
    *(_read("date", places) for places in DATE_SCANS[:-1]),
    *(_read("time", places) for places in (*TIME_SCANS[1:], spoken_times)),
    _prices,
    _percentages,
    _in_words,
    _read("percentage", half_prices),
    _read("offer", multiples),
    _placed("phone", phones, same_phone),
    _read("date", DATE_SCANS[-1]),  # a year, once it is no part of a price or phone number
    _read("number", counted),
    _numbers,
)
