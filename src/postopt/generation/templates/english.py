"""English morphology: as much as fact names and lists need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_SINGULAR = frozenset(
    "address age batch capacity code cost date day deadline deposit diameter discount distance dose duration entry"
    " episode excess fare fee firmware height hotline hour increase length level limit lineup location maximum menu"
    " minimum model number opening page period phone place plate postcode price prize programme rate recipe refund room"
    " route salary schedule seat session showroom size speed strength subscription tariff temperature term theme"
    " threshold ticket time title topic tuition value venue version voucher warranty weight width yield".split()
)
# Plurals that are no verbs as well: "starts" and "covers" would read as what the offer does.
_PLURAL = frozenset(
    "codes costs dates days deadlines discounts fares fees hours prices rates sizes terms times".split()
)


class Noun(NamedTuple):
    """What agreement needs to know about a noun phrase."""

    plural: bool


def noun(label: str) -> Noun | None:
    """Return the number of the noun that ends `label`, or None if its last word is not known to be a noun.

    "early-bird price" is one, "running time" too; "doors close", "order by" and "when" are not.
    """
    words = label.casefold().split()
    if not words or not words[-1].isalpha():
        return None
    head = words[-1]
    if head in _SINGULAR:
        return Noun(plural=False)
    return Noun(plural=True) if head in _PLURAL else None


def join(items: Sequence[str], *, or_: bool = False) -> str:
    """Return items as a list in words: a, b and c."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {'or' if or_ else 'and'} {items[-1]}"
