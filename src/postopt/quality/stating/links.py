"""Links, e-mail addresses, phone numbers, hashtags and mentions in a text.

Every expression starts only where a run of its characters begins, so that none reads a text more than a few times.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from postopt.quality.spans import Span

# Endings that make a bare "name.ending" a link. Any other is more likely a forgotten space after a full stop.
_ENDINGS: Final = (
    "com|org|net|edu|gov|info|biz|shop|store|online|site|app|dev|io|ai|co|me|tv|eu|es|mx|ar|cl|pe|uy|cr|uk|us|ie|fr|de|"
    "it|pt|br|cat|gal|eus"
)
# Words of their own, most of them: a link only with a path behind them, as those that shorten links have.
_BEFORE_A_PATH: Final = "ly|gl|be|in|to|gg|link|page"
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w@])")
_LINK = re.compile(
    rf"(?<![\w@.])(?:https?://|www\.)[^\s<>\"«»“”\0]+"
    rf"|(?<![\w@./-])(?:[\w-]{{1,63}}\.){{1,8}}(?:{_ENDINGS}|(?:{_BEFORE_A_PATH})(?=/\w))(?![\w@-]|\.\w)(?:/[^\s<>\"«»“”\0]*)?",
    re.IGNORECASE,
)
_AFTER_LINK = ".,;:!?…)]}'’*_|"
_PHONE = re.compile(r"(?<![\w.,:/+-])(?:\+ ?)?\(?\d(?:[ \u00a0\u202f.()/-]{0,2}\d){6,16}(?![\w%]|[.,]\d)")
_PHONE_MARKS = re.compile(r"[+(-]|\d [\d(]")
HASHTAG = re.compile(r"(?<![\w&/])#(?=\w*[^\W\d_])\w+")
MENTION = re.compile(r"(?<![\w@.+-])@\w[\w.]*\w|(?<![\w@.+-])@\w")


def emails(text: str) -> Iterator[Span]:
    """Yield where e-mail addresses stand."""
    return (match.span() for match in _EMAIL.finditer(text))


def links(text: str) -> Iterator[Span]:
    """Yield where links and bare domains stand, without the punctuation that follows them."""
    for match in _LINK.finditer(text):
        yield match.start(), match.start() + len(match[0].rstrip(_AFTER_LINK))


def phones(text: str) -> Iterator[Span]:
    """Yield where phone numbers stand: 7 to 15 digits in groups, or 9 and more in one."""
    for match in _PHONE.finditer(text):
        count = sum(character.isdecimal() for character in match[0])
        grouped = _PHONE_MARKS.search(match[0]) is not None or match[0].startswith("0")
        if 7 <= count <= 15 and (count >= 9 or grouped):
            yield match.span()


def same_link(link: str) -> str:
    """Return what links have in common that lead to the same page: without scheme, "www." and a last slash."""
    host, slash, path = re.sub(r"^(?:https?://)?(?:www\.)?", "", link, flags=re.IGNORECASE).partition("/")
    return host.casefold() + slash * bool(path) + path.rstrip("/")


def same_phone(phone: str) -> str:
    """Return the digits of a phone number, its last nine at most: a country's code may be there or not."""
    digits = "".join(str(unicodedata.decimal(mark)) for mark in phone if mark.isdecimal())
    return digits[-9:]
