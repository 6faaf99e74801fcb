"""A queue for turns: capacity, order, deadlines, shedding, cancelling, closing."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

import pytest

from postopt.errors import ShedError
from postopt.scheduling.priority import PriorityQueue
from postopt.testing import ScriptedClock


class Adaptive:
    def __init__(self, limit):
        self.limit = limit


def entering(queue, **how):
    """A task that waits for a turn and gives its slot."""
    return asyncio.ensure_future(queue.enter(**how))


class TestTurns:
    def test_at_once_while_slots_are_free(self):
        queue = PriorityQueue(concurrency=2)
        first, second = queue.enter_nowait(), queue.enter_nowait()
        assert queue.enter_nowait() is None
        queue.leave(first)
        assert queue.enter_nowait() is first
        assert second is not None
        assert queue.report().running == 2

    def test_as_a_block(self):
        async def main():
            queue = PriorityQueue(concurrency=1)
            with suppress(LookupError):
                async with queue.turn(priority=2, tenant="acme", deadline=5.0):
                    assert queue.report().running == 1
                    raise LookupError
            async with queue.turn():
                with pytest.raises(ShedError, match="no time is left"):
                    async with queue.turn(deadline=-1.0):
                        raise AssertionError
            return queue.report()

        report = asyncio.run(main())
        assert (report.running, report.served, report.shed) == (0, 2, {"deadline": 1})

    def test_a_block_waits_for_its_turn(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1)
            slot = queue.enter_nowait()
            order = []

            async def work(number, lane):
                async with queue.turn(priority=lane):
                    order.append(number)

            tasks = [asyncio.ensure_future(work(number, lane)) for number, lane in enumerate([7, 4, 0, 4])]
            await passes()
            assert (order, queue.report().waiting) == ([], (1, 0, 0, 0, 2, 0, 0, 1))
            queue.leave(slot)
            await asyncio.gather(*tasks)
            return order

        assert asyncio.run(main()) == [2, 1, 3, 0]

    def test_nobody_overtakes_those_who_wait_by_not_waiting(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1)
            slot = queue.enter_nowait()
            task = entering(queue)
            await passes()
            queue.leave(slot)
            assert queue.enter_nowait(0) is None
            assert await task is slot

        asyncio.run(main())

    def test_in_one_event_loop_after_another(self):
        queue = PriorityQueue(concurrency=1)

        async def main():
            async def work():
                async with queue.turn():
                    await asyncio.sleep(0)

            await asyncio.gather(*(work() for _ in range(5)))

        asyncio.run(main())
        asyncio.run(main())
        assert queue.report().served == 10


class TestReserve:
    @pytest.mark.parametrize(("limit", "others"), [(1, 1), (3, 3), (4, 3), (8, 7), (16, 14), (64, 56)])
    def test_a_share_of_the_slots_is_for_the_first_lane(self, limit, others):
        queue = PriorityQueue(concurrency=limit)
        taken = [queue.enter_nowait(4) for _ in range(others)]
        assert None not in taken
        assert queue.enter_nowait(1) is None
        urgent = [queue.enter_nowait(0) for _ in range(limit - others)]
        assert None not in urgent
        assert queue.enter_nowait(0) is None

    def test_the_first_lane_may_have_the_other_slots_too(self):
        async def main():
            queue = PriorityQueue(concurrency=3, reserved=1)
            return [await queue.enter(priority=0) for _ in range(3)]

        assert len(set(asyncio.run(main()))) == 3

    def test_an_urgent_call_does_not_wait_behind_a_backlog(self, in_virtual_time):
        """The figure: at most 1.3 times the unloaded latency under 16 times the backlog."""

        async def main(loop):
            queue = PriorityQueue(concurrency=8, clock=loop.time)

            async def call(priority, tenant=""):
                began = loop.time()
                async with queue.turn(priority=priority, tenant=tenant):
                    await loop.let_pass(1.0)
                return loop.time() - began

            unloaded = await call(0)
            backlog = [asyncio.ensure_future(call(4, str(number % 5))) for number in range(16 * 8)]
            urgent = [await call(0) for _ in range(10)]
            assert not all(task.done() for task in backlog)
            await asyncio.gather(*backlog)
            return max(urgent) / unloaded

        assert in_virtual_time(main) <= 1.3


class TestDeadlines:
    def test_who_still_waits_is_refused_when_its_turn_would_have_to_begin(self, in_virtual_time):
        async def main(loop):
            queue = PriorityQueue(concurrency=1, clock=loop.time)
            queue.enter_nowait()
            with pytest.raises(ShedError, match=r"no turn came in 3\.000 s"):
                await queue.enter(deadline=5.0, expected_seconds=2.0)
            assert loop.time() == 3.0
            with pytest.raises(ShedError, match=r"no turn came in 5\.000 s"):
                await queue.enter(deadline=5.0)  # nobody knows how long a turn takes
            return queue.report()

        report = in_virtual_time(main)
        assert (report.shed, sum(report.waiting), report.running) == ({"deadline": 2}, 0, 1)

    def test_who_cannot_make_it_is_refused_when_it_comes(self, in_virtual_time, passes):
        async def main(loop):
            queue = PriorityQueue(concurrency=2, clock=loop.time)
            for _ in range(2):
                async with queue.turn():
                    await loop.let_pass(2.0)
            for _ in range(2):
                queue.enter_nowait()
            waiting = [entering(queue) for _ in range(4)]
            await passes()
            # five turns of 2 s on two slots, and its own
            with pytest.raises(ShedError, match=r"cannot make the deadline: estimated 7\.000 s of 6\.900 s"):
                await queue.enter(deadline=6.9)
            assert loop.time() == 4.0
            for task in waiting:
                task.cancel()
            return queue.report()

        assert in_virtual_time(main).shed == {"deadline": 1}

    def test_an_estimate_refuses_nobody_for_whom_a_slot_is_free(self, in_virtual_time):
        async def main(loop):
            queue = PriorityQueue(concurrency=1, clock=loop.time)
            async with queue.turn():
                await loop.let_pass(100.0)
            queue.leave(await queue.enter(deadline=1.0))
            return queue.report().turn_seconds

        assert in_virtual_time(main) < 100.0

    def test_no_turn_begins_after_its_deadline(self, passes):
        """The timer of the loop is late, as it is when something blocks it."""
        clock = ScriptedClock()

        async def main():
            queue = PriorityQueue(concurrency=1, clock=clock)
            slot = queue.enter_nowait()
            late, punctual = entering(queue, deadline=5.0), entering(queue)
            await passes()
            clock.advance(6.0)
            queue.leave(slot)
            with pytest.raises(ShedError, match=r"no turn came in 6\.000 s"):
                await late
            assert await punctual is slot

        asyncio.run(main())

    def test_nor_if_the_loop_is_late_with_the_news(self, passes):
        clock = ScriptedClock()

        async def main():
            queue = PriorityQueue(concurrency=1, clock=clock)
            slot = queue.enter_nowait()
            late, next_one = entering(queue, deadline=5.0), entering(queue)
            await passes()
            queue.leave(slot)
            clock.advance(5.0)
            with pytest.raises(ShedError, match="no turn came"):
                await late
            assert await next_one is slot
            return queue.report()

        report = asyncio.run(main())
        assert (report.shed, report.left) == ({"deadline": 1}, 0)

    @pytest.mark.parametrize("deadline", [0, 0.0, -1.0, -math.inf])
    def test_no_time_left_is_no_turn(self, deadline):
        queue = PriorityQueue(concurrency=1)
        with pytest.raises(ShedError, match="no time is left"):
            asyncio.run(queue.enter(deadline=deadline))

    def test_endless_time_is_no_deadline(self):
        queue = PriorityQueue(concurrency=1)
        assert asyncio.run(queue.enter(deadline=math.inf)) is not None

    def test_a_clock_that_goes_back_measures_nothing(self):
        clock = ScriptedClock(100.0)
        queue = PriorityQueue(concurrency=1, clock=clock)
        slot = queue.enter_nowait()
        clock.set(50.0)
        queue.leave(slot)
        assert queue.report().turn_seconds is None


class TestRoom:
    def test_a_full_queue_refuses(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1, max_waiting=2)
            slot = queue.enter_nowait()
            waiting = [entering(queue) for _ in range(2)]
            await passes()
            with pytest.raises(ShedError, match="the queue is full: 2 wait"):
                await queue.enter()
            queue.leave(slot)
            for task in waiting:
                queue.leave(await task)
            return queue.report()

        report = asyncio.run(main())
        assert (report.shed, report.served, report.waited) == ({"full": 1}, 3, 2)

    def test_a_more_urgent_call_displaces_the_least_urgent(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1, max_waiting=2)
            slot = queue.enter_nowait()
            kept, displaced = entering(queue, priority=3), entering(queue, priority=7)
            await passes()
            urgent = entering(queue, priority=1)
            await passes()
            with pytest.raises(ShedError, match="displaced by a call with a better claim: the queue of 2 is full"):
                await displaced
            queue.leave(slot)
            queue.leave(await urgent)
            queue.leave(await kept)
            return queue.report()

        assert asyncio.run(main()).shed == {"displaced": 1}

    def test_a_tenant_that_fills_the_queue_does_not_keep_others_out(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1, max_waiting=4)
            slot = queue.enter_nowait()
            many = [entering(queue, tenant="many") for _ in range(4)]
            await passes()
            few = entering(queue, tenant="few")
            await passes()
            assert [task.done() for task in many] == [False, False, False, True]
            order = []
            for task in (*many[:3], few):
                task.add_done_callback(lambda task: order.append(task is few))
            while slot is not None:
                queue.leave(slot)
                await passes()
                slot = queue.enter_nowait()
                done = [task for task in (*many[:3], few) if task.done()]
                if len(done) == 4:
                    break
                slot = done[-1].result()
            assert isinstance(many[3].exception(), ShedError)
            return order

        assert asyncio.run(main()) == [False, True, False, False]


class TestLimits:
    def test_a_limit_that_grows_is_seen_when_the_next_comes(self):
        limit = Adaptive(1)
        queue = PriorityQueue(concurrency=limit)
        queue.enter_nowait()

        async def main():
            limit.limit = 2
            return await queue.enter()

        assert asyncio.run(main()) is not None
        assert queue.report().running == 2

    def test_a_limit_that_falls_lets_turns_end_and_none_begin_before_enough_have(self, passes):
        limit = Adaptive(16)

        async def main():
            queue = PriorityQueue(concurrency=limit)
            held = [queue.enter_nowait(4) for _ in range(14)]
            limit.limit = 4
            tasks = [entering(queue, priority=lane) for lane in (0, 4)]
            for count in range(14, 4, -1):
                await passes()
                assert queue.report().running == count
                queue.leave(held.pop())
            await passes()
            assert [task.done() for task in tasks] == [False, False]
            queue.leave(held.pop())
            await passes()
            assert [task.done() for task in tasks] == [True, False]
            assert queue.report().running == 4
            for slot in held:
                queue.leave(slot)
            for task in tasks:
                queue.leave(await task)
            report = queue.report()
            assert (report.limit, report.served, report.running) == (4, 16, 0)

        asyncio.run(main())

    def test_a_limit_of_nothing_stops_all_until_it_grows(self, passes):
        limit = Adaptive(0)

        async def main():
            queue = PriorityQueue(concurrency=limit)
            assert queue.enter_nowait() is None
            task = entering(queue, deadline=60.0)
            await passes()
            assert not task.done()
            limit.limit = 1
            last = entering(queue, priority=7)
            queue.leave(await task)
            queue.leave(await last)
            return queue.report().served

        assert asyncio.run(main()) == 2

    def test_some_slot_is_timed_however_often_the_limit_changes(self):
        clock, limit = ScriptedClock(), Adaptive(8)
        queue = PriorityQueue(concurrency=limit, reserved=0, clock=clock)

        async def main():
            for count in (1, 9, 3, 17, 2, 1):
                limit.limit = count
                for _ in range(count):
                    slot = await queue.enter()
                    clock.advance(1.0)
                    queue.leave(slot)

        asyncio.run(main())
        before = queue.report().turn_seconds
        slot = queue.enter_nowait()
        clock.advance(1000.0)
        queue.leave(slot)
        assert before == 1.0
        assert queue.report().turn_seconds > 500.0


class TestCancelling:
    def test_a_waiter_leaves_alone(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1)
            slot = queue.enter_nowait()
            leaver, other = entering(queue), entering(queue)
            await passes()
            leaver.cancel()
            await passes()
            assert sum(queue.report().waiting) == 1
            queue.leave(slot)
            assert await other is slot
            return queue.report().left

        assert asyncio.run(main()) == 1

    def test_a_slot_given_at_the_moment_of_the_cancellation_goes_on(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1)
            slot = queue.enter_nowait()
            leaver, other = entering(queue), entering(queue)
            await passes()
            queue.leave(slot)  # the leaver has it, and does not know it yet
            leaver.cancel()
            assert await other is slot
            assert leaver.cancelled()
            return queue.report()

        report = asyncio.run(main())
        assert (report.running, report.left) == (1, 1)

    def test_a_refusal_at_the_moment_of_the_cancellation_is_nothing(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1)
            queue.enter_nowait()
            leaver = entering(queue)
            await passes()
            closing = asyncio.ensure_future(queue.aclose())
            await asyncio.sleep(0)
            leaver.cancel()
            await passes()
            closing.cancel()
            return queue.report()

        report = asyncio.run(main())
        assert (report.running, sum(report.waiting)) == (1, 0)

    def test_a_turn_ended_by_the_garbage_collector_while_the_queue_changes_is_no_deadlock(self, passes):
        """It then has to be ended later, and it is."""

        async def main():
            ended = []

            class Clock(ScriptedClock):
                def __call__(self):
                    if ended and queue._lock.locked():
                        queue.leave(ended.pop())
                    return super().__call__()

            queue = PriorityQueue(concurrency=2, clock=Clock())
            first, second = queue.enter_nowait(), queue.enter_nowait()
            tasks = [entering(queue), entering(queue)]
            await passes()
            ended.append(second)
            queue.leave(first)
            assert {await tasks[0], await tasks[1]} == {first, second}

        asyncio.run(main())


class TestClosing:
    def test_refuses_those_who_wait_and_come_and_awaits_those_at_work(self, passes):
        async def main():
            queue = PriorityQueue(concurrency=1)
            slot = queue.enter_nowait()
            waiting = entering(queue)
            await passes()
            closing = [asyncio.ensure_future(queue.aclose()) for _ in range(2)]
            await passes()
            with pytest.raises(ShedError, match="the queue was closed while this call waited"):
                await waiting
            assert queue.enter_nowait() is None
            with pytest.raises(ShedError, match="the queue is closed"):
                await queue.enter()
            assert not closing[0].done()
            closing[1].cancel()
            await passes()
            queue.leave(slot)
            await closing[0]
            await queue.aclose()
            return queue.report()

        report = asyncio.run(main())
        assert (report.shed, report.running) == ({"closed": 2}, 0)

    def test_a_limit_that_changes_after_closing_lets_nobody_in(self):
        limit = Adaptive(1)

        async def main():
            queue = PriorityQueue(concurrency=limit)
            await queue.aclose()
            limit.limit = 8
            with pytest.raises(ShedError):
                await queue.enter(priority=0)
            assert queue.enter_nowait(0) is None

        asyncio.run(main())


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("concurrency", [0, -1, True, 1.5, "4", None, math.nan]),
        ("max_waiting", [0, -1, True, 1.5, None]),
        ("reserved", [-1, 2, 1.0, True, "x"]),
        ("weights", [(), (1,) * 9, (0,) * 8]),
        ("half_life", [0, -1.0, math.nan, math.inf]),
    ],
)
def test_arguments_that_cannot_be_are_refused(argument, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{argument} is|half_life is"):
            PriorityQueue(**{"concurrency": 2, argument: value})


@pytest.mark.parametrize(
    "how",
    [
        {"priority": 8},
        {"priority": -1},
        {"priority": "4"},
        {"deadline": math.nan},
        {"deadline": "soon"},
        {"expected_seconds": -1.0},
        {"expected_seconds": math.inf},
    ],
)
def test_a_turn_that_cannot_be_asked_for_is_refused(how):
    queue = PriorityQueue(concurrency=1)
    with pytest.raises(ValueError, match=f"{next(iter(how))} is"):
        asyncio.run(queue.enter(**how))
    if "priority" in how:
        assert queue.enter_nowait(how["priority"]) is None
        assert queue.enter_nowait([]) is None
    assert queue.report().running == 0


class TestMisuse:
    def test_a_turn_ends_once(self):
        async def main():
            queue = PriorityQueue(concurrency=2, reserved=0)
            for enter in (queue.enter_nowait, queue.enter):
                slot = enter()
                slot = await slot if asyncio.iscoroutine(slot) else slot
                queue.leave(slot)
                with pytest.raises(RuntimeError, match="ended already"):
                    queue.leave(slot)
            assert queue.report().running == 0

        asyncio.run(main())

    def test_a_turn_is_for_one_block_at_a_time(self):
        async def main():
            queue = PriorityQueue(concurrency=2, reserved=0)
            turn = queue.turn()
            async with turn:
                with pytest.raises(RuntimeError, match="a turn of its own"):
                    await turn.__aenter__()
                assert queue.report().running == 1
            assert queue.report().running == 0
            async with turn:  # one after the other they may share it
                assert queue.report().running == 1

        asyncio.run(main())

    @pytest.mark.parametrize("tenant", [[], None, 1])
    def test_a_tenant_is_a_text(self, tenant):
        async def main():
            queue = PriorityQueue(concurrency=1)
            with pytest.raises(ValueError, match="tenant is "):
                queue.turn(tenant=tenant)
            with pytest.raises(ValueError, match="tenant is "):
                await queue.enter(tenant=tenant)

        asyncio.run(main())
