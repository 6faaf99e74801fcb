"""Policies side by side, and none beyond what is possible."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.caching.eviction import LRU
from postopt.caching.replay.compare import POLICIES, SIMULATED, Comparison, compare, replay

requests = st.lists(st.integers(0, 12), min_size=1, max_size=60)


def lru(keys, entries):
    held, hits = [], 0
    for key in keys:
        if key in held:
            hits += 1
            held.remove(key)
        held.append(key)
        del held[:-entries]
    return hits


class TestHits:
    @given(requests, st.floats(0.01, 1))
    @settings(max_examples=50)
    def test_nobody_beats_who_knows_the_future(self, trace_of, keys, size):
        trace = trace_of(keys)
        found = compare(trace, size)
        assert found.reached.keys() == POLICIES.keys() | SIMULATED.keys()
        assert max(found.reached.values()) <= found.best <= len(keys)
        assert found.capacity == max(1, int(size * len(set(keys))))
        assert found.reached["LRU"] == lru(keys, found.capacity)

    def test_with_room_for_all_everybody_does(self, trace_of):
        found = compare(trace_of([number * number % 23 for number in range(300)]), 1.0)
        assert set(found.reached.values()) == {found.best} == {300.0 - found.capacity}

    def test_keys_of_one_weight_count_as_entries(self, trace_of):
        """The weight of all may be any: room for half of them is room for half of them."""
        keys = [number * number % 23 for number in range(300)]
        heavy = trace_of(keys, dict.fromkeys(keys, 512), dict.fromkeys(keys, 8.0))
        assert heavy.is_uniform
        assert compare(heavy, 0.5) == compare(trace_of(keys), 0.5)


class TestSavings:
    @given(requests, st.floats(0.01, 1))
    @settings(max_examples=50)
    def test_what_is_saved_is_the_cost_of_the_hits(self, trace_of, keys, size):
        costs = {key: float(key % 4) for key in range(13)}
        trace = trace_of([*keys, 1, 2], {key: 10 + key for key in range(13)}, costs)
        found = compare(trace, size)
        assert found.reached.keys() == POLICIES.keys()
        assert found.capacity == max(1, int(size * sum(trace.weights)))
        most = sum(costs[key] for key in keys) + costs[1] + costs[2]
        assert all(0 <= saved <= most for saved in (found.best, *found.reached.values()))

    def test_a_replay_counts_both(self, trace_of):
        trace = trace_of("abcab", {"a": 1, "b": 1, "c": 2}, {"a": 1.0, "b": 4.0, "c": 0.5})
        assert replay(trace, 4, LRU()) == (2, 5.0)
        assert replay(trace, 3, LRU()) == (0, 0.0)  # c takes the room of a, and so on


class TestShares:
    def test_of_what_is_possible(self):
        assert Comparison(0.1, 5, 8.0, {"a": 4.0, "b": 8.0}).shares() == {"a": 0.5, "b": 1.0}

    def test_of_nothing_is_all(self):
        assert Comparison(0.1, 5, 0.0, {"a": 0.0}).shares() == {"a": 1.0}


@pytest.mark.shared_data
def test_a_real_trace(shared_data):
    """The row of docs/design/0007 for apache_web at 10 %: within a hundredth of the best, and above LRU."""
    from postopt.caching.replay.trace import read_trace

    found = compare(read_trace(shared_data / "traces" / "apache_web.csv.xz"), 0.1)
    shares = found.shares()
    assert shares["density"] > max(shares.values()) - 0.01
    assert shares["density"] > shares["LRU"] + 0.04
