"""The order of phrases of time, place and price, which may stand at either end of a sentence."""

from __future__ import annotations

from itertools import pairwise

from postopt.caching.gate.amounts import AMOUNTS, DATE, MONEY, PERCENT, TIME, TO
from postopt.caching.gate.content import OFF, Word
from postopt.caching.gate.lexicon import Lexicon

# Both arbitrary: longer phrases hold more than a time or a place, longer texts more than a clause.
_MOST_WORDS = 7
_LONGEST_CLAUSE = 40


def arrange(words: list[Word], lexicon: Lexicon) -> list[Word]:
    """Return the words with phrases of time, place and price behind the rest, in one order.

    "Until Sunday, 20 % off all shoes at our shop" and "20 % off all shoes at our shop until Sunday" say the same. This
    holds only where nothing else could be meant: in a single clause, without conjunctions, negations and marks, whose
    rest is in one piece. Phrases of one sort keep their order. Elsewhere the words are returned as they are.
    """
    if len(words) > _LONGEST_CLAUSE or any(_binds(words, at, lexicon) for at in range(len(words))):
        return words
    starts = [at for at in range(len(words)) if _begins(words, at, lexicon)]
    if not starts:
        return words
    first = 0
    phrases = []
    while first in starts:
        end = _end_of_leading(words, first, starts, lexicon)
        if not end:
            return words
        phrases.append(words[first:end])
        first = end
    starts = [at for at in starts if at > first]
    core = words[first : starts[0] if starts else len(words)]
    if not core or any(words[at].cut for at in range(1, len(words)) if at > first):
        return words
    phrases += [words[at:end] for at, end in pairwise([*starts, len(words)])]
    if any(len(phrase) > _MOST_WORDS or _holds_more(phrase, lexicon) for phrase in phrases):
        return words
    phrases.sort(key=lambda phrase: _sort(phrase, lexicon))
    return [word._replace(cut=False) for part in (core, *phrases) for word in part]


def _binds(words: list[Word], at: int, lexicon: Lexicon) -> bool:
    """Say whether this word joins or denies clauses, so that a phrase might belong to one of them only."""
    word = words[at]
    if word.joined or word.text in lexicon.binders or word.key in lexicon.binders:
        return True
    if word.text in lexicon.mild:
        # "Not on Sunday" denies the day; "we do not open on Sunday" the opening.
        return at + 1 < len(words) and (word.cut or _begins(words, at + 1, lexicon))
    if word.text in lexicon.strict and word.text not in lexicon.exceptions:
        return True
    return word.text == "que" and (at == 0 or words[at - 1].text not in lexicon.comparatives)


def _begins(words: list[Word], at: int, lexicon: Lexicon) -> bool:
    """Say whether a phrase of time or place begins here; a day with its time is one phrase."""
    texts = [word.text for word in words]
    if at > 0 and _is_part_of_day(words, at, lexicon):
        return False
    if _is_day(words[at], lexicon):
        return at == 0 or not (
            _is_day(words[at - 1], lexicon)
            or lexicon.adjuncts.match(texts, at - 1)[0]
            or texts[at - 1] in lexicon.exceptions
        )
    if texts[at] in lexicon.places:
        return at + 1 < len(words) and _is_definite(words[at + 1], lexicon)
    return lexicon.adjuncts.match(texts, at)[0] > 0 or words[at].text in lexicon.exceptions or _is_price(words, at)


def _is_definite(word: Word, lexicon: Lexicon) -> bool:
    """Say whether this is one known place or time: "in our shop", "in Rome", "in May", but not "in costumes"."""
    return word.led or word.named or word.text in lexicon.months or word.kind in AMOUNTS or _is_day(word, lexicon)


def _is_price(words: list[Word], at: int) -> bool:
    """Say whether a price or a discount begins here, the only one, with the word for "from" or "up to" before it."""
    if sum(word.kind in (MONEY, PERCENT) for word in words) != 1:
        return False
    amount = at + words[at].key.endswith(" #")
    if amount >= len(words) or (amount == at and at > 0 and words[at - 1].key.endswith(" #")):
        return False
    return words[amount].kind == MONEY or (words[amount].kind == PERCENT and _is_discount(words, amount))


def _is_discount(words: list[Word], amount: int) -> bool:
    return amount + 1 < len(words) and words[amount + 1].text == OFF


def _end_of_leading(words: list[Word], at: int, starts: list[int], lexicon: Lexicon) -> int:
    """Return where the phrase at `at`, before the rest, ends: behind complete words or at a mark; 0 if unclear."""
    amount = at + words[at].key.endswith(" #")
    if _is_price(words, at) and _is_discount(words, amount):
        return amount + 2
    rest = range(at + 1, len(words))
    if _is_day(words[at], lexicon):
        return next((i for i in rest if not (_is_day(words[i], lexicon) or _is_part_of_day(words, i, lexicon))), 0)
    if words[at].text in lexicon.complete_adjuncts:
        return at + lexicon.adjuncts.match([word.text for word in words], at)[0]
    mark = next((i for i in rest if words[i].marked), 0)
    return mark if not any(at < start < mark for start in starts) else 0


def _is_part_of_day(words: list[Word], at: int, lexicon: Lexicon) -> bool:
    """Say whether this is the evening of the day before it."""
    return words[at].text in lexicon.parts_of_day and _is_day(words[at - 1], lexicon)


def _is_day(word: Word, lexicon: Lexicon) -> bool:
    if word.text == TO:
        return True
    return word.kind in (DATE, TIME) or word.key in lexicon.weekdays or word.key in lexicon.weekdays.values()


def _holds_more(phrase: list[Word], lexicon: Lexicon) -> bool:
    """Say whether a phrase holds a preposition of another sort, which might belong to what stands before the phrase."""
    return any(
        word.text in lexicon.links
        and word.text not in lexicon.of
        and not (word.text == lexicon.per and before.kind == MONEY)
        for before, word in pairwise(phrase)
    )


def _sort(phrase: list[Word], lexicon: Lexicon) -> str:
    first = phrase[0]
    if phrase[first.key.endswith(" #") and len(phrase) > 1].kind in (MONEY, PERCENT):
        return "price"
    return "day" if _is_day(first, lexicon) or first.text in lexicon.complete_adjuncts else first.text
