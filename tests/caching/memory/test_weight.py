"""How many bytes a value takes."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

from postopt.caching.weight import MOST_PARTS, weigh


@pytest.mark.parametrize(
    "value",
    [None, 1, 10**100, 1.5, "text", b"bytes", bytearray(9), True, int, (), object()],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_nothing_weighs_what_python_says(value):
    assert weigh(value) == sys.getsizeof(value)


def test_what_stands_in_it_counts():
    text = "x" * 1000
    for value in ([text], (text,), {text}, frozenset({text}), {"k": text}, {text: 1}, [[[text]]]):
        least = sys.getsizeof(text) + sys.getsizeof(value)
        assert least <= weigh(value) <= least + 3 * sys.getsizeof(value) + 200


def test_what_stands_in_it_twice_counts_once():
    text = "x" * 1000
    assert weigh([text, text]) == sys.getsizeof([1, 2]) + sys.getsizeof(text)
    endless = [text]
    endless.append(endless)
    assert weigh(endless) == sys.getsizeof(endless) + sys.getsizeof(text)


def test_attributes_count():
    text = "x" * 1000

    class Plain:
        def __init__(self):
            self.text = text

    class Slotted:
        __slots__ = ("__private", "text", "unset")

        def __init__(self):
            self.text = text
            self.__private = text * 2

    class OneSlot:
        __slots__ = "text"  # noqa: PLC0205 - a text of one name is what Python takes, too

        def __init__(self):
            self.text = text

    class Below(Slotted):
        def __init__(self):
            super().__init__()
            self.more = text * 3

    @dataclass(frozen=True, slots=True)
    class Record:
        text: str
        numbers: list = field(default_factory=lambda: [text * 2])

    for value, least in ((Plain(), 1000), (Slotted(), 3000), (OneSlot(), 1000), (Below(), 6000), (Record(text), 3000)):
        assert least < weigh(value) < least + 1000


def test_weighing_runs_no_code_of_the_value():
    class Lazy:
        __slots__ = ("held",)

        def __getattr__(self, name):
            raise AssertionError(name)

        @property
        def text(self):
            raise AssertionError("text")

    assert weigh(Lazy()) == sys.getsizeof(Lazy())


def test_an_array_weighs_its_bytes():
    assert weigh(np.zeros(1000)) >= 8000


def test_a_value_of_very_many_parts_is_not_counted_to_its_end():
    many = [[number] for number in range(10 * MOST_PARTS)]
    assert sys.getsizeof(many) < weigh(many) <= sys.getsizeof(many) + MOST_PARTS * 100
