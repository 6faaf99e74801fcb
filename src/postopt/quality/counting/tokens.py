"""What one token counts for, and its hash."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from postopt.quality.counting.columns import CATEGORIES, LANES
from postopt.quality.counting.scan import EMOJI
from postopt.quality.counting.syllables import english_syllables, spanish_syllables
from postopt.quality.lexicon import FUNCTION_WORD_SETS, LANGUAGES, WORDS

LONG_WORD: Final = 7
"""Letters of a long word, as Bjornsson counts them for his LIX (1968): more than six."""

_MARKS: Final = {
    "questions": "?？؟", "exclamations": "!！", "commas": ",،、，", "colons": ":：", "quotation_marks": '"“”„«»‘',
    "parentheses": "(（", "currencies": "$€£¥₹₩₽¢", "percents": "%٪", "inverted_marks": "¿¡",
}  # fmt: skip
_LANE_OF = {mark: lane for lane, marks in _MARKS.items() for mark in marks}
_ENGLISH, _SPANISH = FUNCTION_WORD_SETS["en"], FUNCTION_WORD_SETS["es"]
_NO_MARKS = (0,) * (LANES.index("letters") - LANES.index("shouted") - 1)
_EMOJI = re.compile(rf"[0-9#*]\ufe0f?\u20e3|{EMOJI}")
_LATIN = re.compile(r"[^\W\u0250-\u1dff\u1f00-\U0010ffff]")
_HOST = re.compile(r"(?:https?://)?(?:www\.)?([^/?#:]*)")


def kind(token: str) -> str:
    """Return what a token is: "word", "number", "link", "hashtag", "mention", "emoji" or "mark"."""
    first = token[0]
    if first.isalpha() and token.isalpha():
        return "word"
    if _EMOJI.match(token):
        return "emoji"
    if len(token) > 1 and first in "#@":
        return "hashtag" if first == "#" else "mention"
    if len(token) > 1 and ("/" in token or "@" in token or token[:4].casefold() == "www."):
        return "link"
    if first.isalnum():
        return "number" if first.isdecimal() else "word"
    return "mark"


def term(token: str) -> str:
    """Return what of a token is hashed: lower case, of a link "//" and the host, of a run of marks what it says."""
    match kind(token):
        case "link" if "@" not in token or "/" in token:
            found = _HOST.match(token.casefold())
            return f"//{found[1] if found else ''}"
        case "word":
            return token.casefold().rstrip(".")
        case "mark":
            return _said(token.strip())
        case _:
            return token.casefold()


def _said(mark: str) -> str:
    """Return "?", "??" for more of them, "!", "!!", "?!" for both, "…", "." or, of another run, its first mark."""
    asks, exclaims = mark.count("?"), mark.count("!")
    if mark[0] not in ".!?…":
        return mark[0]
    if asks and exclaims:
        return "?!"
    if asks or exclaims:
        return "?" * min(asks, 2) or "!" * min(exclaims, 2)
    return "…" if "…" in mark or ".." in mark else "."


def token_hash(token: str) -> int:
    """Return 32 bits of the BLAKE2b of a token's term: the same in every process, on every machine."""
    digest = blake2b(term(token).encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def row(token: str) -> tuple[int, ...]:
    """Return what a token counts for, in the order of `LANES`; none counts more than one for each character."""
    what = kind(token)
    if what == "word":
        return _word(token)
    if what == "mark":
        found = _mark(token)
    elif what == "number":
        # A number is read as one syllable, as Flesch does (readability).
        digits = sum(character.isdecimal() for character in token)
        found = {"numbers": 1, "digits": digits, "syllables_en": 1, "syllables_es": 1}
    else:
        found = {what if what == "emoji" else f"{what}s": 1}
    return tuple([found.get(lane, 0) for lane in LANES])


def _word(token: str) -> tuple[int, ...]:
    """Return the row of a word; written out, as most tokens that are new are words."""
    folded = token.casefold()
    letters = len(token) if token.isalpha() else sum(map(str.isalpha, token))
    capitals = 0 if token == folded else sum(map(str.isupper, token))
    return (
        1,  # words
        int(letters >= LONG_WORD),  # long_words
        int(not (token.isascii() or _LATIN.match(token))),  # foreign
        capitals,
        int(token[0].isupper()),  # initials
        int(capitals >= 3 and capitals == letters),  # shouted
        *_NO_MARKS,
        letters,
        0,  # sentence_ends
        int("ñ" in folded),  # spanish_marks
        int(folded in _ENGLISH),
        int(folded in _SPANISH),
        min(english_syllables(folded), len(token)),
        min(spanish_syllables(folded), len(token)),
    )


def _mark(written: str) -> dict[str, int]:
    mark = written.strip()
    if mark[0] in "-–—":
        return {"dashes": int(written != "-")}
    found: dict[str, int] = {}
    for character in mark:
        lane = _LANE_OF.get(character, "other_marks")
        found[lane] = found.get(lane, 0) + 1
    found["spanish_marks"] = found.get("inverted_marks", 0)
    if mark[0] in ".!?…":
        found["other_marks"] = 0
        found["sentence_ends"] = int(written != mark)
        found["ellipses"] = int("…" in mark or ".." in mark)
    return found


@lru_cache(maxsize=len(LANGUAGES))
def categories(language: str) -> dict[str, tuple[int, ...]]:
    """Return the places in `CATEGORIES` of each word that is on a list of this language."""
    found: dict[str, tuple[int, ...]] = {}
    for (name, _), lists in WORDS.items():
        for word in lists.get(language, "").split() if name in CATEGORIES else ():
            found[word] = (*found.get(word, ()), CATEGORIES.index(name))
    return found
