"""What evidence can be about: yes or no of a text, found again in the same way in tests and in posts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from postopt.errors import shown
from postopt.quality.readable import FEATURES, Feature, Reading, read

# An address says nothing as prose: its digits are no number, its "?" asks nothing. It counts as two words.
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_STAND_IN = "www.x"

# Rungs between the tenth and the ninetieth percentile of open headlines (60 and 98 characters).
_LEAST_CHARACTERS = (60, 70, 80, 90)

_OPENS_WITH_QUESTION = {
    "en": frozenset("how why what who when where which".split()),
    "es": frozenset("cómo por-qué qué quién cuándo dónde cuál".split()),
}


def _at_least(characters: int, reading: Reading) -> bool:
    return len(reading.text) >= characters


def _opens_with_question(reading: Reading) -> bool:
    opening = {reading.words[0], "-".join(reading.words[:2])} if reading.words else set()
    return not opening.isdisjoint(_OPENS_WITH_QUESTION.get(reading.language, ()))


TRAITS: Mapping[str, Feature] = MappingProxyType(
    {feature.name: feature for feature in FEATURES}
    | {
        f"at_least_{n}_characters": Feature(
            f"at_least_{n}_characters", f"has {n} characters or more", partial(_at_least, n)
        )
        for n in _LEAST_CHARACTERS
    }
    | {
        "starts_with_question_word": Feature(
            "starts_with_question_word", "starts with how, why, what or the like", _opens_with_question
        )
    }
)
"""The readable features, lengths in characters, and how a text opens; by name."""

LONGEST = 10_000
"""Code points of a text beyond which nothing is looked for: where the features stop reading."""


def reading_of(text: str, language: str | None) -> Reading:
    """Return a text as traits see it: addresses stand for themselves only.

    Raises:
        ValueError: `text` is no str.
    """
    if not isinstance(text, str):
        raise ValueError(f"text is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
    return read(_ADDRESS.sub(_STAND_IN, text[:LONGEST]), language)
