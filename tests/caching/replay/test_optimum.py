"""Who knows the future, against the best of everything that could be done."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching.replay.optimum import clairvoyant_savings, most_hits

requests = st.lists(st.integers(0, 4), max_size=10)


def best_of_all(trace, capacity):
    """Return what the best of all ways to keep and give up saves: each set of keys held, with the most saved so far."""
    reached = {frozenset(): 0.0}
    for key in trace.keys:
        after = {}
        for held, saved in reached.items():
            now = saved + trace.costs[key] if key in held else saved
            for count in range(len(held | {key}) + 1):
                for kept in map(frozenset, combinations(held | {key}, count)):
                    if sum(trace.weights[one] for one in kept) <= capacity:
                        after[kept] = max(after.get(kept, 0.0), now)
        reached = after
    return max(reached.values())


class TestMostHits:
    @given(requests, st.integers(1, 5))
    def test_nobody_hits_more_and_somebody_as_many(self, trace_of, keys, entries):
        trace = trace_of(keys)
        assert most_hits(trace, entries) == best_of_all(trace, entries)

    @pytest.mark.parametrize(
        ("keys", "entries", "hits"),
        [
            ("", 1, 0),
            ("a", 1, 0),
            ("aa", 1, 1),
            ("abab", 1, 1),
            ("abcabcabc", 2, 4),
            ("abcabcabc", 3, 6),
            ("aaaabbbb", 1, 6),
            ("abba", 1, 1),  # b passes by, or a is given up for it
        ],
    )
    def test_by_hand(self, trace_of, keys, entries, hits):
        assert most_hits(trace_of(keys), entries) == hits

    @given(requests)
    def test_with_room_for_all_only_the_first_request_of_each_is_a_miss(self, trace_of, keys):
        assert most_hits(trace_of(keys), 5) == len(keys) - len(set(keys))


class TestClairvoyant:
    @given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 10))
    def test_of_equal_keys_it_saves_the_most(self, trace_of, keys, entries):
        trace = trace_of(keys)
        assert clairvoyant_savings(trace, entries) == most_hits(trace, entries)

    @given(
        requests,
        st.lists(st.integers(1, 6), min_size=5, max_size=5),
        st.lists(st.sampled_from([0.0, 1.0, 2.0, 30.0]), min_size=5, max_size=5),
        st.integers(1, 20),
    )
    def test_it_saves_no_more_than_is_possible(self, trace_of, keys, weights, costs, capacity):
        trace = trace_of(keys, weights, costs)
        most = best_of_all(trace, capacity)
        saved = clairvoyant_savings(trace, capacity)
        assert saved <= most
        if capacity >= sum(weights):
            assert saved == most

    def test_what_does_not_fit_passes_by(self, trace_of):
        trace = trace_of("abab", {"a": 10, "b": 1}, {"a": 100.0, "b": 1.0})
        assert clairvoyant_savings(trace, 5) == 1.0
        assert clairvoyant_savings(trace, 10) == 100.0
        assert clairvoyant_savings(trace, 11) == 101.0

    def test_among_many_it_looks_at_some(self, trace_of):
        keys = [number * number % 211 for number in range(3_000)]
        trace = trace_of(keys, {key: 1 + key % 5 for key in keys}, {key: 1.0 + key % 7 for key in keys})
        once, again, other = (clairvoyant_savings(trace, 300, seed=seed) for seed in (1, 1, 2))
        assert once == again
        assert 0.9 < once / other < 1.1
