"""The opening marks of Spanish questions and exclamations, and telling Spanish from its neighbours.

Source: Real Academia Española, Ortografía de la lengua española (2010), chapter III, 3.4.9: the opening marks are
obligatory, and stand where the question or exclamation begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from postopt.quality.lexicon import FUNCTION_WORDS
from postopt.quality.rules.defects import Defect, links_covered, quoted

_WORD = re.compile(r"[^\W\d_]+")
_END = re.compile(r"[.…\n]+|[!?]+")
_SPANISH = frozenset(FUNCTION_WORDS["es"].split()) | set("esta están está hay vamos tiene eso ese todo todos".split())
_ENGLISH = frozenset(FUNCTION_WORDS["en"].split()) | set("i am im me my happy love thank thanks good day".split())
# Of the frequent ones, those that its neighbours do not have.
_OWN = frozenset(
    "el los las y muy pero hay está están ustedes usted hoy ya sus nuestro nuestra nuestros nuestras fue qué cómo "
    "cuándo quién hasta también siempre es su tu más tus aquí yo eres soy somos tiene tienen".split()
)
_FOREIGN = frozenset("ãõçêèàâôûîœ")
# Frequent in French, Portuguese, Italian or Catalan, and no words of Spanish.
NEIGHBOURS = frozenset(
    "le les et est du des une pour avec dans sur vous nous ce cette au aux qui ne pas je il ils elle "
    "não uma em os do da dos das você vocês ao na nas nos pela pelo seu sua com foi mais isso quem "
    "il di che è per non gli sono della dei nel alla anche più i amb els és dels".split()
)
_ASKING = re.compile(
    r"(?:\b(?:por|para|de|a|en|con|desde|hasta)\s+)?\b(?:qué|cómo|cuándo|dónde|adónde|quién|quiénes|cuál|cuáles|cuánto|cuánta|"
    r"cuántos|cuántas)\b",
    re.IGNORECASE,
)


def inverted_marks(text: str, language: str) -> Iterator[Defect]:
    """Yield questions and exclamations that a Spanish sentence closes and does not open; others are left alone.

    A text in Spanish may quote a sentence in another language: the sentence itself must speak for Spanish. The span is
    the sentence with its mark.
    """
    if language != "es" or not ("?" in text or "!" in text):
        return
    covered = links_covered(text)
    start = closed = 0  # where the sentence begins, and where the last question or exclamation ended
    for end in _END.finditer(covered):
        sentence = covered[start : end.start()]
        mark = "¿" if "?" in end[0] else "¡"
        if end[0][0] not in "?!":
            start = end.end()
            continue
        # What was opened may go on after an ellipsis, an abbreviation or the end of a line.
        opened = covered.find("¿", closed, end.start()) >= 0 or covered.find("¡", closed, end.start()) >= 0
        if not opened and _is_spanish(sentence):
            place = start + _opening(sentence, mark)
            closing = "question" if mark == "¿" else "exclamation"
            message = f"The {closing} {quoted(text[place : end.end()])} lacks its {quoted(mark)}."
            yield Defect("correctness.inverted_mark", place, end.end(), mark + text[place : end.end()], message)
        start = closed = end.end()


def _is_spanish(sentence: str) -> bool:
    words = _WORD.findall(sentence.casefold())
    if len(words) < 2:
        return False
    others = sum(word in _ENGLISH or (word in NEIGHBOURS and word not in _SPANISH) for word in words)
    return sum(word in _SPANISH for word in words) > others


def _opening(sentence: str, mark: str) -> int:
    """Return where the opening mark belongs: at the asking word after a comma or colon, else at the first word."""
    if mark == "¿":
        for found in _ASKING.finditer(sentence):
            if sentence[: found.start()].rstrip()[-1:] in (",", ":", ";"):
                return found.start()
    first = re.search(r"[\w#@\"“«']", sentence)
    return first.start() if first else 0


def lead(words: Sequence[str]) -> int:
    """Return by how many words, in lower case, Spanish is ahead of French, Portuguese, Italian and Catalan."""
    foreign = sum(word in NEIGHBOURS or not _FOREIGN.isdisjoint(word) for word in words)
    return sum(word in _OWN for word in words) - foreign
