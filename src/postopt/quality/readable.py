"""Readable features of a text: what a pattern can be about.

Each is a yes or no, has a name that says what it is, and can be found again by a human. Marks and lengths are the same
in every language; words are looked up in lists for English and Spanish (`lexicon`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import TypeAlias

from postopt._checks import check_name
from postopt.errors import shown
from postopt.quality.lexicon import FUNCTION_WORD_SETS, LANGUAGES, WORDS, primary

Given: TypeAlias = str | re.Pattern[str] | Callable[[str], bool]

# Arbitrary, far above any post: what comes after it is not read, so that no text holds up a run.
_MOST_CHARACTERS = 10_000

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the features see it.

    Attributes:
        text: as it is, but for NFC and straight apostrophes.
        words: in lower case.
        phrases: the words and, joined by a hyphen, the pairs of neighbours.
        language: "en", "es" or another; "" if nobody knows.
    """

    text: str
    words: tuple[str, ...]
    phrases: frozenset[str]
    language: str


@dataclass(frozen=True, slots=True)
class Feature:
    """Something a text has or has not.

    Attributes:
        name: unique.
        says: what it says of a text, as the end of a sentence.
        holds: whether a text has it.
        words: those that it looks for, over all languages; empty if it looks for something else.
    """

    name: str
    says: str
    holds: Callable[[Reading], bool]
    words: frozenset[str] = frozenset()


def language_of(words: tuple[str, ...], text: str = "") -> str:
    """Return the language of a text, "en" or "es", or "" where nothing speaks for either.

    The marks ¿ ¡ ñ are Spanish; else it is the language whose function words occur more often, English at a tie.
    """
    if any(mark in text.casefold() for mark in "¿¡ñ"):
        return "es"
    english, spanish = (sum(word in FUNCTION_WORD_SETS[language] for word in words) for language in ("en", "es"))
    if not english and not spanish:
        return ""
    return "es" if spanish > english else "en"


@lru_cache(maxsize=1024)
def read(text: str, language: str | None = None) -> Reading:
    """Return a text as the features see it, in this language, or the one its words speak for.

    Raises:
        ValueError: `text` or `language` is no str.
    """
    if not isinstance(text, str):
        raise ValueError(f"text is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
    text = unicodedata.normalize("NFC", text[:_MOST_CHARACTERS]).replace("’", "'")
    words = tuple(_WORD.findall(text.casefold()))
    pairs = (f"{first}-{second}" for first, second in pairwise(words))
    spoken = language_of(words, text) if language is None else primary(language)
    return Reading(text, words, frozenset(words).union(pairs), spoken)


def _search(pattern: re.Pattern[str], reading: Reading) -> bool:
    return pattern.search(reading.text) is not None


def _found(lists: Mapping[str, frozenset[str]], reading: Reading) -> bool:
    # A text whose language nobody can tell is looked up in both.
    languages = (reading.language,) if reading.language else LANGUAGES
    return any(not reading.phrases.isdisjoint(lists.get(language, ())) for language in languages)


def _at_least(words: int, reading: Reading) -> bool:
    return len(reading.words) >= words


def _at_most(words: int, reading: Reading) -> bool:
    return len(reading.words) <= words


def _title_case(reading: Reading) -> bool:
    words = [word for word in reading.text.split() if word[:1].isalpha()]
    return len(words) > 2 and sum(word[0].isupper() for word in words) >= 0.9 * len(words)


_EMOJI = "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf]"

_MARKS = {
    ("digits", "has digits"): r"\d",
    ("starts_with_number", "starts with a number"): r"^\W*\d",
    ("amount", "has an amount of money or a percentage"): r"[$€£¥%]",
    ("question", "has a question mark"): r"\?",
    ("ends_with_question", "ends with a question"): r"\?[^\w?]*$",
    ("exclamation", "has an exclamation mark"): r"!",
    ("ellipsis", "has an ellipsis"): r"\.\.\.|…",
    ("colon", "has a colon"): r":",
    ("dash", "has a dash"): r"\s[-–—]+\s|—",
    ("parenthesis", "has a parenthesis"): r"\(",
    ("comma", "has a comma"): r",",
    ("quotation", "has a quotation"): r"[\"“”«»]|(?<!\w)'[^']+'(?!\w)",
    ("starts_with_quotation", "starts with a quotation"): r"^[\"“«']",
    ("ends_with_stop", "ends with a full stop"): r"(?<!\.)\.[\"”»')]*\s*$",
    ("sentences", "has several sentences"): r"[.!?…][\"”»')]*\s+\S",
    ("emphasis", "has a word in capitals"): r"\b[A-ZÀ-ÖØ-Þ]{3,}\b",
    ("emoji", "has an emoji"): _EMOJI,
    ("several_emoji", "has several emoji"): f"{_EMOJI}.*{_EMOJI}",
    ("hashtag", "has a hashtag"): r"(?<!\w)#\w",
    ("mention", "mentions an account"): r"(?<!\w)@\w",
    ("link", "has a link"): r"https?://|www\.",
    ("contraction", "has a contraction"): r"\w'(?:s|t|re|ve|ll|d|m)\b",
    ("apostrophe_s", "has a word that ends in 's"): r"\w's\b",
}

# Lengths of headlines, posts and long posts. 14 and 17, the thirds of open headlines, are fitted to those; the others
# are a ladder without a source, of which a host's texts vary at a few rungs.
_MOST_WORDS = (6, 8, 10, 12)
_LEAST_WORDS = (20, 25, 40, 80, 150)


def _of_words(name: str, says: str, lists: Mapping[str, str]) -> Feature:
    split = {language: frozenset(words.split()) for language, words in lists.items()}
    return Feature(name, says, partial(_found, split), frozenset().union(*split.values()))


_READABLE: tuple[Feature, ...] = (
    Feature("short", "has 14 words or less", partial(_at_most, 14)),
    Feature("long", "has 17 words or more", partial(_at_least, 17)),
    *(Feature(f"at_most_{n}_words", f"has {n} words or less", partial(_at_most, n)) for n in _MOST_WORDS),
    *(Feature(f"at_least_{n}_words", f"has {n} words or more", partial(_at_least, n)) for n in _LEAST_WORDS),
    *(Feature(*name, partial(_search, re.compile(mark, re.DOTALL))) for name, mark in _MARKS.items()),
    Feature("title_case", "has capital initials", _title_case),
    *(_of_words(*name, lists) for name, lists in WORDS.items()),
)
_BY_NAME = {feature.name: feature for feature in _READABLE}


def _any_of(parts: Sequence[Feature], reading: Reading) -> bool:
    return any(part.holds(reading) for part in parts)


def _all_of(parts: Sequence[Feature], reading: Reading) -> bool:
    return all(part.holds(reading) for part in parts)


def _joined(name: str, says: str, rule: Callable[[Sequence[Feature], Reading], bool], *others: str) -> Feature:
    parts = tuple(_BY_NAME[other] for other in others)
    return Feature(name, says, partial(rule, parts), frozenset().union(*(part.words for part in parts)))


# What says nearly the same is seen sooner when it is taken together. Which to join was chosen on open headline tests.
FEATURES: tuple[Feature, ...] = (
    *_READABLE,
    _joined("man_woman_he_she", "speaks of he, she, a man or a woman", _any_of, "he_she", "man", "woman"),
    _joined("this_or_look", "points at this or says look", _any_of, "deixis", "look"),
    _joined("says_or_thinks", "reports what somebody says or thinks", _any_of, "speech", "thought"),
    _joined("short_question", "has a question mark and 14 words or less", _all_of, "short", "question"),
)

DENIED: frozenset[str] = frozenset({"fear", "negative_emotion", "sensitive"})
"""Features that no text is to be pushed towards, however much they earn: a host may deny others, or fewer."""


def given(features: Mapping[str, Given] | None) -> tuple[Feature, ...]:
    """Return a host's own features: a regular expression is searched, a function called with the text.

    Raises:
        ValueError: a name is empty or one of ours, or a feature is neither expression nor function.
    """
    if features is None:
        return ()
    if not isinstance(features, Mapping):
        raise ValueError(f"features is {shown(features)}; a mapping from name to expression or function is needed")  # noqa: TRY004 - as all others
    return tuple(_given(name, feature) for name, feature in features.items())


def _given(name: str, feature: Given) -> Feature:
    check_name("a feature's name", name)
    if any(name == ours.name for ours in FEATURES):
        raise ValueError(f"features has {shown(name)}, which is a built-in feature; another name is needed")
    if isinstance(feature, str | re.Pattern):
        try:
            expression = re.compile(feature)
            expression.search("")  # one for bytes finds nothing in a text
            return Feature(name, f"is {name}", partial(_search, expression))
        except (re.error, TypeError) as error:
            raise ValueError(f"features[{name!r}] is {shown(feature)}; a regular expression is needed") from error
    if not callable(feature):
        raise ValueError(  # noqa: TRY004 - as all others
            f"features[{name!r}] is {shown(feature)}; a regular expression or a function is needed"
        )
    return Feature(name, f"is {name}", partial(_called, name, feature))


def _called(name: str, function: Callable[[str], object], reading: Reading) -> bool:
    holds = function(reading.text)
    # NaN, "no" and a coroutine that nobody awaits are all true to Python.
    if not isinstance(holds, bool):
        raise ValueError(f"features[{name!r}] returned {shown(holds)}; True or False is needed")  # noqa: TRY004 - as all others
    return holds
