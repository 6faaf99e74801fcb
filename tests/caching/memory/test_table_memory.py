"""A table holds each key and value once, and lets go of them in time."""

from __future__ import annotations

import gc
import math
import sys
import threading
import weakref
from contextlib import suppress

import pytest

from postopt.caching.table import PythonTable, Table


class Thing:
    """Something that can be watched."""

    def __hash__(self):
        return 1


@pytest.fixture(autouse=True)
def _no_leftovers():
    gc.collect()


def test_references_are_exact(table):
    key, value, other = things = Thing(), Thing(), Thing()

    def held():
        return [sys.getrefcount(thing) for thing in things]

    def more():
        return [now - then for now, then in zip(held(), before, strict=True)]

    before = held()

    real = table(float)
    slot = real.put(key, value, math.inf)
    assert more()[1:] == [1, 0]
    with_key = more()[0]
    assert with_key >= 1
    for _ in range(10):
        assert real.get(key) is value
        assert real.item(slot)[1] is value
        assert real.find(key) == slot
        assert real.get(other, other) is other
    assert more() == [with_key, 1, 0]
    real.replace(slot, other, math.inf)
    assert more() == [with_key, 0, 1]
    real.remove(slot)
    assert more() == [0, 0, 0]
    real.put(key, value, math.inf)
    real.put(other, other, math.inf)
    del real
    assert more() == [0, 0, 0]


def test_values_die_when_they_are_replaced_and_removed(table):
    real = table(float)
    first, second = Thing(), Thing()
    dead = []
    for name, thing in (("first", first), ("second", second)):
        weakref.finalize(thing, dead.append, name)
    slot = real.put("key", first, math.inf)
    del first, thing
    assert dead == []
    real.replace(slot, second, math.inf)
    assert dead == ["first"]
    del second
    real.remove(slot)
    assert dead == ["first", "second"]


def test_a_cycle_through_a_table_is_collected(table):
    real = table(float)
    thing = Thing()
    thing.table = real
    real.put("key", thing, math.inf)
    real.put(thing, "value", math.inf)
    real.put("self", real, math.inf)
    gone = weakref.ref(thing)
    del real, thing
    assert gone() is not None
    gc.collect()
    assert gone() is None


def test_a_cycle_through_the_clock_is_collected(table):
    class Clock:
        def __call__(self):
            return 0.0

    clock = Clock()
    clock.table = table(clock)
    gone = weakref.ref(clock)
    del clock
    gc.collect()
    assert gone() is None


def test_a_cycle_through_a_subclass_is_collected(table):
    class Sub(table):
        pass

    real = Sub(float)
    real.put("class", Sub, math.inf)
    real.me = real
    gone = weakref.ref(real)
    kind = weakref.ref(Sub)
    del real, Sub
    gc.collect()
    assert gone() is None
    assert kind() is None


def test_a_value_may_use_the_table_when_it_dies(table):
    real = table(float)
    seen = []

    class Dying:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            seen.append((self.name, len(real), real.get("other"), real.find("key")))
            real.put(("last words", self.name), self.name, math.inf)

    real.put("other", 1, math.inf)
    slot = real.put("key", Dying("first"), math.inf)
    real.replace(slot, Dying("second"), math.inf)
    assert seen == [("first", 2, 1, 1)]
    real.remove(slot)
    assert seen[1:] == [("second", 2, 1, -1)]
    assert real.get(("last words", "first")) == "first"
    assert real.get(("last words", "second")) == "second"


def test_a_value_may_use_a_table_that_dies(table):
    """In the midst of its end, a table is empty."""
    seen = []

    class Dying:
        def __init__(self, real):
            self.real = real

        def __del__(self):
            seen.append(self.real.get("key", "nothing"))
            self.real.put("later", 1, math.inf)
            seen.append(self.real.get("later"))

    real = table(float)
    real.put("key", Dying(real), math.inf)
    real.put("other", Dying(real), math.inf)
    del real
    gc.collect()
    assert len(seen) == 4
    assert seen[1::2] == [1, 1]


def test_garbage_that_is_collected_while_an_item_is_made(table):
    """Making the tuple may start a collection (Python 3.11), and that may remove the entry; or one came before."""

    class Garbage:
        def __init__(self):
            self.me = self

        def __del__(self):
            real.remove(0)

    real = table(float)
    item, found = real.item, None
    real.put(Thing(), "".join("value"), math.inf)  # an object that only the table holds
    threshold = gc.get_threshold()
    gc.set_threshold(0)
    try:
        Garbage()
        tuples = [tuple([number] * 3) for number in range(5000)]  # so that none is left over to be used again
        gc.set_threshold(1)
        with suppress(IndexError):
            found = item(0)
    finally:
        gc.set_threshold(*threshold)
    assert len(tuples) == 5000
    assert found is None or (type(found[0]), *found[1:]) == (Thing, "value", math.inf)
    gc.collect()
    assert len(real) == 0


def test_tables_in_tables_in_tables_are_freed(table, thread):
    """Without going down as deep: on a stack that has no room for that, but for what Python 3.13 takes with lists."""

    def make_and_free():
        real = table(float)
        for _ in range(100_000):
            outer = table(float)
            outer.put("inner", real, math.inf)
            real = outer

    before = threading.stack_size(2 * 2**20)
    try:
        small = thread(make_and_free)
    finally:
        threading.stack_size(before)
    small.outcome()


def test_the_compiled_table_says_how_large_it_is():
    if Table is PythonTable:
        pytest.skip("the table is not compiled here")
    real = Table(float)
    empty = sys.getsizeof(real)
    n = 100_000
    slots = [real.put(number, number, math.inf) for number in range(n)]
    assert 37 * n < sys.getsizeof(real) - empty < 56 * n  # 33 an entry, and 4 to 12 in the index, and some to grow
    for slot in slots:
        real.remove(slot)
    full = sys.getsizeof(real)
    for number in range(n):
        real.put(-number, number, math.inf)
    assert sys.getsizeof(real) == full
