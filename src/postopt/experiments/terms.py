"""A text as numbers, in any language: hashed words, and cues that need no word list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from zlib import crc32

# The tokens: words with their inner apostrophes, numbers, and the marks that change how a sentence is read.
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[?!¿¡:;\"“”…]")
_SENTENCE = re.compile(r"[.!?…](?:\s|$)")
_QUOTES = frozenset('"“”«»‘')


def tokens(text: str) -> list[str]:
    """Return the words and marks of a text, case and compatibility forms (NFKC) aside."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))


def key(token: str) -> int:
    """Return the CRC-32 of a token: pinned, so that what was learned can be kept."""
    return crc32(token.encode("utf-8", "replace"))


def cues(text: str, found: Sequence[str]) -> list[float]:
    """Return 13 numbers about a text whose tokens are `found`.

    How many tokens and characters, characters a token, the share of capitals; whether it has a digit, a question mark,
    an exclamation mark, a quotation, and opens with one; how many sentence ends, commas, apostrophes and full stops.
    """
    length = len(text)
    marks = {c for c in text if not c.isalnum()}
    return [
        float(len(found)),
        float(length),
        sum(map(len, found)) / max(len(found), 1),
        sum(c.isupper() for c in text) / max(length, 1),
        float(any(c.isdigit() for c in text)),
        float("?" in marks),
        float("!" in marks),
        float(not _QUOTES.isdisjoint(marks)),
        float(text[:1] in _QUOTES),
        float(len(_SENTENCE.findall(text))),
        float(text.count(",")),
        float(text.count("'") + text.count("’")),
        float(text.count(".")),
    ]
