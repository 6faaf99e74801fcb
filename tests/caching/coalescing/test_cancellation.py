"""Cancellation is a third outcome: it ends one caller, or a run, and never anybody else's wait."""

import asyncio
import contextvars

import pytest


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


class TestACancelledCaller:
    @pytest.mark.parametrize("which", ["leader", "joined"])
    def test_leaves_alone(self, coalescer, computation, settle, which):
        flights, work = coalescer(), computation()

        async def main():
            callers = [asyncio.create_task(flights.run("key", work.in_task)) for _ in range(50)]
            await settle()
            callers[0 if which == "leader" else 7].cancel()
            await settle()
            assert [caller.done() for caller in callers].count(True) == 1
            work.end()
            outcomes = await asyncio.gather(*callers, return_exceptions=True)
            assert not others()
            return outcomes

        outcomes = asyncio.run(main())
        assert outcomes.count("value") == 49
        assert isinstance(outcomes[0 if which == "leader" else 7], asyncio.CancelledError)
        assert (work.runs, work.cancelled, flights.runs, flights.abandoned) == (1, 0, 1, 0)

    def test_all_but_one_of_ten_thousand(self, coalescer, computation, settle):
        flights, work = coalescer(), computation()

        async def main():
            callers = [asyncio.create_task(flights.run("key", work.in_task)) for _ in range(10_000)]
            await settle()
            for caller in callers[:-1]:
                caller.cancel()
            await settle()
            work.end()
            return await callers[-1]

        assert asyncio.run(main()) == "value"
        assert (work.runs, work.cancelled) == (1, 0)

    def test_may_set_itself_a_limit(self, coalescer, computation, settle):
        flights, work = coalescer(), computation()

        async def hasty():
            async with asyncio.timeout(0):
                await flights.run("key", work.in_task)

        async def main():
            patient = asyncio.create_task(flights.run("key", work.in_task))
            await settle()
            with pytest.raises(TimeoutError):
                await hasty()
            work.end()
            return await patient

        assert asyncio.run(main()) == "value"

    def test_or_one_whose_coroutine_is_closed(self, coalescer, computation, settle):
        flights, work = coalescer(), computation()

        async def main():
            call = flights.run("key", work.in_task)
            call.send(None)
            await settle()
            assert work.runs == 1
            call.close()
            await settle()
            assert work.cancelled == 1

        asyncio.run(main())

    def test_before_its_first_step(self, coalescer, computation):
        flights, work = coalescer(), computation(held=False)

        async def main():
            caller = asyncio.create_task(flights.run("key", work.in_task))
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            return await flights.run("key", work.in_task)

        assert asyncio.run(main()) == "value"
        assert work.runs == 1

    @pytest.mark.parametrize("turns", range(6))
    def test_at_every_turn(self, coalescer, settle, turns):
        """Also when the value is there and the caller has not seen it yet."""
        flights = coalescer()

        async def compute():
            await asyncio.sleep(0)
            return "value"

        async def main():
            callers = [asyncio.create_task(flights.run("key", compute)) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            callers[0].cancel()
            callers[1].cancel()
            outcomes = await asyncio.gather(*callers, return_exceptions=True)
            assert outcomes[2] == "value"
            for outcome in outcomes[:2]:
                assert outcome == "value" or isinstance(outcome, asyncio.CancelledError)
            assert len(flights) == 0
            assert not others()

        asyncio.run(main())


class TestTheLastCaller:
    def test_takes_the_run_with_it(self, coalescer, computation, settle):
        flights, work = coalescer(), computation()

        async def main():
            callers = [asyncio.create_task(flights.run("key", work.in_task)) for _ in range(3)]
            await settle()
            for caller in callers:
                assert work.cancelled == 0
                caller.cancel()
                await settle()
            assert work.cancelled == 1
            assert not others()

        asyncio.run(main())
        assert (flights.runs, flights.abandoned, flights.failed) == (1, 1, 0)

    def test_whoever_comes_then_starts_another_run(self, coalescer, computation, settle):
        flights, cleaning, second = coalescer(), asyncio.Event(), computation()

        async def slow_to_leave():
            try:
                await asyncio.Event().wait()
            finally:
                await cleaning.wait()

        async def main():
            first = asyncio.create_task(flights.run("key", slow_to_leave))
            await settle()
            first.cancel()
            await settle()
            assert first.done()
            assert len(flights) == 0
            callers = [asyncio.create_task(flights.run("key", second.in_task)) for _ in range(2)]
            await settle()
            assert second.runs == 1
            cleaning.set()
            await settle()
            second.end()
            return await asyncio.gather(*callers)

        assert asyncio.run(main()) == ["value", "value"]
        assert (flights.runs, flights.abandoned) == (2, 1)

    @pytest.mark.parametrize("ending", ["value", "error"])
    def test_a_run_that_ignores_its_cancellation_disturbs_nobody(self, coalescer, computation, settle, ending):
        flights, second = coalescer(), computation()

        async def stubborn():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                if ending == "error":
                    raise ValueError("nobody's") from None
                return "nobody's"

        async def main():
            first = asyncio.create_task(flights.run("key", stubborn))
            await settle()
            first.cancel()
            caller = asyncio.create_task(flights.run("key", second.in_task))
            await settle()
            second.end()
            assert await caller == "value"
            assert not others()

        asyncio.run(main())
        assert (flights.runs, flights.abandoned, flights.failed) == (2, 1, 0)

    def test_in_the_turn_in_which_the_run_was_started(self, coalescer, computation, settle):
        flights, work = coalescer(), computation()

        async def main():
            caller = asyncio.create_task(flights.run("key", work.in_task))
            await asyncio.sleep(0)
            caller.cancel()
            await settle()
            assert len(flights) == 0
            assert not others()

        asyncio.run(main())
        assert work.runs == work.cancelled
        assert (flights.runs, flights.abandoned) == (1, 1)


class TestARunThatIsCancelled:
    @pytest.mark.parametrize("how", ["from within", "by its task", "before its first step"])
    def test_it_is_the_leaders_and_the_next_one_leads(self, coalescer, computation, settle, how):
        flights, second = coalescer(), computation("second")

        async def cancelled():
            if how == "by its task":
                asyncio.current_task().cancel()
            inner = asyncio.create_task(asyncio.Event().wait())
            inner.cancel()
            await inner

        async def main():
            leader = asyncio.create_task(flights.run("key", cancelled))
            callers = [asyncio.create_task(flights.run("key", second.in_task)) for _ in range(3)]
            if how == "before its first step":
                await asyncio.sleep(0)
                (run,) = others() - {leader, *callers}
                run.cancel()
            await settle()
            second.end()
            return await asyncio.gather(leader, *callers, return_exceptions=True)

        cancelled_error, *outcomes = asyncio.run(main())
        assert isinstance(cancelled_error, asyncio.CancelledError)
        assert outcomes == ["second"] * 3
        assert (second.runs, flights.runs, flights.abandoned, flights.failed) == (1, 2, 1, 0)

    def test_if_every_run_is_every_caller_is_told(self, coalescer, settle):
        flights = coalescer()

        async def cancelled():
            await asyncio.sleep(0)
            raise asyncio.CancelledError

        async def main():
            callers = [asyncio.create_task(flights.run("key", cancelled)) for _ in range(100)]
            return await asyncio.gather(*callers, return_exceptions=True)

        assert [type(outcome) for outcome in asyncio.run(main())] == [asyncio.CancelledError] * 100
        assert flights.runs == flights.abandoned == 100

    def test_the_next_leader_has_its_own_context(self, coalescer, settle):
        variable, flights = contextvars.ContextVar("variable"), coalescer()

        async def compute():
            await asyncio.sleep(0)
            if variable.get() == 0:
                raise asyncio.CancelledError
            return variable.get()

        async def call(number):
            variable.set(number)
            return await flights.run("key", compute)

        async def main():
            return await asyncio.gather(*map(call, range(3)), return_exceptions=True)

        assert asyncio.run(main())[1:] == [1, 1]

    @pytest.mark.parametrize("turns", range(4))
    def test_a_next_leader_that_is_cancelled_itself_passes_it_on(self, coalescer, computation, settle, turns):
        flights, first = coalescer(), computation(asyncio.CancelledError())
        last = computation("last", held=False)

        async def main():
            callers = [asyncio.create_task(flights.run("key", work.in_task)) for work in (first, first, last, last)]
            await settle()
            first.end()
            for _ in range(turns):
                await asyncio.sleep(0)
            callers[1].cancel()
            return await asyncio.gather(*callers, return_exceptions=True)

        assert asyncio.run(main())[2:] == ["last", "last"]
        assert last.runs == 1


class TestAnExit:
    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_is_its_leaders_and_others_go_on(self, coalescer, computation, thread, kind):
        flights, second = coalescer(), computation("second")
        leaving = computation(kind("bye"))

        def lead():
            asyncio.run(flights.run("key", leaving.in_task))

        leader = thread(lead)
        leaving.wait_until_begun()
        waiting = thread(flights.run_sync, "key", second.in_thread)
        flights.wait_for_callers(2)
        leaving.end()
        assert type(leader.outcome()) is kind
        second.end()
        assert waiting.outcome() == "second"
        assert (flights.runs, flights.abandoned) == (2, 1)

    def test_goes_to_the_loop_if_its_leader_has_left(self, coalescer, computation, settle):
        flights, leaving = coalescer(), computation(SystemExit(3))
        outcomes = []

        async def main():
            leader = asyncio.create_task(flights.run("key", leaving.in_task))
            other = asyncio.create_task(flights.run("key", computation("other", held=False).in_task))
            other.add_done_callback(lambda task: outcomes.append(task.result()))
            await settle()
            leader.cancel()
            await settle()
            leaving.end()
            await asyncio.Event().wait()

        with asyncio.Runner() as runner:
            with pytest.raises(SystemExit):
                runner.run(main())
            runner.run(settle())
        assert outcomes == ["other"]

    def test_an_interrupt_of_the_loop_itself_stops_nobody_elsewhere(self, coalescer, computation, thread):
        """It comes while the loop takes up how the run ended."""
        flights, work, land = coalescer(), computation(), []

        def interrupted(*arguments):
            land.append(arguments)
            if len(land) == 1:
                raise KeyboardInterrupt
            return type(flights)._land(flights, *arguments)

        flights._land = interrupted
        leader = thread(lambda: asyncio.run(flights.run("key", work.in_task)))
        work.wait_until_begun()
        waiting = thread(flights.run_sync, "key", computation("second", held=False).in_thread)
        flights.wait_for_callers(2)
        work.end()
        assert type(leader.outcome()) is KeyboardInterrupt
        assert waiting.outcome() == "second"
