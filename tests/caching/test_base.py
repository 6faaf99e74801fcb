"""What an entry may say about its value, and what its times mean."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching import Entry
from postopt.caching.base import check_amount, check_priority, check_tags, check_ttl, check_weight
from postopt.errors import CacheValueError

HUGE = 10**5000  # more digits than Python writes out
NO_NUMBERS = ["1", b"1", None, [], 1j, Decimal(1), True, math.nan, HUGE, -HUGE, float]
NO_INTS = [*(bad for bad in NO_NUMBERS if bad is not HUGE), 1.0, -1]

REFUSED = [
    *(("weight", bad, "bytes as an int") for bad in (*NO_INTS, 2**64, HUGE)),
    *((name, bad, "a finite number, zero or more") for name in ("cost", "compute_seconds")
      for bad in (*NO_NUMBERS, -1, -1e-300, math.inf, -math.inf)),
    *(("priority", bad, "an int from 0 to 7") for bad in (*NO_INTS, 8, HUGE)),
    *((name, bad, "seconds since the epoch") for name in ("expires_at", "stale_until") for bad in NO_NUMBERS),
    *(("tags", bad, "tuple, list or set of texts") for bad in ("text", b"bytes", None, 1, {"a": 1}, iter(["a"]))),
    *(("tags", [bad], "texts") for bad in (None, 1, b"bytes", ("a",), HUGE)),
]  # fmt: skip


def kind(value):
    """Return a name for a parameter; Python does not write out all of them."""
    return value if isinstance(value, str) else type(value).__name__


amounts = st.floats(0, allow_infinity=False) | st.integers(0, 10**300)
times = st.floats(allow_nan=False) | st.integers(-(10**300), 10**300)


class TestWhatAnEntryRefuses:
    @pytest.mark.parametrize(("name", "bad", "needed"), REFUSED, ids=kind)
    def test_the_error_says_which_field_and_what_is_needed(self, name, bad, needed):
        with pytest.raises(CacheValueError) as caught:
            Entry(value="v", **{name: bad})
        assert str(caught.value).startswith(name)
        assert needed in str(caught.value)
        assert len(str(caught.value)) < 250

    @pytest.mark.parametrize(("name", "bad", "needed"), REFUSED, ids=kind)
    def test_no_entry_is_changed_into_a_wrong_one(self, name, bad, needed):
        with pytest.raises(CacheValueError, match=name):
            replace(Entry(value="v"), **{name: bad})

    def test_it_stays_as_it_was_made(self):
        for field in fields(Entry):
            with pytest.raises(FrozenInstanceError):
                setattr(Entry(value="v"), field.name, 0)


class TestWhatAnEntryTakes:
    @given(
        st.integers(0, 2**64 - 1), amounts, st.integers(0, 7), st.lists(st.text(), max_size=4), times, times, amounts
    )
    def test_every_number_that_makes_sense(self, weight, cost, priority, tags, expires_at, stale_until, seconds):
        entry = Entry(
            value=None,
            weight=weight,
            cost=cost,
            priority=priority,
            tags=tags,
            expires_at=expires_at,
            stale_until=stale_until,
            compute_seconds=seconds,
        )
        assert (entry.weight, entry.priority, entry.tags) == (weight, priority, tuple(dict.fromkeys(tags)))
        floats = (entry.cost, entry.expires_at, entry.stale_until, entry.compute_seconds)
        assert floats == tuple(map(float, (cost, expires_at, stale_until, seconds)))
        assert {type(number) for number in floats} == {float}

    @pytest.mark.parametrize("value", [None, 0, "", b"", [], {}, math.nan, object, NotImplemented])
    def test_any_value(self, value):
        assert Entry(value=value).value is value

    @pytest.mark.parametrize("kind", [tuple, list, set, frozenset])
    def test_tags_of_any_collection_and_each_once(self, kind):
        assert Entry(value=1, tags=kind(("a", "b", "a"))).tags == ("a", "b")

    def test_the_order_of_a_set_is_nobodys(self):
        """It changes from process to process, and what is stored must not."""
        names = [f"tag {number}" for number in range(30)]
        assert Entry(value=1, tags=set(names)).tags == Entry(value=1, tags=frozenset(reversed(names))).tags
        assert Entry(value=1, tags=set(names)).tags == tuple(sorted(names))

    def test_equal_entries_are_equal(self):
        assert Entry(value=[1], tags=["a"]) == Entry(value=[1], tags=("a",), cost=0)
        assert Entry(value=1) != Entry(value=1, priority=1)


class TestAnotherValue:
    @given(st.none() | st.text(), st.integers(0, 2**64 - 1))
    def test_all_else_stays(self, value, weight):
        entry = Entry(
            value=1, weight=7, cost=0.5, priority=3, tags=("a",), expires_at=9.0, stale_until=12.0, compute_seconds=2.0
        )
        assert entry.holding(value) == replace(entry, value=value)
        assert entry.holding(value, weight=weight) == replace(entry, value=value, weight=weight)


class TestTimes:
    @given(times, times, times)
    def test_fresh_until_the_end_of_freshness_and_there_until_the_later_end(self, expires_at, stale_until, now):
        entry = Entry(value=1, expires_at=expires_at, stale_until=stale_until)
        assert entry.is_fresh(now) == (now < entry.expires_at)
        assert entry.ends_at == max(entry.expires_at, entry.stale_until)
        assert now < entry.ends_at or not entry.is_fresh(now)  # what is fresh has not ended

    def test_unless_told_otherwise_it_never_ends(self):
        entry = Entry(value=1)
        assert entry.is_fresh(math.inf) is False
        assert entry.is_fresh(1e300)
        assert entry.ends_at == math.inf

    def test_the_moment_of_the_end_is_not_fresh(self):
        assert Entry(value=1, expires_at=10).is_fresh(9.999)
        assert not Entry(value=1, expires_at=10).is_fresh(10)
        assert not Entry(value=1, expires_at=-math.inf).is_fresh(-1e300)


class TestChecks:
    """What stores use where they take numbers without an entry."""

    @given(amounts, st.integers(0, 7), st.integers(0, 2**64 - 1))
    def test_let_through_what_an_entry_takes(self, amount, priority, weight):
        check_amount("cost", amount)
        check_priority(priority)
        check_weight(weight)

    @pytest.mark.parametrize("ttl", [*(bad for bad in NO_NUMBERS if bad is not None), -1, -math.inf], ids=kind)
    def test_a_ttl_is_seconds(self, ttl):
        with pytest.raises(CacheValueError, match=r"ttl is .*; seconds, zero or more, or None"):
            check_ttl(ttl)

    def test_no_ttl_is_for_ever(self):
        assert check_ttl(None) == check_ttl(math.inf) == math.inf
        assert check_ttl(0) == 0
        assert check_ttl(1.5) == 1.5

    def test_tags_come_back_as_a_tuple(self):
        assert check_tags(["b", "a", "b"]) == ("b", "a")
        assert check_tags(()) == ()
