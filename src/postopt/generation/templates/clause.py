"""Clauses: the sentences of a bank, in a notation of four marks.

    {topic} {brand} {cta} {audience} {labels}   a slot; a clause is used only where the brief fills its slots
    {a audience} {de audience}                  the slot after a Spanish preposition: a + el = al, de + el = del
    {labels} {labels o}                         the facts' names as a list, joined with and (y, e) or or (o, u)
    <Mira|Mire|Mirad|Miren>                     how the reader is addressed: tú, usted, vosotros, ustedes
    [detail|details]                            one fact, or several

Whatever fills a slot is data: it is inserted once and never read for marks again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

from postopt.generation.templates.words import count_emoji, ends_sentence, stems

ADDRESSES = ("tu", "usted", "vosotros", "ustedes")

_MARK = re.compile(r"\{([^{}]*)\}|<([^<>]*)>|\[([^\[\]]*)\]")
_STRAY = re.compile(r"[{}<>\[\]]")
_SLOT = re.compile(r"(?:(a|de) )?(topic|brand|cta|audience)|(labels)(?: (o))?")


@dataclass(frozen=True, slots=True)
class Option:
    """One text that may stand in a post, with what ranking asks about it.

    `overhead` counts the characters of our own, those that do not come from the brief.
    """

    text: str
    stems: frozenset[str] = frozenset()
    emoji: int = 0
    exclamations: int = 0
    brands: int = 0
    overhead: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for data: `name` is looked up in what the brief offers."""

    name: str


@dataclass(frozen=True, slots=True)
class Address:
    """A form for each of `ADDRESSES`, in that order."""

    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A form for one fact and one for several."""

    one: str
    many: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One parsed clause; `own` describes its own words, and is the whole text where the clause has no marks.

    `continued` are the slots that a comma, colon or semicolon follows: "{cta}, please".
    """

    source: str
    pieces: tuple[str | Slot | Address | Number, ...]
    slots: frozenset[str]
    continued: frozenset[str]
    addressed: bool
    own: Option

    def fits(self, data: Mapping[str, str]) -> bool:
        """Say whether the data fill all slots, and none ends a sentence that the clause goes on with."""
        if not self.slots <= data.keys():
            return False
        return not self.continued or not any(ends_sentence(data[slot]) for slot in self.continued)

    def fill(
        self, data: Mapping[str, str], described: Mapping[str, frozenset[str]], address: int | None, *, many: bool
    ) -> Option:
        """Return the clause with its slots filled.

        Args:
            data: a text for every name in `slots`.
            described: the stems of those texts; one without counts as words of ours (a list of the facts' names).
            address: index into `ADDRESSES`, needed only if the clause is `addressed`.
            many: whether the brief has several facts.
        """
        own = self.own
        if self.pieces == (own.text,):
            return own
        text = self.render(data, address, many=many)
        overhead, stems = len(text), own.stems
        for slot in self.slots & described.keys():
            overhead -= len(data[slot])
            stems |= described[slot]
        return Option(text, stems, own.emoji, own.exclamations, own.brands, overhead)

    def render(self, data: Mapping[str, str], address: int | None, *, many: bool) -> str:
        """Return the clause's text; a full stop after data that ends a sentence itself is dropped."""
        parts: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                closes_twice = piece[0] == "." and parts and not piece.startswith("..") and ends_sentence(parts[-1])
                parts.append(piece[1:] if closes_twice else piece)
            elif isinstance(piece, Slot):
                parts.append(data[piece.name])
            elif isinstance(piece, Address):
                parts.append(piece.forms[address or 0])
            else:
                parts.append(piece.many if many else piece.one)
        return "".join(parts)


def parse(source: str) -> Clause:
    """Parse one clause of a bank.

    Raises:
        ValueError: a mark is unknown, unbalanced or has the wrong number of forms; the message names it.
    """
    pieces: list[str | Slot | Address | Number] = []
    at = 0
    for mark in _MARK.finditer(source):
        if mark.start() > at:
            pieces.append(source[at : mark.start()])
        pieces.append(_piece(mark))
        at = mark.end()
    if at < len(source):
        pieces.append(source[at:])
    literal = " ".join(_literals(piece) for piece in pieces)
    stray = _STRAY.search(" ".join(piece for piece in pieces if isinstance(piece, str)))
    if stray or not source.strip() or "\n" in source:
        raise ValueError(f"clause {source!r} is blank, has a line break or an unbalanced {stray and stray.group()!r}")
    slots = frozenset(piece.name for piece in pieces if isinstance(piece, Slot))
    return Clause(
        source=source,
        pieces=tuple(pieces),
        slots=slots,
        continued=frozenset(slot.name for slot, next_ in pairwise(pieces) if _continues(slot, next_)),
        addressed=any(isinstance(piece, Address) for piece in pieces),
        own=Option(
            source, stems(literal), count_emoji(literal), literal.count("!"), int("brand" in slots), len(source)
        ),
    )


def _piece(mark: re.Match[str]) -> Slot | Address | Number:
    slot, address, number = mark.groups()
    if slot is not None:
        if not _SLOT.fullmatch(slot):
            raise ValueError(
                f"unknown slot {{{slot}}}; known are topic, brand, cta, audience (after a, de) and labels (o)"
            )
        return Slot(slot)
    forms = tuple((address if address is not None else number).split("|"))
    if address is not None:
        if len(forms) != len(ADDRESSES):
            raise ValueError(f"<{address}> has {len(forms)} forms; needed are {', '.join(ADDRESSES)}")
        return Address(forms)
    if len(forms) != 2:
        raise ValueError(f"[{number}] has {len(forms)} forms; needed are one and many")
    return Number(*forms)


def _continues(piece: str | Slot | Address | Number, following: str | Slot | Address | Number) -> TypeGuard[Slot]:
    return isinstance(piece, Slot) and isinstance(following, str) and following[0] in ",;:"


def _literals(piece: str | Slot | Address | Number) -> str:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Address):
        return piece.forms[0]
    return piece.many if isinstance(piece, Number) else ""
