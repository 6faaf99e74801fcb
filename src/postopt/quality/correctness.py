"""Defects of the letter: marks, brackets, doubled words, and what is left over of a template or a model.

Conservative: a rule speaks only where hardly any careful writer would mean it. Each was held against posts of public
pages, and dropped if it was mostly wrong there (docs/design/0027-quality.md has the shares). What stands in the brief
is the host's own wording, and no defect wherever it appears.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

from postopt.judgement import Finding
from postopt.quality.arguments import check_arguments
from postopt.quality.lexicon import primary
from postopt.quality.readable import language_of
from postopt.quality.rules import marks, model_talk, residue, spanish
from postopt.quality.rules.defects import Defect
from postopt.quality.spans import occurrences
from postopt.types import Brief

AXIS: Final = "correctness"

# Longer than any platform takes; what comes after it is not read, so that no text holds up a run.
MOST_CHARACTERS: Final = 100_000

_RULES: tuple[Callable[[str, str], Iterator[Defect]], ...] = (
    residue.broken_bytes,
    residue.places_to_fill_in,
    model_talk.model_talk,
    residue.markdown,
    residue.broken_links,
    marks.spaces,
    marks.repeated_marks,
    marks.doubled_words,
    marks.unbalanced,
    spanish.inverted_marks,
)

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def check(text: str, brief: Brief | None = None, language: str | None = None) -> list[Finding]:
    """Return what is wrong with the letter of a text, in order of place; pure, and never raises for any str.

    Args:
        text: of which the first `MOST_CHARACTERS` are read.
        brief: whose own wording is no defect.
        language: a tag; None for the brief's, or else the one that the words speak for.

    Raises:
        PostDataError: one of them is none.
    """
    return [
        Finding(
            rule=defect.rule, axis=AXIS, message=defect.message, span=(defect.start, defect.end),
            hard=defect.hard, source="host",
        )
        for defect in defects(text, brief, language)
    ]  # fmt: skip


def defects(text: str, brief: Brief | None = None, language: str | None = None) -> list[Defect]:
    """Return the defects behind `check`, in order of place."""
    check_arguments(text, brief, language)
    text = text[:MOST_CHARACTERS]
    spoken = spoken_in(text, brief, language)
    found: Iterable[Defect] = chain.from_iterable(rule(text, spoken) for rule in _RULES)
    if language is None and brief is None and spoken == "es" and spanish.lead(_words(text)) < 1:
        # A post in Portuguese may have no word that is not Spanish as well.
        found = (defect for defect in found if defect.rule != "correctness.inverted_mark")
    return sorted(_without_the_briefs(found, text, brief), key=lambda defect: (defect.start, defect.end, defect.rule))


def mended(text: str, rule: str, brief: Brief | None = None, language: str | None = None) -> str:
    """Return a text without those defects of one rule that the rule can mend."""
    pieces, end = [], 0
    for defect in defects(text, brief, language):
        if defect.rule == rule and defect.mended is not None and defect.start >= end:
            pieces += [text[end : defect.start], defect.mended]
            end = defect.end
    return "".join(pieces) + text[end:]


def spoken_in(text: str, brief: Brief | None = None, language: str | None = None) -> str:
    """Return "en", "es" or another language as its tag begins, or "" where nobody can tell.

    A tag is believed, the argument before the brief. Else the words decide; French, Portuguese and Italian share so
    many with Spanish that a text with more of their own than of Spanish ones is nobody's.
    """
    check_arguments(text, brief, language)
    tag = language if language is not None else brief.language if brief is not None else None
    if tag is not None:
        return primary(tag)
    words = _words(text)
    spoken = language_of(words, text[:10_000])
    unsure = spoken == "es" and not any(mark in text for mark in "¿¡ñÑ")
    return "" if unsure and spanish.lead(words) < 0 else spoken


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text[:10_000].casefold()))


def _without_the_briefs(found: Iterable[Defect], text: str, brief: Brief | None) -> list[Defect]:
    """Leave out what lies within the brief's own wording."""
    every = list(found)
    if brief is None or not every:
        return every
    own = [brief.topic, brief.brand, brief.call_to_action, *brief.facts.values(), *brief.keywords]
    places = [place for words in own if words for place in occurrences(text, words)]
    return [defect for defect in every if not any(a <= defect.start and defect.end <= b for a, b in places)]
