"""What no candidate may do, whatever its score: hard checks, with reasons in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from postopt._checks import check_count, check_positive
from postopt.generation.constraints import Constraints
from postopt.prompts.template import PromptTemplate
from postopt.quality.readable import DENIED, FEATURES
from postopt.types import Brief

CLAIMS = (
    "guarantee", "guaranteed", "guarantees", "miracle", "cure", "cures", "risk-free", "scientifically proven",
    "clickbait", "before it is too late", "before it's too late", "or else", "shame", "fear", "scare", "panic",
    "garantía", "garantizado", "garantiza", "milagro", "milagroso", "cura", "sin riesgo", "antes de que sea tarde",
    "vergüenza", "miedo", "pánico", "asusta",
)  # fmt: skip
"""Promises and pressure that no learned prompt may bring in: our own list, to be added to, not a complete one."""

# Of the words that a miner denies, those that mostly mean something else where a prompt has them.
_EVERYDAY = frozenset("black white blanco blanca negro negra race dead pain warning".split())
_DENIED = frozenset().union(*(feature.words for feature in FEATURES if feature.name in DENIED)) - _EVERYDAY

# An answer that gives orders about the rules, or speaks a model's chat markup, is none that a person would write into a
# prompt for posts. A list finds only what it names; the experiment and the check of each post stand behind it.
_ORDERS = re.compile(
    r"""(?=(  # ahead, so that "do not forget to ignore the rules" is found at its second verb, too
    \b(?:ignor\w*|disregard\w*|forget\w*|overrid\w*|bypass\w*|olvid\w*|desestim\w*|omit[ea]\w*|sáltate)\b
        [^.,;:!?]{0,60}?\b(?:instructions?|rules?|above|previous|brief|facts?|prompts?|system|training|guidelines?|
                   (?:you|we|i)\s(?:were|was|are|have\sbeen|has\sbeen)\s(?:told|given|taught|asked)|
                   (?:was|were|is|been)\ssaid|everything\syou|
                   instruccion\w*|reglas?|anterior\w*|encargo|hechos|datos|te\s(?:han\s)?(?:dij\w+|dicho|pid\w+))\b
    | \b(?:invent(?:ing)?|mak(?:e|ing)\sup|fabricat\w*|inventa\w*|alter(?:ing)?|chang(?:e|ing)|modify(?:ing)?|
            adjust(?:ing)?|round(?:ing)?|inflat(?:e|ing)|rais(?:e|ing)|lower(?:ing)?|falsif\w+|cambia\w*|modific\w+|altera\w*|
            redondea\w*|ajusta\w*)
        (?:\s(?:the|a|an|any|all|some|its|their|your|our|these|those|of|up|down|new|stated|given|exact|real|brief'?s|
              el|la|los|las|un|una|unos|unas|sus?|algún|algunos|algunas|todos|todas)){0,5}
        \s(?:facts?|prices?|numbers?|quotes?|dates?|amounts?|figures|discounts?|
            hechos|datos|precios?|cifras?|números?|fechas?|citas|descuentos?)\b
    | \bexaggerat\w* | \bexager\w+
    ))""",
    re.IGNORECASE | re.VERBOSE,
)
_MARKUP = re.compile(
    r"""
    \byou\s+are\s+now\b | \bsystem\s+prompt\b | \bjailbreak | \bdeveloper\s+mode\b | \bahora\s+eres\b
    | <\|?/?(?:system|user|assistant|im_start|im_end|s|inst|script)\b | \[/?inst\] | ^\s*(?:system|assistant|user)\s*:
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
# "Never forget the facts" is the opposite of such an order. "Never hesitate to forget them" is one.
_NOT = re.compile(
    r"\b(?:not|never|don['’]t|cannot|can['’]t|without|avoid|no|nunca|jamás|sin|evita)"
    r"(?:\s(?:ever|just|simply|to|or|lo|la|los|las))?\s$",
    re.IGNORECASE,
)

# What a prompt states and a reader could check: links, addresses, numbers with their signs. A full stop after a link is
# the sentence's. A link may lack its scheme: a name, a dot and letters without a space between; "p.ej." is none.
_LINK = re.compile(
    r"(?:https?://|www\.)\S*[^\s.,;:!?'\")\]}>»”’…]"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*\.\w+"
    r"|(?<![\w@./-])(?:[\w-]{1,63}\.)+(?!ej\b)(?:[a-z]{2,24}|(?i:com|net|org|info|biz|io|co|me|app|shop))\b(?:/[^\s.,;:!?'\")]*)?"
)
_NUMBER = re.compile(r"[$€£]?\d+(?:[.,:/-]\d+)*(?:\s?[%$€£])?")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_SENTENCE = re.compile(r"[.!?:;\n]+")
_PLACE = re.compile(r"\{[a-z_]+\}")
_THRICE = re.compile(r"\b(\w+)(?:\W+\1\b){2}", re.IGNORECASE)


class Checks:
    """Says why a candidate may not be tried beside the prompt it would replace; nothing speaks against it otherwise.

    A candidate is judged by what it adds to or takes from the present prompt: what a person put there stays allowed.

    - Places: it names every part of a brief that the present prompt names, or `{brief}`.
    - Facts: links, addresses and numbers of the present prompt are in it, and no others.
    - Words: none of `forbidden`, none of what a miner denies (fear, grief, the reader's own attributes), nothing that
      orders a model to drop rules or to change facts.
    - Length: at most `growth` times the present prompt's characters, or `room` more, whichever allows more.
    - Readability: no sentence longer than `sentence` words, and no word three times in a row. Nothing finer: formulas
      for readability are made for prose of 100 words and more (R. Flesch, 1948), and prompts are shorter.
    - News: it is no near copy of a version that was tried or refused: the same instructions, and of the triples of
      successive words in the text `alike` in common (Jaccard).

    Lists of words and phrases are no proof: they find what they name, in English and Spanish, and whoever words it
    otherwise gets past them. They keep out what language models write by mistake, and plain injections. Behind them
    stand the check of each post against its brief, the experiment with its guardrails, and a person who reads the diff.
    Now and then they refuse what is harmless, which costs a candidate.

    Args:
        forbidden: words and claims, as in a brief; `CLAIMS` unless given.
        growth: optimisers by language models make prompts many times longer unless something stops them.
        room: characters, for prompts so short that a factor leaves none; five long instructions.
        sentence: words; twice what is called a long sentence.
        alike: a share. All four numbers are arbitrary.

    Raises:
        ValueError: a number is not positive, or `alike` above 1.
        BriefError: `forbidden` is no list of texts.
    """

    def __init__(
        self,
        *,
        forbidden: Sequence[str] = CLAIMS,
        growth: float = 2.0,
        room: int = 1500,
        sentence: int = 60,
        alike: float = 0.9,
    ) -> None:
        self._forbidden = Constraints(Brief(topic="prompts", forbidden=tuple(forbidden)))
        self._growth = check_positive("growth", growth, "times")
        self._room = check_count("room", room)
        self._sentence = check_count("sentence", sentence)
        self._alike = check_positive("alike", alike, "a share of words")
        if self._alike > 1:
            raise ValueError(f"alike is {alike}; a share, at most 1, is needed")

    def __call__(
        self, candidate: PromptTemplate, present: PromptTemplate, earlier: Iterable[PromptTemplate] = ()
    ) -> tuple[str, ...]:
        """Return what speaks against a candidate, a sentence each; `earlier` are versions tried or refused."""
        return (
            *self._places(candidate, present),
            *self._facts(candidate, present),
            *self._words(candidate, present),
            *self._length(candidate, present),
            *self._readability(candidate, present),
            *self._news(candidate, (present, *earlier)),
        )

    def _places(self, candidate: PromptTemplate, present: PromptTemplate) -> Iterable[str]:
        if "brief" not in candidate.fields and (lost := present.fields - candidate.fields):
            yield f"It lacks {', '.join(f'{{{name}}}' for name in sorted(lost))}."

    def _facts(self, candidate: PromptTemplate, present: PromptTemplate) -> Iterable[str]:
        had, has = _stated(present), _stated(candidate)
        if had - has:
            yield f"It lost {_listed(had - has)}."
        if has - had:
            yield f"It states {_listed(has - had)}, which the present prompt does not."

    def _words(self, candidate: PromptTemplate, present: PromptTemplate) -> Iterable[str]:
        had, has = _whole(present), _whole(candidate)
        brought = set(self._forbidden.forbidden_in(has)) - set(self._forbidden.forbidden_in(had))
        brought |= _denied(has) - _denied(had)
        if brought:
            yield f"It brings in {_listed(brought)}."
        if _ordered(has) - _ordered(had):
            yield "It gives orders about rules, facts or the model itself, as an injected text would."

    def _length(self, candidate: PromptTemplate, present: PromptTemplate) -> Iterable[str]:
        had, has = len(_whole(present)), len(_whole(candidate))
        most = max(int(had * self._growth), had + self._room)
        if has > most:
            yield f"It has {has} characters; at most {most} are allowed beside the present {had}."

    def _readability(self, candidate: PromptTemplate, present: PromptTemplate) -> Iterable[str]:
        had, has = _longest_sentence(present), _longest_sentence(candidate)
        if has > max(had, self._sentence):
            yield f"It has a sentence of {has} words; at most {max(had, self._sentence)} are allowed."
        if (again := _THRICE.search(_whole(candidate))) and not _THRICE.search(_whole(present)):
            yield f'It says "{again.group(1)}" three times in a row.'

    def _news(self, candidate: PromptTemplate, earlier: Iterable[PromptTemplate]) -> Iterable[str]:
        mine = _triples(candidate)
        for other in earlier:
            if (
                set(candidate.instructions) == set(other.instructions)
                and _jaccard(mine, _triples(other)) >= self._alike
            ):
                yield f"It is almost the version {other.short}."
                return


def _whole(template: PromptTemplate) -> str:
    return "\n".join((template.text, template.system, *template.instructions))


def _stated(template: PromptTemplate) -> set[str]:
    links = set(_LINK.findall(_whole(template)))
    # Instructions give counts ("two sentences"), which are no facts. A number in a link is part of that.
    return links | set(_NUMBER.findall(_LINK.sub(" ", f"{template.text}\n{template.system}")))


def _denied(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold())) & _DENIED


def _ordered(text: str) -> set[str]:
    told = " ".join(text.split())
    orders = [found.group(1) for found in _ORDERS.finditer(told) if not _NOT.search(told[: found.start()][-30:])]
    return {" ".join(found.split()).casefold() for found in (*orders, *_MARKUP.findall(text))}


def _longest_sentence(template: PromptTemplate) -> int:
    prose = _PLACE.sub("it", _whole(template))
    return max(len(_WORD.findall(sentence)) for sentence in _SENTENCE.split(prose))


def _triples(template: PromptTemplate) -> set[tuple[str, ...]]:
    words = re.findall(r"\{[a-z_]+\}|\w+", f"{template.text}\n{template.system}".casefold())
    return {tuple(words[place : place + 3]) for place in range(max(1, len(words) - 2))}


def _jaccard(some: set[tuple[str, ...]], others: set[tuple[str, ...]]) -> float:
    return len(some & others) / len(some | others)


def _listed(texts: set[str]) -> str:
    return ", ".join(f'"{text.strip()[:40]}"' for text in sorted(texts)[:5])
