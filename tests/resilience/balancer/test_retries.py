"""Who is asked after an error, and what the caller gets to know."""

import asyncio
import contextlib
import gc
import weakref

import pytest

from postopt.errors import (
    CallRejectedError,
    CircuitOpenError,
    DeadlineExceededError,
    OverloadedError,
    ProviderTimeoutError,
    RefusedError,
    UnreachableError,
)
from postopt.resilience.balancer import Balancer
from postopt.resilience.deadline import within
from postopt.testing import ScriptedClock


def run(balancer, ask, **arguments):
    return asyncio.run(balancer.acall(ask, **arguments))


def names(attempts):
    return [attempt.replica for attempt in attempts]


class TestElsewhere:
    def test_a_failure_is_tried_on_another_replica(self, scripted, ask):
        bad, good = scripted("bad", OverloadedError("down")), scripted("good")
        balancer = Balancer([bad, good], seed=1)
        assert {run(balancer, ask) for _ in range(20)} == {"good"}
        assert bad.calls == 3  # then it is ejected

    def test_once_unless_told_otherwise(self, scripted, ask):
        replicas = [scripted(name, OverloadedError(name)) for name in "abcd"]
        for retries in (0, 1, 2, 3, 9):
            attempts = []
            with pytest.raises(OverloadedError) as raised:
                run(Balancer(replicas, retry_elsewhere=retries, seed=retries), ask, attempts=attempts)
            assert len(attempts) == min(retries + 1, 4)
            assert len(set(names(attempts))) == len(attempts)
            assert str(raised.value) == names(attempts)[-1]

    def test_one_replica_fails_as_it_does(self, scripted, ask):
        only = scripted("only", UnreachableError("gone"))
        balancer = Balancer([only])
        for call in range(1, 11):
            with pytest.raises(UnreachableError, match="gone"):
                run(balancer, ask)
            assert only.calls == call  # never ejected, never asked twice

    def test_a_key_moves_to_the_next_of_its_ranking_and_back(self, scripted, ask):
        clock = ScriptedClock()
        replicas = [scripted(name) for name in "abcdef"]
        balancer = Balancer(replicas, clock=clock, seed=1)
        home = run(balancer, ask, key="k")
        broken = next(replica for replica in replicas if replica.name == home)
        broken.behave = OverloadedError("down")
        second = {run(balancer, ask, key="k") for _ in range(10)}
        assert len(second) == 1
        assert broken.calls == 1 + 3
        broken.behave = None
        clock.advance(40.0)
        assert [run(balancer, ask, key="k") for _ in range(3)] == [home] * 3

    def test_somebody_left_out_is_asked_before_nobody(self, scripted, ask):
        a, b = scripted("a", OverloadedError("down")), scripted("b")
        balancer = Balancer([a, b], seed=1)
        for _ in range(20):
            run(balancer, ask)
        a.behave, b.behave = None, OverloadedError("down")
        assert run(balancer, ask) == "a"

    @pytest.mark.parametrize("error", [TypeError("a bug"), ConnectionResetError(), TimeoutError()])
    def test_errors_of_other_libraries_are_failures(self, error, scripted, ask):
        balancer = Balancer([scripted("bad", error), scripted("good")], seed=1)
        assert {run(balancer, ask) for _ in range(10)} == {"good"}

    def test_a_call_that_raises_before_it_awaits_is_one_that_fails(self):
        def call(replica):
            if replica == "bad":
                raise OverloadedError("at once")
            return asyncio.sleep(0, replica)

        balancer = Balancer(["bad", "good"], seed=1)
        assert {run(balancer, call) for _ in range(10)} == {"good"}
        assert all(state.outstanding == 0 for state in balancer.states)


class TestNeverElsewhere:
    @pytest.mark.parametrize("error", [RefusedError("no"), DeadlineExceededError("late")])
    def test_what_is_not_the_providers_fault(self, error, scripted, ask):
        replicas = [scripted(name, error) for name in "abc"]
        balancer = Balancer(replicas, seed=1)
        for call in range(1, 11):
            with pytest.raises(type(error)):
                run(balancer, ask)
            assert sum(replica.calls for replica in replicas) == call
        assert not any(state.ejected or state.failures for state in balancer.states)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit(), asyncio.CancelledError()])
    def test_what_is_no_exception(self, error, scripted):
        replicas = [scripted(name, error) for name in "abc"]
        balancer = Balancer(replicas, seed=1)
        call = balancer.acall(lambda replica: replica())
        with pytest.raises(type(error)):
            call.send(None)
        assert sum(replica.calls for replica in replicas) == 1
        assert not any(state.outstanding or state.failures for state in balancer.states)

    def test_after_the_deadline(self, scripted, ask):
        clock = ScriptedClock()

        def late():
            clock.advance(2.0)
            return OverloadedError("late")

        replicas = [scripted(name, late) for name in "ab"]

        async def main():
            with within(1.0, clock=clock):
                await Balancer(replicas).acall(ask)

        with pytest.raises(OverloadedError):
            asyncio.run(main())
        assert sum(replica.calls for replica in replicas) == 1

    def test_an_error_that_is_false_is_an_error(self):
        class EmptyError(Exception):
            def __len__(self):
                return 0

        async def call(replica):
            raise EmptyError

        with pytest.raises(EmptyError):
            run(Balancer(["a", "b"]), call)


class TestRejections:
    def test_an_open_circuit_passes_the_call_on_without_counting_as_a_send(self, scripted, ask):
        shut = [scripted(name, CircuitOpenError("open", retry_after=5.0)) for name in "abcde"]
        balancer = Balancer([*shut, scripted("good")], retry_elsewhere=0, seed=1)
        assert {run(balancer, ask) for _ in range(20)} == {"good"}
        assert [state.calls for state in balancer.states] == [0, 0, 0, 0, 0, 20]
        assert not any(state.ejected for state in balancer.states)

    def test_it_leaves_the_retry_for_a_failure(self, scripted, ask):
        for seed in range(10):
            shut, bad = scripted("shut", CircuitOpenError("open")), scripted("bad", OverloadedError("down"))
            assert run(Balancer([shut, bad, scripted("good")], seed=seed), ask) == "good"

    def test_if_all_are_shut_the_last_says_so(self, scripted, ask):
        balancer = Balancer([scripted(name, CircuitOpenError(name, retry_after=5.0)) for name in "abc"], seed=1)
        attempts = []
        with pytest.raises(CircuitOpenError) as raised:
            run(balancer, ask, attempts=attempts)
        assert len(attempts) == 3
        assert str(raised.value) == attempts[-1].replica
        assert {attempt.outcome.kind for attempt in attempts} == {"rejected"}

    def test_a_failure_says_more_than_a_rejection_after_it(self, scripted, ask):
        for seed in range(10):
            bad, shut = scripted("bad", OverloadedError("down")), scripted("shut", CircuitOpenError("open"))
            with pytest.raises(OverloadedError):
                run(Balancer([bad, shut], seed=seed), ask)


class TestWhatTheCallerLearns:
    def test_nothing_is_noted_if_the_first_answers(self, scripted, ask):
        attempts = []
        assert run(Balancer([scripted("a"), scripted("b")]), ask, attempts=attempts) in "ab"
        assert attempts == []

    def test_each_attempt_that_gave_no_answer_in_order(self, scripted, ask):
        error = OverloadedError("down", cost_usd=0.25)
        replicas = [scripted("bad", error), scripted("good")]
        attempts = []
        balancer = Balancer(replicas, seed=1)
        while not attempts:
            assert run(balancer, ask, attempts=attempts) == "good"
        (attempt,) = attempts
        assert attempt.replica == "bad"
        assert (attempt.outcome.kind, attempt.outcome.cause, attempt.outcome.cost_usd) == ("failure", error, 0.25)

    def test_each_attempt_says_how_long_it_took_and_how_far_it_came(self, scripted, ask):
        clock = ScriptedClock()

        def fails():
            clock.advance(2.0)
            return ProviderTimeoutError("late", phase="first_token")

        def is_shut():
            clock.advance(0.5)
            return CircuitOpenError("open")

        shut = [scripted(name, is_shut) for name in "ab"]
        failing = [scripted(name, fails) for name in "cd"]
        attempts = []
        with pytest.raises(ProviderTimeoutError):
            run(Balancer([*failing, *shut], clock=clock, seed=1), ask, attempts=attempts)
        outcomes = {attempt.replica: attempt.outcome for attempt in attempts}
        assert {(outcome.phase, outcome.seconds) for outcome in outcomes.values()} == {
            ("first_token", 2.0), ("queue", 0.5),
        }  # fmt: skip

    def test_the_last_error_carries_what_all_attempts_cost(self, scripted, ask):
        replicas = [scripted(name, lambda: OverloadedError("down", cost_usd=0.25)) for name in "abc"]
        with pytest.raises(OverloadedError) as raised:
            run(Balancer(replicas, retry_elsewhere=2), ask)
        assert raised.value.cost_usd == 0.75

    def test_a_refusal_carries_what_the_failure_before_it_cost(self, scripted, ask):
        errors = iter([OverloadedError("down", cost_usd=0.25), RefusedError("no", cost_usd=0.5)])
        replicas = [scripted(name, lambda: next(errors)) for name in "ab"]
        with pytest.raises(RefusedError) as raised:
            run(Balancer(replicas), ask)
        assert raised.value.cost_usd == 0.75

    def test_failed_calls_leave_no_circle_behind(self):
        """What a traceback holds, such as a prompt, goes with the error and does not wait for the collector."""

        class Prompt:
            pass

        balancer = Balancer(["a", "b"])

        async def main():
            prompt = Prompt()
            gone = weakref.ref(prompt)

            async def call(replica, prompt=prompt):
                raise OverloadedError("down")

            with contextlib.suppress(OverloadedError):
                await balancer.acall(call)
            del prompt, call
            return gone

        gc.disable()
        try:
            assert asyncio.run(main())() is None
        finally:
            gc.enable()


class TestLeases:
    def test_a_block_is_the_call(self, scripted):
        balancer = Balancer([scripted("a")])
        with balancer.pick() as replica:
            assert replica.name == "a"
            assert balancer.states[0].outstanding == 1
        assert balancer.states[0].outstanding == 0

    @pytest.mark.parametrize(
        ("error", "failures"),
        [(OverloadedError("x"), 1), (RefusedError("x"), 0), (KeyboardInterrupt(), 0), (CallRejectedError("x"), 0)],
    )
    def test_its_error_counts_as_it_is_classified_and_passes(self, error, failures, scripted):
        balancer = Balancer([scripted("a")])
        with pytest.raises(type(error)), balancer.pick():
            raise error
        assert balancer.states[0].failures == failures
        assert balancer.states[0].outstanding == 0

    def test_only_the_first_end_counts(self, scripted):
        balancer = Balancer([scripted("a")])
        lease = balancer.pick()
        lease.end("cancelled")
        lease.end("failure")
        assert balancer.states[0].failures == balancer.states[0].outstanding == 0
