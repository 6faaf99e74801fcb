"""Replicas that come and go."""

import asyncio

import pytest

from postopt.errors import CallRejectedError
from postopt.resilience.balancer import Balancer
from postopt.resilience.discovery import Address


def names(balancer):
    return [state.name for state in balancer.states]


def test_a_new_replica_joins_without_load_and_gets_calls(listing):
    found = listing("a", "b")
    balancer = Balancer(found, seed=1)
    for _ in range(10):
        balancer.pick()
    found.set("a", "b", "c")
    assert {balancer.pick().name for _ in range(3)} >= {"c"}
    assert names(balancer) == ["a", "b", "c"]


def test_one_that_is_gone_gets_no_calls_and_finishes_those_it_has(listing, scripted, ask):
    async def main():
        held = asyncio.get_running_loop().create_future()
        a, b = scripted("a", held), scripted("b")
        found, closed = listing(a), []
        balancer = Balancer(found, drained=closed.append, seed=1)
        call = asyncio.ensure_future(balancer.acall(ask))
        await asyncio.sleep(0)
        found.set(b)
        assert {await balancer.acall(ask) for _ in range(20)} == {"b"}
        assert [(state.name, state.draining, state.outstanding) for state in balancer.states] == [
            ("b", False, 0),
            ("a", True, 1),
        ]
        assert closed == []
        held.set_result(None)
        assert await call == "a"
        assert closed == [a]
        assert names(balancer) == ["b"]

    asyncio.run(main())


@pytest.mark.parametrize("end", ["success", "failure", "cancelled", "rejected"])
def test_however_its_last_call_ends_it_is_told_once(end, listing):
    found, closed = listing("a"), []
    balancer = Balancer(found, drained=closed.append)
    leases = [balancer.pick(), balancer.pick()]
    found.set("b")
    balancer.pick()
    leases[0].end(end)
    assert closed == []
    leases[1].end(end)
    assert closed == ["a"]


def test_one_without_calls_is_told_when_the_change_is_seen(listing):
    found, closed = listing("a", "b", "c"), []
    balancer = Balancer(found, drained=closed.append)
    found.set("a")
    balancer.pick()
    assert closed == ["b", "c"]


def test_a_listener_that_raises_changes_no_result(listing):
    def drained(replica):
        raise RuntimeError

    found = listing("a", "b")
    balancer = Balancer(found, drained=drained)
    found.set("a")
    assert balancer.pick().name == "a"
    assert balancer.drain_errors == 1


def test_one_that_is_back_before_it_has_drained_has_its_calls_still(listing):
    found, closed = listing("a", "b"), []
    balancer = Balancer(found, drained=closed.append, seed=1)
    leases = [balancer.pick() for _ in range(10)]
    found.set("b")
    balancer.pick().end()
    found.set("a", "b")
    assert [state.outstanding for state in balancer.states] == [0, 0] or balancer.pick().end() is None
    assert sum(state.outstanding for state in balancer.states) == 10
    assert not any(state.draining for state in balancer.states)
    for lease in leases:
        lease.end()
    assert closed == []


def test_what_is_known_stays_with_who_is_still_listed(listing):
    """Addresses are told apart by what they say: a discovery may make new ones each time."""
    found = listing(Address("10.0.0.1", 80), Address("10.0.0.2", 80))
    balancer = Balancer(found, seed=1)
    while not any(state.ejected for state in balancer.states):
        lease = balancer.pick()
        lease.end("failure" if lease.name == "10.0.0.1:80" else "success")
    found.set(Address("10.0.0.2", 80), Address("10.0.0.1", 80))
    assert {balancer.pick().name for _ in range(20)} == {"10.0.0.2:80"}
    assert [(state.name, state.ejected, state.calls >= 3) for state in balancer.states] == [
        ("10.0.0.2:80", False, True),
        ("10.0.0.1:80", True, True),
    ]


def test_a_shorter_list_lets_back_in_whom_it_cannot_do_without(listing):
    found = listing(*"abcdef")
    balancer = Balancer(found, seed=1)
    for name in "abc":
        while not next(state.ejected for state in balancer.states if state.name == name):
            lease = balancer.pick()
            lease.end("failure" if lease.name == name else "success")
    found.set("a", "b", "c")
    assert balancer.pick().name in "abc"
    assert sum(state.ejected for state in balancer.states) == 1
    found.set("a")
    assert balancer.pick().name == "a"


def test_nobody_left_is_a_rejection_until_somebody_comes(listing, ask, scripted):
    found = listing(scripted("a"))
    balancer = Balancer(found)
    found.set()
    with pytest.raises(CallRejectedError, match="no replica"):
        asyncio.run(balancer.acall(ask))
    found.set(scripted("b"))
    assert asyncio.run(balancer.acall(ask)) == "b"


def test_of_equal_names_each_keeps_its_own_state(listing, scripted):
    first, second, third = (scripted("a") for _ in range(3))
    found, closed = listing(first, second), []
    balancer = Balancer(found, drained=closed.append, seed=1)
    while sum(state.failures for state in balancer.states) < 3:
        lease = balancer.pick()
        lease.end("failure" if lease.replica is second else "success")
    found.set(second, third)
    assert {id(balancer.pick().replica) for _ in range(20)} == {id(third)}
    assert closed == [first]
    assert [state.name for state in balancer.states] == ["a 2", "a 3"]


def test_a_retry_sees_the_new_list(listing, scripted, ask):
    good = scripted("good")

    def fail():
        found.set(good)
        return ConnectionError("gone")

    found = listing(scripted("bad", fail))
    assert asyncio.run(Balancer(found).acall(ask)) == "good"


def test_keys_keep_their_replica_when_others_come_and_go(listing):
    found = listing(*"abcdef")
    balancer = Balancer(found)

    def homes():
        result = {}
        for number in range(100):
            with balancer.pick(f"key {number}") as name:
                result[number] = name
        return result

    before = homes()
    found.set(*"abcde")
    after = homes()
    assert all(after[key] == home for key, home in before.items() if home != "f")
    found.set(*"abcdef")
    assert homes() == before
