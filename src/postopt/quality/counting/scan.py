"""Where the tokens of a text begin and end.

A token is a word with its inner apostrophes, a number with its separators, a link or e-mail address, a hashtag, a
mention, an emoji, or a mark; what lies between is white space. A mark that ends a sentence, and a dash, is a token
together with the character of white space behind it.

There is one grammar (`_grammar`). Most texts hold nothing that most of its rules are about, and are read by an
expression without those rules, which finds the same tokens ten times sooner.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import groupby, pairwise
from typing import Final

# Above the longest post that Facebook takes (63,206 characters), and the most that a count of 16 bits holds.
MOST_CHARACTERS: Final = 65_535

# Han and kana, which write no spaces: each character is a token.
_UNSPACED = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

# Emoji by Unicode Technical Standard 51: what is drawn as one unasked, and what is only before U+FE0F.
_DRAWN = (
    "\U0001f000-\U0001f0ff\U0001f18e\U0001f191-\U0001f19a\U0001f1e6-\U0001f1ff\U0001f201-\U0001f265"
    "\U0001f300-\U0001faff\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u25fd\u25fe\u2600-\u27bf\u2b1b\u2b1c\u2b50\u2b55"
)
_ASKED = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u2328\u23cf\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb"
    "\u25fc\u2934\u2935\u2b05-\u2b07\u3030\u303d\u3297\u3299\U0001f170\U0001f171\U0001f17e\U0001f17f"
)
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
_SINGLE = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    f"|(?:[{_DRAWN}]|[{_ASKED}](?=\ufe0f))\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*+)"  # skin, then tags
)
EMOJI: Final = f"{_SINGLE}(?:\u200d(?:{_SINGLE}|[\u2190-\u2bff]\ufe0f?))*+"

_CLOSING = r".,;:!?…\"'”»)\]"  # not the end of a link
_LINK = (
    r"(?:[hH][tT][tT][pP][sS]?://|www\.|WWW\.|Www\.)\S*[^\s" + _CLOSING + "]"
    r"|(?>[A-Za-z0-9][A-Za-z0-9-]{0,62}+\.){1,5}+[A-Za-z]{2,24}/(?:\S*[^\s" + _CLOSING + "])?"
    r"|[A-Za-z0-9][\w.+-]{0,63}+@[\w-]++(?:\.[\w-]++)++"
)
TITLES: Final = tuple("Mr Ms Dr Sr Lt St vs Mrs Dra Sra Gov Sen Sgt Srta Prof Capt".split())
"""Those before whose dot no sentence ends; not all there are, but those that are no words."""

_OF_LENGTH = ("|".join(title for title in TITLES if len(title) == length) for length in (2, 3, 4))
# A dot that ends no sentence: of an initial or a title before a capital.
_DOT = r"\.(?=\s+[A-Z])(?:(?<=\b[A-HJ-Z]\.)|" + "|".join(rf"(?<=\b(?:{some})\.)" for some in _OF_LENGTH) + ")"
_ACRONYM = r"(?:\.(?<=\b[A-Za-z]\.)[A-Za-z](?:\.[A-Za-z])*+(?![^\W_])\.?+)?"
_SENTENCE_END = r"[.!?…]++(?:[\"'”»)\]]*+\s)?"
_NUMBER = r"\d++(?:[.,:'\u00a0\u202f]\d++)*+[^\W_]*+"

_LATIN = "!-\u02ff\u2010-\u2027\u2030-\u203a\u20a0-\u20bf\u2122\\x00-\\x09\\x0b-\\x1f"  # but for space and line end
_PAST_LATIN = re.compile(f"[^ \n{_LATIN}]")

# Behind spaces and line ends no token goes on, and only a dot looks further than that, for a capital: anywhere else the
# tokens of both sides are those of the whole. The first expression finds some of such places, the second a run of words
# that are not Latin, which may begin or end where a dot would look.
_BETWEEN = re.compile(r"(?<=[^\s.][ \n])")
_OTHERS = re.compile(rf"(?<![^ \n])((?:[{_LATIN}]*+[^ \n{_LATIN}][^ \n]*+[ \n]*+)++)")
_LOOKED_FOR = re.compile(r"[A-Z\s]")


@cache
def _marks() -> str:
    r"""Return all that is part of a word but not of `\w`: combining marks, without those of emoji, and two joiners."""
    found = (c for c in map(chr, range(0x300, 0xE01F0)) if unicodedata.category(c)[0] == "M")
    return "".join(found).replace("\ufe0f", "").replace("\u20e3", "") + "\u200c\u200d"


# What an emoji begins with, or cannot do without; and what only the rules for scripts read.
_IN_EMOJI = re.compile(f"[{_DRAWN}\ufe0f\u20e3]")
_IN_SCRIPTS = re.compile(f"[{_UNSPACED}\u200c]")
_JOINED = re.compile(r"\w\u200d")


@lru_cache(maxsize=4096)
def _needs(character: str) -> int:
    """Return which rules a character past Latin needs: 0 for none, 1 for those of emoji, 2 for those of scripts."""
    if _IN_EMOJI.match(character):
        return 1
    return 2 if _IN_SCRIPTS.match(character) or unicodedata.category(character)[0] == "M" else 0


@cache
def _grammar(*, links: bool, tags: bool, emoji: bool, scripts: bool, ascii_only: bool) -> re.Pattern[str]:
    """Return the grammar, without the rules for what a text is known not to hold.

    Args:
        links: links and e-mail addresses.
        tags: hashtags and mentions.
        emoji: emoji.
        scripts: marks, joiners, and letters that write no spaces.
        ascii_only: no letters but those of ASCII.
    """
    marks, letter, more = "", r"[^\W\d_]", r"[^\W_]++"
    if ascii_only:
        letter, more = "[A-Za-z]", "[A-Za-z0-9]++"
    elif scripts:
        marks = f"[{_marks()}]*+"
        letter, more = rf"[^\W\d_{_UNSPACED}]{marks}", rf"(?:[^\W_{_UNSPACED}]++{marks})++"
    rules = [
        _LINK if links else "",
        _KEYCAP if emoji else "",
        rf"{letter}(?:{more})?+(?:'{more})*+{_ACRONYM}",
        _NUMBER,
        rf"(?<!\w)#(?=\d*+[^\W\d])(?:\w++{marks})++" if tags else "",
        r"(?<!\w)@\w++(?:\.\w++)*+" if tags else "",
        _DOT,
        _SENTENCE_END,
        r"[-–—]+\s?",
        EMOJI if emoji else "",
        f"[{_UNSPACED}]{marks}" if scripts else "",
        r"[^\w\s]|_",
    ]
    return re.compile(rf"(?!\s)(?:{'|'.join(filter(None, rules))})")


def normal(text: str) -> str:
    """Return what is read of a text: its beginning, composed (NFC), with straight apostrophes."""
    text = text[:MOST_CHARACTERS]
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text).replace("’", "'")[:MOST_CHARACTERS]


def is_latin(text: str) -> bool:
    """Return whether a text holds only Latin letters and the usual marks, and so neither emoji nor other scripts."""
    return text.isascii() or _PAST_LATIN.search(text) is None


def pieces(text: str) -> list[tuple[bool, str]]:
    """Return the pieces of a normal text, each as long as can be, whose tokens are its tokens, and which are Latin."""
    found = _OTHERS.split(text)  # by turns Latin and not
    if any(_LOOKED_FOR.match(right) and left.rstrip().endswith(".") for left, right in pairwise(found)):
        return [(latin, "".join(some)) for latin, some in groupby(_BETWEEN.split(text), is_latin)]
    return [(place % 2 == 0, piece) for place, piece in enumerate(found) if piece]


def scan(text: str) -> list[str]:
    """Return the tokens of a normal text, as written."""
    tags = "#" in text or "@" in text
    emoji = scripts = False
    if not is_latin(text):
        needed = {_needs(character) for character in set(_PAST_LATIN.findall(text))}
        emoji = 1 in needed
        scripts = 2 in needed or ("\u200d" in text and _JOINED.search(text) is not None)
    links = "/" in text or "@" in text or "www." in text or "WWW." in text or "Www." in text
    grammar = _grammar(links=links, tags=tags, emoji=emoji, scripts=scripts, ascii_only=text.isascii())
    # A sentence may end where the text does.
    return grammar.findall(text + " ")
