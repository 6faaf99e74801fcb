"""Threads, and tasks of several loops in several threads, in one flight."""

import asyncio
import signal
import sys
import threading
from contextlib import contextmanager

import pytest

from postopt.errors import StoreError

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@contextmanager
def frequent_switches():
    """Let threads interrupt one another as often as Python can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


@pytest.fixture
def _interrupts():
    """Make SIGINT a KeyboardInterrupt, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_two_hundred_threads_share_one_run(coalescer, computation, thread):
    flights, work = coalescer(), computation()
    threads = [thread(flights.run_sync, "key", work.in_thread) for _ in range(200)]
    flights.wait_for_callers(200)
    work.end()
    assert [each.outcome() for each in threads] == ["value"] * 200
    assert (work.runs, flights.runs, flights.joined) == (1, 1, 199)


@pytest.mark.parametrize("leader", ["thread", "task"])
def test_threads_and_tasks_of_two_loops_share_one_run(coalescer, computation, thread, leader):
    flights, work = coalescer(), computation()

    def run_sync():
        return flights.run_sync("key", work.in_thread)

    async def main():
        return await asyncio.gather(*(flights.run("key", work.in_task) for _ in range(50)))

    first = thread(run_sync) if leader == "thread" else thread(asyncio.run, main())
    work.wait_until_begun()
    threads = [thread(run_sync) for _ in range(50)]
    loops = [thread(asyncio.run, main()) for _ in range(2)]
    flights.wait_for_callers(1 + 50 + 2 * 50 if leader == "thread" else 50 + 50 + 2 * 50)
    work.end()
    assert [each.outcome() for each in threads] == ["value"] * 50
    assert [each.outcome() for each in loops] == [["value"] * 50] * 2
    assert first.outcome() in ("value", ["value"] * 50)
    assert work.runs == flights.runs == 1


def test_a_cancelled_leader_leaves_its_run_to_threads(coalescer, computation, thread, settle):
    flights, work = coalescer(), computation()

    async def main():
        leader = asyncio.create_task(flights.run("key", work.in_task))
        await settle()
        waiting = thread(flights.run_sync, "key", work.in_thread)
        await asyncio.to_thread(flights.wait_for_callers, 2)
        leader.cancel()
        await settle()
        assert leader.cancelled()
        work.end()
        return await asyncio.to_thread(waiting.outcome)

    assert asyncio.run(main()) == "value"
    assert (work.runs, work.cancelled) == (1, 0)


def test_the_last_caller_takes_a_run_of_another_loop_with_it(coalescer, computation, thread, settle):
    """Its leader has left, and the last one waits elsewhere."""
    flights, work = coalescer(), computation()

    async def lead():
        leader = asyncio.create_task(flights.run("key", work.in_task))
        await settle()
        await asyncio.to_thread(flights.wait_for_callers, 2)
        leader.cancel()
        await settle()
        assert work.cancelled == 0
        (run,) = asyncio.all_tasks() - {asyncio.current_task()}
        left.set()
        await asyncio.wait({run})
        assert work.cancelled == 1

    async def wait():
        waiting = asyncio.create_task(flights.run("key", work.in_task))
        await asyncio.to_thread(left.wait)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    left = threading.Event()
    leading = thread(asyncio.run, lead())
    work.wait_until_begun()
    waiting = thread(asyncio.run, wait())
    assert waiting.outcome() is leading.outcome() is None
    assert (work.runs, flights.abandoned) == (1, 1)


def test_a_thread_that_is_cancelled_from_within_is_no_answer(coalescer, computation, thread):
    flights, first, second = coalescer(), computation(asyncio.CancelledError()), computation("second")
    leader = thread(flights.run_sync, "key", first.in_thread)
    first.wait_until_begun()
    waiting = [thread(flights.run_sync, "key", second.in_thread) for _ in range(5)]
    flights.wait_for_callers(6)
    first.end()
    second.end()
    assert isinstance(leader.outcome(), asyncio.CancelledError)
    assert [each.outcome() for each in waiting] == ["second"] * 5
    assert (second.runs, flights.runs, flights.abandoned) == (1, 2, 1)


@posix
@pytest.mark.usefixtures("_interrupts")
def test_an_interrupted_leader_is_alone_with_it(coalescer, computation, thread):
    flights, second = coalescer(), computation("second")
    waiting = []

    def interrupted():
        waiting.append(thread(flights.run_sync, "key", second.in_thread))
        flights.wait_for_callers(2)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        flights.run_sync("key", interrupted)
    second.end()
    assert waiting[0].outcome() == "second"
    assert (flights.runs, flights.abandoned) == (2, 1)


@posix
@pytest.mark.usefixtures("_interrupts")
@pytest.mark.parametrize("others", [0, 3])
def test_an_interrupted_caller_leaves_alone(coalescer, computation, thread, others):
    flights, work = coalescer(), computation()
    main = threading.get_ident()
    interrupted, waiting = threading.Event(), []

    def interrupt():
        flights.wait_for_callers(2)
        waiting.extend(thread(flights.run_sync, "key", work.in_thread) for _ in range(others))
        flights.wait_for_callers(others)
        while not interrupted.is_set():
            signal.pthread_kill(main, signal.SIGINT)
            interrupted.wait(10)  # Python ignores one that arrives in a finalizer

    async def lead():
        leader = asyncio.create_task(flights.run("key", work.in_task))
        return await leader

    leader = thread(asyncio.run, lead())
    work.wait_until_begun()
    thread(interrupt)
    with pytest.raises(KeyboardInterrupt):
        flights.run_sync("key", work.in_thread)
    interrupted.set()
    work.end()
    assert leader.outcome() == "value"
    assert [each.outcome() for each in waiting] == ["value"] * others
    assert (work.runs, flights.runs) == (1, 1)


def test_threads_that_hurry(coalescer, thread):
    """Many rounds on one key without any order: each gets a value that was made while it waited."""
    flights, rounds, size = coalescer(), 200, 8
    barrier = threading.Barrier(size)
    made = []

    def compute():
        made.append(None)
        return len(made)

    def hurry():
        values = []
        for _ in range(rounds):
            barrier.wait(30)
            before = len(made)
            values.append(flights.run_sync("key", compute))
            assert values[-1] >= before
        return values

    with frequent_switches():
        outcomes = [each.outcome() for each in [thread(hurry) for _ in range(size)]]
    assert [len(values) for values in outcomes] == [rounds] * size
    assert flights.runs == len(made)
    assert flights.runs + flights.joined == rounds * size


@pytest.mark.parametrize("policy", ["share", "retry", "stale"])
def test_threads_and_loops_that_hurry_and_fail(coalescer, thread, policy):
    flights, rounds = coalescer(on_error=policy), 100
    barrier = threading.Barrier(6)
    gave, failed = [], []

    def compute():
        if (len(gave) + len(failed)) % 3:
            gave.append(None)
            return "value"
        failed.append(None)
        raise StoreError("one in three")

    async def compute_later():
        await asyncio.sleep(0)
        return compute()

    def in_threads():
        outcomes = []
        for _ in range(rounds):
            barrier.wait(30)
            try:
                outcomes.append(flights.run_sync("key", compute, stale="old"))
            except StoreError as error:
                outcomes.append(error)
        return outcomes

    async def in_tasks():
        outcomes = []
        for number in range(rounds):
            barrier.wait(30)
            callers = [asyncio.create_task(flights.run("key", compute_later, stale="old")) for _ in range(4)]
            await asyncio.sleep(0)
            callers[number % 4].cancel()
            outcomes += await asyncio.gather(*callers, return_exceptions=True)
        return outcomes

    with frequent_switches():
        threads = [thread(in_threads) for _ in range(3)] + [thread(asyncio.run, in_tasks()) for _ in range(3)]
        outcomes = [each.outcome() for each in threads]
    assert [len(each) for each in outcomes] == [rounds] * 3 + [rounds * 4] * 3
    kinds = {outcome if isinstance(outcome, str) else type(outcome) for each in outcomes for outcome in each}
    assert kinds - {asyncio.CancelledError} == {"value", "old" if policy == "stale" else StoreError}
    assert flights.failed <= len(failed)
    assert flights.runs == len(gave) + len(failed) or flights.abandoned
