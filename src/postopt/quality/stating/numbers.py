"""What a number says, in either decimal convention.

"1,299.00" and "1.299,00" are the same number; "1.299" may be twelve hundred and ninety-nine or one and a bit, and has
both readings. A reading is a text: digits without leading zeros, and a point with decimals unless they are zero. So no
number is too large or too precise, and none goes through a float.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

NUMBER: Final = r"\d+(?:[.,'’]\d+|[ \u00a0\u202f]\d{3}(?!\d)){0,20}"
"""How a number is written: digits with points, commas or apostrophes between them, or spaces before groups of three.

Of at most 21 parts, an arbitrary bound: without any, a long row of groups would be read anew from each of them.
"""

_SEPARATORS = re.compile(r"[.,'’ \u00a0\u202f]")
_TIMES = {
    "k": 3, "thousand": 3, "mil": 3, "m": 6, "million": 6, "millions": 6, "millón": 6, "millones": 6, "bn": 9,
    "billion": 9,
}  # fmt: skip
MULTIPLIER: Final = r"(?:[ \u00a0]?(?:thousand|mil|millions?|millón|millones|billion|bn)|k|m)(?!\w)"


def readings(number: str) -> frozenset[str]:
    """Return what a number may say: one reading, or two where both conventions give one.

    A number of several parts that no convention allows, such as a version, is its own reading.
    """
    plain = "".join(str(unicodedata.decimal(mark)) if mark.isdecimal() else mark for mark in number)
    marks = _SEPARATORS.findall(plain)
    parts = _SEPARATORS.split(plain)
    if not marks:
        return frozenset({_canonical(plain)})
    found = set()
    if _grouped(parts) and len(set(marks)) == 1:
        found.add(_canonical("".join(parts)))
    if marks[-1] in ".," and (len(marks) == 1 or (_grouped(parts[:-1]) and len(set(marks[:-1]) - {marks[-1]}) == 1)):
        found.add(_canonical("".join(parts[:-1]), parts[-1]))
    return frozenset(found or {plain})


def multiplied(found: frozenset[str], word: str) -> frozenset[str]:
    """Return the readings times a thousand, a million or a billion, as the word or letter after the number says."""
    return frozenset(_shifted(reading, _TIMES[word.strip().casefold()]) for reading in found)


def _grouped(parts: list[str]) -> bool:
    return 0 < len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:])


def _canonical(whole: str, decimals: str = "") -> str:
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + ("." + decimals if decimals else "")


def _shifted(reading: str, places: int) -> str:
    whole, _, decimals = reading.partition(".")
    return _canonical(whole + decimals[:places].ljust(places, "0"), decimals[places:])


# Numbers in words, up to 999,999: (value, words) in English and Spanish.
_WORDS: Final = {
    0: "zero cero", 1: "one un uno una", 2: "two dos", 3: "three tres", 4: "four cuatro", 5: "five cinco",
    6: "six seis", 7: "seven siete", 8: "eight ocho", 9: "nine nueve", 10: "ten diez", 11: "eleven once",
    12: "twelve doce dozen docena", 13: "thirteen trece", 14: "fourteen catorce", 15: "fifteen quince",
    16: "sixteen dieciséis", 17: "seventeen diecisiete", 18: "eighteen dieciocho", 19: "nineteen diecinueve",
    20: "twenty veinte", 21: "veintiún veintiuno veintiuna", 22: "veintidós", 23: "veintitrés", 24: "veinticuatro",
    25: "veinticinco", 26: "veintiséis", 27: "veintisiete", 28: "veintiocho", 29: "veintinueve", 30: "thirty treinta",
    40: "forty cuarenta", 50: "fifty cincuenta", 60: "sixty sesenta", 70: "seventy setenta", 80: "eighty ochenta",
    90: "ninety noventa", 100: "hundred cien ciento", 200: "doscientos doscientas", 300: "trescientos trescientas",
    400: "cuatrocientos cuatrocientas", 500: "quinientos quinientas", 600: "seiscientos seiscientas",
    700: "setecientos setecientas", 800: "ochocientos ochocientas", 900: "novecientos novecientas",
    1000: "thousand mil",
}  # fmt: skip
_VALUES = {word: value for value, words in _WORDS.items() for word in words.split()}
NUMBER_WORDS: Final = frozenset(_VALUES)
_ONE = "|".join(sorted(_VALUES, key=len, reverse=True))
SPELLED: Final = rf"(?<!\w)(?:{_ONE})(?:(?:-| | and | y )(?:{_ONE}))*(?!\w)"
"""How a number is written in words; to be matched whatever the case."""


def spelled(words: str) -> str:
    """Return the reading of a number in words, such as "twenty-two" or "cuarenta y cuatro"."""
    total, part = 0, 0
    for word in re.split(r"[-\s]+", words.casefold()):
        value = _VALUES.get(word)
        if value is None:  # "and", "y"
            continue
        if value == 1000:
            total, part = total + max(part, 1) * 1000, 0
        elif value == 100:
            part = max(part, 1) * 100
        else:
            part += value
    return str(total + part)
