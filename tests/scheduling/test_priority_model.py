"""The queue against a model that knows only its laws, in any order of events; and in threads."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from postopt.errors import ShedError
from postopt.scheduling.priority import PriorityQueue
from postopt.testing import ScriptedClock
from postopt.testing.loop import ScriptedLoop

ROOM = 6


class Adaptive:
    limit = 4


class QueueMachine(RuleBasedStateMachine):
    """Waiters are kept in the order in which they came; who was given a slot is compared with who waits."""

    def __init__(self):
        super().__init__()
        self.limit = Adaptive()
        self.clock = ScriptedClock()
        self.queue = PriorityQueue(concurrency=self.limit, max_waiting=ROOM, clock=self.clock)
        self.loop = ScriptedLoop()  # in which no timer rings
        self.waiting = {}  # task: (lane, tenant, time by which it has to have begun)
        self.held = []
        self.begun = self.ended = self.refused = self.left = 0

    def teardown(self):
        self.loop.run_until_complete(self._close())
        self.loop.close()

    async def _close(self):
        closing = asyncio.ensure_future(self.queue.aclose())
        results = await asyncio.gather(*self.waiting, return_exceptions=True)
        assert all(isinstance(result, ShedError) for result in results)
        for slot in self.held:
            self.queue.leave(slot)
        await closing

    def settle(self):
        """Let the loop run, and see who got what."""
        before = dict(self.waiting)
        self.loop.run_until_complete(self._turn_round())
        served = []
        for task in before:
            if not task.done():
                continue
            del self.waiting[task]
            if task.cancelled():
                self.left += 1
            elif isinstance(task.exception(), ShedError):
                self.refused += 1
            else:
                served.append(task)
                self.held.append(task.result())
                self.begun += 1
                assert self.clock() <= before[task][2]
        # Of one lane and tenant nobody overtakes.
        for task in served:
            older = list(before)[: list(before).index(task)]
            assert not any(before[task][:2] == before[other][:2] and other in self.waiting for other in older)
        if served:
            assert self.queue.report().running <= max(self.limit.limit, 0)

    async def _turn_round(self):
        for _ in range(10):
            await asyncio.sleep(0)

    @rule(lane=st.integers(0, 7), tenant=st.sampled_from("ab"), deadline=st.none() | st.floats(100, 1000))
    def come(self, lane, tenant, deadline):
        async def create():
            return asyncio.ensure_future(self.queue.enter(priority=lane, tenant=tenant, deadline=deadline))

        task = self.loop.run_until_complete(create())
        self.waiting[task] = (lane, tenant, self.clock() + (deadline or float("inf")))
        self.settle()

    @rule(lane=st.integers(0, 7))
    def come_without_waiting(self, lane):
        before = self.queue.report()
        slot = self.queue.enter_nowait(lane)
        if slot is not None:
            assert not any(before.waiting)
            assert before.running < before.limit
            self.held.append(slot)
            self.begun += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data(), seconds=st.floats(0, 300))
    def leave(self, data, seconds):
        self.clock.advance(seconds)
        self.queue.leave(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))
        self.ended += 1
        self.settle()

    @precondition(lambda self: self.held and self.waiting)
    @rule(data=st.data())
    def leave_and_cancel_at_once(self, data):
        self.queue.leave(self.held.pop())
        self.ended += 1
        data.draw(st.sampled_from(list(self.waiting))).cancel()
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data):
        data.draw(st.sampled_from(list(self.waiting))).cancel()
        self.settle()

    @rule(limit=st.integers(1, 9))
    def change_the_limit(self, limit):
        self.limit.limit = limit
        self.queue.report()  # looks at the limit
        self.settle()

    @invariant()
    def nothing_is_lost(self):
        report = self.queue.report()
        assert report.running == len(self.held) == self.begun - self.ended
        assert sum(report.waiting) == len(self.waiting) <= ROOM
        assert report.served == self.ended
        assert sum(report.shed.values()) == self.refused
        assert report.left == self.left


TestQueueModel = QueueMachine.TestCase
TestQueueModel.settings = settings(max_examples=60, stateful_step_count=40)


class TestThreads:
    def test_one_queue_for_four_event_loops(self):
        queue = PriorityQueue(concurrency=3, reserved=1, max_waiting=1000)
        lock, at_work, most = threading.Lock(), 0, 0

        async def work(number):
            nonlocal at_work, most
            for _ in range(20):
                async with queue.turn(priority=number % 8, tenant=str(number % 3)):
                    with lock:
                        at_work += 1
                        most = max(most, at_work)
                    await asyncio.sleep(0)
                    with lock:
                        at_work -= 1

        async def main():
            await asyncio.gather(*(work(number) for number in range(20)))

        with ThreadPoolExecutor(4) as threads:
            for future in [threads.submit(asyncio.run, main()) for _ in range(4)]:
                future.result(timeout=60)
        report = queue.report()
        assert (report.served, report.running, sum(report.waiting)) == (4 * 20 * 20, 0, 0)
        assert most <= 3

    def test_waiters_that_are_cancelled_in_one_thread_while_another_gives_them_slots(self):
        queue = PriorityQueue(concurrency=1)

        async def work(cancels):
            for _ in range(200):
                task = asyncio.ensure_future(queue.enter(priority=4))
                await asyncio.sleep(0)
                if cancels:
                    task.cancel()
                with suppress(asyncio.CancelledError):
                    queue.leave(await task)

        with ThreadPoolExecutor(4) as threads:
            for future in [threads.submit(asyncio.run, work(number % 2)) for number in range(4)]:
                future.result(timeout=60)
        report = queue.report()
        assert (report.running, sum(report.waiting)) == (0, 0)
        assert queue.enter_nowait() is not None

    def test_a_waiter_whose_loop_was_closed_is_passed_over(self):
        queue = PriorityQueue(concurrency=1)
        slot = queue.enter_nowait()
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # it says that a task was destroyed
        task = loop.create_task(queue.enter())
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
        assert sum(queue.report().waiting) == 1
        queue.leave(slot)
        assert asyncio.run(queue.enter()) is slot
        assert queue.report().left == 1
        del task
        gc.collect()
        assert queue.report().left == 1
