"""What to tell a writer to do because of a trait, in words; what is not here is reported and never suggested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from postopt.quality.instructions import INSTRUCTIONS, Instruction
from postopt.quality.lexicon import LANGUAGES


def _use(english: str, spanish: str, group: str) -> Instruction:
    return Instruction(use=dict(zip(LANGUAGES, (english, spanish), strict=True)), group=group)


def _avoid(english: str, spanish: str, group: str) -> Instruction:
    return Instruction(avoid=dict(zip(LANGUAGES, (english, spanish), strict=True)), group=group)


def _more_than(words: int) -> Mapping[str, str]:
    return dict(zip(LANGUAGES, (f"Use more than {words} words.", f"Usa más de {words} palabras."), strict=True))


_PERSON = replace(INSTRUCTIONS["he_she"], group="person")
_POINT = replace(INSTRUCTIONS["deixis"], group="pointing")
_VOICE = _use(
    "Report what somebody says or thinks, as far as the brief states it.",
    "Cuenta lo que alguien dice o piensa, hasta donde el encargo lo diga.",
    "voice",
)

ADVICE: Mapping[str, Instruction] = MappingProxyType(
    {
        **INSTRUCTIONS,
        "he_she": _PERSON,
        "man_woman_he_she": replace(_PERSON, avoid={}),
        "deixis": _POINT,
        "look": replace(INSTRUCTIONS["look"], group="pointing"),
        "this_or_look": replace(_POINT, avoid={}),
        "says_or_thinks": _VOICE,
        "speech": _VOICE,
        "thought": _VOICE,
        "event": _use("Tell what happened.", "Cuenta lo que pasó.", "event"),
        "short_question": replace(INSTRUCTIONS["question"], use={}),
        "starts_with_question_word": _avoid(
            "Begin with a statement, not with how, why or what.",
            "Empieza con una afirmación, no con cómo, por qué o qué.",
            "question",
        ),
        "short": replace(INSTRUCTIONS["short"], avoid=_more_than(14)),
        "at_most_6_words": replace(INSTRUCTIONS["at_most_6_words"], avoid=_more_than(6)),
        "at_most_12_words": replace(INSTRUCTIONS["at_most_12_words"], avoid=_more_than(12)),
        **{f"at_most_{n}_words": Instruction(avoid=_more_than(n), group="length") for n in (8, 10)},
        **{
            f"at_least_{n}_characters": _use(
                f"Write at least {n} characters.", f"Escribe al menos {n} caracteres.", "length"
            )
            for n in (60, 70, 80, 90)
        },
    }
)
"""Sentences by trait: those of `quality.instructions`, and what else the catalogue can show.

Nothing here asks for superlatives, for speaking of men, women or children as such, or for or against a trait that is
denied; nor for anything that the brief may lack.
"""
