"""LRU and LFU hold what cachetools holds; S3-FIFO and GDSF what a few plain lines of each hold."""

from __future__ import annotations

import math
from collections import Counter

import cachetools
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO
from postopt.caching.memory import MemoryStore

KEYS = range(16)
steps = st.lists(st.tuples(st.sampled_from(["get", "get", "set", "set", "set", "delete"]), st.sampled_from(KEYS)))
capacities = st.integers(1, 12)


class Oracle:
    """A mapping of the library cachetools, used as a store is."""

    def __init__(self, cache):
        self.cache = cache

    def get(self, key):
        self.cache.get(key)

    def set(self, key):
        self.cache[key] = "value"

    def delete(self, key):
        self.cache.pop(key, None)

    def keys(self):
        return set(self.cache)


class PlainS3FIFO:
    """Two lists, from the head on, and the keys of those that left the small one."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.small, self.large, self.ghosts = [], [], []
        self.uses = Counter()

    def get(self, key):
        if key in self.keys():
            self.uses[key] += 1

    def set(self, key):
        if key in self.keys():
            return
        if len(self.keys()) == self.capacity:
            self.evict()
        if key in self.ghosts:
            self.ghosts.remove(key)
            self.large.append(key)
        else:
            self.small.append(key)
        self.uses[key] = 0

    def delete(self, key):
        for queue in (self.small, self.large):
            if key in queue:
                queue.remove(key)

    def evict(self):
        while True:
            if self.small and (not self.large or len(self.small) >= 0.1 * len(self.keys())):
                key = self.small.pop(0)
                if self.uses[key] < 2:
                    self.ghosts.append(key)
                    while len(self.ghosts) > max(len(self.small), len(self.large)):
                        self.ghosts.pop(0)
                    return
                self.uses[key] = 0
            else:
                key = self.large.pop(0)
                if not self.uses[key]:
                    return
                self.uses[key] = min(self.uses[key], 3) - 1
            self.large.append(key)

    def keys(self):
        return {*self.small, *self.large}


class PlainGDSF:
    """Values, of which the least goes; each key has a weight and a cost of its own, so that no two are equal."""

    def __init__(self, capacity, *, history):
        self.capacity = capacity
        self.history = history
        self.uses, self.values, self.age = Counter(), {}, 0.0

    @staticmethod
    def weight_of(key):
        return 1 + key % 5

    @staticmethod
    def cost_of(key):
        return math.sqrt(key + 2)

    def get(self, key):
        if key in self.values:
            self.uses[key] += 1
            self.values[key] = self.age + self.uses[key] * self.cost_of(key) / self.weight_of(key)

    def set(self, key):
        if self.weight_of(key) > self.capacity:
            return
        while key not in self.values and self.weight_of(key) > self.capacity - sum(map(self.weight_of, self.values)):
            least = min(self.values, key=self.values.get)
            self.age = self.values[least]
            self.delete(least)
        self.values.setdefault(key, 0.0)
        self.get(key)

    def delete(self, key):
        if self.values.pop(key, None) is not None and not self.history:
            del self.uses[key]

    def keys(self):
        return set(self.values)


def same_contents(store, model, steps, *, weight_of=lambda key: 1, cost_of=lambda key: 1.0):
    for what, key in steps:
        if what == "get":
            store.get_nowait(key)
        elif what == "set":
            store.set_nowait(key, "value", weight=weight_of(key), cost=cost_of(key))
        else:
            store.delete_nowait(key)
        getattr(model, what)(key)
        assert {held for held in KEYS if held in store} == model.keys()


@pytest.mark.parametrize(
    ("policy", "oracle"), [(LRU, cachetools.LRUCache), (LFU, cachetools.LFUCache)], ids=["LRU", "LFU"]
)
@given(steps=steps, capacity=capacities)
def test_the_textbooks_policies_hold_what_cachetools_holds(store, policy, oracle, steps, capacity):
    same_contents(store(max_bytes=capacity, policy=policy()), Oracle(oracle(capacity)), steps)


@given(steps=steps, capacity=capacities)
def test_s3_fifo_holds_what_its_description_says(store, steps, capacity):
    same_contents(store(max_bytes=capacity, policy=S3FIFO()), PlainS3FIFO(capacity), steps)


@pytest.mark.parametrize("history", [False, True])
@given(steps=steps, capacity=capacities)
def test_gdsf_holds_what_its_formula_says(store, history, steps, capacity):
    model = PlainGDSF(capacity, history=history)
    one = store(max_bytes=capacity, policy=GDSF(history=99 if history else 0))
    same_contents(one, model, steps, weight_of=model.weight_of, cost_of=model.cost_of)


@pytest.mark.parametrize("policy", [LRU, LFU, S3FIFO, GDSF])
@settings(max_examples=30)
@given(sets=st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 40)), max_size=60))
def test_no_more_is_given_up_than_makes_room(policy, sets):
    left = []
    one = MemoryStore(max_bytes=100, policy=policy(), on_evict=lambda key, entry: left.append(entry.weight))
    for key, weight in sets:
        one.delete_nowait(key)
        before = one.stats().bytes
        left.clear()
        assert one.set_nowait(key, "value", weight=weight)
        assert sum(left[:-1]) < max(1, before + weight - 100)


def test_gdsf_forgets_the_values_of_before(store):
    """What was used often stands in the heap as often, until that is made anew."""
    one = store(max_entries=10, policy=GDSF())
    for number in range(5_000):
        one.set_nowait(number % 10, number)
    assert len(one.policy._heap) <= 4 * 10 + 65


def test_gdsf_remembers_the_last_that_left(store):
    one = store(max_entries=2, policy=GDSF(history=5))
    for number in range(100):
        one.set_nowait(number, number)
    assert list(one.policy._history) == list(range(93, 98))


def test_s3_fifo_remembers_no_more_than_a_large_queue(store):
    one = store(max_entries=20, policy=S3FIFO())
    for number in range(500):
        one.set_nowait(number, number)
        if number % 3 == 0:
            one.get_nowait(number)
            one.get_nowait(number)
    assert len(one.policy._ghosts) <= 20


def test_a_slot_that_was_emptied_and_filled_again_is_given_up_once(store):
    one = store(max_bytes=2, policy=GDSF())
    one.set_nowait("a", 1, weight=1)
    one.delete_nowait("a")
    for key in "bc":
        one.set_nowait(key, 1, weight=1)
    assert one.set_nowait("d", 1, weight=2)
    assert [key in one for key in "abcd"] == [False, False, False, True]
