"""What a brief states, and so what a text may say: its figures, its words, its phrases."""

from __future__ import annotations

import re
from functools import lru_cache

from postopt.quality.spans import fold
from postopt.quality.stating.dates import ALWAYS
from postopt.quality.stating.figures import KINDS, Figure, figures, spelled_numbers
from postopt.quality.stating.numbers import NUMBER, readings
from postopt.types import Brief

_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(NUMBER)
_HOURS = re.compile(r"\d ?h(?!\w)")


class Statements:
    """What one brief states, read once for many texts.

    Every field counts but its forbidden words: topic, audience, call to action, keywords, brand, names and values of
    facts.

    Attributes:
        phrases: the fields, folded.
        words: all their words, folded.
    """

    __slots__ = ("_numbers", "_readings", "phrases", "words")

    def __init__(self, brief: Brief) -> None:
        facts = [text for fact in brief.facts.items() for text in fact]
        fields = [brief.topic, brief.audience, brief.call_to_action or "", brief.brand or "", *brief.keywords, *facts]
        self.phrases = tuple(fold(field) for field in fields if field)
        self.words = frozenset(word for phrase in self.phrases for word in _WORD.findall(phrase))
        self._readings: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._numbers: set[str] = set()
        for field in fields:
            self._take(field)

    def states(self, figure: Figure) -> bool:
        """Whether the brief states a figure. A plain number is stated wherever the brief has it, in words too."""
        if figure.readings & self._readings[figure.kind]:
            return True
        # A year is a number that looks like one.
        plain = figure.kind == "number" or (figure.kind == "date" and all(map(str.isdecimal, figure.readings)))
        return plain and not figure.readings.isdisjoint(self._numbers)

    def opens(self) -> bool:
        """Whether the brief states hours or days of the week, which "24/7" and its like then contradict."""
        hours = self._readings["time"] - ALWAYS
        return bool(hours) or any(reading.startswith("weekday") for reading in self._readings["date"])

    def says(self, phrase: str) -> bool:
        """Whether the brief uses a phrase, whatever its case."""
        return any(fold(phrase) in field for field in self.phrases)

    def _take(self, field: str) -> None:
        for figure in figures(field):
            held = self._readings[figure.kind]
            held |= figure.readings
            if figure.kind == "date":
                held |= {f"month {int(reading[:2])}" for reading in figure.readings if reading[2:3] == "-"}
            elif "24/7" in figure.readings:
                held |= ALWAYS
        numbers = {reading for match in _NUMBER.findall(field) for reading in readings(match)}
        self._numbers |= numbers | spelled_numbers(field)
        if _HOURS.search(field):  # "de 16 a 20 h" are times of day as well
            self._readings["time"] |= {str(60 * int(n)) for n in numbers if n.isdecimal() and len(n) < 3}


@lru_cache(maxsize=256)
def statements_of(brief: Brief) -> Statements:
    """Return what a brief states, read once."""
    return Statements(brief)
