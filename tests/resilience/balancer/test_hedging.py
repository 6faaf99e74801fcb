"""Calls that are sent a second time, in virtual time."""

import asyncio

import pytest

from postopt.errors import CircuitOpenError, ContextLengthError, OverloadedError, RefusedError
from postopt.resilience.balancer import Balancer
from postopt.resilience.balancing.hedging import MOST_TOKENS, SKETCH_CALLS, Hedging
from postopt.testing.loop import run_scripted


class Replica:
    """Answers after its `seconds`, or raises `error` then."""

    def __init__(self, name, seconds=1.0, error=None):
        self.name = name
        self.seconds = seconds
        self.error = error
        self.calls = 0
        self.running = 0
        self.cancelled = 0

    async def __call__(self, pause):
        self.calls += 1
        self.running += 1
        try:
            await pause(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        return self.name


@pytest.fixture
def fleet(pause):
    """Return a function that runs `script(balancer, call, replicas)` once enough latencies of 1 second are known."""

    def run(script, *, replicas=2, calls=100, **options):
        async def main():
            members = [Replica(f"r{number}") for number in range(replicas)]
            clock = asyncio.get_running_loop().time
            balancer = Balancer(members, hedge=0.05, clock=clock, seed=1, **options)

            async def call(replica):
                return await replica(pause)

            for _ in range(calls):
                await balancer.acall(call)
            assert balancer.hedges == 0
            for member in members:
                member.calls = 0
            result = await script(balancer, call, members)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert not any(member.running for member in members)
            assert not any(state.outstanding for state in balancer.states)
            return result

        return run_scripted(main())

    return run


async def elapsed(call):
    loop = asyncio.get_running_loop()
    began = loop.time()
    return await call, loop.time() - began


class TestHedge:
    def test_a_call_that_takes_long_is_answered_by_another_replica(self, fleet):
        async def script(balancer, call, replicas):
            slow, other = replicas
            slow.seconds = 50.0
            attempts = []
            while not slow.calls:
                answer, seconds = await elapsed(balancer.acall(call, attempts=attempts))
            assert answer == other.name
            assert seconds == pytest.approx(2.0, rel=0.02)  # the 95th percentile, 1 s, and the hedge's own second
            assert slow.cancelled == 1
            assert balancer.hedges == 1
            assert [(attempt.replica, attempt.outcome.kind) for attempt in attempts] == [(slow.name, "cancelled")]
            assert not any(state.failures or state.ejected for state in balancer.states)

        fleet(script)

    def test_the_first_answer_counts_whoever_gives_it(self, fleet):
        async def script(balancer, call, replicas):
            first, second = replicas
            first.seconds, second.seconds = 1.5, 1.5
            answer, seconds = await elapsed(balancer.acall(call))
            asked = {replica.name for replica in replicas if replica.calls}
            assert asked == {"r0", "r1"}
            assert seconds == pytest.approx(1.5)
            assert sum(replica.cancelled for replica in replicas) == 1
            assert next(replica for replica in replicas if not replica.cancelled).name == answer

        fleet(script)

    def test_a_quick_call_is_not_hedged(self, fleet):
        async def script(balancer, call, replicas):
            for _ in range(100):
                await balancer.acall(call)
            assert balancer.hedges == 0

        fleet(script)

    def test_a_key_is_hedged_on_the_next_of_its_ranking(self, fleet):
        async def script(balancer, call, replicas):
            home = await balancer.acall(call, "k")
            next(replica for replica in replicas if replica.name == home).seconds = 50.0
            first = await balancer.acall(call, "k")
            assert first != home
            assert {await balancer.acall(call, "k") for _ in range(2)} == {first}

        fleet(script, replicas=6)

    def test_nothing_is_hedged_before_twenty_latencies_are_known(self, fleet):
        async def script(balancer, call, replicas):
            replicas[0].seconds = replicas[1].seconds = 50.0
            await balancer.acall(call)
            assert balancer.hedges == 0

        fleet(script, calls=19)

    def test_one_replica_cannot_be_hedged_and_keeps_the_budget(self, fleet):
        async def script(balancer, call, replicas):
            replicas[0].seconds = 50.0
            _, seconds = await elapsed(balancer.acall(call))
            assert seconds == 50.0
            assert balancer.hedges == 0

        fleet(script, replicas=1)

    def test_of_all_sends_no_more_than_the_share_are_hedges(self, fleet):
        async def script(balancer, call, replicas):
            calls = 100
            for number in range(400):
                for replica in replicas:
                    replica.seconds = 1.0 + number % 10
                await balancer.acall(call)
                calls += 1
                assert balancer.hedges <= 0.05 * calls
            assert balancer.hedges >= 10

        fleet(script)


class TestErrors:
    def test_a_hedge_that_fails_leaves_the_first_send_running(self, fleet):
        async def script(balancer, call, replicas):
            async def send(replica):
                if replica.calls == 0 and any(other.running for other in replicas):
                    replica.calls += 1
                    raise OverloadedError("the hedge failed")
                replica.seconds = 5.0
                return await call(replica)

            answer, seconds = await elapsed(balancer.acall(send))
            assert seconds == pytest.approx(5.0)
            assert balancer.hedges == 1
            assert answer in ("r0", "r1")

        fleet(script)

    def test_if_both_fail_the_last_failure_is_raised(self, fleet):
        async def script(balancer, call, replicas):
            for replica in replicas:
                replica.error, replica.seconds = OverloadedError(replica.name), 3.0
            attempts = []
            with pytest.raises(OverloadedError) as raised:
                await balancer.acall(call, attempts=attempts)
            assert str(raised.value) == attempts[-1].replica
            assert len(attempts) == 2

        fleet(script)

    def test_a_failure_is_retried_elsewhere(self, fleet):
        async def script(balancer, call, replicas):
            bad = replicas[0]
            bad.error, bad.seconds = OverloadedError("down"), 0.1
            assert {await balancer.acall(call) for _ in range(30)} <= {"r1", "r2"}
            assert bad.calls == 3

        fleet(script, replicas=3)

    def test_a_rejection_moves_on(self, fleet):
        async def script(balancer, call, replicas):
            for replica in replicas[:4]:
                replica.error, replica.seconds = CircuitOpenError("open"), 0.0
            assert {await balancer.acall(call) for _ in range(30)} <= {"r4", "r5"}
            replicas[4].error = replicas[5].error = CircuitOpenError("open")
            with pytest.raises(CircuitOpenError):
                await balancer.acall(call)

        fleet(script, replicas=6)

    def test_a_refusal_ends_the_call_and_its_other_send(self, fleet):
        async def script(balancer, call, replicas):
            async def send(replica):
                if any(other.running for other in replicas):
                    raise RefusedError("no")
                replica.seconds = 50.0
                return await call(replica)

            with pytest.raises(RefusedError):
                await balancer.acall(send)
            assert sum(replica.cancelled for replica in replicas) == 1

        fleet(script)

    def test_a_send_that_cancels_itself_ends_the_call(self, fleet):
        async def script(balancer, call, replicas):
            async def send(replica):
                raise asyncio.CancelledError

            with pytest.raises(asyncio.CancelledError):
                await balancer.acall(send)
            assert not any(state.failures for state in balancer.states)

        fleet(script)

    def test_an_answer_counts_though_the_other_send_fails_at_the_same_moment(self, fleet):
        async def script(balancer, call, replicas):
            both = asyncio.get_running_loop().create_future()

            async def send(replica):
                fails = any(other.running for other in replicas)
                replica.running += 1
                try:
                    await both
                finally:
                    replica.running -= 1
                if not fails:
                    raise OverloadedError("first")
                return replica.name

            asyncio.get_running_loop().call_later(3.0, both.set_result, None)
            assert await balancer.acall(send) in ("r0", "r1")
            assert balancer.hedges == 1

        fleet(script)

    @pytest.mark.parametrize("error", [RefusedError("no", cost_usd=0.2), ContextLengthError("too long", cost_usd=0.2)])
    def test_what_a_call_that_was_called_off_may_cost_is_noted_when_the_other_one_ends_it(self, error, fleet):
        async def script(balancer, call, replicas):
            async def send(replica):
                if any(other.running for other in replicas):
                    await call(replica)
                    raise error
                replica.seconds = 50.0
                return await call(replica)

            attempts = []
            with pytest.raises(type(error)) as raised:
                await balancer.acall(send, attempts=attempts)
            assert [(attempt.outcome.kind, attempt.outcome.cost_usd) for attempt in attempts] == [
                ("ignored", 0.2), ("cancelled", 0.0),
            ]  # fmt: skip
            assert attempts[1].outcome.seconds == pytest.approx(2.0, rel=0.02)
            assert attempts[0].outcome.seconds == pytest.approx(1.0, rel=0.02)
            assert raised.value.cost_usd == 0.2

        fleet(script)

    @pytest.mark.parametrize("first_is_refused", [True, False])
    def test_a_refusal_counts_though_an_answer_comes_at_the_same_moment(self, first_is_refused, fleet, answer):
        async def script(balancer, call, replicas):
            both = asyncio.get_running_loop().create_future()

            async def send(replica):
                first = not any(other.running for other in replicas)
                replica.running += 1
                try:
                    await both
                finally:
                    replica.running -= 1
                if first is first_is_refused:
                    raise RefusedError("no", cost_usd=0.25)
                return answer(cost_usd=0.5, output_tokens=7)

            asyncio.get_running_loop().call_later(3.0, both.set_result, None)
            attempts = []
            with pytest.raises(RefusedError) as raised:
                await balancer.acall(send, attempts=attempts)
            assert {attempt.outcome.kind: attempt.outcome.cost_usd for attempt in attempts} == {
                "ignored": 0.25, "slow": 0.5,
            }  # fmt: skip
            assert attempts[0].outcome.tokens == 7
            assert raised.value.cost_usd == 0.75

        fleet(script)

    def test_of_two_answers_at_the_same_moment_the_other_one_is_noted_with_its_cost(self, fleet, answer):
        async def script(balancer, call, replicas):
            both = asyncio.get_running_loop().create_future()

            async def send(replica):
                first = not any(other.calls for other in replicas)
                replica.calls += 1
                await both
                return answer(cost_usd=1.0 if first else 0.5)

            asyncio.get_running_loop().call_later(3.0, both.set_result, None)
            attempts = []
            assert (await balancer.acall(send, attempts=attempts)).trace.cost_usd == 1.0
            assert [(attempt.outcome.kind, attempt.outcome.cost_usd) for attempt in attempts] == [("slow", 0.5)]

        fleet(script)

    def test_two_that_fail_at_the_same_moment_are_not_asked_again(self, fleet):
        async def script(balancer, call, replicas):
            both = asyncio.get_running_loop().create_future()

            async def send(replica):
                replica.calls += 1
                if sum(other.calls for other in replicas) > 2:
                    return replica.name
                await both
                raise OverloadedError("down")

            asyncio.get_running_loop().call_later(3.0, both.set_result, None)
            assert await balancer.acall(send)
            assert sorted(replica.calls for replica in replicas) == [0] * 3 + [1] * 3

        fleet(script, replicas=6)

    def test_a_retry_that_has_not_begun_ends_with_the_call(self, fleet):
        """The first send fails and the hedge is refused at the same moment: nobody else is asked."""

        async def script(balancer, call, replicas):
            both = asyncio.get_running_loop().create_future()

            async def send(replica):
                hedge = any(other.running for other in replicas)
                replica.running += 1
                replica.calls += 1
                try:
                    await both
                finally:
                    replica.running -= 1
                raise RefusedError("no") if hedge else OverloadedError("down")

            asyncio.get_running_loop().call_later(3.0, both.set_result, None)
            with pytest.raises(RefusedError):
                await balancer.acall(send)
            assert sorted(replica.calls for replica in replicas) == [0, 1, 1]

        fleet(script, replicas=3)

    def test_no_replica_is_said_as_without_hedging(self, listing):
        from postopt.errors import CallRejectedError

        with pytest.raises(CallRejectedError, match="no replica"):
            run_scripted(Balancer(listing(), hedge=0.05).acall(lambda replica: replica()))


class TestCancelling:
    @pytest.mark.parametrize("after", [0.0, 0.5, 1.5, 2.5])
    def test_the_caller_takes_all_its_sends_along(self, after, fleet, pause):
        async def script(balancer, call, replicas):
            for replica in replicas:
                replica.seconds = 50.0
            task = asyncio.ensure_future(balancer.acall(call))
            if after:
                await pause(after)
            else:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            started = sum(replica.calls for replica in replicas)
            assert started == (1 if after < 1 else 2)
            assert sum(replica.cancelled for replica in replicas) == started
            assert not any(state.failures for state in balancer.states)

        fleet(script)

    def test_twice_frees_the_slots_all_the_same(self, fleet, pause):
        """The second cancellation does not wait for a send that cleans up slowly; that one still ends its lease."""

        async def script(balancer, call, replicas):
            async def send(replica):
                try:
                    await pause(50.0)
                except asyncio.CancelledError:
                    await pause(5.0)
                    raise

            task = asyncio.ensure_future(balancer.acall(send))
            await pause(0.5)
            task.cancel()
            await pause(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await pause(10.0)

        fleet(script)

    def test_a_loser_that_ignores_its_cancellation_is_waited_for(self, fleet, pause):
        async def script(balancer, call, replicas):
            async def send(replica):
                if any(other.running for other in replicas):
                    return "hedge"
                replica.running += 1
                try:
                    await pause(50.0)
                except asyncio.CancelledError:
                    await pause(1.0)
                finally:
                    replica.running -= 1
                return "too late"

            assert await balancer.acall(send) == "hedge"

        fleet(script)


class TestBudget:
    def test_it_starts_empty_and_saves_up_to_a_limit(self):
        hedging = Hedging(0.5)
        assert not hedging.take_hedge()
        for _ in range(1000):
            hedging.take_send()
        taken = 0
        while hedging.take_hedge():
            taken += 1
        assert taken == MOST_TOKENS

    def test_the_delay_follows_recent_latencies(self):
        hedging = Hedging(0.05)
        for _ in range(19):
            hedging.take_latency(1.0)
        assert hedging.delay is None
        hedging.take_latency(1.0)
        assert hedging.delay == pytest.approx(1.0, rel=0.02)
        for _ in range(2 * SKETCH_CALLS):
            hedging.take_latency(5.0)
        assert hedging.delay == pytest.approx(5.0, rel=0.02)
        for _ in range(2 * SKETCH_CALLS):
            hedging.take_latency(0.0)
        assert hedging.delay == 0.0

    def test_it_is_the_95th_percentile(self):
        hedging = Hedging(0.05)
        for number in range(SKETCH_CALLS):
            hedging.take_latency(float(number * 7919 % SKETCH_CALLS))
        assert hedging.delay == pytest.approx(0.95 * SKETCH_CALLS, rel=0.03)

    def test_a_clock_that_goes_back_gives_no_negative_delay(self):
        hedging = Hedging(0.05)
        for _ in range(20):
            hedging.take_latency(-3600.0)
        assert hedging.delay == 0.0
