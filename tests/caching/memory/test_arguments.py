"""What a store takes, and what it says to anything else: nothing changes then."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from postopt.caching import Entry
from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock

POLICIES = (Density, LRU, LFU, S3FIFO, GDSF)


@pytest.mark.parametrize("key", [[], {}, set(), bytearray(b"a"), ([],)], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_key_that_cannot_be_hashed_is_a_type_error(store, key, policy):
    one = store(policy=policy(), max_entries=2)
    one.set_nowait("a", 1)
    one.set_nowait("b", 2)
    before = one.stats()
    for call in (
        one.get_nowait,
        one.entry_nowait,
        one.delete_nowait,
        lambda key: one.set_nowait(key, 1),
        lambda key: one.set_entry_nowait(key, Entry(value=1)),
        lambda key: key in one,
        lambda key: asyncio.run(one.get(key)),
        lambda key: asyncio.run(one.set(key, Entry(value=1))),
        lambda key: asyncio.run(one.delete(key)),
    ):
        with pytest.raises(TypeError, match="unhashable"):
            call(key)
    assert one.stats() == before
    assert one.get_nowait("a") == 1


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("weight", wrong) for wrong in (-1, 2**64, 1.0, True, "1", math.nan, math.inf, np.int64(5))),
        *(("cost", wrong) for wrong in (-1, -1e-300, math.nan, math.inf, 10**400, True, "1", Decimal(1), Fraction(1))),
        *(("priority", wrong) for wrong in (-1, 8, 1.0, True, None, "0")),
        *(("ttl", wrong) for wrong in (-1, -1e-300, math.nan, -math.inf, "1")),
        *(("tags", wrong) for wrong in ("tag", b"tag", {"a": 1}, [1], (None,), iter(["a"]))),
    ],
)
def test_a_number_out_of_range_is_an_error(store, name, wrong):
    one = store()
    one.set_nowait("key", "value", tags=("a",))
    before = one.stats()
    with pytest.raises(CacheValueError, match=name):
        one.set_nowait("key", "other", **{name: wrong})
    assert one.stats() == before
    assert one.get_nowait("key") == "value"


@pytest.mark.parametrize("cost", [0, 3, 0.5, np.float64(0.5), 10**300, 1e308, 5e-324])
def test_a_cost_is_an_int_or_a_float(store, cost):
    one = store(max_entries=1)
    assert one.set_nowait("key", "value", cost=cost)
    assert one.entry_nowait("key").cost == float(cost)
    one.set_nowait("other", "value", cost=cost)
    assert len(one) == 1


@pytest.mark.parametrize("ttl", [0, 0.0, math.inf, 1e308, None, 3, np.float64(2.0)])
def test_how_long_a_value_lives(store, ttl):
    clock = ScriptedClock(1e9)
    one = store(clock=clock)
    one.set_nowait("key", "value", ttl=ttl)
    assert ("key" in one) is bool(ttl != 0)
    assert one.get_nowait("key") == (None if ttl == 0 else "value")
    clock.advance(3)
    lives = ttl is None or ttl > 3
    assert one.get_nowait("key") == ("value" if lives else None)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "1", True, 2**63, math.inf])
def test_a_limit_that_is_no_positive_int_is_an_error(store, limit):
    for name in ("max_bytes", "max_entries"):
        with pytest.raises(CacheValueError, match=name):
            store(**{name: limit})
    one = store()
    one.set_nowait("key", "value")
    with pytest.raises(CacheValueError, match="max_bytes"):
        one.limit(limit)
    assert one.get_nowait("key") == "value"
    with pytest.raises(CacheValueError):
        store(max_bytes=None)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("weight", [101, 2**63, 2**64 - 1])
def test_a_value_larger_than_the_store_is_refused_and_takes_nothing_with_it(store, policy, weight):
    left = []
    one = store(policy=policy(), max_bytes=100, on_evict=lambda key, entry: left.append((key, entry.weight)))
    for number in range(10):
        one.set_nowait(number, number, weight=10)
    assert not one.set_nowait("large", "value", weight=weight)
    assert one.get_nowait("large") is None
    assert [one.get_nowait(number) for number in range(10)] == list(range(10))
    assert left == [("large", weight)]
    assert one.stats().refused == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_a_value_that_became_too_large_leaves_no_older_one(store, policy):
    one = store(policy=policy(), max_bytes=100)
    one.set_nowait("key", "small", weight=10)
    one.set_nowait("other", "small", weight=10)
    assert not one.set_nowait("key", "large", weight=101)
    assert "key" not in one
    assert one.get_nowait("other") == "small"
    assert one.stats().bytes == 10


@pytest.mark.parametrize("policy", POLICIES)
def test_a_value_as_large_as_the_store_has_it_for_itself(store, policy):
    one = store(policy=policy(), max_bytes=100)
    for number in range(10):
        one.set_nowait(number, number, weight=10, cost=1.0)
    assert one.set_nowait("all", "value", weight=100, cost=1e6)
    assert len(one) == 1
    assert one.get_nowait("all") == "value"


@pytest.mark.parametrize("policy", POLICIES)
def test_one_entry_and_no_bytes(store, policy):
    one = store(policy=policy(), max_bytes=1, max_entries=1)
    for number in range(50):
        one.set_nowait(number % 3, number, weight=number % 2)
        assert len(one) <= 1
    assert one.stats().bytes <= 1


def test_keys_are_anything(store):
    one = store()
    keys = ["a", 1, 1.5, None, (), ("a", 1), frozenset({1}), b"a", True, object(), "x" * 2**20, float, 10**40]
    for number, key in enumerate(keys):
        if key is not True:  # equal to 1
            one.set_nowait(key, number)
    assert one.get_nowait(True) == 1
    assert [one.get_nowait(key) for key in keys if key is not True] == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]


def test_keys_of_a_megabyte(store):
    one = store(max_entries=20)
    long = "x" * 2**20
    for number in range(60):
        one.set_nowait(f"{long}{number}", number, weight=1)
    held = [number for number in range(60) if f"{long}{number}" in one]
    assert len(held) == 20
    assert all(one.get_nowait(f"{long}{number}") == number for number in held)


def test_a_policy_serves_one_store(store):
    policy = LRU()
    store(policy=policy)
    with pytest.raises(CacheValueError, match="LRU serves another store"):
        store(policy=policy)


def test_a_value_is_the_same_object(store):
    one, value = store(), [1]
    one.set_nowait("key", value)
    assert one.get_nowait("key") is value
    assert one.entry_nowait("key").value is value


def test_the_default_is_returned_for_what_is_not_there(store):
    default = object()
    for policy in POLICIES:
        one = store(policy=policy())
        assert one.get_nowait("key", default) is default
        assert one.get_nowait("key", default=default) is default
        one.set_nowait("key", None)
        assert one.get_nowait("key", default) is None
