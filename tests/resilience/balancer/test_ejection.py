"""Who is left out, and who comes back."""

import asyncio
import random
import threading

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from postopt.errors import OverloadedError, RateLimitError
from postopt.resilience.balancer import Balancer
from postopt.testing import ScriptedClock

NAMES = [f"r{number}" for number in range(6)]
LONGEST = 1.1
"""Ejections last up to a tenth longer than the rule says, by chance."""


@pytest.fixture
def clock():
    return ScriptedClock(1000.0)


def out(balancer):
    return {state.name for state in balancer.states if state.ejected}


def state(balancer, name):
    return next(state for state in balancer.states if state.name == name)


def leased(balancer, name):
    """Return a lease of this replica; those of others, picked on the way, end without an effect."""
    others = []
    for _ in range(1000):
        lease = balancer.pick()
        if lease.name == name:
            break
        others.append(lease)  # held: so this replica becomes the least loaded
    else:
        raise AssertionError(f"{name} is never picked")
    for other in others:
        other.end("cancelled")
    return lease


def fail(balancer, name, times=1, *, kind="failure", retry_after=None):
    for _ in range(times):
        leased(balancer, name).end(kind, retry_after=retry_after)


class TestGoingOut:
    def test_failures_in_a_row_eject(self, clock):
        balancer = Balancer(NAMES, clock=clock, seed=1)
        fail(balancer, "r0", 2)
        assert out(balancer) == set()
        fail(balancer, "r0")
        assert out(balancer) == {"r0"}
        assert all(balancer.pick().name != "r0" for _ in range(100))
        assert balancer.pick("key").name != "r0"

    def test_a_success_ends_the_row(self, clock):
        balancer = Balancer(NAMES, clock=clock, eject_share=1.0)
        for _ in range(10):
            fail(balancer, "r0", 2)
            leased(balancer, "r0").end()
        assert out(balancer) == set()

    def test_half_of_the_last_calls_eject_though_never_in_a_row(self, clock):
        balancer = Balancer(NAMES, clock=clock)
        for call in range(5):
            assert out(balancer) == set()
            leased(balancer, "r0").end("failure" if call % 2 == 0 else "success")
        assert out(balancer) == {"r0"}

    def test_old_calls_do_not_count(self, clock):
        """6 failures in 30 calls of which the last 20 have 5: no ejection, whatever came before."""
        balancer = Balancer(NAMES, clock=clock, eject_share=0.3)
        for call in range(60):
            leased(balancer, "r0").end("failure" if call % 4 == 3 else "success")
        assert out(balancer) == set()
        assert state(balancer, "r0").failures == 15

    def test_many_good_calls_outweigh_a_failure(self, clock):
        balancer = Balancer(NAMES, clock=clock, eject_share=0.1)
        for _ in range(100):
            leased(balancer, "r0").end()
        fail(balancer, "r0")
        assert out(balancer) == set()
        fail(balancer, "r0")
        assert out(balancer) == {"r0"}

    def test_slow_answers_count_as_failures(self, clock):
        balancer = Balancer(NAMES, clock=clock)
        fail(balancer, "r0", 3, kind="slow")
        assert out(balancer) == {"r0"}

    @pytest.mark.parametrize("kind", ["cancelled", "ignored", "rejected"])
    def test_what_says_nothing_about_a_replica_counts_neither_way(self, kind, clock):
        balancer = Balancer(NAMES, clock=clock)
        for _ in range(2):
            fail(balancer, "r0", 30, kind=kind)
            fail(balancer, "r0")
        assert out(balancer) == set()
        fail(balancer, "r0")
        assert out(balancer) == {"r0"}

    def test_a_replica_that_fails_fast_is_caught_within_a_few_calls(self, clock):
        """It looks idle and would attract calls; 60 % of its calls fail, in an order fixed by a seed."""
        needed = []
        for seed in range(50):
            rng = random.Random(seed)
            balancer = Balancer(NAMES, clock=clock, seed=seed)
            calls = 0
            while not out(balancer):
                calls += 1
                leased(balancer, "r0").end("failure" if rng.random() < 0.6 else "success")
            needed.append(calls)
        assert sorted(needed)[25] <= 5
        assert max(needed) <= 30

    def test_concurrent_failures_do_not_eject_twice(self, clock):
        balancer = Balancer(NAMES, clock=clock)
        leases = [leased(balancer, "r0") for _ in range(10)]
        for lease in leases:
            lease.end("failure")
        assert state(balancer, "r0").ejections == 1
        assert state(balancer, "r0").failures == 10


class TestHowMany:
    @pytest.mark.parametrize(("replicas", "share", "most"), [(1, 1.0, 0), (2, 0.5, 1), (3, 0.5, 1), (6, 0.5, 3),
                                                             (6, 1.0, 5), (6, 0.1, 0)])  # fmt: skip
    def test_no_more_than_the_share_and_one_always_stays(self, replicas, share, most, clock):
        names = NAMES[:replicas]
        balancer = Balancer(names, clock=clock, max_ejected_share=share)
        for _ in range(50):
            for _ in range(replicas):
                balancer.pick().end("failure")
            assert len(out(balancer)) <= most
        assert len(out(balancer)) == most

    def test_when_all_fail_all_are_used(self, clock):
        balancer = Balancer(NAMES, clock=clock, seed=1)
        for _ in range(300):
            balancer.pick().end("failure")
        assert len(out(balancer)) == 3
        assert {balancer.pick().name for _ in range(100)} == set(NAMES)

    def test_and_an_answer_brings_its_replica_back_at_once(self, clock):
        balancer = Balancer(NAMES, clock=clock, seed=1)
        for _ in range(300):
            balancer.pick().end("failure")
        for _ in range(60):
            balancer.pick().end()
        # Those that were not out are enough again; who had no answer in the meantime waits for its trial.
        assert len(out(balancer)) <= 3
        clock.advance(30 * LONGEST)
        for _ in range(60):
            balancer.pick().end()
        assert out(balancer) == set()

    def test_the_next_to_fail_goes_out_once_there_is_room(self, clock):
        balancer = Balancer(["a", "b"], clock=clock)
        fail(balancer, "a", 3)
        fail(balancer, "b", 3)
        assert out(balancer) == {"a"}
        clock.advance(30 * LONGEST)
        leased(balancer, "a").end()
        fail(balancer, "b")
        assert out(balancer) == {"b"}


class TestComingBack:
    def ejected(self, clock, **options):
        balancer = Balancer(NAMES, clock=clock, seed=1, **options)
        fail(balancer, "r0", 3)
        return balancer

    def test_not_before_its_time(self, clock):
        balancer = self.ejected(clock)
        clock.advance(29.9)
        assert all(balancer.pick().name != "r0" for _ in range(100))

    def test_by_one_trial(self, clock):
        balancer = self.ejected(clock)
        clock.advance(30 * LONGEST)
        trial = balancer.pick()
        assert trial.name == "r0"
        assert all(balancer.pick().name != "r0" for _ in range(100))
        trial.end()
        assert out(balancer) == set()
        leased(balancer, "r0")

    def test_a_trial_takes_a_call_of_any_key(self, clock):
        balancer = self.ejected(clock)
        clock.advance(30 * LONGEST)
        assert balancer.pick("key").name == "r0"

    def test_each_failed_trial_makes_it_longer_up_to_the_limit(self, clock):
        balancer = self.ejected(clock, max_eject_seconds=75.0)
        for seconds in (30, 60, 75, 75):
            clock.advance(seconds - 0.1)
            assert balancer.pick().name != "r0"
            clock.advance(0.1 + 0.1 * seconds)
            trial = balancer.pick()
            assert trial.name == "r0"
            trial.end("failure")
        assert state(balancer, "r0").ejections == 5

    @pytest.mark.parametrize("kind", ["cancelled", "ignored", "rejected"])
    def test_a_trial_that_says_nothing_is_followed_by_another(self, kind, clock):
        balancer = self.ejected(clock)
        clock.advance(30 * LONGEST)
        balancer.pick().end(kind)
        assert out(balancer) == {"r0"}
        assert balancer.pick().name == "r0"

    def test_the_slate_is_clean_afterwards(self, clock):
        balancer = self.ejected(clock)
        clock.advance(30 * LONGEST)
        balancer.pick().end()
        fail(balancer, "r0", 2)
        assert out(balancer) == set()
        fail(balancer, "r0")
        assert out(balancer) == {"r0"}

    def test_one_that_relapses_stays_out_longer(self, clock):
        balancer = self.ejected(clock)
        clock.advance(30 * LONGEST)
        balancer.pick().end()
        fail(balancer, "r0", 3)
        assert state(balancer, "r0").ejections == 2

    def test_one_that_held_for_long_begins_anew(self, clock):
        balancer = self.ejected(clock)
        clock.advance(30 * LONGEST)
        balancer.pick().end()
        clock.advance(30 * LONGEST)
        fail(balancer, "r0", 3)
        assert state(balancer, "r0").ejections == 1

    @pytest.mark.parametrize(("asked", "stays"), [(100.0, 100.0), (1.0, 30.0), (1e12, 300.0), (float("nan"), 30.0),
                                                  (float("inf"), 30.0), (-5.0, 30.0), ("soon", 30.0)])  # fmt: skip
    def test_what_the_provider_asked_for_only_lengthens(self, asked, stays, clock):
        balancer = Balancer(NAMES, clock=clock)
        fail(balancer, "r0", 3, retry_after=asked)
        clock.advance(stays - 0.1)
        assert balancer.pick().name != "r0"
        clock.advance(0.1 + stays * 0.1)
        assert balancer.pick().name == "r0"

    def test_replicas_that_went_together_do_not_come_back_together(self, clock):
        balancer = Balancer(NAMES, clock=clock, seed=1)
        for name in NAMES[:3]:
            fail(balancer, name, 3)
        until = {member.health.out_until for member in balancer._pool.members()} - {None}
        assert len(until) == 3

    def test_retries_are_no_trials(self, clock, ask, scripted):
        """A call that has failed once is not spent on finding out whether somebody is well again."""
        replicas = [scripted("a", OverloadedError("down")), scripted("b"), scripted("c")]
        balancer = Balancer(replicas, clock=clock, seed=1)

        async def calls():
            while not out(balancer):
                await balancer.acall(ask)
            clock.advance(30 * LONGEST)
            before = replicas[0].calls
            for _ in range(20):
                assert await balancer.acall(ask) in "bc"
            assert replicas[0].calls == before + 1

        asyncio.run(calls())


class TestStaleResults:
    def test_a_success_sent_before_the_ejection_does_not_end_it(self, clock):
        balancer = Balancer(NAMES, clock=clock, seed=1)
        early = leased(balancer, "r0")
        fail(balancer, "r0", 3)
        early.end()
        assert out(balancer) == {"r0"}

    def test_a_failure_sent_before_it_does_not_count_against_who_is_back(self, clock):
        balancer = Balancer(NAMES, clock=clock, seed=1)
        early = [leased(balancer, "r0") for _ in range(5)]
        fail(balancer, "r0", 3)
        clock.advance(30 * LONGEST)
        balancer.pick().end()
        for lease in early:
            lease.end("failure")
        assert out(balancer) == set()
        assert state(balancer, "r0").failures == 8

    def test_nor_does_it_end_a_trial(self, clock):
        balancer = Balancer(NAMES, clock=clock, seed=1)
        early = leased(balancer, "r0")
        fail(balancer, "r0", 3)
        clock.advance(30 * LONGEST)
        trial = balancer.pick()
        early.end("failure")
        assert balancer.pick().name != "r0"
        trial.end()
        assert out(balancer) == set()


class TestOneTrial:
    def test_of_fifty_tasks(self, clock, scripted, ask, settle):
        async def main():
            held = asyncio.get_running_loop().create_future()
            replicas = [scripted("a"), scripted("b")]
            balancer = Balancer(replicas, clock=clock, seed=1)
            fail(balancer, "a", 3)
            clock.advance(30 * LONGEST)
            replicas[0].behave = replicas[1].behave = held
            tasks = [asyncio.ensure_future(balancer.acall(ask)) for _ in range(50)]
            await settle()
            assert (replicas[0].calls, replicas[1].calls) == (1, 49)
            held.set_result(None)
            await asyncio.gather(*tasks)

        asyncio.run(main())

    def test_of_eight_threads(self, clock):
        balancer = Balancer(["a", "b"], clock=clock, seed=1)
        fail(balancer, "a", 3)
        clock.advance(30 * LONGEST)
        barrier = threading.Barrier(8)
        names = []

        def pick():
            barrier.wait()
            names.append(balancer.pick().name)

        threads = [threading.Thread(target=pick) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(names) == ["a"] + ["b"] * 7


class Fleet(RuleBasedStateMachine):
    """Calls begin and end in any order, time passes, replicas come and go: what must always hold does."""

    def __init__(self):
        super().__init__()
        self.clock = ScriptedClock()
        self.listing = type("Listing", (), {"replicas": tuple("abcd")})()
        self.done = []
        self.balancer = Balancer(self.listing, clock=self.clock, drained=self.done.append, seed=1)
        self.leases = []
        self.listed_at_pick = {}

    @rule(key=st.none() | st.sampled_from(["x", "y", b"z"]))
    @precondition(lambda self: self.listing.replicas)
    def pick(self, key):
        lease = self.balancer.pick(key)
        assert lease.name in self.listing.replicas
        self.leases.append(lease)

    @rule(data=st.data(), kind=st.sampled_from(["success", "failure", "failure", "slow", "cancelled", "rejected"]))
    @precondition(lambda self: self.leases)
    def end(self, data, kind):
        lease = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        lease.end(kind)
        lease.end("failure")  # a second end changes nothing

    @rule(seconds=st.sampled_from([1.0, 40.0, 400.0]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule(names=st.sets(st.sampled_from("abcdef")))
    def relist(self, names):
        self.listing.replicas = tuple(sorted(names))

    @invariant()
    def loads_are_exact(self):
        assert sum(state.outstanding for state in self.balancer.states) == len(self.leases)
        for state in self.balancer.states:
            assert state.outstanding == sum(lease.name == state.name for lease in self.leases)

    @invariant()
    def at_most_half_are_out(self):
        present = [state for state in self.balancer.states if not state.draining]
        assert sum(state.ejected for state in present) <= len(present) // 2

    @invariant()
    def drained_ones_have_no_calls(self):
        draining = [state for state in self.balancer.states if state.draining]
        assert all(state.outstanding for state in draining)

    @invariant()
    def at_most_one_trial_each(self):
        for member in self.balancer._pool.members():
            trials = [lease for lease in self.leases if lease._member is member and lease._ticket < 0]
            current = [lease for lease in trials if -lease._ticket == member.health.epoch]
            assert len(current) <= 1
            assert member.removed or member.health.on_trial == bool(current)


TestFleet = Fleet.TestCase
TestFleet.settings = settings(max_examples=30, stateful_step_count=50)


def test_a_provider_that_throttles_is_left_alone_as_long_as_it_asks(clock, scripted, ask):
    replicas = [scripted("a", RateLimitError("slow down", retry_after=120.0)), scripted("b")]
    balancer = Balancer(replicas, clock=clock, seed=1)

    async def calls(count):
        return {await balancer.acall(ask) for _ in range(count)}

    assert asyncio.run(calls(20)) == {"b"}
    sent = replicas[0].calls
    clock.advance(119.0)
    assert asyncio.run(calls(20)) == {"b"}
    assert replicas[0].calls == sent == 3
