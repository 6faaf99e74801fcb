"""Forms of a post, from rich to bare, and how to keep every post of a form within a length.

A form names its parts in reading order. " " joins parts in one line, "/" begins a line and "|" a paragraph; a part
that the brief cannot fill is skipped together with the mark before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import TypeAlias

from postopt.generation.templates.axes import Axis
from postopt.generation.templates.bank import KINDS as CLAUSES
from postopt.generation.templates.clause import Option

_MARKS = {" ": " ", "/": "\n", "|": "\n\n"}

# A post in which every part is introduced sounds like a form letter. These frame two or three parts and leave the
# others plain; they take turns, so that consecutive posts differ in build as well.
BALANCED: tuple[tuple[str, ...], ...] = (
    (
        "hook|topic|audience|offer/facts|cta|sign|tags",
        "hook topic|audience|offer/facts|cta/sign|tags",
        "hook/topic|audience offer/facts|cta|sign|tags",
    ),
    ("hook|topic|audience|facts|cta|close|tags", "hook/topic|audience/facts|cta close|tags"),
    ("lead|audience|offer/facts|cta|sign|tags", "lead/audience|offer/facts|cta/sign|tags"),
    ("hook|topic|offer/facts|call|sign|tags", "hook topic|offer/facts|call/sign|tags"),
    ("lead|audience|facts|call|close|tags", "lead/audience|facts|call close|tags"),
)

# Everything framed, and the facts in any order: what remains to be said once the balanced forms are exhausted.
FULL: tuple[str, ...] = (
    "hook/lead|audience|offer/reordered|call close|tags",
    "hook lead|audience|offer/reordered|call|close|tags",
    "hook|lead audience|offer/reordered|call close|tags",
    "hook/lead/audience|offer|reordered|call close|tags",
    "hook lead/audience|offer|reordered|call|close|tags",
    "hook|lead|audience|offer|reordered|call close|tags",
    "hook/lead|audience/offer/reordered/call close|tags",
    "hook lead|audience/offer/reordered/call close|tags",
    "hook|lead|audience/offer/reordered/call close|tags",
)

# For little room, each shorter than the one before.
SHORT: tuple[tuple[str, ...], ...] = (
    ("hook|topic|offer/facts|cta|tags", "hook topic|offer/facts|cta|tags"),
    ("hook/topic|facts|cta|tags", "hook topic|facts|cta|tags"),
    ("hook/topic/facts/cta", "hook topic/facts/cta", "hook/topic/cta/facts"),
    ("topic/facts/call", "topic|facts|call"),
    ("topic/facts/cta", "topic/cta/facts"),
    ("topic/tight/cta", "topic tight/cta", "topic/tight cta"),
    ("topic/tight", "topic tight"),
)

ENOUGH = 1_000
"""A form is rich enough with this many posts: arbitrary, a few years of daily posts to one brief."""

VARIED = 6
"""... and with this many clauses left to each part: arbitrary, fewer are recognised on the second day."""


Shape: TypeAlias = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A form for one brief: its axes, and its shapes as (separator, axis) steps."""

    axes: tuple[Axis, ...]
    shapes: tuple[Shape, ...]

    @property
    def size(self) -> int:
        """Number of posts."""
        return len(self.shapes) * prod(len(axis.options) for axis in self.axes)

    @property
    def radices(self) -> list[int]:
        """The number of choices: shapes first, then the options of each axis."""
        return [len(self.shapes), *(len(axis.options) for axis in self.axes)]

    def place(self, *names: str) -> int:
        """Return which axis bears the first of `names` that there is."""
        return next(place for place, axis in enumerate(self.axes) if axis.name in names)

    @property
    def rich(self) -> bool:
        """Whether there is enough of everything to write for a long time without sounding the same."""
        return self.size >= ENOUGH and all(len(a.options) >= VARIED for a in self.axes if a.name in CLAUSES)

    def join(self, point: Sequence[int]) -> tuple[str, list[Option]]:
        """Return the text at a point (shape first, then one choice for each axis) and the options it is made of."""
        options = [axis.options[choice] for axis, choice in zip(self.axes, point[1:], strict=True)]
        parts = []
        for separator, axis in self.shapes[point[0]]:
            parts.append(separator)
            parts.append(options[axis].text)
        return "".join(parts), options


def choose(axes: Mapping[str, Axis], max_length: int | None) -> list[Form]:
    """Return the forms that a brief's posts take within `max_length`; every post of them fits (see `_fit`).

    These are the balanced forms that are rich; if there are none, the first short form that is rich; else the one
    form with most posts. The list is empty if nothing fits.
    """
    # Two forms of a brief without audience or facts may come to the same parts: the first of them stands for both.
    built = {
        frozenset(axis.name for axis in form.axes): form
        for form in reversed([_build(shapes, axes) for shapes in BALANCED])
    }
    balanced = [form for form in (_fit(form, max_length) for form in reversed(built.values())) if form]
    if rich := [form for form in balanced if form.rich]:
        return rich
    short = [form for form in (_fit(_build(shapes, axes), max_length) for shapes in SHORT) if form]
    for form in short:
        if form.rich:
            return [form]
    few = [_without_reflowed(form) for form in balanced + short]
    return [max(few, key=lambda form: form.size)] if few else []


def full(axes: Mapping[str, Axis], max_length: int | None) -> Form | None:
    """Return the form in which every part is framed, or None if it does not fit."""
    return _fit(_build(FULL, axes), max_length)


def shortest(axes: Mapping[str, Axis]) -> int:
    """Return the length of the shortest post these axes allow, in code points."""
    forms = [_build(shapes, axes) for shapes in SHORT]
    return min(_separators(form) + sum(min(axis.lengths) for axis in form.axes) for form in forms)


def _without_reflowed(form: Form) -> Form:
    """Return the form with one shape for each order of parts: in a small language, line ends make no new post."""
    orders = {tuple(axis for _, axis in shape): shape for shape in reversed(form.shapes)}
    return replace(form, shapes=tuple(orders.values()))


def _build(shapes: tuple[str, ...], axes: Mapping[str, Axis]) -> Form:
    names, steps = _compiled(shapes, frozenset(axes))
    return Form(tuple(axes[name] for name in names), steps)


@lru_cache(maxsize=512)
def _compiled(shapes: tuple[str, ...], present: frozenset[str]) -> tuple[list[str], tuple[Shape, ...]]:
    """Return the parts of these shapes that are present, and each shape as steps over them."""
    names = [name for name in _steps(shapes[0])[1] if name in present]
    return names, tuple(dict.fromkeys(tuple(_carry(shape, names)) for shape in shapes))


def _steps(shape: str) -> tuple[list[str], list[str]]:
    marks, names, word = [""], [], ""
    for character in shape:
        if character in _MARKS:
            names.append(word)
            marks.append(_MARKS[character])
            word = ""
        else:
            word += character
    return marks, [*names, word]


def _carry(shape: str, names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield each part that is present behind the strongest mark between it and the part before it."""
    strongest = ""
    for mark, name in zip(*_steps(shape), strict=True):
        strongest = max(strongest, mark, key=len)
        if name in names:
            yield strongest if names.index(name) else "", names.index(name)
            strongest = ""


def _separators(form: Form) -> int:
    return max(sum(len(separator) for separator, _ in shape) for shape in form.shapes)


def _fit(form: Form, max_length: int | None) -> Form | None:
    """Return the form with its longest texts left out until the longest post fits, or None.

    What remains is a product again, so every combination fits and counting and drawing stay exact. Greedy: the axis
    to shorten next is the one whose 1 / (number of texts) grows least for each character won, which keeps all parts
    varied where the largest product might leave one of them a single text.
    """
    if max_length is None:
        return form
    levels = [_levels(axis) for axis in form.axes]
    excess = sum(level[-1][0] for level in levels) + _separators(form) - max_length
    while excess > 0:
        prices = [(_price(level, excess), place) for place, level in enumerate(levels) if len(level) > 1]
        if not prices:
            return None
        shortened = levels[min(prices)[1]]
        excess -= shortened.pop()[0] - shortened[-1][0]
    return Form(tuple(_up_to(axis, level[-1][0]) for axis, level in zip(form.axes, levels, strict=True)), form.shapes)


def _levels(axis: Axis) -> list[tuple[int, int]]:
    """Return each length that occurs, ascending, with how many texts are at most that long."""
    total = 0
    return [(length, total := total + count) for length, count in sorted(Counter(axis.lengths).items())]


def _price(level: Sequence[tuple[int, int]], excess: int) -> float:
    """Return what leaving out the longest texts costs in variety per character won."""
    (shorter, fewer), (longest, many) = level[-2:]
    return (1 / fewer - 1 / many) / min(excess, longest - shorter)


def _up_to(axis: Axis, length: int) -> Axis:
    return axis.only([place for place, each in enumerate(axis.lengths) if each <= length])
