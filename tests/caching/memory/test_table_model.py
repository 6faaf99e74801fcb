"""Either table against a dict, whatever happens in whatever order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from postopt.caching.table import MAX_HITS, PythonTable, Table
from postopt.testing import ScriptedClock


@dataclass(frozen=True)
class Colliding:
    """A key that has its hash in common with most others."""

    number: int

    def __hash__(self):
        return self.number % 3


KEYS = [
    *range(6),
    1.0,  # equal to 1, and another object
    True,
    0.5,
    -1,
    -2,  # with the hash of -1
    2**61 - 1,  # with the hash of 0
    "text",
    "".join("text"),  # equal to the one before, and another object
    b"text",
    "",
    None,
    (),
    (1, "a"),
    (1.0, "a"),
    float("nan"),  # equal to nothing, found by identity
    math.inf,
    frozenset({1}),
    *map(Colliding, range(12)),
]
keys = st.sampled_from(KEYS)
ends = st.one_of(st.just(math.inf), st.integers(0, 40).map(float))


class TableMachine(RuleBasedStateMachine):
    table = PythonTable

    def __init__(self):
        super().__init__()
        self.clock = ScriptedClock(10.0)
        self.real = self.table(self.clock)
        self.model = {}  # key -> [slot, value, end, hits that were not taken, ever hit]
        self.slots = {}
        self.hits = self.misses = 0

    @rule(key=keys)
    def get(self, key):
        known = self.model.get(key)
        default = object()
        found = self.real.get(key, default)
        if known is None or known[2] <= self.clock():
            assert found is default
            self.misses += 1
        else:
            assert found is known[1]
            known[3] += 1
            known[4] = True
            self.hits += 1

    @rule(key=keys)
    def find(self, key):
        known = self.model.get(key)
        assert self.real.find(key) == (-1 if known is None else known[0])

    @rule(key=keys, end=ends)
    def put_or_replace(self, key, end):
        value = object()
        known = self.model.get(key)
        if known is None:
            free = [slot for slot in range(self.real.slots) if slot not in self.slots]
            slot = self.real.put(key, value, end)
            assert slot in (free or [len(self.slots)])
            self.model[key] = [slot, value, end, 0, False]
            self.slots[slot] = key
        else:
            assert self.real.replace(known[0], value, end) is None
            known[1:3] = value, end

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data):
        slot = data.draw(st.sampled_from(sorted(self.slots)))
        assert self.real.remove(slot) is None
        del self.model[self.slots.pop(slot)]
        assert self.real.is_free(slot)
        for method in (self.real.remove, self.real.item, self.real.take_hits, self.real.was_hit):
            with pytest.raises(IndexError):
                method(slot)
        with pytest.raises(IndexError):
            self.real.replace(slot, None, math.inf)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), times=st.integers(1, 300))
    def hit_often(self, data, times):
        slot = data.draw(st.sampled_from(sorted(self.slots)))
        known = self.model[self.slots[slot]]
        if self.clock() < known[2]:
            for _ in range(times):
                self.real.get(self.slots[slot])
            known[3] += times
            known[4] = True
            self.hits += times

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def take_hits(self, data):
        slot = data.draw(st.sampled_from(sorted(self.slots)))
        known = self.model[self.slots[slot]]
        assert self.real.take_hits(slot) == min(known[3], MAX_HITS)
        known[3] = 0

    @rule(now=st.integers(0, 45).map(float))
    def the_clock_goes(self, now):
        self.clock.set(now)

    @invariant()
    def all_that_is_known_is_the_models(self):
        assert len(self.real) == len(self.model)
        assert (self.real.hits, self.real.misses) == (self.hits, self.misses)
        for key, (slot, value, end, _, ever_hit) in self.model.items():
            assert self.real.find(key) == slot
            assert not self.real.is_free(slot)
            assert self.real.was_hit(slot) is ever_hit
            known = self.real.item(slot)
            assert known[0] is self.slots[slot]
            assert known[1] is value
            assert known[2] == end
        free = self.real.slots - len(self.model)
        assert sum(self.real.is_free(slot) for slot in range(self.real.slots)) == free


class CompiledTableMachine(TableMachine):
    table = Table


steps = settings(max_examples=50, stateful_step_count=50, deadline=None)
TestPythonTableModel = TableMachine.TestCase
TestPythonTableModel.settings = steps
if Table is not PythonTable:
    TestCompiledTableModel = CompiledTableMachine.TestCase
    TestCompiledTableModel.settings = steps


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=120), st.integers(1, 4))
def test_no_key_is_lost_where_all_collide(table_steps, hashes):
    """Removing moves others up in the index of the compiled table: none may get out of reach."""

    class Key(int):
        def __hash__(self):
            return int(self) % hashes

    for table in {Table, PythonTable}:
        real, model = table(float), {}
        for number, put in table_steps:
            key = Key(number)
            if put and key not in model:
                model[key] = real.put(key, number, math.inf)
            elif not put and key in model:
                real.remove(model.pop(key))
            for known, slot in model.items():
                assert real.find(Key(known)) == slot
                assert real.get(Key(known)) == int(known)


def test_a_million_entries_come_and_go(table):
    n = 100_000 if table is PythonTable else 1_000_000
    real = table(float)
    slots = [real.put(number, number, math.inf) for number in range(n)]
    assert slots == list(range(n))
    assert all(real.get(number) == number for number in range(0, n, 7))
    left = range(0, n, 1000)
    for number in range(n):
        if number not in left:
            real.remove(slots[number])
    assert len(real) == len(left)
    assert [real.get(number) for number in left] == list(left)
    assert all(real.find(number) == -1 for number in range(1, n, 1000))
    again = {real.put(("again", number), number, math.inf) for number in range(n - len(left))}
    assert len(again) == n - len(left)
    assert real.slots == n
    assert real.get(("again", 5)) == 5
    assert real.get(1000) == 1000
