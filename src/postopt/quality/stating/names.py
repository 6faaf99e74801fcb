"""Proper names that a text brings in: capital initials where no sentence begins.

Careful on purpose, since capitals are many things: words in capitals throughout, headings in title case, hashtags, and
what the brief names are left alone, and so is a language that is neither English nor Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.quality.lexicon import FUNCTION_WORDS, LANGUAGES
from postopt.quality.spans import Span, fold
from postopt.quality.stating.statements import Statements

_CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w'’-]*"
_NAME = re.compile(rf"(?<![\w#@&'’/.-]){_CAPITAL}(?:(?: (?:de|del|de la|of|the|&|y|and))? {_CAPITAL}){{0,5}}")
_WORD = re.compile(r"[^\W_]+")
_SENTENCES = re.compile(r"[.!?]\s+\w")
# Capitalised in English without being anybody's name, and words of platforms themselves.
_COMMON: Final = frozenset(
    "i i'm i'll i've i'd ok ps p.s dm dms tv mr mrs ms dr sr sra srta don doña usd eur english spanish french german "
    "italian american british european facebook instagram whatsapp messenger linkedin twitter youtube google internet "
    "wifi wi fi bluetooth monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december christmas easter navidad dios god".split()
) | frozenset(word for words in FUNCTION_WORDS.values() for word in words.split())


def names(text: str, stated: Statements, language: str) -> Iterator[Span]:
    """Yield where a text has a name that its brief does not have."""
    if language and language not in LANGUAGES:
        return
    for start, line in _lines(text):
        if _in_title_case(line):
            continue
        for match in _NAME.finditer(line):
            first = _starts_in_sentence(line, match)
            words = _WORD.findall(line[first : match.end()])
            if any(_is_new(word, stated) for word in words):
                yield start + first, start + match.end()


def _starts_in_sentence(line: str, match: re.Match[str]) -> int:
    """Return where the name begins: a first word of a sentence has its capital anyway, and is left out of it."""
    before = line[: match.start()].rstrip(" ")
    if before[-1:].isalnum() or before[-1:] in {",", "'", "’"}:
        return match.start()
    space = match[0].find(" ")
    # "Maria Lopez loves it" begins with a name, "The Lopez family" with an article.
    return match.end() if space < 0 else match.start() + space + 1


def _is_new(word: str, stated: Statements) -> bool:
    if not word[0].isupper() or word.isupper():
        return False
    folded = fold(word)
    return not (folded in _COMMON or folded in stated.words or folded.removesuffix("s") in stated.words)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, line
        start += len(line)


def _in_title_case(line: str) -> bool:
    words = [word for word in line.split() if len(word) > 3 and word[0].isalpha()]
    capitals = sum(word[0].isupper() for word in words)
    # A title begins with a capital, and has no full stop.
    if not words or not line.lstrip("\"'“‘«¿¡ ")[:1].isupper() or line.rstrip().endswith("."):
        return False
    return len(words) > 2 and capitals >= 0.6 * len(words) and not _SENTENCES.search(line)
