"""How a brief's facts are shown: every value verbatim, every label beside it, in one of several layouts.

Values are opaque text. A label says what its value means, so it stays with it: "early-bird price: €59" and "full
price: €95" must not become "€59 or €95". Only in the tightest layout are labels left out, and only for values that
say themselves what they are (a time, a link, a telephone number).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Literal

from postopt.generation.templates import english, spanish
from postopt.generation.templates.words import capitalise, ends_sentence

Kind = Literal["link", "email", "phone", "money", "percent", "time", "place", "other"]

MAX_IN_LINE = 4
"""Most facts in one line; more would have to be searched for."""

# 120 = 5!: all orders of up to five facts; of more, the first 120.
MAX_ORDERS = 120

_MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|enero|febrero|marzo|abril|mayo|junio|julio|agosto"
    "|septiembre|setiembre|octubre|noviembre|diciembre|january|february|march|april|june|july|august|september|october"
    "|november|december"
)
_DAYS = (
    "(?:mon|tues|wednes|thurs|fri|satur|sun)days?|lunes|martes|miércoles|jueves|viernes|sábados?|domingos?"
    "|noon|midnight|mañanas?|tardes?|medianoche|mediodía"
)
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("link", re.compile(r"^(https?://|www\.)\S+$", re.IGNORECASE)),
    ("email", re.compile(r"^\S+@\S+\.\w+$")),
    ("phone", re.compile(r"^\+?\(?\d[\d\s().-]{5,}\d$")),
    ("money", re.compile(r"[$€£¥₡₲₪₹]|\bS/|\b(USD|EUR|GBP|MXN|CLP|COP|ARS|PEN|UYU)\b|\d(?:p|c)\b")),
    ("percent", re.compile(r"\d\s?%")),
    (
        "time",
        re.compile(
            rf"\b({_DAYS}|{_MONTHS})\b|\b\d{{1,2}}[:.h]\d{{2}}\b"
            r"|\b\d{1,2}\s?(am|pm|[ap]\. ?m\.|h)(?!\w)"
            r"|\b\d{1,4}[-/]\d{1,2}[-/]\d{2,4}\b",
            re.IGNORECASE,
        ),
    ),
)
_PLACE_LABEL = re.compile(
    r"\b(where|address|venue|place|location|showroom|stand|dirección|lugar|sede|local|dónde|puesto|punto de)\b",
    re.IGNORECASE,
)
_PHONE_LABEL = re.compile(r"\b(phone|hotline|helpline|line|call|tel|teléfono|línea|atención|whatsapp)\b", re.IGNORECASE)
_ICONS: dict[Kind, str] = {
    "link": "🔗", "email": "✉️", "phone": "📞", "money": "🏷️", "percent": "🏷️", "time": "🗓️", "place": "📍", "other": "🔹",
}  # fmt: skip
_SELF_EXPLAINING = frozenset({"link", "email", "phone"})
_PLAIN_LABELS: dict[Kind, frozenset[str]] = {
    "money": frozenset({"price", "precio"}),
    "time": frozenset("hours time date dates day when horario horarios hora fecha fechas día cuándo".split()),
}


_PRICE_NOUN = re.compile(
    r"(precio|tarifa|cuota|mensualidad|valor|costo|coste|monto|importe|prima|matrícula|salario|sueldo|recargo|reembolso"
    r"|depósito|descuento|ahorro|cooperación|bono|pago)", re.IGNORECASE,
)  # fmt: skip
_AMOUNT = re.compile(r"(?:S/|US\$|\$U|[^\w\s]{1,3})?\s?\d")
_TIME_SPAN = re.compile(r"(de|del|el|los|las) ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact ready to be shown: label, as it begins a line too, value verbatim, and what kind of value it is."""

    label: str
    title: str
    value: str
    kind: Kind


def facts_of(items: Mapping[str, str]) -> tuple[Fact, ...]:
    """Return the facts of a brief; underscores in names become spaces."""
    labels = map(_label, items)
    return tuple(
        Fact(label, capitalise(label), value, kind_of(label, value))
        for label, value in zip(labels, items.values(), strict=True)
    )


def kind_of(label: str, value: str) -> Kind:
    """Guess what kind of value this is; the guess picks an icon or a verb, never changes the value."""
    value = value.strip()
    for kind, pattern in _KINDS:
        if pattern.search(value) and (kind != "phone" or _PHONE_LABEL.search(label)):
            return kind
    return "place" if _PLACE_LABEL.search(label) else "other"


def orders(facts: tuple[Fact, ...]) -> list[tuple[Fact, ...]]:
    """Return up to `MAX_ORDERS` different orders of the facts, the given one first."""
    return list(dict.fromkeys(islice(permutations(facts), MAX_ORDERS)))


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to show facts: how to write one, what stands between two, and whether all are one sentence."""

    write: Callable[[Fact], str]
    separator: str
    is_sentence: bool = False
    emoji_each: int = 0

    def render(self, facts: tuple[Fact, ...]) -> str:
        """Return the facts as one block of text."""
        text = self.separator.join(map(self.write, facts))
        if self.is_sentence:
            text = capitalise(text)
            return text if ends_sentence(text) else f"{text}."
        return text


def layouts(facts: tuple[Fact, ...], language: str, *, icons: bool) -> list[Layout]:
    """Return the layouts that suit these facts; `icons` admits the one that begins lines with emoji."""
    ways = [Layout(_bullet(mark), "\n") for mark in ("• ", "– ", "→ ", "▪ ", "‣ ", "◦ ", "· ", "")]
    ways += [Layout(_pair(mark), "\n") for mark in ("—", "→")]
    if icons:
        ways.append(Layout(lambda fact: f"{_ICONS[fact.kind]} {_labelled(fact)}", "\n", emoji_each=1))
    if len(facts) > MAX_IN_LINE or any("\n" in fact.value for fact in facts):
        return ways
    ways += [Layout(_labelled, f" {mark} ") for mark in "·|" if not any(mark in fact.value for fact in facts)]
    if not any(";" in fact.value or ends_sentence(fact.value) for fact in facts):
        ways.append(Layout(_lower_labelled, "; ", is_sentence=True))
    sentence = _spanish_sentence if language == "es" else _english_sentence
    if all(sentence(fact) for fact in facts):
        ways.append(Layout(lambda fact: sentence(fact) or "", " "))
    return ways


def tight_layouts(facts: tuple[Fact, ...]) -> list[Layout]:
    """Return layouts for very little room: labels only where a value needs one."""
    clear = [fact.kind for fact in facts if _is_clear(fact)]
    if len(set(clear)) < len(clear):  # two times without labels: which is which?
        return [Layout(_labelled, mark) for mark in (" · ", " | ", "; ")]
    return [Layout(_bare_if_clear, mark) for mark in (" · ", " | ", "; ")]


def _label(name: str) -> str:
    return " ".join(name.replace("_", " ").split()) or name


def _bullet(mark: str) -> Callable[[Fact], str]:
    return lambda fact: f"{mark}{_labelled(fact)}"


def _pair(mark: str) -> Callable[[Fact], str]:
    return lambda fact: f"{fact.title} {mark} {fact.value}"


def _labelled(fact: Fact) -> str:
    return f"{fact.title}: {fact.value}"


def _lower_labelled(fact: Fact) -> str:
    return f"{fact.label}: {fact.value}"


def _bare_if_clear(fact: Fact) -> str:
    return fact.value if _is_clear(fact) else _lower_labelled(fact)


def _is_clear(fact: Fact) -> bool:
    """Say whether the value tells by itself what it is: a link does, an amount or a date only under a plain label.

    "9:00" under "hours" may stand alone; under "doors close" or "offer ends" it may not.
    """
    return fact.kind in _SELF_EXPLAINING or fact.label.casefold() in _PLAIN_LABELS.get(fact.kind, ())


def _english_sentence(fact: Fact) -> str | None:
    noun = english.noun(fact.label)
    # "The deposit is no deposit": a value that names its label again wants the plain form.
    if noun is None or fact.label.split()[-1].casefold() in fact.value.casefold():
        return None
    text = f"The {fact.label} {'are' if noun.plural else 'is'} {fact.value}"
    return text if ends_sentence(text) else f"{text}."


def _spanish_sentence(fact: Fact) -> str | None:
    """Return the fact as a sentence where one is sure to be right: an amount, or a time that brings its article.

    "El precio es de 19 €" and "El horario es de 16 a 20 h" are; "El día es sábado 18" and "La sede es Hospital
    Rivadavia" lack an article that nobody can guess.
    """
    noun = spanish.noun(fact.label)
    if noun is None:
        return None
    if fact.kind == "money" and _PRICE_NOUN.match(fact.label) and _AMOUNT.match(fact.value):
        verb = "son de" if noun.plural else "es de"
    elif _TIME_SPAN.match(fact.value) and (fact.kind == "time" or fact.label.casefold() in _PLAIN_LABELS["time"]):
        verb = "son" if noun.plural else "es"
    else:
        return None
    text = f"{capitalise(spanish.article(noun))} {fact.label} {verb} {fact.value}"
    return text if ends_sentence(text) else f"{text}."


def emoji_in(layout: Layout, facts: tuple[Fact, ...]) -> int:
    """Return how many emoji the layout itself adds."""
    return layout.emoji_each * len(facts)


def labels(facts: tuple[Fact, ...], language: str) -> Iterator[tuple[str, str]]:
    """Yield the slots that list the facts' names, where there are at least two and all are nouns.

    "Price, address and opening" reads well; "where, from and you may not" does not.
    """
    grammar = spanish if language == "es" else english
    names = [fact.label for fact in facts]
    if len(names) >= 2 and all(grammar.noun(name) for name in names):
        yield "labels", grammar.join(names)
        yield "labels o", grammar.join(names, or_=True)
