"""An event loop ends with a run in it, in each of the ways in which loops end: the callers elsewhere go on."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections import deque

import pytest

from postopt.caching.coalescing import Coalescer, _guard
from postopt.caching.flights.anchor import _anchors, hold, let_go
from postopt.caching.flights.caller import TaskRun, call_in
from postopt.caching.flights.guard import Guard


def new_uvloop():
    return pytest.importorskip("uvloop").new_event_loop()


loops = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, new_uvloop], ids=["asyncio", "uvloop"])


@pytest.fixture
def _collected_on_demand():
    """Let nothing be collected but where the test says so, and warns."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class TestRunEnds:
    """`asyncio.run` cancels all tasks at its end."""

    @pytest.mark.parametrize("callers", [1, 10, 10_000])
    def test_a_thread_goes_on(self, coalescer, computation, thread, settle, callers):
        flights, first, second = coalescer(), computation(), computation("second")
        waiting = []

        async def main():
            for _ in range(callers):
                asyncio.create_task(flights.run("key", first.in_task))  # noqa: RUF006 - left to the end of the loop
            await settle()
            waiting.append(thread(flights.run_sync, "key", second.in_thread))
            await asyncio.to_thread(flights.wait_for_callers, callers + 1)

        asyncio.run(main())
        second.end()
        assert waiting[0].outcome() == "second"
        assert (first.cancelled, flights.runs, flights.abandoned) == (1, 2, 1)

    def test_a_task_in_another_loop_goes_on(self, coalescer, computation, thread, settle):
        flights, first, second = coalescer(), computation(), computation("second")
        waiting = []

        async def main():
            asyncio.create_task(flights.run("key", first.in_task))  # noqa: RUF006 - left to the end of the loop
            await settle()
            waiting.append(thread(asyncio.run, flights.run("key", second.in_task)))
            await asyncio.to_thread(flights.wait_for_callers, 2)

        asyncio.run(main())
        second.end()
        assert waiting[0].outcome() == "second"

    def test_nobody_in_it_leads_on(self, coalescer, computation, settle):
        """All in the loop are cancelled, in whatever order; none starts a run that nobody wants."""
        flights, work = coalescer(), computation()

        async def main():
            for _ in range(10):
                asyncio.create_task(flights.run("key", work.in_task))  # noqa: RUF006 - left to the end of the loop
            await settle()

        asyncio.run(main())
        assert (work.runs, len(flights)) == (1, 0)


class TestClosed:
    """The loop is closed with a task in it that was never finished."""

    @loops
    @pytest.mark.parametrize("kept", [True, False], ids=["its tasks are kept", "its tasks are dropped"])
    def test_the_others_go_on_at_once(self, coalescer, computation, thread, settle, new_loop, kept):
        flights, first, second = coalescer(), computation(), computation("second")
        loop = new_loop()
        caller = loop.create_task(flights.run("key", first.in_task))
        waiting = []

        async def main():
            await settle()
            waiting.append(thread(flights.run_sync, "key", second.in_thread))
            waiting.append(thread(asyncio.run, flights.run("key", second.in_task)))
            await loop.run_in_executor(None, flights.wait_for_callers, 3)

        loop.run_until_complete(main())
        if not kept:
            del caller
        close(loop)
        second.wait_until_begun()
        second.end()
        assert [each.outcome() for each in waiting] == ["second"] * 2
        assert (second.runs, flights.runs, flights.abandoned) == (1, 2, 1)

    @pytest.mark.filterwarnings("ignore:coroutine 'compute_in_task' was never awaited")
    def test_before_the_first_step(self, coalescer, computation, thread):
        flights, first, second = coalescer(), computation(), computation("second", held=False)
        loop = asyncio.new_event_loop()
        caller = loop.create_task(flights.run("key", first.in_task))
        loop.call_soon(loop.stop)
        loop.run_forever()  # one turn: the caller's first step, but not that of its run
        assert (flights.runs, first.runs) == (1, 0)
        close(loop)
        assert len(flights) == 0
        assert not caller.done()
        assert thread(flights.run_sync, "key", second.in_thread).outcome() == "second"

    def test_with_the_caller_that_was_to_lead_next(self, coalescer, computation, thread, settle):
        """Two loops stand still when a thread fails; the one that is told to lead is closed before it hears of it."""
        flights, first, second = coalescer(on_error="retry"), computation(ValueError()), computation("second")
        leader = thread(flights.run_sync, "key", first.in_thread)
        first.wait_until_begun()
        loops = [asyncio.new_event_loop() for _ in range(2)]
        callers = [loop.create_task(flights.run("key", second.in_task)) for loop in loops]
        for loop in loops:
            loop.run_until_complete(settle())
        first.end()
        assert type(leader.outcome()) is ValueError
        close(loops[0])
        second.end()
        assert loops[1].run_until_complete(callers[1]) == "second"
        assert (second.runs, flights.runs, flights.abandoned) == (1, 2, 0)
        loops[1].close()

    def test_with_a_cancelled_caller_that_was_to_lead_next(self, coalescer, computation, thread, settle):
        flights, first, second = coalescer(on_error="retry"), computation(ValueError()), computation("second")
        leader = thread(flights.run_sync, "key", first.in_thread)
        first.wait_until_begun()
        loop = asyncio.new_event_loop()
        callers = [loop.create_task(flights.run("key", second.in_task)) for _ in range(2)]
        loop.run_until_complete(settle())
        first.end()
        assert type(leader.outcome()) is ValueError
        callers[0].cancel()  # it has been told to lead, and will hear that first
        second.end()
        assert loop.run_until_complete(callers[1]) == "second"
        assert callers[0].cancelled()
        assert second.runs == 1
        loop.close()


@pytest.mark.usefixtures("_collected_on_demand")
class TestDropped:
    """The loop is neither closed nor run again, and nobody holds it."""

    @pytest.mark.parametrize("leader", ["waits", "has left"])
    def test_the_others_go_on_when_it_is_collected(self, coalescer, computation, thread, settle, leader):
        flights, second = coalescer(), computation("second", held=False)
        waiting = []

        def drop_a_loop():
            async def main():
                caller = asyncio.create_task(flights.run("key", asyncio.Event().wait))
                await settle()
                waiting.append(thread(flights.run_sync, "key", second.in_thread))
                await loop.run_in_executor(None, flights.wait_for_callers, 2)
                await loop.shutdown_default_executor()
                if leader == "has left":
                    caller.cancel()
                    await settle()

            loop = asyncio.new_event_loop()
            loop.run_until_complete(main())
            ignore_tasks(loop)
            return weakref.ref(loop)

        dropped = drop_a_loop()
        assert (flights.runs, second.runs) == (1, 0)
        with pytest.warns(ResourceWarning, match="unclosed event loop"):
            gc.collect()
        assert dropped() is None
        assert waiting[0].outcome() == "second"
        assert (flights.runs, flights.abandoned) == (2, 1)

    def test_a_caller_that_is_collected_leaves(self, coalescer, computation, thread, settle):
        flights, work = coalescer(), computation()
        leader = thread(asyncio.run, flights.run("key", work.in_task))
        work.wait_until_begun()

        def drop_a_loop():
            loop = asyncio.new_event_loop()
            caller = loop.create_task(flights.run("key", work.in_task))
            loop.run_until_complete(settle())
            close(loop)
            return weakref.ref(caller)

        dropped = drop_a_loop()
        gc.collect()
        assert dropped() is None
        (flight,) = flights._flights.values()
        assert len(flight.callers) == 1
        work.end()
        assert leader.outcome() == "value"


class TestStopped:
    """The loop does not run now, but may run again."""

    def test_whoever_comes_then_leads_for_all(self, coalescer, computation, thread, settle):
        flights, first, second = coalescer(), computation(), computation("second")
        loop = asyncio.new_event_loop()
        callers = [loop.create_task(flights.run("key", first.in_task)) for _ in range(3)]
        waiting = []

        async def main():
            await settle()
            waiting.append(thread(flights.run_sync, "key", second.in_thread))
            await loop.run_in_executor(None, flights.wait_for_callers, 4)

        loop.run_until_complete(main())
        waiting.append(thread(flights.run_sync, "key", second.in_thread))
        second.wait_until_begun()
        waiting.append(thread(asyncio.run, flights.run("key", second.in_task)))
        flights.wait_for_callers(2)
        second.end()
        assert [each.outcome() for each in waiting] == ["second"] * 3
        assert (first.runs, first.cancelled, second.runs) == (1, 0, 1)
        assert loop.run_until_complete(asyncio.gather(*callers)) == ["second"] * 3
        loop.run_until_complete(settle())
        assert first.cancelled == 1
        assert (flights.runs, flights.abandoned, flights.joined) == (2, 1, 4)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def test_also_in_the_same_thread(self, coalescer, computation, settle):
        flights, first, second = coalescer(), computation(), computation("second", held=False)
        loop = asyncio.new_event_loop()
        caller = loop.create_task(flights.run("key", first.in_task))
        loop.run_until_complete(settle())
        assert flights.run_sync("key", second.in_thread) == "second"
        assert loop.run_until_complete(caller) == "second"
        loop.close()

    def test_if_it_runs_again_its_run_goes_on(self, coalescer, computation, thread, settle):
        flights, work = coalescer(), computation()
        loop = asyncio.new_event_loop()
        caller = loop.create_task(flights.run("key", work.in_task))
        waiting = []

        async def main():
            await settle()
            waiting.append(thread(flights.run_sync, "key", work.in_thread))
            await loop.run_in_executor(None, flights.wait_for_callers, 2)

        loop.run_until_complete(main())
        work.end()
        assert loop.run_until_complete(caller) == "value"
        assert waiting[0].outcome() == "value"
        assert work.runs == 1
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def test_one_that_was_overtaken_may_lead_again(self, coalescer, computation, thread, settle):
        """A newcomer took its run over and was cancelled from within; in the end its own caller leads once more."""
        flights, second = coalescer(), computation(asyncio.CancelledError(), held=False)
        work = computation()
        loop = asyncio.new_event_loop()
        caller = loop.create_task(flights.run("key", work.in_task))
        loop.run_until_complete(settle())
        assert isinstance(thread(flights.run_sync, "key", second.in_thread).outcome(), asyncio.CancelledError)
        work.end()
        assert loop.run_until_complete(caller) == "value"
        loop.run_until_complete(settle())
        assert (work.runs, work.cancelled) == (2, 1)
        assert (flights.runs, flights.abandoned) == (3, 2)
        loop.close()

    def test_callers_of_running_loops_lead_before_those_of_stopped_ones(self, coalescer, computation, thread, settle):
        flights, first, second = (
            coalescer(on_error="retry"),
            computation(ValueError()),
            computation("second", held=False),
        )
        leader = thread(flights.run_sync, "key", first.in_thread)
        first.wait_until_begun()
        loop = asyncio.new_event_loop()
        stopped = loop.create_task(flights.run("key", first.in_task))
        loop.run_until_complete(settle())
        waiting = thread(asyncio.run, flights.run("key", second.in_task))
        flights.wait_for_callers(3)
        first.end()
        assert type(leader.outcome()) is ValueError
        assert waiting.outcome() == "second"
        assert loop.run_until_complete(stopped) == "second"
        loop.close()


class TestFork:
    @pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
    def test_the_child_knows_nothing_of_its_parents_flights(self):
        code = """
import asyncio, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this is about
from postopt.caching.coalescing import Coalescer, _guard

flights, begun, go = Coalescer(), threading.Event(), threading.Event()

def held():
    begun.set()
    go.wait()
    return "parent"

def forking():
    pid = os.fork()
    if pid == 0:
        assert len(flights) == 0
        assert flights.run_sync("forking", lambda: "child") == "child"
        return "child"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    return "parent"

def hold_the_lock():
    with _guard.lock:
        locked.set()
        forked.wait()

locked, forked = threading.Event(), threading.Event()
thread = threading.Thread(target=flights.run_sync, args=("key", held))
thread.start()
begun.wait()
locking = threading.Thread(target=hold_the_lock)
locking.start()
locked.wait()
pid = os.fork()
if pid == 0:
    assert len(flights) == 0
    assert flights.run_sync("key", lambda: "child") == "child"
    assert asyncio.run(flights.run("key", lambda: asyncio.sleep(0, "child"))) == "child"
    assert (flights.runs, flights.abandoned) == (3, 1)
    sys.exit(7)
forked.set()
locking.join()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert len(flights) == 1
go.set()
thread.join()
if (who := flights.run_sync("forking", forking)) == "child":
    sys.exit(7)
print(who, len(flights), flights.abandoned)
"""
        assert _python(code) == ["parent", "0", "0"]


class TestInterpreterExit:
    def test_is_quiet_but_for_asyncios_own_words(self):
        """Loops that are still open, with runs in them, when everything is torn down."""
        code = """
import asyncio
from postopt.caching.coalescing import Coalescer

flights = Coalescer()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
task = loop.create_task(flights.run("key", asyncio.Event().wait))
loop.run_until_complete(asyncio.sleep(0))
print("end")
"""
        assert _python(code, allowed="Task was destroyed but it is pending") == ["end"]


class TestGuard:
    def test_what_is_called_while_the_lock_is_held_happens_afterwards(self):
        guard, done = Guard(), []

        def step():
            with guard.lock:
                done.append("step")

        with guard.lock:
            guard.later(step)
            done.append("still held")
        guard.catch_up()
        guard.later(step)
        assert done == ["still held", "step", "step"]

    def test_another_thread_may_be_first(self):
        class Emptied(deque):
            def __bool__(self):
                return True

        guard = Guard()
        guard._overdue = Emptied()
        guard.catch_up()

    def test_two_threads_that_catch_up(self, thread):
        guard, done, size = Guard(), [], 8
        barrier = threading.Barrier(size)

        def hurry(number):
            for step in range(200):
                barrier.wait(30)
                if number % 2:
                    guard.later(lambda: done.append(step))  # noqa: B023 - called before the next turn
                else:
                    with guard.lock:
                        pass
                    guard.catch_up()

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for each in [thread(hurry, number) for number in range(size)]:
                assert each.outcome() is None
        finally:
            sys.setswitchinterval(interval)
        guard.catch_up()
        assert len(done) == 200 * size // 2

    @pytest.mark.usefixtures("_collected_on_demand")
    def test_the_garbage_collector_may_come_while_the_lock_is_held(self, coalescer, computation, thread, settle):
        """It closes a loop and destroys its callers in the thread that holds the lock."""
        flights, second = coalescer(), computation("second", held=False)
        waiting = []

        def drop_a_loop():
            async def main():
                callers = [asyncio.create_task(flights.run("key", asyncio.Event().wait)) for _ in range(3)]
                await settle()
                waiting.append(thread(flights.run_sync, "key", second.in_thread))
                await loop.run_in_executor(None, flights.wait_for_callers, len(callers) + 1)
                await loop.shutdown_default_executor()

            loop = asyncio.new_event_loop()
            loop.run_until_complete(main())
            ignore_tasks(loop)

        def collect():
            with _guard.lock:
                gc.collect()
            _guard.catch_up()

        drop_a_loop()
        assert second.runs == 0
        with pytest.warns(ResourceWarning, match="unclosed event loop"):
            collect()
        assert waiting[0].outcome() == "second"


class TestAnchor:
    def test_a_loop_holds_its_callers_and_their_run_which_nobody_else_does(self, coalescer, settle):
        """Tasks without any other reference, waiting for what only they know of."""
        flights, outcomes = coalescer(), []

        async def call(number):
            outcomes.append(await flights.run(number, asyncio.Event().wait))

        async def main():
            first = weakref.ref(asyncio.create_task(call(0)))
            for number in range(1, 3):
                asyncio.create_task(call(number))  # noqa: RUF006 - that is the point
            await settle()
            first().cancel()
            await settle()
            gc.collect()
            assert len(asyncio.all_tasks()) == 1 + 2 * 2

        asyncio.run(main())
        assert outcomes == []
        assert flights.abandoned == 3

    def test_also_if_its_caller_has_left(self, coalescer, computation, thread, settle):
        flights, second = coalescer(), computation("second", held=False)
        waiting = []

        async def main():
            leader = asyncio.create_task(flights.run("key", asyncio.Event().wait))
            await settle()
            waiting.append(thread(flights.run_sync, "key", second.in_thread))
            await asyncio.to_thread(flights.wait_for_callers, 2)
            leader.cancel()
            await settle()
            gc.collect()
            assert len(asyncio.all_tasks()) == 2

        asyncio.run(main())
        assert waiting[0].outcome() == "second"

    @loops
    def test_what_is_held_when_a_loop_is_closed_is_told(self, new_loop):
        async def main():
            hold(loop, "kept", object(), lambda: ended.append("kept"))
            hold(loop, "let go", object(), lambda: ended.append("let go"))
            let_go(loop, "let go")
            let_go(loop, "never held")

        ended = []
        loop = new_loop()
        loop.run_until_complete(main())
        assert ended == []
        loop.close()
        assert ended == ["kept"]
        let_go(loop, "kept")
        assert id(loop) not in _anchors

    def test_a_loop_that_holds_nothing_has_no_timer(self, coalescer, computation, settle):
        flights, work = coalescer(), computation(held=False)

        async def main():
            loop = asyncio.get_running_loop()
            for number in range(1_000):
                await flights.run(number, work.in_task)
            await settle()
            assert all(timer.cancelled() for timer in loop._scheduled)
            assert len(loop._scheduled) < 250  # asyncio sweeps out cancelled ones when they are many
            assert id(loop) not in _anchors

        asyncio.run(main())

    def test_nothing_happens_in_a_hundred_years(self):
        async def main():
            hold(loop, "kept", object(), lambda: ended.append("kept"))
            _anchors[id(loop)]()()
            assert ended == []

        ended = []
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()

    def test_what_is_asked_of_a_loop_that_is_gone_is_dropped(self):
        def drop_a_loop():
            loop = asyncio.new_event_loop()
            task = loop.create_task(asyncio.sleep(0))
            loop.run_until_complete(task)
            loop.close()
            return TaskRun(weakref.ref(loop), task), weakref.ref(loop), loop

        run, reference, loop = drop_a_loop()
        call_in(reference, pytest.fail)
        del loop
        gc.collect()
        assert reference() is None
        call_in(reference, pytest.fail)
        run.cancel(None)


def test_a_coalescer_is_forgotten_with_its_last_reference():
    flights = Coalescer()
    flights.run_sync("key", dict)
    reference = weakref.ref(flights)
    del flights
    assert reference() is None


def ignore_tasks(loop):
    """Let asyncio say nothing about the tasks that `loop` leaves behind: that is what the test is about."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False


def close(loop):
    ignore_tasks(loop)
    loop.close()


def _python(code, allowed=""):
    """Run `code` in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    if allowed:
        assert all(line.startswith((allowed, "task: <Task pending")) for line in done.stderr.splitlines()), done.stderr
    else:
        assert done.stderr == ""
    return done.stdout.split()
