"""The gate of near-duplicates: whether two texts say the same, and if not, why not.

Similarity cannot tell "opens on Sunday" from "closed on Sunday"; this can, because it never asks how alike two texts
are. They pass if they ask for the same and hold the same content words in the same order, where two words are the same
if they are spelled the same or stand in one group of the hand-written lists (see `meaning`). Passing is reflexive and
symmetric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from postopt.caching.gate.amounts import AMOUNTS
from postopt.caching.gate.content import Word
from postopt.caching.gate.lexicon import LANGUAGES, lexicon_of
from postopt.caching.gate.meaning import Meaning, read
from postopt.caching.gate.tokens import CODE, may_be_name, normalise

MIN_WORDS = 2
"""With fewer words of content, what is left out is most of what is said: "What the ..." and "What"."""


def explain(first: str, second: str, *, language: str = "", loose: bool = False) -> tuple[str, ...]:
    """Return why the gate refuses two texts; empty if it lets them pass.

    Args:
        first: a text.
        second: another.
        language: their language tag, if it is known.
        loose: whether words of the loose lists count as the same, as they do where an embedder finds the texts alike.
    """
    if normalise(first) == normalise(second):
        return ()
    return differences(read(first, language), read(second, language), loose=loose)


def differences(first: Meaning | None, second: Meaning | None, *, loose: bool = False) -> tuple[str, ...]:
    """Return in which ways two meanings differ; a text without one differs from every other."""
    if first is None or second is None:
        return (f"no known language ({', '.join(LANGUAGES)}), or too long",)
    if first.language != second.language:
        return (f"languages differ: {first.language} / {second.language}",)
    if min(first.size, second.size) < MIN_WORDS:
        return (f"less than {MIN_WORDS} words of content",)
    reasons = []
    if first.request != second.request:
        reasons.append(f"requests differ: {first.request or 'none'} / {second.request or 'none'}")
    if not _match_all(first.manner, second.manner, loose=loose):
        reasons.append(f"manners differ: {_shown(first.manner)} / {_shown(second.manner)}")
    if not _match_all(first.words, second.words, loose=loose):
        reasons += _reasons(first, second, loose=loose)
    return tuple(reasons)


def passes(first: Meaning, second: Meaning, *, loose: bool = False) -> bool:
    """Say whether `differences` would find none; quicker."""
    return (
        (first.language, first.request) == (second.language, second.request)
        and first.size >= MIN_WORDS
        and _match_all(first.words, second.words, loose=loose)
        and _match_all(first.manner, second.manner, loose=loose)
    )


def _match_all(first: Sequence[Word], second: Sequence[Word], *, loose: bool) -> bool:
    if len(first) != len(second):
        return False
    pairs = zip(first, second, strict=True)
    return all(_match(mine, theirs, loose=loose) and mine.cut == theirs.cut for mine, theirs in pairs)


def _match(first: Word, second: Word, *, loose: bool) -> bool:
    if first.kind != second.kind:
        return False
    if first.text == second.text:
        # "apple" and "Apple" are two things.
        return first.named == second.named or not may_be_name(first.text)
    if first.named or second.named:
        return False
    return first.loose == second.loose if loose else first.key == second.key


def _reasons(first: Meaning, second: Meaning, *, loose: bool) -> list[str]:
    """Name what only one of the texts holds, by kinds; if that is nothing, order or punctuation differ."""
    negations = lexicon_of(first.language).negations
    sides: list[dict[str, list[str]]] = [{}, {}]
    for side, (mine, others) in zip(sides, ((first, second), (second, first)), strict=True):
        left = Counter(_compared(word, loose=loose) for word in others.words)
        for word in mine.words:
            compared = _compared(word, loose=loose)
            left[compared] -= 1
            if left[compared] < 0:
                side.setdefault(_sort(word, negations), []).append(word.shown or word.text)
    reasons = []
    for sort in ("numbers", "negations", "names", "words"):
        lists = [", ".join(side.get(sort, ())) for side in sides]
        if any(lists):
            reasons.append(f"{sort} differ: {lists[0] or 'none'} / {lists[1] or 'none'}")
    if reasons:
        return reasons
    for word, other in zip(first.words, second.words, strict=True):
        if _compared(word, loose=loose) != _compared(other, loose=loose):
            return ["order differs"]
        if not _match(word, other, loose=loose):  # spelled in two ways, and one of them may be a name
            return [f"names differ: {word.shown} / {other.shown}"]
    return ["punctuation differs"]


def _compared(word: Word, *, loose: bool) -> tuple[str, str, bool]:
    text = word.text if word.named else word.loose if loose else word.key
    return word.kind, text, word.named and may_be_name(word.text)


def _sort(word: Word, negations: frozenset[str]) -> str:
    if word.kind == CODE or word.named:
        return "names"
    if word.kind in AMOUNTS:
        return "numbers"
    return "negations" if not negations.isdisjoint(word.text.split()) else "words"


def _shown(words: Sequence[Word]) -> str:
    return ", ".join(word.shown or word.text for word in words) or "none"
