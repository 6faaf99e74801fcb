"""A store in any use, beside somebody who remembers what was set last."""

from __future__ import annotations

import math
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density
from postopt.caching.memory import MemoryStore
from postopt.testing import ScriptedClock

KEYS = 26


class Step(NamedTuple):
    what: str
    key: int
    weight: int
    cost: float
    priority: int
    ttl: float | None

    @property
    def tags(self):
        return (f"{self.key % 3}",)


steps = st.builds(
    Step,
    st.sampled_from(["set", "set", "set", "get", "get", "delete", "entry", "tag", "shrink", "wait", "clear"]),
    st.integers(0, KEYS - 1),
    st.integers(0, 40),
    st.sampled_from([0.0, 1.0, 1e-9, 1e9]),
    st.integers(0, 7),
    st.sampled_from([None, 0.0, 5.0, 20.0]),
)


class Witness:
    """Does one step after the other, and knows what must not be different afterwards."""

    def __init__(self, **arguments):
        self.clock = ScriptedClock(1000.0)
        self.left = []
        self.store = MemoryStore(clock=self.clock, on_evict=lambda *gone: self.left.append(gone), **arguments)
        self.known = {}  # key -> value, end, weight, cost, priority, tags
        self.hits = self.misses = self.values = 0

    def saw(self, found):
        self.hits += found is not None
        self.misses += found is None
        return found

    def set(self, step):
        self.values += 1
        ttl = step.ttl
        kept = self.store.set_nowait(
            step.key, self.values, weight=step.weight, cost=step.cost, priority=step.priority, ttl=ttl, tags=step.tags
        )
        end = math.inf if ttl is None else self.clock() + ttl
        self.known[step.key] = (self.values, end, step.weight, step.cost, step.priority, step.tags)
        assert (step.key in self.store) == (kept and end > self.clock())

    def get(self, step):
        found = self.saw(self.store.get_nowait(step.key))
        if found is not None:
            value, end, *_ = self.known[step.key]
            assert found == value
            assert self.clock() < end

    def entry(self, step):
        entry = self.saw(self.store.entry_nowait(step.key))
        if entry is not None:
            told = (entry.value, entry.expires_at, entry.weight, entry.cost, entry.priority, entry.tags)
            assert told == self.known[step.key]

    def delete(self, step):
        there = step.key in self.store
        assert self.store.delete_nowait(step.key) >= there
        assert step.key not in self.store

    def tag(self, step):
        before = len(self.store)
        gone = self.store.invalidate_tag_nowait(step.tags[0])
        assert gone == before - len(self.store)
        assert not [key for key in range(step.key % 3, KEYS, 3) if key in self.store]

    def shrink(self, step):
        before = self.store.stats().bytes
        freed = self.store.shrink(step.weight)
        assert freed == before - self.store.stats().bytes
        assert self.store.stats().bytes <= step.weight

    def wait(self, step):
        self.clock.advance(step.weight / 4)

    def clear(self, step):
        if step.key == 0:  # now and then
            self.store.clear()
            assert len(self.store) == 0

    def look(self):
        """The limits hold, and the figures are right."""
        stats = self.store.stats()
        held = [self.saw(self.store.entry_nowait(key)) for key in range(KEYS) if key in self.store]
        assert sum(entry.weight for entry in held) <= stats.bytes <= stats.max_bytes
        assert len(held) <= stats.entries <= (stats.max_entries or math.inf)
        stats = self.store.stats()
        assert (stats.hits, stats.misses) == (self.hits, self.misses)
        assert stats.entries == len(self.store)
        assert stats.evicted + stats.refused == len(self.left)


@pytest.mark.parametrize("policy", [Density, LRU, LFU, S3FIFO, GDSF])
@settings(max_examples=40)
@given(
    steps=st.lists(steps, max_size=120),
    max_bytes=st.integers(1, 200),
    max_entries=st.one_of(st.none(), st.integers(1, 12)),
)
def test_limits_hold_and_no_value_is_anothers(policy, steps, max_bytes, max_entries):
    witness = Witness(policy=policy(), max_bytes=max_bytes, max_entries=max_entries)
    for step in steps:
        getattr(witness, step.what)(step)
        witness.look()
    shelf = witness.store._shelf
    witness.store.clear()
    assert (witness.store.stats().bytes, len(witness.store), shelf._details, shelf._tagged) == (0, 0, {}, {})
