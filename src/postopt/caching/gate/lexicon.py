"""What the gate of near-duplicates knows about a language: hand-written lists, and nothing learnt.

A word that no list holds means itself. The lists say which words say nothing ("please"), which say the same ("begin",
"start"), and how numbers, dates and requests are written. They are TOML files in `lexicons`, read when first used.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es")

_FILES = Path(__file__).with_name("lexicons")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases by their first word, the longest first, each with what it stands for."""

    by_first: dict[str, tuple[tuple[Words, str], ...]]

    def match(self, words: list[str], at: int) -> tuple[int, str]:
        """Return the length of the longest phrase that begins at `at`, and what it stands for; (0, "") if none."""
        if at < len(words):
            for phrase, meaning in self.by_first.get(words[at], ()):
                if tuple(words[at : at + len(phrase)]) == phrase:
                    return len(phrase), meaning
        return 0, ""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The lists of one language; the files say what each holds."""

    language: str
    known: frozenset[str]
    empty: frozenset[str]
    links: frozenset[str]
    strict: frozenset[str]
    negations: frozenset[str]
    verb_leads: frozenset[str]
    speaking: frozenset[str]
    openers: Phrases
    askers: frozenset[str]
    please: frozenset[str]
    mentions: Phrases
    closers: Phrases
    write: Phrases
    announce: Phrases
    announce_led: frozenset[str]
    announce_after: frozenset[str]
    acts: Phrases
    kinds: Phrases
    platforms: Phrases
    connectors: Phrases
    explains: Phrases
    questions: frozenset[str]
    adjectives: frozenset[str]
    alternatives: frozenset[str]
    counted_articles: frozenset[str]
    counted: frozenset[str]
    objects: frozenset[str]
    compounds: frozenset[str]
    tone_heads: frozenset[str]
    audience_leads: Phrases
    thing_leads: frozenset[str]
    things: frozenset[str]
    parts_of_day: frozenset[str]
    tone_links: frozenset[str]
    tone_leads: Phrases
    price_words: Phrases
    no_price_after: frozenset[str]
    before_discount: Phrases
    after_discount: frozenset[str]
    discount_links: frozenset[str]
    before_amount: Phrases
    same: Phrases
    same_nouns: Phrases
    same_verbs: Phrases
    loose: Phrases
    contractions: dict[str, str]
    numbers: dict[str, str]
    scales: dict[str, int]
    ordinals: dict[str, str]
    months: dict[str, int]
    weekdays: dict[str, str]
    thousands: str
    units: dict[str, str]
    currencies: dict[str, str]
    currency_codes: dict[str, str]
    percents: Words
    halves_of_day: dict[str, bool]
    hour_marks: frozenset[str]
    of: frozenset[str]
    possessives: frozenset[str]
    before_year: frozenset[str]
    range_links: frozenset[str]
    range_openers: frozenset[str]
    on_days: frozenset[str]
    degrees: frozenset[str]
    conjunctions: frozenset[str]
    conjunction: str
    something: str
    with_: str
    given: frozenset[str]
    abbreviations: frozenset[str]
    that: str
    subjects: frozenset[str]
    hour_leads: frozenset[str]
    discount_nouns: frozenset[str]
    saving: frozenset[str]
    plural_leads: frozenset[str]
    adjectives_follow: bool
    per: str
    per_articles: frozenset[str]
    copulas: frozenset[str]
    relatives: frozenset[str]
    adjuncts: Phrases
    complete_adjuncts: frozenset[str]
    places: frozenset[str]
    mild: frozenset[str]
    exceptions: frozenset[str]
    binders: frozenset[str]
    comparatives: frozenset[str]


@lru_cache(maxsize=len(LANGUAGES))
def lexicon_of(language: str) -> Lexicon:
    """Return the lexicon of one of `LANGUAGES`; read once."""
    data = tomllib.loads((_FILES / f"{language}.toml").read_text("utf-8"))
    shared = tomllib.loads((_FILES / "shared.toml").read_text("utf-8"))
    return _build(language, data, shared)


def _build(language: str, data: dict[str, Any], shared: dict[str, Any]) -> Lexicon:
    request, amounts, synonyms = data["request"], data["amounts"], data["synonyms"]
    empty = frozenset(data["empty"].split())
    # What a text's words have become when its phrases are searched.
    words = data["numbers"] | {word: said for word, said in data["contractions"].items() if " " not in said}

    compounds = _words(data["compounds"])

    def phrases(*lists: str) -> Phrases:
        return _phrases(((line, line) for text in lists for line in text.splitlines()), empty, words, compounds)

    def groups(text: str) -> Phrases:
        members = (line.split(" | ") for line in text.splitlines())
        return _phrases(((member, group[0]) for group in members for member in group), empty, words, compounds)

    def named(table: dict[str, str]) -> Phrases:
        pairs = ((line, name) for name, text in table.items() for line in text.splitlines())
        return _phrases(pairs, empty, words, compounds)

    return Lexicon(
        language=language,
        empty=empty,
        known=_words(data["common"])
        | _words_of(synonyms)
        | data["numbers"].keys()
        | data["months"].keys()
        | data["weekdays"].keys(),
        links=_words(data["links"]),
        strict=_words(data["strict"]),
        negations=_words(data["negations"]),
        verb_leads=_words(data["verb_leads"]),
        speaking=_words(data["speaking"]),
        askers=_words(data["askers"]),
        please=_words(data["please"]),
        openers=phrases(data["openers"]),
        mentions=phrases(data["mentions"]),
        closers=phrases(data["closers"]),
        write=phrases(data["write"]),
        announce=phrases(data["announce"]),
        announce_led=_words(data["announce_led"]["verbs"]),
        announce_after=_words(data["announce_led"]["after"]),
        acts=_phrases(data["acts"].items(), empty, words, compounds),
        kinds=named(data["kinds"]),
        platforms=named(data["platforms"]),
        explains=phrases(data["explains"]),
        questions=_words(data["questions"]),
        adjectives=_words(data["adjectives"]),
        alternatives=_words(data["alternatives"]),
        counted_articles=_words(data["counted_articles"]),
        counted=_words(data["counted"]),
        objects=_words(data["objects"]),
        compounds=compounds,
        connectors=phrases(request["connectors"]),
        tone_heads=_words(request["tone_heads"]),
        thing_leads=_words(data["audience"]["leads"]),
        things=_words(data["audience"]["things"]),
        parts_of_day=frozenset(data["order"]["parts_of_day"].splitlines()),
        audience_leads=phrases(request["audience_leads"]),
        tone_links=_words(request["tone_links"]),
        tone_leads=phrases(request["tone_leads"]),
        no_price_after=_words(amounts["no_price_after"]),
        price_words=phrases(amounts["price_words"]),
        before_discount=phrases(amounts["before_discount"]),
        after_discount=_words(amounts["after_discount"]),
        discount_links=_words(amounts["discount_links"]),
        before_amount=groups(amounts["before_amount"]),
        same=groups(synonyms["same"]),
        same_nouns=groups(synonyms["same_nouns"]),
        same_verbs=groups(synonyms["same_verbs"]),
        loose=_phrases(_loose(synonyms), empty, words, compounds),
        contractions=data["contractions"],
        numbers=data["numbers"],
        scales=data["scales"],
        ordinals=data["ordinals"],
        months=data["months"],
        weekdays=data["weekdays"],
        thousands=amounts["thousands"],
        units=shared["units"] | data["units"],
        currencies=shared["currency_codes"] | data["currencies"],
        currency_codes=shared["currency_codes"],
        percents=tuple(amounts["percents"].splitlines()),
        halves_of_day=data["halves_of_day"],
        hour_marks=_words(amounts["hour_marks"]),
        possessives=_words(amounts["possessives"]),
        of=_words(amounts["of"]),
        before_year=_words(amounts["before_year"]),
        range_links=_words(amounts["range_links"]),
        range_openers=_words(amounts["range_openers"]),
        on_days=_words(amounts["on_days"]),
        degrees=_words(data["degrees"]),
        conjunctions=_words(data["conjunctions"]),
        abbreviations=_words(data["abbreviations"]),
        that=data["that"],
        subjects=_words(data["subjects"]),
        hour_leads=_words(data["hour_leads"]),
        something=data["something"],
        with_=data["with"],
        given=_words(data["given"]),
        conjunction=data["conjunctions"].split()[0],
        discount_nouns=_words(amounts["discount_nouns"]),
        saving=_words(amounts["saving"]),
        plural_leads=_words(amounts["plural_leads"]),
        adjectives_follow=request["adjectives_follow"],
        per=data["per"],
        per_articles=_words(data["per_articles"]),
        copulas=_words(data["copulas"]),
        relatives=_words(data["relatives"]),
        adjuncts=phrases(data["order"]["adjuncts"]),
        places=_words(data["order"]["places"]),
        complete_adjuncts=_words(data["order"]["complete_adjuncts"]),
        mild=_words(data["order"]["mild"]),
        exceptions=_words(data["order"]["exceptions"]),
        binders=_words(data["order"]["binders"]),
        comparatives=_words(data["order"]["comparatives"]),
    )


def _words_of(lists: dict[str, str]) -> frozenset[str]:
    return frozenset(word for text in lists.values() for word in re.findall(r"[^\W\d_]+", text))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(
    lines: Iterable[tuple[str, str]], empty: frozenset[str], words: dict[str, str], compounds: frozenset[str]
) -> Phrases:
    found: dict[str, dict[Words, str]] = {}
    for line, meaning in lines:
        for phrase in _spelled_out(line, empty, words, compounds):
            found.setdefault(phrase[0], {}).setdefault(phrase, meaning)
    by_first = {first: tuple(sorted(rest.items(), key=lambda item: -len(item[0]))) for first, rest in found.items()}
    return Phrases(by_first)


def _spelled_out(line: str, empty: frozenset[str], words: dict[str, str], compounds: frozenset[str]) -> Iterator[Words]:
    """Yield the phrases that a line of alternatives stands for, in the form that texts have when they are searched."""
    choices = []
    for word in line.split():
        alternatives = word.removesuffix("?").split("/")
        choices.append([*alternatives, ""] if word.endswith("?") else alternatives)
    for chosen in product(*choices):
        parts = [without_possessive(part) for word in chosen for part in split_compound(word, compounds)]
        yield tuple(words.get(part, part) for part in parts if part and part not in empty)


def split_compound(word: str, compounds: frozenset[str]) -> Words:
    """Return "gluten" and "free" for "gluten-free", whose second part is in `compounds`; other words as they are."""
    first, hyphen, second = word.rpartition("-")
    return (*first.split("-"), second) if hyphen and second in compounds else (word,)


OWNS = "'s"


def without_possessive(word: str) -> str:
    """Return "baker" for "baker's"; "let's" is no possessive."""
    return word[:-2] if word.endswith(OWNS) and word != "let's" else word


def needs_possessive(owner: str, owned: str) -> bool:
    """Say whether the possessive has to stay: without it, "the mayor's plans" would be "the mayor plans"."""
    return owner.endswith("s") or owned.endswith("s")


_Z = re.compile(r"(?<=[a-z]{3}i)z(?=(?:e|es|ed|er|ers|ing|ation|ations)$)")


def british(word: str) -> str:
    """Return "personalise" for "personalize"."""
    return _Z.sub("s", word)


def _loose(synonyms: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each member of a loose group with the first; one that has strict synonyms brings their first along."""
    strict: dict[str, str] = {}
    for name in ("same", "same_nouns", "same_verbs"):
        for line in synonyms[name].splitlines():
            group = line.split(" | ")
            strict |= dict.fromkeys(group, group[0])
    for line in synonyms["loose"].splitlines():
        group = line.split(" | ")
        for member in group:
            yield member, group[0]
            yield strict.get(member, member), group[0]
