"""Whole sentences that a text can do without."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from postopt.quality.lexicon import FUNCTION_WORD_SETS
from postopt.quality.mending.keeping import places
from postopt.quality.mending.sentences import Sentence, holding, sentences, without
from postopt.quality.spans import Span, fold, masked
from postopt.types import Brief

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NAME = re.compile(r"(?<=[\w,;:] )[^\W\d_a-zß-öø-ÿ][\w'’-]+|[@#]\w+")
_FUNCTION_WORDS: Final = frozenset().union(*FUNCTION_WORD_SETS.values())
_SPEAKING: Final = 4  # letters of a word that says what a text is about; arbitrary, shorter ones are mostly grammar
# Begins what needs the sentence before it: "It is", "But", "Por eso".
_LEANS_BACK = re.compile(
    r"\W*(?:it|its|it['’]s|they|they['’]re|them|he|she|his|that|that['’]s|those|these|this|but|and|so|because|also|however"
    r"|too|then|there|both|neither|or|yet|which|ello|ella|ellas|ellos|eso|esos?|esas?|est[aeo]s?|pero|y|e|así|porque"
    r"|por eso|también|además|entonces|ambos|aunque|sino|lo que|lo cual)\b",
    re.IGNORECASE,
)
# And what speaks within it of what was named before.
_POINTS_BACK = re.compile(
    r"\b(?:he|she|him|they|them|it|this|these|those|the others?|él|ella|ellos|ellas|\w+(?:[aeiáéí]r|ndo)l[oa]s?)\b",
    re.IGNORECASE,
)
_NO_SAYING = re.compile(r"[@#]\w+|(?:https?://|www\.)\S+")
_ITEM = re.compile(r"\W*\d{1,2}[.)]\s")
_PAIRS: Final = ("()", "[]", "«»", "“”", "¿?", "¡!")


def without_sentences(text: str, spans: Iterable[Span], brief: Brief | None) -> str:
    """Return a text without those sentences at these places that can go; the others stand as they did.

    A sentence can go if another one stays, of at least half the text together; if no fact or call to action is in it,
    and no word of the topic or the brand and no name that stands nowhere else; if the next one does not lean on it ("It
    is", "But"); and if no list, bracket or quotation is torn.
    """
    spans = list(spans)
    held = places(text, brief)
    parts = sentences(text, held)
    left = _Left(text, parts, spans, brief)
    for number in sorted(holding(spans, parts) - holding(held, parts), reverse=True):
        if left.spares(number):
            left.leave_out(number)
    return without(text, left.gone, parts) if left.gone else text


class _Left:
    """The sentences of a text that are left, and what they say: counted once, for any number that go."""

    def __init__(self, text: str, parts: Sequence[Sentence], spans: Iterable[Span], brief: Brief | None) -> None:
        self._text, self._parts, self._brief = text, parts, brief
        self._masked = masked(text, spans)  # what was found is to go: it is no loss
        self._says = [text[part.start : part.end] for part in parts]
        self._words = [words(says) for says in self._says]
        self._sizes = [len(_said(says)) for says in self._says]
        self._stands = Counter(chain.from_iterable(self._words))
        self._size = self._left = sum(self._sizes)
        self.gone: set[int] = set()

    def leave_out(self, number: int) -> None:
        """Count a sentence no more."""
        self.gone.add(number)
        self._stands.subtract(self._words[number])
        self._left -= self._sizes[number]

    def spares(self, number: int) -> bool:
        """Whether what is left can do without one more sentence."""
        if 2 * (self._left - self._sizes[number]) < self._size or not self._says_anything_but(number):
            return False
        following = next((other for other in range(number + 1, len(self._parts)) if other not in self.gone), None)
        if following is not None and _leans(self._says[following]):
            return False
        if _tears(self._says[number]) or _is_listed(self._text, self._parts, number):
            return False
        return not self._lost(number)

    def _says_anything_but(self, number: int) -> bool:
        others = (other for other in range(len(self._parts)) if other != number and other not in self.gone)
        return any(_is_said(self._says[other]) for other in others)

    def _lost(self, number: int) -> bool:
        """Whether a word of the topic or the brand, or a name, would stand nowhere any more."""
        part = self._parts[number]
        kept = self._masked[part.start : part.end]
        names = {word for name in _NAME.findall(kept) for word in words(name)}
        brief = self._brief
        own = names if brief is None else names | (speaking(brief.topic) & words(kept))
        alone = {word for word in own if self._stands[word] <= (word in self._words[number])}
        brand = "" if brief is None else fold(brief.brand or "")
        return bool(alone) or (brand != "" and brand in fold(kept) and not self._says_elsewhere(brand, number))

    def _says_elsewhere(self, folded: str, number: int) -> bool:
        others = (other for other in range(len(self._parts)) if other != number and other not in self.gone)
        return any(folded in fold(self._says[other]) for other in others)


def _is_said(says: str) -> bool:
    """Whether a sentence says anything: three words, hashtags and accounts apart."""
    return len(_WORD.findall(_said(says))) >= 3


def _said(text: str) -> str:
    """Return a text without hashtags, accounts and links, which say nothing by themselves."""
    return _NO_SAYING.sub("", text).strip()


def _leans(says: str) -> bool:
    said = _WORD.findall(_said(says))
    # "Simultaneously." is an end of the sentence before.
    fragment = len(said) == 1 or (len(said) > 1 and said[0][0].islower())
    return fragment or _LEANS_BACK.match(says) is not None or _POINTS_BACK.search(says) is not None


def _tears(says: str) -> bool:
    """Whether a sentence has half of a pair of marks, or brings in what comes after it by a colon or an ellipsis."""
    count = Counter(says)
    halves = any(count[pair[0]] != count[pair[1]] for pair in _PAIRS[:4]) or count['"'] % 2 == 1
    opens = any(count[pair[0]] > count[pair[1]] for pair in _PAIRS[4:])
    return halves or opens or says.endswith((":", "...", "…"))


def _is_listed(text: str, parts: Sequence[Sentence], number: int) -> bool:
    """Whether a sentence is an item with a number, or what a colon, an ellipsis or a question before it brings in."""
    before = text[parts[number - 1].start : parts[number - 1].end] if number else ""
    return before.endswith((":", "...", "…", "?")) or _ITEM.match(text, parts[number].start) is not None


def words(text: str) -> frozenset[str]:
    """Return the words of a text, whatever their case and number."""
    return frozenset(_stem(word) for word in _WORD.findall(fold(text)))


def speaking(text: str) -> frozenset[str]:
    """Return those words of a text that say what it is about: of four letters at least, and no function words."""
    said = (word for word in _WORD.findall(fold(text)) if len(word) >= _SPEAKING and word not in _FUNCTION_WORDS)
    return frozenset(_stem(word) for word in said)


def _stem(word: str) -> str:
    return word.removesuffix("'s").removesuffix("’s").removesuffix("s")
