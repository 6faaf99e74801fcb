"""Numbers and times of day in words, in English and Spanish: "forty hours", "a las seis y media", "half past six".

Words for numbers mostly assert nothing ("one of us", "two friends"), so a number in words is read only with a unit of
measure, of people or of places after it. Times are read with what makes them times: half and quarter hours, "o'clock",
the part of the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.quality.stating.dates import Place
from postopt.quality.stating.numbers import NUMBER_WORDS, SPELLED, spelled

_UNITS: Final = (
    "hour hours day days night nights week weeks month months year years minute minutes second seconds kilo kilos "
    "kilograms gram grams ounces liter liters litre litres meter meters metre metres kilometers kilometres miles inch "
    "inches degrees seats places spots tickets people guests hora horas día días noche noches semana semanas meses año "
    "años minutos segundos kilogramos gramos litros metros kilómetros grados plazas asientos entradas personas"
).split()
_WORD = re.compile(r"[^\W\d_]+")
_COUNTED = re.compile(rf"(?P<number>{SPELLED})(?P<unit>[ -](?:{'|'.join(_UNITS)}))(?!\w)", re.IGNORECASE)
# Said without counting: "one day", "a hundred years", "give us five minutes".
_UNCOUNTED: Final = frozenset("1 100 1000".split())
_NUMBERS: Final = NUMBER_WORDS - {"one", "un", "una", "uno"}
_SHORT: Final = ("min", "sec", "seg")
_MOST_SHORT: Final = 10

_HOURS: Final = {
    word: hour
    for hour, words in enumerate(
        ("one una", "two dos", "three tres", "four cuatro", "five cinco", "six seis", "seven siete", "eight ocho",
         "nine nueve", "ten diez", "eleven once", "twelve doce"), 1
    )
    for word in words.split()
}  # fmt: skip
_MINUTES: Final = {
    "": 0, "five": 5, "ten": 10, "quarter": 15, "a quarter": 15, "fifteen": 15, "twenty": 20, "twenty-five": 25,
    "half": 30, "thirty": 30, "forty-five": 45, "cinco": 5, "diez": 10, "cuarto": 15, "veinte": 20, "veinticinco": 25,
    "media": 30,
}  # fmt: skip
_HOUR_EN = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|1[0-2]|[1-9])"
_HOUR_IN_WORDS = r"una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce"
_HOUR_ES = rf"(?:{_HOUR_IN_WORDS}|1[0-2]|[1-9])"
_MERIDIEM = r" ?[ap]\.? ?m(?:\.|(?!\w))"
_PART_EN = rf"(?:{_MERIDIEM}| in the (?:morning|afternoon|evening)| at night)"
_PART_ES = rf"(?:{_MERIDIEM}| de la (?:mañana|madrugada|tarde|noche)| en punto)"
_LAS = r"(?<!\w)(?:a|hasta) las? "
# "Take one in the morning" and "five to ten guests" are no times.
# Each with the words of which one is in all that it finds: a text without them need not be read.
_SPOKEN: Final = (
    (
        ("past", "quarter to"),
        re.compile(
            rf"(?<!\w)(?:(?P<minute>half|(?:a )?quarter|five|ten|twenty) past|(?P<less>(?:a )?quarter) to) "
            rf"(?P<hour>{_HOUR_EN})(?![\w%€$£]|[.,:]\d)(?P<part>{_PART_EN})?",
            re.IGNORECASE,
        ),
    ),
    (
        ("clock", " pm", " p.", " am", " a.", "ty pm", "ty am"),
        re.compile(
            rf"(?<![\w:.,-])(?P<hour>{_HOUR_EN})(?:[ -](?P<minute>fifteen|thirty|forty-five))?"
            rf"(?: o'?clock(?!\w)(?P<part>{_PART_EN})?|(?P<part_>{_MERIDIEM}))",
            re.IGNORECASE,
        ),
    ),
    (
        ("fifteen", "thirty", "forty-five", "morning", "afternoon", "evening", "at night"),
        re.compile(
            rf"(?<!\w)(?:at|from|until|till|by|before|after) (?P<hour>{_HOUR_EN})(?:[ -](?P<minute>fifteen|thirty|"
            rf"forty-five)(?!\w)(?P<part>{_PART_EN})?|(?P<part_>{_PART_EN}))",
            re.IGNORECASE,
        ),
    ),
    (
        ("a las ", "a la una"),
        re.compile(
            rf"{_LAS}(?P<hour>{_HOUR_ES})(?: (?:y (?P<minute>media|cuarto|cinco|diez|veinte|veinticinco)|"
            rf"menos (?P<less>cuarto|cinco|diez|veinte|veinticinco))(?!\w)(?P<part>{_PART_ES})?|(?P<part_>{_PART_ES}))",
            re.IGNORECASE,
        ),
    ),
    (
        ("a las ", "a la una"),
        re.compile(rf"{_LAS}(?P<hour>{_HOUR_IN_WORDS})(?= ?(?:[.,;:!?)\n]|$))", re.IGNORECASE),
    ),
)
_BEFORE_NOON = re.compile(r" ?a\.? ?m|.*(?:morning|mañana|madrugada)", re.IGNORECASE)
_AFTER_NOON = re.compile(r" ?p\.? ?m|.*(?:afternoon|evening|tarde)", re.IGNORECASE)
_AT_NIGHT = re.compile(r".*(?:night|noche)", re.IGNORECASE)
_DAWN: Final = 6  # "two at night" is before it


def counted(text: str) -> Iterator[Place]:
    """Yield where numbers in words stand with a unit."""
    words = set(_WORD.findall(text.casefold()))
    if words.isdisjoint(_NUMBERS) or words.isdisjoint(_UNITS):
        return
    for match in _COUNTED.finditer(text):
        number = spelled(match["number"])
        short = match["unit"][1:4].casefold() in _SHORT and int(number) <= _MOST_SHORT
        if number not in _UNCOUNTED and not short:
            yield match.span(), frozenset({number})


def spoken_times(text: str) -> Iterator[Place]:
    """Yield where times of day stand in words, or with words that make a digit one ("6 o'clock")."""
    lowered = text.casefold()
    for words, expression in _SPOKEN:
        for match in expression.finditer(text) if any(word in lowered for word in words) else ():
            found = match.groupdict(default="")
            minutes = _MINUTES[found.get("minute", "").casefold()] - _MINUTES[found.get("less", "").casefold()]
            yield match.span(), _minutes_of(found["hour"], minutes, found.get("part") or found.get("part_") or "")


def _minutes_of(hour: str, minutes: int, part: str) -> frozenset[str]:
    """Return the minutes of the day that a time may be: in both halves of the day where nothing tells."""
    word = hour.casefold()
    hours = (int(word) if word.isdecimal() else _HOURS[word]) % 12
    halves = [0, 720]
    if _BEFORE_NOON.match(part) or (_AT_NIGHT.match(part) and hours < _DAWN):
        halves = [0]
    elif _AFTER_NOON.match(part) or _AT_NIGHT.match(part):
        halves = [720]
    found = {(60 * hours + half + minutes) % 1440 for half in halves}
    return frozenset(map(str, found | {1440} if 0 in found else found))
