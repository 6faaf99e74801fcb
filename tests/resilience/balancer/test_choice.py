"""Who gets a call."""

import asyncio
from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.errors import CallRejectedError, OverloadedError
from postopt.resilience.balancer import Balancer
from postopt.resilience.balancing.member import Member
from postopt.resilience.balancing.rendezvous import LONGEST_KEY, TABLE_KEYS, rank

NAMES = [f"replica-{number}" for number in range(6)]


def picked(balancer, key=None):
    """Return who is picked for a call that ends at once."""
    with balancer.pick(key) as replica:
        return replica


class TestWithoutAKey:
    def test_calls_spread_evenly_over_idle_replicas(self):
        balancer = Balancer(NAMES, seed=1)
        counts = Counter(picked(balancer) for _ in range(3000))
        assert set(counts) == set(NAMES)
        assert max(counts.values()) <= 1.1 * min(counts.values())

    def test_many_replicas_are_all_used(self):
        names = [f"r{number}" for number in range(100)]
        balancer = Balancer(names, seed=1)
        assert {picked(balancer) for _ in range(5000)} == set(names)

    def test_the_less_loaded_of_two_gets_the_call(self):
        balancer = Balancer(["a", "b"], seed=1)
        first = balancer.pick()
        assert {picked(balancer) for _ in range(20)} == {"a", "b"} - {first.replica}

    def test_load_stays_level(self):
        """With two choices the most loaded of n has about log2(log2(n)) more than the mean; at random it is more."""
        balancer = Balancer([f"r{number}" for number in range(32)], seed=1)
        leases = [balancer.pick() for _ in range(32 * 20)]
        loads = [state.outstanding for state in balancer.states]
        assert sum(loads) == len(leases)
        assert max(loads) <= 20 + 3

    def test_one_replica_gets_everything(self):
        balancer = Balancer(["only"])
        assert asyncio.run(balancer.acall(answering)) == "only"
        assert picked(balancer) == picked(balancer, "key") == "only"

    def test_a_seed_repeats_the_choices(self):
        def run(seed):
            balancer = Balancer(NAMES, seed=seed)
            return [balancer.pick().replica for _ in range(50)]

        assert run(7) == run(7) != run(8)


class TestWithAKey:
    def test_one_key_stays_with_one_replica(self):
        balancer = Balancer(NAMES, seed=1)
        keys = [f"template {number}" for number in range(200)]
        home = {key: picked(balancer, key) for key in keys}
        assert set(home.values()) == set(NAMES)
        assert all(picked(balancer, key) == home[key] for key in reversed(keys))

    def test_all_processes_agree(self):
        """The ranking is pinned: it depends on the names and the key only, neither on order nor on the process."""
        assert [member.name[-1] for member in rank("key", [Member(name, name) for name in NAMES])] == list("134025")
        expected = picked(Balancer(NAMES, seed=1), "a prefix")
        assert picked(Balancer(reversed(NAMES), seed=2), "a prefix") == expected

    @given(st.text() | st.binary(), st.sets(st.text(min_size=1), min_size=2, max_size=8), st.data())
    def test_only_the_keys_of_a_lost_replica_move(self, key, names, data):
        members = [Member(name, name) for name in sorted(names)]
        before = rank(key, members)
        lost = data.draw(st.sampled_from(members))
        assert rank(key, [member for member in members if member is not lost]) == [
            member for member in before if member is not lost
        ]

    @pytest.mark.parametrize("key", ["", b"", "\ud800", "x" * 10_000_000, b"\xff\x00", "k" * (LONGEST_KEY + 1)])
    def test_any_key_is_a_key(self, key):
        balancer = Balancer(NAMES)
        assert picked(balancer, key) == picked(balancer, key)

    def test_a_long_key_moves_along_its_own_ranking(self):
        """A retry of a call with a key too long for the table goes where any call goes once the first is out."""
        key = "k" * (LONGEST_KEY + 1)
        first, second = (picked(Balancer(names), key) for names in (NAMES, set(NAMES) - {picked(Balancer(NAMES), key)}))

        async def call(replica):
            if replica == first:
                raise OverloadedError("down")
            return replica

        assert asyncio.run(Balancer(NAMES).acall(call, key)) == second

    def test_a_key_is_the_same_as_text_and_as_bytes(self):
        balancer = Balancer(NAMES)
        for key in ("short", "ö" * LONGEST_KEY):
            assert picked(balancer, key) == picked(balancer, key.encode())

    def test_a_key_everybody_asks_for_is_spread_within_the_bound(self):
        balancer = Balancer(NAMES, bounded_load=1.25)
        for calls in range(1, 61):
            balancer.pick("one key")
            loads = [state.outstanding for state in balancer.states]
            assert sum(loads) == calls
            assert max(loads) <= -(-1.25 * calls // 6)

    def test_a_bound_far_away_leaves_all_calls_together(self):
        balancer = Balancer(NAMES, bounded_load=100.0)
        assert len({balancer.pick("one key").replica for _ in range(50)}) == 1

    def test_the_table_of_keys_is_bounded(self):
        balancer = Balancer(NAMES)
        first = picked(balancer, "0")
        for number in range(3 * TABLE_KEYS):
            picked(balancer, str(number))
        assert len(balancer._pool.rendezvous._rankings) <= TABLE_KEYS
        assert picked(balancer, "0") == first

    def test_awaited_calls_follow_the_key_too(self):
        balancer = Balancer(NAMES)
        home = picked(balancer, "k")

        async def calls():
            return {await balancer.acall(answering, "k") for _ in range(20)}

        assert asyncio.run(calls()) == {home}


class TestNames:
    def test_a_replica_is_known_by_its_name(self, scripted):
        balancer = Balancer([scripted("a"), scripted("b")])
        assert [state.name for state in balancer.states] == ["a", "b"]

    def test_or_by_its_text(self):
        assert [state.name for state in Balancer([1, 2]).states] == ["1", "2"]

    def test_equal_names_get_a_number(self, scripted):
        replicas = [scripted("a"), scripted("a"), scripted("b"), scripted("a")]
        balancer = Balancer(replicas, seed=1)
        assert [state.name for state in balancer.states] == ["a", "a 2", "b", "a 3"]
        assert {id(picked(balancer)) for _ in range(50)} == set(map(id, replicas))

    def test_the_same_replica_twice_is_one(self):
        assert [state.name for state in Balancer(["a", "a", "b"]).states] == ["a", "b"]

    def test_what_has_no_hash_is_told_apart_all_the_same(self):
        replicas = [["an"], ["a"], ["a"]]
        balancer = Balancer(replicas, seed=1)
        assert [state.name for state in balancer.states] == ["['an']", "['a']", "['a'] 2"]
        assert {id(picked(balancer)) for _ in range(50)} == set(map(id, replicas))


class TestArguments:
    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("bounded_load", [0.99, -1, float("nan"), float("inf"), "2", None]),
            ("eject_failures", [0, -1, 1.5, True, None]),
            ("eject_share", [0, -0.1, 1.1, float("nan"), None]),
            ("eject_seconds", [0, -1, float("nan"), float("inf"), None]),
            ("max_eject_seconds", [0, 29.9, float("nan"), float("inf")]),
            ("max_ejected_share", [0, -0.1, 1.1, float("nan")]),
            ("retry_elsewhere", [-1, 0.5, True, None]),
            ("hedge", [0, -1, 1.1, float("nan"), "0.05"]),
            ("clock", [None, 0.0]),
            ("drained", [1]),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name(self, name, values):
        for value in values:
            with pytest.raises(ValueError, match=name):
                Balancer(["a"], **{name: value})

    @pytest.mark.parametrize("replicas", [[], (), "http://127.0.0.1", b"x", 5, None])
    def test_so_are_no_replicas(self, replicas):
        with pytest.raises(ValueError, match="replicas is"):
            Balancer(replicas)

    def test_nobody_known_is_a_rejection_that_says_so(self, listing):
        balancer = Balancer(listing())
        for attempt in (balancer.pick, lambda: asyncio.run(balancer.acall(answering)), lambda: balancer.pick("key")):
            with pytest.raises(CallRejectedError, match="no replica"):
                attempt()

    @pytest.mark.parametrize(("options", "sends"), [({}, 2), ({"retry_elsewhere": 0}, 1), ({"hedge": 0.05}, 3)])
    def test_it_says_how_often_a_call_is_sent_at_most(self, options, sends):
        assert Balancer(NAMES, **options).most_sends == sends

    def test_its_repr_counts(self):
        assert repr(Balancer(NAMES)) == "Balancer(6 replicas, 0 ejected)"


async def answering(replica):
    return replica
