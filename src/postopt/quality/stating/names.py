"""Proper names that a text brings in: capital initials where no sentence begins; and a brand with other accents.

Careful on purpose, since capitals are many things: words in capitals throughout, headings in title case, hashtags, and
what the brief names are left alone, and so is a language that is neither English nor Spanish.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
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
# Each plain letter with those that are it with an accent.
_ACCENTED: Final[dict[str, str]] = {letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"}
for _code in range(0xE0, 0x250):
    _base = unicodedata.normalize("NFD", chr(_code))[0]
    if _base in _ACCENTED:
        _ACCENTED[_base] += chr(_code)


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


def renamed(text: str, brand: str | None) -> Iterator[Span]:
    """Yield where a text has the brand with other accents: "Acmé" for "Acme". Capitals may do without any."""
    own = unicodedata.normalize("NFC", brand or "").casefold()
    for match in _accented(own).finditer(text) if own else ():
        written = unicodedata.normalize("NFC", match[0])
        if written.casefold() == own or (written.isupper() and written.isascii()):
            continue
        # "Sí" is no brand called "Si", in whichever way a list of words has it.
        if not {written.casefold(), own} & _COMMON and written[0].isupper() >= (brand or "")[0].isupper():
            yield match.span()


@lru_cache(maxsize=256)
def _accented(brand: str) -> re.Pattern[str]:
    """Return an expression for a brand with any accents on its letters."""
    bare = "".join(mark for mark in unicodedata.normalize("NFD", brand) if not unicodedata.combining(mark))
    letters = "".join(f"[{_ACCENTED[mark]}][\u0300-\u036f]*" if mark in _ACCENTED else re.escape(mark) for mark in bare)
    return re.compile(rf"(?<![\w#@./-]){letters}(?!\w|[.@-]\w)", re.IGNORECASE)


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
