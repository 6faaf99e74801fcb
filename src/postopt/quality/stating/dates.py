"""Dates and times of day in a text, by name and in digits, in English and Spanish.

Each part of a date stands for itself: "Saturday 7 March 2026" is a weekday, a day of a month and a year, and "6 to 8
May" are two days. A date in digits is read day first and month first, wherever both are days of a year. A time says
which minute of the day it is; without "am" or "pm", an hour up to twelve may be either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from postopt.quality.spans import Span

Place: TypeAlias = tuple[Span, frozenset[str]]

_MONTHS: Final = (
    "january jan enero ene", "february feb febrero", "march mar marzo", "april apr abril abr", "may mayo",
    "june jun junio", "july jul julio", "august aug agosto ago", "september sept sep septiembre setiembre",
    "october oct octubre", "november nov noviembre", "december dec diciembre dic",
)  # fmt: skip
_WEEKDAYS: Final = (
    "monday mondays lunes", "tuesday tuesdays martes", "wednesday wednesdays miércoles miercoles",
    "thursday thursdays jueves", "friday fridays viernes", "saturday saturdays sábado sábados sabado sabados",
    "sunday sundays domingo domingos",
)  # fmt: skip
_MONTH_OF = {name: month for month, names in enumerate(_MONTHS, 1) for name in names.split()}
_WEEKDAY_OF = {name: day for day, names in enumerate(_WEEKDAYS) for name in names.split()}
_NOT_WITHOUT_CAPITAL: Final = ("may", "march")  # words of their own


def _any(names: dict[str, int], least: int = 0) -> str:
    return "|".join(sorted((name for name in names if len(name) >= least), key=len, reverse=True))


_MONTH = rf"(?P<month>{_any(_MONTH_OF)})(?!\w)"
_DAY = r"\d{1,2}"
_ORDINAL = r"(?:st|nd|rd|th|º|°)?"
_TO = r"(?: ?[-–—/] ?|,? (?:to|and|y|al?|e|o|or|hasta|until|till) (?:el |the |las? )?)"  # "6 to 8 May", "5–9 pm"
_DAY_FIRST = re.compile(
    rf"(?<![\w.,])(?P<first>{_DAY}){_ORDINAL}(?:{_TO}(?P<last>{_DAY}){_ORDINAL})?(?: de | of |[- ]){_MONTH}",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"(?<!\w){_MONTH}\.? (?:the )?(?P<first>{_DAY}){_ORDINAL}(?![\w:%]|[.,]\d)"
    rf"(?:{_TO}(?P<last>{_DAY}){_ORDINAL}(?![\w:%]))?",
    re.IGNORECASE,
)
_IN_DIGITS = re.compile(
    r"(?<![\w.,/-])(?:(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})|"
    r"(?P<a>\d{1,2})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|(?<!\.)\d{2})|"
    r"(?P<day>\d{1,2})/(?P<of>\d{1,2}))(?![\w/-]|[.,]\d)"
)
_MONTH_ALONE = re.compile(
    r"(?<!\w)(?:in|until|till|by|from|since|this|of|next|every|en|hasta|desde|de|este) "
    rf"(?P<month>{_any(_MONTH_OF, 4)}|may|june|july)(?!\w)",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(rf"(?<!\w)(?:{_any(_WEEKDAY_OF)})(?!\w)", re.IGNORECASE)
_OPENS: Final = tuple("\"“«‘'„")
_CLOSES: Final = tuple("\"”»’'“")
_YEAR = re.compile(r"(?<![\w.,'’#$€£-])(?:19|20)\d{2}(?![\w%€£$]|[.,'’]\d| ?(?:€|£|%))")

_MERIDIEM = r"(?P<half>[ap])(?:\.[ \u00a0]?m\.|m(?!\w)|\. ?m(?!\w))"
_CLOCK = re.compile(
    r"(?<![\w.,:/])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?"
    rf"(?:{_TO}(?P<hour2>\d{{1,2}})(?:[:.](?P<minute2>\d{{2}}))?)?[ \u00a0]?{_MERIDIEM}",
    re.IGNORECASE,
)
_TWENTY_FOUR = re.compile(r"(?<![\w.,:/])(?P<hour>\d{1,2})(?::|h)(?P<minute>\d{2})(?::\d{2})?(?!\w|[.,:]\d)")
# What says that something is always open, and words of which one is in it.
_ALWAYS: Final = {
    "24/7": (("24/7",), re.compile(r"(?<![\w/])24/7(?![\w/])")),
    "7 days": (
        ("days a week", "la semana"),
        re.compile(r"(?<!\w)(?:(?:7|[Ss]even) days a week|(?:7|[Ss]iete) días (?:a|de) la semana)(?!\w)"),
    ),
    "24 hours": (
        ("hours a day", "horas ", "the clock"),
        re.compile(
            r"(?<!\w)(?:(?:24|[Tt]wenty[- ]four) hours a day|(?:[Ll]as )?(?:24|[Vv]einticuatro) horas (?:del|al) día|"
            r"[Rr]ound the clock)(?!\w)"
        ),
    ),
}
ALWAYS: Final = frozenset(_ALWAYS)
"""The readings of "24/7" and its like, which no other time has."""
_NAMED: Final = {"noon": 720, "midday": 720, "mediodía": 720, "midnight": 1440, "medianoche": 1440}
_NAME = re.compile(rf"(?<!\w)(?:{_any(_NAMED)})(?!\w)", re.IGNORECASE)


def _of_month(day: str, month: str) -> frozenset[str]:
    """Return a day of a month as a reading, or nothing where no year has it."""
    return frozenset({f"{int(month):02}-{int(day):02}"} if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else ())


def _days_of_months(expression: re.Pattern[str]) -> Callable[[str], Iterator[Place]]:
    def scan(text: str) -> Iterator[Place]:
        for match in expression.finditer(text):
            month = str(_MONTH_OF[match["month"].casefold()])
            first, last = _of_month(match["first"], month), match["last"] and _of_month(match["last"], month)
            if first and last is None:
                yield match.span(), first
            elif first and last and match.start("month") < match.start("first"):
                yield (match.start(), match.end("first")), first
                yield match.span("last"), last
            elif first and last:
                yield match.span("first"), first
                yield (match.start("last"), match.end()), last

    return scan


def _in_digits(text: str) -> Iterator[Place]:
    for match in _IN_DIGITS.finditer(text):
        if match["y"]:
            found, year, end = _of_month(match["d"], match["m"]), match["y"], match.end()
            start = match.start("m")
        else:
            first, second = (match["a"], match["b"]) if match["a"] else (match["day"], match["of"])
            found, year = _of_month(first, second) | _of_month(second, first), match["year"]
            start, end = match.start(), match.end("b") if match["a"] else match.end()
        if found:
            yield (start, end), found
            if year:
                place = match.span("y") if match["y"] else match.span("year")
                yield place, frozenset({str(int(year) + (2000 if len(year) == 2 else 0))})


def _months_alone(text: str) -> Iterator[Place]:
    for match in _MONTH_ALONE.finditer(text):
        if match["month"] not in _NOT_WITHOUT_CAPITAL:
            yield match.span("month"), frozenset({f"month {_MONTH_OF[match['month'].casefold()]}"})


def _weekdays(text: str) -> Iterator[Place]:
    for match in _WEEKDAY.finditer(text):
        # 'Our "Sunday" candle' is called so.
        if text[match.start() - 1 : match.start()] in _OPENS and text[match.end() : match.end() + 1] in _CLOSES:
            continue
        yield match.span(), frozenset({f"weekday {_WEEKDAY_OF[match[0].casefold()]}"})


def _years(text: str) -> Iterator[Place]:
    return ((match.span(), frozenset({str(int(match[0]))})) for match in _YEAR.finditer(text))


def _clock(text: str) -> Iterator[Place]:
    for match in _CLOCK.finditer(text):
        first = _minute(match["hour"], match["minute"], match["half"])
        last = match["hour2"] and _minute(match["hour2"], match["minute2"], match["half"])
        if first and last is None:
            yield match.span(), first
        elif first and last:
            # "9 to 5 pm" begins in the morning.
            yield (
                (match.start(), match.end("minute" if match["minute"] else "hour")),
                first | _minute(match["hour"], match["minute"], ""),
            )
            yield (match.start("hour2"), match.end()), last


def _twenty_four(text: str) -> Iterator[Place]:
    for match in _TWENTY_FOUR.finditer(text):
        found = _minute(match["hour"], match["minute"], "")
        if found:
            yield match.span(), found


def _minute(hour: str, minute: str | None, half: str) -> frozenset[str]:
    """Return the minutes of the day that a time may be; empty if there is no such time."""
    hours, minutes = int(hour), int(minute or 0)
    if hours > 24 or minutes > 59 or (half and not 1 <= hours <= 12):
        return frozenset()
    if half:
        hours = hours % 12 + (12 if half.casefold() == "p" else 0)
    found = {hours * 60 + minutes}
    if not half and 1 <= hours <= 12:
        found.add(hours % 12 * 60 + minutes + 720)
        found.add(hours % 12 * 60 + minutes)
    if found & {0, 1440}:  # midnight ends a day and begins one
        found |= {0, 1440}
    return frozenset(map(str, found))


def _named_times(text: str) -> Iterator[Place]:
    for match in _NAME.finditer(text):
        minute = _NAMED[match[0].casefold()]
        yield match.span(), frozenset({str(minute), "0"} if minute == 1440 else {str(minute)})


def _round_the_clock(text: str) -> Iterator[Place]:
    for reading, (words, expression) in _ALWAYS.items():
        for match in expression.finditer(text) if any(word in text for word in words) else ():
            yield match.span(), frozenset({reading})


TIME_SCANS: Final = (_round_the_clock, _clock, _twenty_four, _named_times)
DATE_SCANS: Final = (
    _days_of_months(_DAY_FIRST),
    _days_of_months(_MONTH_FIRST),
    _in_digits,
    _months_alone,
    _weekdays,
    _years,
)
"""Each yields places and what the dates or times there may say; a later one reads what earlier ones left."""
