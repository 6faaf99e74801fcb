"""A call that could only wait for its own end raises; any other waits."""

import asyncio
import contextvars
import gc
import threading
import weakref

import pytest

from postopt.caching.flights.caller import current
from postopt.caching.flights.flight import Flight
from postopt.caching.flights.outcome import Outcome
from postopt.errors import ReentrantError


class TestARunThatCallsItself:
    def test_directly(self, coalescer):
        flights = coalescer()

        async def again():
            return await flights.run("key", again)

        def again_here():
            return flights.run_sync("key", again_here)

        with pytest.raises(ReentrantError, match="wait for itself"):
            asyncio.run(flights.run("key", again))
        with pytest.raises(ReentrantError, match="wait for itself"):
            flights.run_sync("key", again_here)
        assert flights.runs == flights.failed == 2

    def test_it_may_catch_that(self, coalescer):
        flights = coalescer()

        async def careful():
            with pytest.raises(ReentrantError):
                await flights.run("key", careful)
            return "value"

        assert asyncio.run(flights.run("key", careful)) == "value"

    @pytest.mark.parametrize("same", [True, False], ids=["one coalescer", "one each"])
    @pytest.mark.parametrize("depth", [2, 3, 10])
    def test_through_other_keys(self, coalescer, depth, same):
        one = coalescer()
        flights = [one if same else coalescer() for _ in range(depth)]

        def compute(number):
            async def deeper():
                following = (number + 1) % depth
                return await flights[following].run(following, compute(following))

            return deeper

        def compute_here(number):
            following = (number + 1) % depth
            return lambda: flights[following].run_sync(following, compute_here(following))

        with pytest.raises(ReentrantError):
            asyncio.run(flights[0].run(0, compute(0)))
        with pytest.raises(ReentrantError):
            flights[0].run_sync(0, compute_here(0))

    @pytest.mark.parametrize("way", ["task", "gather", "group", "thread", "nested loop"])
    def test_in_what_it_starts(self, coalescer, way):
        flights = coalescer()

        async def again():
            call = flights.run("key", again)
            if way == "task":
                return await asyncio.create_task(call)
            if way == "gather":
                return await asyncio.gather(call)
            if way == "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(call)
                return None
            if way == "thread":
                call.close()
                return await asyncio.to_thread(flights.run_sync, "key", dict)
            return await asyncio.to_thread(asyncio.run, call)

        with pytest.raises((ReentrantError, ExceptionGroup)) as caught:
            asyncio.run(flights.run("key", again))
        assert isinstance(caught.value, ReentrantError) or caught.group_contains(ReentrantError)

    def test_in_a_loop_of_its_thread_and_after_another_run_there(self, coalescer):
        flights = coalescer()

        async def again():
            raise AssertionError

        def first_another():
            flights.run_sync("another", dict)
            return asyncio.run(flights.run("key", again))

        with pytest.raises(ReentrantError):
            flights.run_sync("key", first_another)

    def test_from_a_thread_that_knows_nothing_of_it(self, coalescer):
        """The call blocks the very thread that it waits for."""
        flights = coalescer()

        def again():
            return contextvars.Context().run(flights.run_sync, "key", again)

        with pytest.raises(ReentrantError):
            flights.run_sync("key", again)


class TestCallersInACircle:
    def test_two_tasks_that_cross(self, coalescer, settle):
        flights, met = coalescer(), {key: asyncio.Event() for key in "ab"}

        def compute(mine, other):
            async def crossing():
                met[mine].set()
                await met[other].wait()
                return await flights.run(other, compute(other, mine))

            return crossing

        async def main():
            tasks = [
                asyncio.create_task(flights.run(*call)) for call in [("a", compute("a", "b")), ("b", compute("b", "a"))]
            ]
            return await asyncio.gather(*tasks, return_exceptions=True)

        outcomes = asyncio.run(main())
        assert [type(outcome) for outcome in outcomes] == [ReentrantError] * 2
        assert flights.failed == 2

    def test_two_threads_that_cross(self, coalescer, thread):
        flights, barrier = coalescer(), threading.Barrier(2)

        def crossing(other):
            barrier.wait(30)
            return flights.run_sync(other, dict)

        threads = [thread(flights.run_sync, mine, lambda other=other: crossing(other)) for mine, other in ("ab", "ba")]
        assert [type(each.outcome()) for each in threads] == [ReentrantError] * 2

    def test_a_task_and_a_thread_that_cross(self, coalescer, thread):
        flights, barrier = coalescer(), threading.Barrier(2)

        def in_thread():
            barrier.wait(30)
            return flights.run_sync("task's", dict)

        async def in_task():
            await asyncio.to_thread(barrier.wait, 30)
            return await flights.run("thread's", dict)

        first = thread(flights.run_sync, "thread's", in_thread)
        second = thread(asyncio.run, flights.run("task's", in_task))
        assert type(first.outcome()) is type(second.outcome()) is ReentrantError

    def test_one_that_is_elected_into_it(self, coalescer, computation, settle):
        """A waits in B's flight; B's leader is cancelled from within, A leads there, and its run calls A's own key."""
        flights, first = coalescer(), computation(asyncio.CancelledError())

        async def back_to_a():
            return await flights.run("a", dict)

        async def a():
            return await flights.run("b", back_to_a)

        async def main():
            callers = [asyncio.create_task(flights.run("b", first.in_task))]
            await settle()
            callers.append(asyncio.create_task(flights.run("a", a)))
            await settle()
            first.end()
            return await asyncio.gather(*callers, return_exceptions=True)

        assert [type(outcome) for outcome in asyncio.run(main())] == [asyncio.CancelledError, ReentrantError]


class TestAThreadWithALoop:
    def test_a_blocking_call_for_a_run_of_its_own_loop_is_refused(self, coalescer, computation, settle):
        flights, work = coalescer(), computation()

        async def main():
            leader = asyncio.create_task(flights.run("key", work.in_task))
            await settle()
            with pytest.raises(ReentrantError, match="wait for itself") as caught:
                flights.run_sync("key", work.in_thread)
            assert "await run()" in caught.value.hint
            work.end()
            return await leader

        assert asyncio.run(main()) == "value"

    def test_also_through_a_thread(self, coalescer, computation, thread, settle):
        """The thread's run waits for a run in the loop that the call would block."""
        flights, work = coalescer(), computation()

        async def main():
            leader = asyncio.create_task(flights.run("loop's", work.in_task))
            await settle()
            other = thread(flights.run_sync, "thread's", lambda: flights.run_sync("loop's", work.in_thread))
            await asyncio.to_thread(flights.wait_for_callers, 3)
            with pytest.raises(ReentrantError):
                flights.run_sync("thread's", work.in_thread)
            work.end()
            await leader
            return await asyncio.to_thread(other.outcome)

        assert asyncio.run(main()) == "value"

    def test_also_if_it_is_blocked_first(self, coalescer, computation, thread, settle):
        """The loop is blocked until the thread's run ends, which then calls for a run in the loop."""
        flights, work, blocking = coalescer(), computation(held=False), computation()

        def in_thread():
            blocking.in_thread()
            return flights.run_sync("loop's", work.in_thread)

        async def never_gets_there():
            await asyncio.Event().wait()

        async def main():
            leader = asyncio.create_task(flights.run("loop's", never_gets_there))
            await settle()
            other = thread(flights.run_sync, "thread's", in_thread)
            blocking.wait_until_begun()
            flights.wait_for_callers(2)
            ending = thread(lambda: (flights.wait_for_callers(), blocking.end()))
            with pytest.raises(ReentrantError):
                flights.run_sync("thread's", work.in_thread)
            leader.cancel()
            assert type(other.outcome()) is ReentrantError
            ending.outcome()

        asyncio.run(main())

    def test_a_blocking_call_for_a_run_elsewhere_waits(self, coalescer, computation, thread):
        flights, work = coalescer(), computation()

        async def main():
            return flights.run_sync("key", work.in_thread)

        leader = thread(flights.run_sync, "key", work.in_thread)
        work.wait_until_begun()
        caller = thread(asyncio.run, main())
        flights.wait_for_callers(2)
        work.end()
        assert caller.outcome() == leader.outcome() == "value"

    def test_who_leads_next_is_not_a_task_of_the_loop_that_is_blocked(self, coalescer, computation, thread, settle):
        flights, failing, second = (
            coalescer(on_error="retry"),
            computation(ValueError()),
            computation("second", held=False),
        )

        async def main():
            task = asyncio.create_task(flights.run("key", second.in_task))
            await settle()
            ending = thread(lambda: (flights.wait_for_callers(3), failing.end()))
            value = flights.run_sync("key", second.in_thread)
            ending.outcome()
            return value, await task

        leader = thread(flights.run_sync, "key", failing.in_thread)
        failing.wait_until_begun()
        caller = thread(asyncio.run, main())
        assert caller.outcome() == ("second", "second")
        assert type(leader.outcome()) is ValueError
        assert second.runs == 1


class TestWhatIsNoCircle:
    def test_a_run_may_wait_for_others(self, coalescer, settle):
        flights = coalescer()

        def compute(depth):
            async def deeper():
                if depth:
                    both = await asyncio.gather(*(flights.run(depth - 1, compute(depth - 1)) for _ in range(2)))
                    return 1 + max(both)
                return 0

            return deeper

        assert asyncio.run(flights.run(50, compute(50))) == 50
        assert flights.joined == 50

    def test_many_runs_may_wait_for_one(self, coalescer, computation, settle):
        flights, work = coalescer(), computation()

        def compute():
            return flights.run("shared", work.in_task)

        async def main():
            callers = [asyncio.create_task(flights.run(number, compute)) for number in range(100)]
            await settle()
            work.end()
            return await asyncio.gather(*callers)

        assert asyncio.run(main()) == ["value"] * 100
        assert work.runs == 1

    def test_a_task_that_outlives_its_run_is_no_part_of_it(self, coalescer, settle):
        flights, left = coalescer(), []

        async def compute():
            async def later():
                await go.wait()
                return await flights.run("key", second)

            left.append(asyncio.create_task(later()))
            return "first"

        async def second():
            await settle()
            return "second"

        async def main():
            assert await flights.run("key", compute) == "first"
            leader = asyncio.create_task(flights.run("key", second))
            await asyncio.sleep(0)
            go.set()
            return await asyncio.gather(leader, *left)

        go = asyncio.Event()
        assert asyncio.run(main()) == ["second", "second"]
        assert flights.joined == 1

    def test_a_task_without_its_context_is_no_part_of_it(self, coalescer, settle):
        flights, left = coalescer(), []

        async def compute():
            call = flights.run("key", compute)
            left.append(asyncio.create_task(call, context=contextvars.Context()))
            await settle()
            return "value"

        async def main():
            return await flights.run("key", compute), await left[0]

        assert asyncio.run(main()) == ("value", "value")
        assert flights.runs == 1

    def test_a_run_that_has_given_up_waiting_does_not_wait(self, coalescer, computation, settle):
        flights, held, giving_up = coalescer(), computation("a"), []

        async def a():
            call = asyncio.create_task(flights.run("b", b))
            await settle()
            call.cancel()
            await settle()
            giving_up.append(call.cancelled())
            return await held.in_task()

        async def b():
            while not giving_up:
                await settle()
            return await flights.run("a", a)

        async def main():
            callers = [asyncio.create_task(flights.run("b", b)), asyncio.create_task(flights.run("a", a))]
            await asyncio.to_thread(held.wait_until_begun)
            await settle()
            held.end()
            return await asyncio.gather(*callers)

        assert asyncio.run(main()) == ["a", "a"]
        assert giving_up == [True]

    def test_a_flight_that_has_ended_needs_nothing(self):
        flight = Flight("key")
        assert list(flight.needs()) == [flight]
        flight.outcome = Outcome("value")
        assert list(flight.needs()) == []


class TestWhatARunRemembers:
    def test_it_forgets_calls_that_have_ended(self, coalescer):
        flights = coalescer()

        async def compute():
            for number in range(100):
                await flights.run(number, lambda: asyncio.sleep(0))
                flights.run_sync(number, dict)
            return len(current.get().waits)

        assert asyncio.run(flights.run("key", compute)) == 0

    def test_runs_that_start_one_another_do_not_hold_all_that_came_before(self, coalescer, settle):
        class Key:
            pass

        flights, keys = coalescer(), []

        async def start():
            key, begun = Key(), asyncio.Event()
            keys.append(weakref.ref(key))

            async def compute():
                begun.set()
                await (start() if len(keys) < 10 else end.wait())

            asyncio.create_task(flights.run(key, compute))  # noqa: RUF006 - held by the loop while it waits
            await begun.wait()  # so the next run begins within this one, and outlives it

        async def main():
            await start()
            while len(flights) > 1:
                await settle()
            await settle()
            gc.collect()
            end.set()
            return [number for number, key in enumerate(keys) if key() is not None]

        end = asyncio.Event()
        assert asyncio.run(main()) in ([8, 9], [7, 8, 9])  # the last, and whom the loop has not let go of yet
