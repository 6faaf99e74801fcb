"""What every post must keep: the brief's facts unchanged, nothing it forbids, no more characters than it allows.

A fact or a word is found only where it stands on its own, so that "cut" is not found in "cutting", "5 %" not in
"15 %" or "2,5 %", and "https://example.com/a" not in "https://example.com/a/b". Two neighbouring characters are
one word if both are letters or digits, or if one joins the other to what stands before it (a combining mark, the
joiner inside an emoji). Scripts that write words without spaces between them, or attach particles, have no such
mark of a word: there every place counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from postopt.types import Brief

# Thai and Lao, Burmese, Khmer, kana, ideographs, Hangul.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]+")
"""Soft hyphen, zero-width space, word joiner, byte order mark: in the midst of a word, nobody sees them."""
_JOINERS = "\u200c\u200d"
_IN_NUMBERS = ".,:'’\u00a0\u202f"  # between two digits: one number, or one time of day
_IN_LINKS = ".,:?#&=%-_+~@"
_HASHTAG = re.compile(r"#(\w+)")
_HUMP = re.compile(r"(?<=[^\W\d_A-ZÀ-Þ])(?=[A-ZÀ-Þ])|_")
_ENDS_AS_LINK = re.compile(r"(://|[^\W\d_]\.[^\W\d_]{2})\S*$")


class Constraints:
    """A brief's limits, prepared once to check many texts.

    A fact's value must stand on its own and clear of the value of any longer fact: with the facts "12.50" and
    "€12.50 per seat" a post needs both. Facts with equal values share one place.
    """

    __slots__ = ("_facts", "_forbidden", "_max_length")

    def __init__(self, brief: Brief) -> None:
        names: dict[str, str] = {}
        for name, value in brief.facts.items():
            names.setdefault(value, name)
        by_length = sorted(names, key=len, reverse=True)
        longer = {
            value: tuple(other for other in by_length[:place] if _may_overlap(value, other))
            for place, value in enumerate(by_length)
        }
        self._facts = tuple((name, value, longer[value]) for value, name in names.items())
        self._forbidden = tuple((word, _folded(word), _run_together(word)) for word in dict.fromkeys(brief.forbidden))
        self._max_length = brief.max_length

    def violations(self, text: str) -> tuple[str, ...]:
        """Return how `text` breaks the brief, a sentence for each way; empty if it keeps it."""
        reasons = [
            f"The fact {_shown(name)} does not appear unchanged and on its own: {_shown(value)}."
            for name, value in self._missing_from(text)
        ]
        reasons += [f"The forbidden {_shown(word)} appears." for word in self.forbidden_in(text)]
        if self._max_length is not None and len(text) > self._max_length:
            reasons.append(f"The text has {len(text)} characters; at most {self._max_length} are allowed.")
        if not text or text.isspace():
            reasons.append("The text is blank.")
        if not _encodes(text):
            reasons.append("The text holds a lone surrogate, which cannot be written as UTF-8.")
        return tuple(reasons)

    def missing_from(self, text: str) -> tuple[str, ...]:
        """Return the names of the facts that `text` does not hold; of facts with equal values, the first one's."""
        return tuple(name for name, _ in self._missing_from(text))

    def _missing_from(self, text: str) -> Iterator[tuple[str, str]]:
        return ((name, value) for name, value, longer in self._facts if not _holds(text, value, longer))

    def forbidden_in(self, text: str) -> tuple[str, ...]:
        """Return the forbidden words and claims that appear in `text` as whole words.

        Upper and lower case are one, so are composed and decomposed accents, and any run of white space is a space.
        Soft hyphens and other characters that only allow or forbid a line's break do not show, and do not count.
        A hashtag is read as its words too: "#GlutenFree" and "#glutenfree" hold "gluten-free", "#FreeBread" "free".
        """
        if not self._forbidden:
            return ()
        folded = _folded(text)
        found = {word for word, sought, _ in self._forbidden if sought in folded and _stands(folded, sought)}
        for tag in set(_HASHTAG.findall(text)) if "#" in text else ():
            words, together = _folded(_HUMP.sub(" ", tag)), _run_together(tag)
            found |= {word for word, sought, run in self._forbidden if run == together or _stands(words, sought)}
        return tuple([word for word, _, _ in self._forbidden if word in found])

    def conflicts(self) -> tuple[str, ...]:
        """Return why no post whatever can keep the brief; empty if nothing speaks against it."""
        reasons = [
            f"The fact {_shown(name)} contains the forbidden {_shown(word)}: {_shown(value)}."
            for name, value, _ in self._facts
            for word in self.forbidden_in(value)
        ]
        # No two of them overlap (see the class), so their lengths add up.
        shortest = sum(len(value) for _, value, _ in self._facts)
        if self._max_length is not None and shortest > self._max_length:
            reasons.append(f"The facts alone have {shortest} characters; at most {self._max_length} are allowed.")
        return tuple(reasons)


def violations(text: str, brief: Brief) -> tuple[str, ...]:
    """Return how `text` breaks `brief`, a sentence for each way; `Constraints` is for checking many texts."""
    return Constraints(brief).violations(text)


def conflicts(brief: Brief) -> tuple[str, ...]:
    """Return why no post whatever can keep `brief`; empty if nothing speaks against it."""
    return Constraints(brief).conflicts()


def _may_overlap(value: str, other: str) -> bool:
    """Whether some text could hold both with characters in common; most facts cannot, and need no further look."""
    before = other[0] in value and value[-1] in other
    after = value[0] in other and other[-1] in value
    return before or after or value in other


def _holds(text: str, value: str, longer: tuple[str, ...]) -> bool:
    """Whether `value` stands somewhere on its own, clear of every value in `longer`."""
    for start in _places(text, value):
        end = start + len(value)
        if _in_address(text, start, end):
            continue
        if not longer:
            return True
        reach = ((max(0, start - len(other) + 1), end + len(other) - 1, other) for other in longer)
        if not any(other in text[first:last] for first, last, other in reach):
            return True
    return False


def _stands(text: str, sought: str) -> bool:
    return next(_places(text, sought), None) is not None


def _places(text: str, sought: str) -> Iterator[int]:
    """Yield each index at which `sought` begins in `text` as a whole word or number."""
    start = text.find(sought)
    while start >= 0:
        if not (_joined(text, start) or _joined(text, start + len(sought))):
            yield start
        start = text.find(sought, start + 1)


def _joined(text: str, place: int) -> bool:
    """Whether the characters before and after `place` belong to one word or number."""
    if not 0 < place < len(text):
        return False
    left, right = text[place - 1], text[place]
    if left.isalnum() and right.isalnum():
        return not (_UNSPACED.match(left) or _UNSPACED.match(right))
    if right in _IN_NUMBERS:
        return left.isdecimal() and text[place + 1 : place + 2].isdecimal()
    if left in _IN_NUMBERS:
        return right.isdecimal() and text[max(0, place - 2) : place - 1].isdecimal()
    return right in _JOINERS or left in _JOINERS or (not right.isascii() and unicodedata.category(right)[0] == "M")


def _in_address(text: str, start: int, end: int) -> bool:
    """Whether a link, domain or e-mail address at `start:end` is only a part of another one."""
    if start >= 2 and text[start - 1] in ".@" and text[start - 2].isalpha() and text[start].isalnum():
        return True  # "example.com" in "shop.example.com"
    after = text[end : end + 2]
    goes_on = after[:1] == "/" or after[:1].isalnum() or (after[:1] in _IN_LINKS and after[1:].isalnum())
    return goes_on and _ENDS_AS_LINK.search(text[start:end]) is not None


def _folded(text: str) -> str:
    """Return `text` without distinctions of case, composition of accents, and white space."""
    if not text.isascii():
        text = INVISIBLE.sub("", text)
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return " ".join(composed.split())


def _run_together(text: str) -> str:
    return re.sub(r"[\s_'’-]", "", _folded(text))


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: str) -> str:
    return f'"{value}"' if len(value) <= 80 else f'"{value[:77]}..."'
