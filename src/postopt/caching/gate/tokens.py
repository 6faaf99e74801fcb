"""A text as tokens: nothing but white space is lost, and no character is read that was not there.

Tokens are what the gate of near-duplicates compares. A run of letters and digits is one token, with apostrophes and
hyphens inside it; numbers keep their separators; a link or an address is one token; every other character is one too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

MAX_CHARACTERS = 20_000
"""Longest text that is read word by word: twice the longest topic."""

WORD = "word"
MARK = "mark"
CODE = "code"
MINUS = "\N{MINUS SIGN}"

# These rules stand before NFKC, which turns "10²" into "102" and "1½" into "11/2".
_SUPERSCRIPT = re.compile("[⁰¹²³⁴-⁹]+")
_SUBSCRIPT = re.compile("(?<=[0-9])[₀-₉]+")
_MIXED_FRACTION = re.compile("(?<=[0-9])(?=[¼-¾⅐-⅞↉])")
_ORDINAL_POINT = re.compile("(?<=[0-9])\\.(?=[ºª])")
_ALIKE = str.maketrans("‐‑‒–—―−⁄’‘ʼ´`“”„«»‹›", '-------/\'\'\'\'\'"""""""')

_PIECE = re.compile(r"\S+")
_CHUNK = re.compile(r"[^\W_]+(?:(?:(?<=[0-9])[.,:/](?=[0-9])|['-](?=[^\W_]))[^\W_]+)*|\S")
_HALF_OF_DAY = re.compile(r"(?<=[0-9])(\s?)([ap])\.\s?m\.?(?!\w)", re.IGNORECASE)
_DOLLARS = re.compile(r"(?<!\w)(US|AU|CA|MX|NZ|HK|C|A|R)\$|(?<!\w)(S/)\.?(?=\s?[0-9])|(\$U)(?=\s?[0-9])")
_CODES = {
    "US": "USD", "AU": "AUD", "CA": "CAD", "MX": "MXN", "NZ": "NZD", "HK": "HKD", "C": "CAD", "A": "AUD", "R": "BRL",
    "S/": "PEN", "$U": "UYU",
}  # fmt: skip
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://|www\.", re.IGNORECASE)
_TRAILING = ".,;:!?)]}\"'"
_ENDS_SENTENCE = frozenset(".!?:;•|")

# Words that mean another thing as a name. They are told apart by their capital, in a text that has both cases.
_ACRONYMS = frozenset("us it who aids pa un".split())
_NAMES = frozenset(
    "may march august polish turkey china apple amazon target gap next visa shell orange dove subway boots nice bath "
    "reading will mark bill jack grace hope joy faith rose iris ruby amber penny frank rich sandy dawn holly ivy lily "
    "rosa mercedes sol reyes dia pilar paz luz santos leon".split()
)
# Units whose capital is another unit: 5 MB and 5 Mb, 5 M and 5 m.
CASED_UNITS = frozenset("mb gb kb tb mbps gbps m mw".split())


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: WORD, MARK, CODE, or a kind of amount (see `amounts`).
        text: what is compared: case-folded for words, the normal form for amounts.
        shown: as it was written.
        capital: whether it begins with a capital that no beginning of a sentence asks for, or that may be a name's.
        cut: whether a mark stands between it and the token before.
        led: whether an article or the like stood before it.
        joined: whether "and" stood before it.
    """

    kind: str
    text: str
    shown: str
    capital: bool = False
    cut: bool = False
    led: bool = False
    joined: bool = False


def compose(text: str) -> str:
    """Return the text in NFKC, with exponents, indices and mixed fractions kept apart from the digits before them."""
    text = _SUPERSCRIPT.sub(lambda found: f"^{found.group()}", _ORDINAL_POINT.sub("", text))
    text = _SUBSCRIPT.sub(lambda found: f"_{found.group()}", text)
    return unicodedata.normalize("NFKC", _MIXED_FRACTION.sub(" ", text))


def normalise(text: str) -> tuple[str, ...]:
    """Return what two texts share that differ in compatibility forms, case and white space only.

    The first member is the text without them; a text longer than `MAX_CHARACTERS` keeps its case. The others are words
    and links whose case is part of what they say: the "US" in "about the US", the "Polish" in "Polish jobs", but no
    word of a text that is written in one case throughout.
    """
    composed = compose(text)
    if len(composed) > MAX_CHARACTERS:
        return (" ".join(composed.split()),)
    folded = unicodedata.normalize("NFKC", composed.lower())
    return (" ".join(folded.split()), *_cased(composed))


def _cased(composed: str) -> list[str]:
    kept = [piece for piece in composed.split() if "://" in piece]
    if composed.isupper() or composed.islower():
        return [link.partition("://")[2].partition("/")[2] for link in kept]
    tokens = tokenise(composed)
    for index, token in enumerate(tokens):
        word = token.shown
        is_unit = token.text in CASED_UNITS and index > 0 and tokens[index - 1].shown[-1:].isdigit()
        if is_unit or _is_named(word, token.text):
            kept.append(f"{index} {word}")
    return kept


def _is_named(word: str, folded: str) -> bool:
    """Say whether a word that means another thing as a name may be one here; at the start of a sentence it may."""
    return word.isupper() if folded in _ACRONYMS else folded in _NAMES and word[0].isupper()


def may_be_name(text: str) -> bool:
    """Say whether a case-folded word means another thing when it is written as a name."""
    return text in _ACRONYMS or text in _NAMES


def tokenise(composed: str) -> list[Token]:
    """Return the tokens of a text that `compose` made; linear in its length."""
    text = _DOLLARS.sub(lambda found: f" {_CODES[found[1] or found[2] or found[3]]} ", composed)
    text = _HALF_OF_DAY.sub(r"\1\2m", text.translate(_ALIKE))
    one_case = text.isupper()
    tokens: list[Token] = []
    starts = True
    end = 0
    for piece in _PIECE.finditer(text):
        starts = starts or "\n" in text[end : piece.start()]
        end = piece.end()
        if _LINK.match(piece.group()) or "@" in piece.group():
            _add_link(tokens, piece.group())
            starts = False
            continue
        for found in _CHUNK.finditer(piece.group()):
            chunk = found.group()
            if not chunk[0].isalnum():
                minus = chunk == "-" and found.start() == 0 and _is_minus(piece.group())
                tokens.append(Token(MARK, MINUS if minus else chunk, chunk))
                starts = chunk in _ENDS_SENTENCE or (starts and chunk != "-")
                continue
            if _is_sign(piece.group(), found.start()):
                tokens.pop()
                chunk = f"-{chunk}"
            folded = chunk.lower()
            capital = not one_case and chunk[0].isupper() and (not starts or _is_named(chunk, folded))
            tokens.append(Token(WORD, folded, chunk, capital))
            starts = False
    return tokens


def _add_link(tokens: list[Token], piece: str) -> None:
    """Take a link, an e-mail address or a handle as one token, without the punctuation around it."""
    core = piece.rstrip(_TRAILING)
    opening = len(core) - len(core.lstrip("(\"'["))
    tokens.extend(Token(MARK, mark, mark) for mark in core[:opening])
    tokens.append(Token(CODE, core[opening:], core[opening:]))
    tokens.extend(Token(MARK, mark, mark) for mark in piece[len(core) :])


def _is_minus(piece: str) -> bool:
    """Say whether a hyphen that opens a piece is more than a dash: "-€5", but not "-" and "-free"."""
    return len(piece) > 1 and not piece[1].isalpha()


def _is_sign(piece: str, at: int) -> bool:
    """Say whether the hyphen before this chunk is a minus: it opens a word, and a digit follows."""
    return at > 0 and piece[at].isdigit() and piece[at - 1] == "-" and (at == 1 or piece[at - 2] in "([")
