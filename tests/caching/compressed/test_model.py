"""Any sequence of calls: a store returns what a dict would, or has forgotten it, and stays within its bytes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.caching import Entry
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock

keys = st.sampled_from(["", "a", "b", "\ud800", "c" * 300])
long_text = st.builds(str.__mul__, st.text(st.characters(), max_size=20), st.integers(0, 40))
values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters())
    | st.binary(max_size=600)
    | long_text
    | st.dictionaries(st.text(max_size=5), st.lists(st.integers(0, 9), max_size=90), max_size=4)
)
refused = st.sampled_from([object(), 2**64, (1,), {1: 2}, math.nan])
spans = st.sampled_from([-1.0, 0.0, 1.0, 5.0, math.inf])
calls = st.one_of(
    st.tuples(st.just("set"), keys, values | refused, spans, spans, st.sets(st.sampled_from("xyz"))),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("tag"), st.sampled_from("xyz")),
    st.tuples(st.just("pass"), st.sampled_from([0.5, 3.0, -2.0])),
    st.tuples(st.just("shrink"), st.integers(0, 3_000)),
    st.tuples(st.just("clear")),
)


class Model:
    """What a store without a limit would hold."""

    def __init__(self, clock):
        self.clock = clock
        self.held = {}

    def expect(self, key):
        """Return the entry of a key; what has ended is gone, also when the clock is put back."""
        entry = self.held.get(key)
        return entry if entry is not None and self.clock() < entry.ends_at else None

    def play(self, store, call):
        what, *given = call
        if what == "set":
            self.set(store, *given)
        elif what == "delete":
            store.delete_nowait(*given)
            self.held.pop(*given, None)
        elif what == "tag":
            store.invalidate_tag_nowait(*given)
            self.held = {key: entry for key, entry in self.held.items() if given[0] not in entry.tags}
        elif what == "pass":
            self.clock.set(self.clock() + given[0])
        elif what == "shrink":
            store.shrink(*given)
            assert store._store.stats().bytes <= given[0]
        else:
            store.clear()
            self.held.clear()
            assert len(store) == 0

    def set(self, store, key, value, fresh, stale, tags):
        self.held.pop(key, None)
        now = self.clock()
        entry = Entry(
            value=value, cost=1.0, tags=tags, expires_at=now + fresh, stale_until=now + stale, compute_seconds=0.5
        )
        try:
            kept = store.set_entry_nowait(key, entry)
        except CacheValueError:
            assert store.entry_nowait(key) is None
            return
        if kept:
            self.held[key] = entry


def same(found, expected):
    """Say whether an entry is the one that was set; its weight is what the store measured."""
    names = ("value", "cost", "priority", "tags", "expires_at", "stale_until", "compute_seconds")
    assert found.weight > 0
    return repr([getattr(found, name) for name in names]) == repr([getattr(expected, name) for name in names])


@pytest.mark.parametrize("max_bytes", [1, 300, 2_000, 2**20])
@given(calls=st.lists(calls, max_size=25))
@settings(max_examples=60)
def test_what_is_returned_is_what_was_set_last_or_nothing(make, taken, max_bytes, calls):
    clock = ScriptedClock(1_000.0)
    model, store = Model(clock), make(max_bytes=max_bytes, clock=clock)
    for call in calls:
        model.play(store, call)
        assert taken(store) <= max_bytes
        for key in ("", "a", "b", "\ud800", "c" * 300):
            found, expected = store.entry_nowait(key), model.expect(key)
            assert found is None or same(found, expected)
            if max_bytes == 2**20 and expected is not None and not any(c[0] in ("shrink", "pass") for c in calls):
                assert found is not None
            fresh = found is not None and found.is_fresh(clock())
            assert repr(store.get_nowait(key, "none")) == repr(found.value if fresh else "none")
    assert store.unreadable == 0
