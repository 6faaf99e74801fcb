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
from typing import Final

# Above the longest post that Facebook takes (63,206 characters), and the most that a count of 16 bits holds.
MOST_CHARACTERS: Final = 65_535

# Han and kana, which write no spaces: each character is a token.
UNSPACED: Final = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

# Emoji by Unicode Technical Standard 51: what is drawn as one unasked, and what is only before U+FE0F.
DRAWN: Final = (
    "\U0001f000-\U0001f0ff\U0001f18e\U0001f191-\U0001f19a\U0001f1e6-\U0001f1ff\U0001f201-\U0001f265"
    "\U0001f300-\U0001faff\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u25fd\u25fe\u2600-\u27bf\u2b1b\u2b1c\u2b50\u2b55"
)
ASKED: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u2328\u23cf\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb"
    "\u25fc\u2934\u2935\u2b05-\u2b07\u3030\u303d\u3297\u3299\U0001f170\U0001f171\U0001f17e\U0001f17f"
)
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
_SINGLE = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    f"|(?:[{DRAWN}]|[{ASKED}](?=\ufe0f))\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*+)"  # skin, then tags
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
# "(?:x|)", here and below, is tried sooner than "(?:x)?".
_ACRONYM = r"(?:\.(?<=\b[A-Za-z]\.)[A-Za-z](?:\.[A-Za-z])*+(?![^\W_])\.?+|)"
_SENTENCE_END = r"[.!?…]++(?:[\"'”»)\]]*+\s)?"
_NUMBER = r"\d++(?:[.,:'\u00a0\u202f]\d++)*+[^\W_]*+"

_LATIN = "!-\u02ff\u2010-\u2027\u2030-\u203a\u20a0-\u20bf\u2122\\x00-\\x09\\x0b-\\x1f"  # but for space and line end
_PAST_LATIN = re.compile(f"[^ \n{_LATIN}]")


@cache
def combining() -> str:
    r"""Return the rule for what is part of a word but not of `\w`: marks, without those of emoji, and two joiners."""
    found = {place for place in range(0x300, 0xE01F0) if unicodedata.category(chr(place))[0] == "M"}
    found = (found | {0x200C, 0x200D}) - {0xFE0F, 0x20E3}
    starts = sorted(place for place in found if place - 1 not in found)
    ends = sorted(place for place in found if place + 1 not in found)
    runs = [(chr(start), chr(end)) for start, end in zip(starts, ends, strict=True)]
    near, far = ("".join(f"{a}-{b}" for a, b in runs if (a > "\uffff") is past) for past in (False, True))
    # `re` looks up what is below U+10000, and tries the rest one after another: only where it may be.
    return f"[{near}]|(?=[\U00010000-\U0010ffff])[{far}]"


# What an emoji begins with, or cannot do without; and what only the rules for scripts read.
_IN_EMOJI = re.compile(f"[{DRAWN}\ufe0f\u20e3]")
_IN_SCRIPTS = re.compile(f"[{UNSPACED}\u200c]")
_JOINED = re.compile(r"\w\u200d")


@lru_cache(maxsize=4096)
def _needs(character: str) -> int:
    """Return what a character past Latin needs: 1 for the rules of emoji, 2 for those of scripts, 3 for its letters."""
    if _IN_EMOJI.match(character):
        return 1
    if _IN_SCRIPTS.match(character) or unicodedata.category(character)[0] == "M":
        return 2
    return 3 if character.isalnum() else 0


# Letters, and letters and digits: of ASCII, of Latin, of all. A list of them is read sooner than what is "not \W".
_OF_LATIN = re.findall(r"[^\W_]", "".join(map(chr, range(0x300))))
_LETTERS: Final = {
    "ascii": ("[A-Za-z]", "[A-Za-z0-9]"),
    "latin": (f"[{''.join(c for c in _OF_LATIN if not c.isdecimal())}]", f"[{''.join(_OF_LATIN)}]"),
    "all": (r"[^\W\d_]", r"[^\W_]"),
}


@cache
def _grammar(*, links: bool, tags: bool, emoji: bool, scripts: bool, letters: str) -> re.Pattern[str]:
    """Return the grammar, without the rules for what a text is known not to hold.

    Args:
        links: links and e-mail addresses.
        tags: hashtags and mentions.
        emoji: emoji.
        scripts: marks, joiners, and letters that write no spaces.
        letters: none but those of `_LETTERS`.
    """
    marks = ""
    letter, more = _LETTERS[letters]
    if scripts:
        marks = f"(?:{combining()})*+"
        letter, more = rf"[^\W\d_{UNSPACED}]{marks}", rf"(?:[^\W_{UNSPACED}]++{marks})"
    rules = [
        _LINK if links else "",
        _KEYCAP if emoji else "",
        rf"{letter}{more}*+(?:'{more}++(?:'{more}++)*+|){_ACRONYM}",
        _NUMBER,
        rf"(?<!\w)#(?=\d*+[^\W\d])(?:\w++{marks})++" if tags else "",
        r"(?<!\w)@\w++(?:\.\w++)*+" if tags else "",
        _DOT,
        _SENTENCE_END,
        r"[-–—]+\s?",
        EMOJI if emoji else "",
        f"[{UNSPACED}]{marks}" if scripts else "",
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


def scan(text: str) -> list[str]:
    """Return the tokens of a normal text, as written."""
    emoji = scripts = False
    letters = "ascii" if text.isascii() else "latin"
    if not is_latin(text):
        needed = {_needs(character) for character in set(_PAST_LATIN.findall(text))}
        emoji = 1 in needed
        scripts = 2 in needed or ("\u200d" in text and _JOINED.search(text) is not None)
        letters = "all" if 3 in needed else "latin"
    tags = "#" in text or "@" in text
    links = "/" in text or "@" in text or "www." in text or "WWW." in text or "Www." in text
    grammar = _grammar(links=links, tags=tags, emoji=emoji, scripts=scripts, letters=letters)
    # A sentence may end where the text does.
    return grammar.findall(text + " ")
