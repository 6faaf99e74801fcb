"""What may be handed to a table, and what may be made of one."""

from __future__ import annotations

import copy
import math
import pickle

import pytest

from postopt.caching.entries import Entries
from postopt.caching.table import PythonTable, Table
from postopt.testing import ScriptedClock


def test_get_takes_its_arguments_by_place_and_by_name(table):
    real = table(float)
    real.put("key", "value", math.inf)
    assert real.get("key") == real.get(key="key") == real.get("key", 1) == real.get("key", default=1) == "value"
    assert real.get("none") is None
    assert real.get("none", 1) == real.get("none", default=1) == real.get(key="none", default=1) == 1
    assert real.get(default=1, key="none") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), {}),
        ((), {"default": 1}),
        (("a", 1, 2), {}),
        (("a",), {"other": 1}),
        (("a",), {"key": "a"}),
        (("a", 1), {"default": 1}),
        (("a",), {"default": 1, "other": 1}),
    ],
)
def test_wrong_arguments_of_get_are_type_errors(table, arguments, named):
    with pytest.raises(TypeError):
        table(float).get(*arguments, **named)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("find", ()),
        ("find", (1, 2)),
        ("put", ("a", 1)),
        ("put", ("a", 1, 2.0, 3)),
        ("replace", (0, 1)),
        ("replace", ("0", 1, 2.0)),
        ("remove", ()),
        ("remove", ("0",)),
        ("item", (None,)),
        ("item", (0.0,)),
        ("is_free", ("0",)),
        ("take_hits", ([],)),
        ("was_hit", ("0",)),
    ],
)
def test_wrong_arguments_are_type_errors(table, method, arguments):
    real = table(float)
    real.put("key", "value", math.inf)
    with pytest.raises(TypeError):
        getattr(real, method)(*arguments)
    assert real.item(0) == ("key", "value", math.inf)


@pytest.mark.parametrize("slot", [-1, -2, 1, 2**31, 2**63, 2**64, 10**30, -(10**30)])
def test_slots_that_are_not_there_are_index_errors(table, slot):
    real = table(float)
    real.put("key", "value", math.inf)
    for call in (real.item, real.remove, real.is_free, real.take_hits, real.was_hit):
        with pytest.raises(IndexError):
            call(slot)
    with pytest.raises(IndexError):
        real.replace(slot, "other", math.inf)
    assert real.item(0) == ("key", "value", math.inf)


def test_a_table_needs_a_clock(table):
    with pytest.raises(TypeError):
        table()
    with pytest.raises(TypeError):
        table(float, float)
    with pytest.raises(TypeError):
        table(watch=float)
    assert len(table(clock=float)) == 0


def test_a_clock_that_cannot_be_called_is_noticed_when_it_is_needed(table):
    real = table("noon")
    real.put("key", "value", 5.0)
    with pytest.raises(TypeError):
        real.get("key")


def test_a_table_is_made_again_in_its_place(table):
    """Nobody does that; it does no harm."""
    real = table(ScriptedClock(1.0))
    if table is PythonTable:
        pytest.skip("which empties this one")
    real.put("key", "value", 5.0)
    real.__init__(ScriptedClock(9.0))
    assert real.get("key") is None
    with pytest.raises(TypeError):
        real.__init__()
    assert len(real) == 1


def test_a_subclass_has_attributes_and_slots_of_its_own(table):
    class Named(table):
        def __init__(self, clock, name):
            super().__init__(clock)
            self.name = name

        def get(self, key, default=None):
            return super().get((self.name, key), default)

    real = Named(float, "n")
    real.put(("n", 1), "value", math.inf)
    assert real.get(1) == "value"
    assert real.name == "n"
    assert isinstance(real, table)


def test_the_entries_of_a_store_are_the_table_that_is_there():
    entries = Entries(float)
    assert isinstance(entries, Table)
    assert not hasattr(entries, "__dict__")
    slot = entries.add("key", "value", math.inf, weight=3, cost=0.5, priority=2)
    assert (entries.weights[slot], entries.costs[slot], entries.priorities[slot], entries.bytes) == (3, 0.5, 2, 3)
    entries.drop(slot)
    assert (entries.priorities[slot], entries.bytes, len(entries)) == (Entries.FREE, 0, 0)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps], ids=lambda call: call.__name__)
def test_the_compiled_table_is_not_copied(duplicate):
    if Table is PythonTable:
        pytest.skip("the table is not compiled here")
    real = Table(float)
    real.put("key", "value", math.inf)
    with pytest.raises(TypeError):
        duplicate(real)


def test_counts_cannot_be_set_in_the_compiled_table():
    if Table is PythonTable:
        pytest.skip("the table is not compiled here")
    real = Table(float)
    for name in ("hits", "misses", "slots"):
        with pytest.raises(AttributeError):
            setattr(real, name, 1)


def test_both_tables_have_the_same_methods():
    if Table is PythonTable:
        pytest.skip("the table is not compiled here")
    for name in [name for name in vars(PythonTable) if not name.startswith("_")]:
        assert hasattr(Table, name), name
    for name in ("get", "find", "put", "replace", "remove", "item", "is_free", "take_hits", "was_hit"):
        assert getattr(Table, name).__doc__
