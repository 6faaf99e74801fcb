"""Amounts with a unit of time, weight, length or volume: "2-3 days", "250 g", "a 5 km".

Two amounts of one kind contradict each other where the number is the same and the unit is not: "2-3 days" and "2 to 3
weeks". A plain number cannot tell: the brief states it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from postopt.quality.spans import Span, with_latin_i
from postopt.quality.stating.numbers import NUMBER, readings

_UNITS: Final = {
    "time": (
        "second seconds sec secs segundo segundos", "minute minutes min mins minuto minutos",
        "hour hours hr hrs h hora horas", "day days día días dia dias", "week weeks semana semanas",
        "month months mes meses", "year years yr yrs año años", "night nights noche noches",
    ),
    "weight": (
        "mg", "g gram grams gramo gramos gr", "kg kilo kilos kilogram kilograms kilogramo kilogramos",
        "lb lbs pound pounds libra libras", "oz ounce ounces onza onzas", "tonne tonnes ton tons tonelada toneladas",
    ),
    "length": (
        "mm", "cm centimetre centimetres centimeter centimeters centímetro centímetros",
        "m metre metres meter meters metro metros", "km kilometre kilometres kilometer kilometers kilómetro kilómetros",
        "mile miles mi milla millas", "inch inches pulgada pulgadas", "foot feet ft pie pies",
    ),
    "volume": ("ml", "cl", "l litre litres liter liters litro litros", "gallon gallons galón galones"),
}  # fmt: skip
_UNIT_OF: Final = {
    name: (kind, unit) for kind, units in _UNITS.items() for unit, names in enumerate(units) for name in names.split()
}
_AMOUNT = re.compile(
    rf"(?<![\w.,$€£])(?P<first>{NUMBER})(?:(?: ?[-–—/] ?| (?:to|or|a|o|y|and) )(?P<last>{NUMBER}))?(?:[ -]|\u00a0)?"
    rf"(?P<unit>{'|'.join(sorted(_UNIT_OF, key=len, reverse=True))})(?!\w)",
    re.IGNORECASE,
)


class Amount(NamedTuple):
    """An amount in a text: its place, what kind it is of, in which unit, and its number or both ends of its range."""

    span: Span
    kind: str
    unit: int
    ends: tuple[frozenset[str], ...]


def amounts(text: str) -> list[Amount]:
    """Return the amounts with a unit, in order."""
    found = []
    for match in _AMOUNT.finditer(with_latin_i(text)):
        kind, unit = _UNIT_OF[match["unit"].casefold()]
        ends = tuple(readings(number) for number in (match["first"], match["last"]) if number)
        found.append(Amount(match.span(), kind, unit, ends))
    return found


def other_unit(text: str, value: str) -> Span | None:
    """Return where a text has the number of a value, which is an amount and nothing else, with another unit."""
    own = amounts(value)
    if len(own) != 1 or own[0].span != (0, len(value)):
        return None
    return next((amount.span for amount in amounts(text) if _contradict(own[0], amount)), None)


def _contradict(first: Amount, second: Amount) -> bool:
    alike = first.kind == second.kind and len(first.ends) == len(second.ends)
    return alike and first.unit != second.unit and all(a & b for a, b in zip(first.ends, second.ends, strict=True))


def same_kind(text: str, value: str) -> list[Span]:
    """Return where a text has amounts of the kind of a value that is one, whatever their number."""
    own = amounts(value)
    return [amount.span for amount in amounts(text) if amount.kind == own[0].kind] if len(own) == 1 else []
