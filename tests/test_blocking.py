"""Asynchronous work for callers that do not await: inside a loop, from threads, interrupted, after a fork."""

import asyncio
import contextvars
import signal
import subprocess
import sys
import threading
import traceback

import anyio
import anyio.to_thread
import pytest

from postopt import blocking

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and fork")


async def double(value):
    await asyncio.sleep(0)
    return 2 * value


async def count(to, log=None):
    log = [] if log is None else log
    try:
        for number in range(to):
            log.append(number)
            yield number
    finally:
        await asyncio.sleep(0)  # cleaning up may wait, also when it was cancelled
        log.append("closed")


class TestRun:
    def test_returns_what_the_coroutine_returns(self):
        assert blocking.run(double, 21) == 42

    def test_works_inside_a_running_loop(self):
        async def notebook_cell():
            return blocking.run(double, 21), list(blocking.iterate(count(3)))

        assert asyncio.run(notebook_cell()) == (42, [0, 1, 2])

    def test_all_calls_share_one_thread(self):
        async def here():
            return threading.get_ident()

        assert blocking.run(here) == blocking.run(here) != threading.get_ident()

    def test_two_threads_at_once(self):
        met = []

        async def meet(name, mine, other):
            mine.set()
            await other.wait()  # ends only if both run at the same time
            met.append(name)

        async def events():
            return asyncio.Event(), asyncio.Event()

        first, second = blocking.run(events)
        threads = [
            threading.Thread(target=blocking.run, args=(meet, "a", first, second)),
            threading.Thread(target=blocking.run, args=(meet, "b", second, first)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(met) == ["a", "b"]

    def test_an_exception_keeps_type_object_and_traceback(self):
        error = LookupError("no such thing")

        async def deep_inside():
            raise error

        with pytest.raises(LookupError) as caught:
            blocking.run(deep_inside)
        assert caught.value is error
        assert "deep_inside" in "".join(traceback.format_tb(caught.value.__traceback__))

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_an_exit_ends_the_caller_not_the_shared_loop(self, kind):
        async def leave():
            raise kind

        async def leave_while_iterating():
            yield 1
            raise kind

        with pytest.raises(kind):
            blocking.run(leave)
        with pytest.raises(kind):
            list(blocking.iterate(leave_while_iterating()))
        assert blocking.run(double, 1) == 2

    def test_context_variables_are_the_callers(self):
        variable = contextvars.ContextVar("variable", default="nobody")

        async def read():
            return variable.get()

        variable.set("caller")
        assert blocking.run(read) == "caller"

    def test_from_the_shared_loop_itself_is_refused(self):
        async def inside():
            blocking.run(double, 1)

        async def iterating_inside():
            next(blocking.iterate(count(1)))

        for function in (inside, iterating_inside):
            with pytest.raises(RuntimeError, match="event loop thread"):
                blocking.run(function)

    @posix
    def test_an_interrupt_cancels_the_work(self):
        ended = threading.Event()
        main = threading.get_ident()

        async def work():
            try:
                signal.pthread_kill(main, signal.SIGINT)
                await asyncio.Event().wait()
            finally:
                ended.set()

        with pytest.raises(KeyboardInterrupt):
            blocking.run(work)
        assert ended.wait(10)

    def test_work_that_is_stopped_before_it_begins_never_runs(self):
        ran = []
        work = blocking._Work(anyio.to_thread.run_sync, (lambda: ran.append(True),))
        blocking.run(work.stop)
        assert blocking.run(work.run) is None
        assert ran == []

    def test_a_loop_that_cannot_start_is_the_callers_error(self, monkeypatch):
        def fail(function):
            raise OSError(24, "too many open files")

        monkeypatch.setattr(anyio, "run", fail)
        with pytest.raises(OSError, match="too many open files"):
            blocking._Portal()


class TestIterate:
    def test_yields_everything_in_order(self):
        log = []
        assert list(blocking.iterate(count(100, log))) == list(range(100))
        assert log == [*range(100), "closed"]

    def test_nothing_to_yield(self):
        assert list(blocking.iterate(count(0))) == []

    def test_makes_an_item_only_when_it_is_asked_for(self):
        log = []
        items = blocking.iterate(count(100, log))
        assert log == []
        assert [next(items) for _ in range(3)] == [0, 1, 2]
        assert log == [0, 1, 2]
        items.close()
        assert log == [0, 1, 2, "closed"]

    @pytest.mark.parametrize("stop", ["break", "raise", "drop"])
    def test_stopping_early_closes_the_source(self, stop):
        log = []

        def take():
            for number in blocking.iterate(count(100, log)):
                if number == 2:
                    if stop == "raise":
                        raise LookupError
                    return

        if stop == "raise":
            with pytest.raises(LookupError):
                take()
        elif stop == "break":
            take()
        else:
            items = blocking.iterate(count(100, log))
            assert [next(items), next(items), next(items)] == [0, 1, 2]
            del items
        assert log == [0, 1, 2, "closed"]

    def test_never_started(self):
        log = []
        blocking.iterate(count(3, log)).close()
        assert log == []

    def test_an_error_comes_after_the_items_before_it(self):
        error = LookupError("no such thing")

        async def failing():
            yield 1
            raise error

        items = blocking.iterate(failing())
        assert next(items) == 1
        with pytest.raises(LookupError) as caught:
            next(items)
        assert caught.value is error
        assert list(items) == []
        assert "failing" in "".join(traceback.format_tb(caught.value.__traceback__))

    def test_one_task_makes_all_items(self):
        async def tasks():
            # Leaving a cancel scope in another task than it was entered in is an error.
            with anyio.CancelScope():
                for _ in range(3):
                    yield id(asyncio.current_task())

        assert len(set(blocking.iterate(tasks()))) == 1

    def test_any_asynchronous_iterable(self):
        class Countdown:
            def __init__(self):
                self.left = 3

            def __aiter__(self):
                return self

            async def __anext__(self):
                if not self.left:
                    raise StopAsyncIteration
                self.left -= 1
                return self.left

        assert list(blocking.iterate(Countdown())) == [2, 1, 0]

    def test_what_is_no_asynchronous_iterable(self):
        with pytest.raises(TypeError, match="list"):
            next(blocking.iterate([1, 2]))

    @posix
    def test_an_interrupt_cancels_and_closes_the_source(self):
        log = []
        main = threading.get_ident()

        async def stuck():
            try:
                yield 1
                signal.pthread_kill(main, signal.SIGINT)
                await asyncio.Event().wait()
            finally:
                log.append("closed")

        items = blocking.iterate(stuck())
        assert next(items) == 1
        with pytest.raises(KeyboardInterrupt):
            next(items)
        assert log == ["closed"]

    def test_two_iterators_at_once(self):
        assert list(zip(blocking.iterate(count(5)), blocking.iterate(count(5)), strict=True)) == [
            (n, n) for n in range(5)
        ]


def python(code):
    """Run `code` in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def test_importing_starts_no_thread():
    assert python("import threading, postopt.blocking; print(threading.active_count())") == ["1"]


def test_the_thread_ends_with_the_process_and_its_work_is_cancelled():
    code = """
import asyncio, concurrent.futures, contextlib, threading
from postopt import blocking

async def for_ever(begun):
    try:
        begun.set()
        await asyncio.Event().wait()
    finally:
        print("cancelled", flush=True)

def numbers():
    async def source():
        while True:
            yield 1
    return blocking.iterate(source())

def wait_for_ever():
    with contextlib.suppress(concurrent.futures.CancelledError):
        blocking.run(for_ever, begun)

begun = threading.Event()
threading.Thread(target=wait_for_ever, daemon=True).start()
begun.wait()
left_open = numbers()
next(left_open)
print("exit", flush=True)
"""
    assert python(code) == ["exit", "cancelled"]


@posix
def test_the_child_of_a_fork_starts_its_own_thread():
    code = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this is about
from postopt import blocking

async def where():
    return os.getpid(), threading.get_ident()

async def source():
    for number in range(3):
        yield number

parent = blocking.run(where)
open_here = blocking.iterate(source())
assert next(open_here) == 0
pid = os.fork()
if pid == 0:
    assert blocking.run(where)[0] == os.getpid()
    assert list(blocking.iterate(source())) == [0, 1, 2]
    del open_here  # the parent's: nothing here to close
    sys.exit(7)
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 7
assert blocking.run(where) == parent
assert list(open_here) == [1, 2]
print("both")
"""
    assert python(code) == ["both"]
