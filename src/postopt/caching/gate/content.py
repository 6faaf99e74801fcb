"""The content of a text, word by word: what each word stands for, and which punctuation counts."""

from __future__ import annotations

from typing import NamedTuple

from postopt.caching.gate.amounts import AMOUNTS, DATE, MONEY, PERCENT
from postopt.caching.gate.lexicon import Lexicon, Phrases
from postopt.caching.gate.tokens import WORD, Token

OFF = "off"
"""Stands behind an amount that is taken off a price, however that is said."""


class Word(NamedTuple):
    """One word of the content, or an expression that is listed as one.

    Attributes:
        kind: WORD, MARK or a kind of amount.
        text: as it stands in the text, case-folded; the normal form for amounts.
        key: what it stands for by the strict lists.
        loose: what it stands for if the loose lists count too.
        named: whether it is written like a name, so that no list applies to it.
        cut: whether a mark stands before it that counts.
        marked: whether a mark stands before it.
        joined: whether "and" stands before it.
        led: whether an article or the like stands before it.
        shown: as it was written.
    """

    kind: str
    text: str
    key: str
    loose: str
    named: bool = False
    cut: bool = False
    marked: bool = False
    joined: bool = False
    led: bool = False
    shown: str = ""


def content(tokens: list[Token], lexicon: Lexicon) -> list[Word]:
    """Return the content of tokens whose punctuation is in their `cut`."""
    return _Reader(tokens, lexicon).read()


class _Reader:
    """Reads tokens from left to right; each step takes one token or more and gives one word or none."""

    def __init__(self, tokens: list[Token], lexicon: Lexicon) -> None:
        self._tokens = tokens
        self._texts = [token.text for token in tokens]
        self._lexicon = lexicon
        self._careful = not lexicon.strict.isdisjoint(self._texts)
        self._words: list[Word] = []
        self._cut = False
        self._joined = False

    def read(self) -> list[Word]:
        at = 0
        while at < len(self._tokens):
            self._cut = self._cut or self._tokens[at].cut
            self._joined = self._joined or self._tokens[at].joined
            at += self._skipped(at) or self._discount(at) or self._taken(at)
        return self._words

    def _kind(self, at: int) -> str:
        return self._tokens[at].kind if at < len(self._tokens) else ""

    def _text(self, at: int) -> str:
        return self._texts[at] if at < len(self._texts) else ""

    def _skipped(self, at: int) -> int:
        """Return how many tokens from `at` on say nothing that those behind them do not say."""
        lexicon = self._lexicon
        if self._tokens[at].cut and (length := lexicon.mentions.match(self._texts, at)[0]):
            return length
        if self._texts[at] == lexicon.with_ and self._text(at + 1) in lexicon.given:
            self._cut = True
            return 1
        length = lexicon.price_words.match(self._texts, at)[0]
        if length and self._kind(at + length) == MONEY and not self._is_off(at + length + 1):
            return length if at == 0 or self._texts[at - 1] not in lexicon.no_price_after else 0
        length = lexicon.before_discount.match(self._texts, at)[0]
        amount = at + length
        amount += self._lexicon.before_amount.match(self._texts, amount)[0] if length else 0
        if length and self._kind(amount) in (MONEY, PERCENT) and self._is_off(amount + 1):
            return length
        if self._texts[at] in lexicon.on_days:
            return int(self._is_day(at + 1) or self._same(at + 1)[1] in lexicon.weekdays.values())
        return 0

    def _discount(self, at: int) -> int:
        """Read "20 % off", "20 % de descuento", "a discount of 20 %" and "save 20 %" as one thing."""
        lexicon = self._lexicon
        amount, end = at, 0
        if self._kind(at) in (MONEY, PERCENT) and (length := self._is_off(at + 1)):
            end = at + 1 + length
        elif self._texts[at] in lexicon.discount_nouns or self._texts[at] in lexicon.saving:
            amount = at + 1 + (self._text(at + 1) in lexicon.discount_links)
            # "Save 20 % of your income" takes nothing off it.
            share = self._texts[at] in lexicon.saving and self._text(amount + 1) in lexicon.of
            if self._kind(amount) in (MONEY, PERCENT) and not share:
                end = amount + 1
        if not end:
            return 0
        self._add(self._tokens[amount], at, end - at)
        self._add(Token(WORD, OFF, OFF), at, 1)
        return end - at + (self._text(end) in lexicon.discount_links)

    def _is_off(self, at: int) -> int:
        """Return how many tokens at `at` say that the amount before them is taken off; 0 if they do not."""
        if self._text(at) in self._lexicon.after_discount:
            return 1
        return 2 if self._text(at) in self._lexicon.of and self._text(at + 1) in self._lexicon.after_discount else 0

    def _taken(self, at: int) -> int:
        """Read the longest expression that begins here."""
        lexicon, token = self._lexicon, self._tokens[at]
        if token.kind != WORD:
            return self._add(token, at, 1)
        length, key = lexicon.before_amount.match(self._texts, at)
        if length and (
            self._kind(at + length) in AMOUNTS or self._is_day(at + length) or self._text(at + length) in lexicon.months
        ):
            return self._add(token, at, length, key=f"{key} #")
        length, key = self._same(at)
        loose_length, loose = self._match(lexicon.loose, at)
        if loose_length > length:
            length, key = loose_length, " ".join(self._texts[at : at + loose_length])
        if not length:
            return self._add(token, at, 1)
        if loose_length < length:
            loose = lexicon.loose.match(key.split(), 0)[1]
        return self._add(token, at, length, key=key, loose=loose or key)

    def _same(self, at: int) -> tuple[int, str]:
        if at >= len(self._tokens):
            return 0, ""
        found = self._match(self._lexicon.same, at)
        leads = self._lexicon.verb_leads
        if not leads:
            return found
        token = self._tokens[at]
        is_verb = not token.led and (at == 0 or token.cut or self._texts[at - 1] in leads)
        other = self._match(self._lexicon.same_verbs if is_verb else self._lexicon.same_nouns, at)
        if is_verb and other[0] and not self._is_object(at + other[0]):
            return found
        return max(found, other)

    def _is_object(self, at: int) -> bool:
        """Say whether a verb's object begins here: "book a table", but not "book club"."""
        if at >= len(self._tokens) or self._tokens[at].led or self._kind(at) in AMOUNTS:
            return True
        text, lexicon = self._texts[at], self._lexicon
        return text in lexicon.objects or (text in lexicon.links and text not in lexicon.of)

    def _match(self, phrases: Phrases, at: int) -> tuple[int, str]:
        """Return the longest phrase at `at` that no mark interrupts."""
        length, key = phrases.match(self._texts, at)
        if any(token.cut for token in self._tokens[at + 1 : at + length]):
            return 0, ""
        return length, key

    def _is_day(self, at: int) -> bool:
        weekdays = self._lexicon.weekdays
        return self._kind(at) == DATE or self._text(at) in weekdays or self._text(at) in weekdays.values()

    def _add(self, token: Token, first: int, length: int, *, key: str = "", loose: str = "") -> int:
        """Take the `length` tokens from `first` on as one word, which is `token`; return their number."""
        at = len(self._words)
        text = " ".join(self._texts[first : first + length]) if key else token.text
        named = token.kind == WORD and token.capital and length == 1 and not self._is_day(first)
        marked = at > 0 and self._cut
        cut = marked and self._cut_counts(token, first, key)
        key = key or text
        self._words.append(
            Word(
                token.kind,
                text,
                key,
                loose or key,
                named,
                cut,
                marked,
                self._joined,
                self._tokens[first].led,
                token.shown,
            )
        )
        self._cut = self._joined = False
        return length

    def _cut_counts(self, token: Token, at: int, key: str) -> bool:
        """Say whether the mark before this word counts.

        It does not before a preposition, an amount or a phrase of time or place, unless something is denied. Between an
        amount and a word it does: "shoes 20 %, bags" and "shoes, 20 % bags" are two offers.
        """
        lexicon, before = self._lexicon, self._words[-1]
        if token.text in lexicon.links:
            return self._careful and before.text in lexicon.strict  # "No, with us ..."
        if self._careful:
            return True
        if token.kind in AMOUNTS or key.endswith(" #"):
            return False
        return not (self._is_day(at) or key in lexicon.weekdays.values() or lexicon.adjuncts.match(self._texts, at)[0])
