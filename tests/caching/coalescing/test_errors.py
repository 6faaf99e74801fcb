"""Who gets an error, and what it looks like then."""

import asyncio
import gc
import pickle
import threading
import traceback
import weakref
from contextlib import suppress

import pytest

from postopt.caching.flights.outcome import Outcome
from postopt.errors import PostRejectedError, StoreError


class CustomError(Exception):
    """Its arguments are not those of its constructor, and it knows more than they say."""

    def __init__(self, code, *, retry_after):
        super().__init__(f"status {code}")
        self.code = code
        self.retry_after = retry_after


class RenamingError(Exception):
    """Its constructor takes its own message for a code."""

    def __init__(self, code):
        super().__init__(f"status {code}")
        self.code = code


async def gather(calls, settle):
    """Make the calls in order; return what they give or raise."""
    tasks = [asyncio.create_task(call) for call in calls]
    await settle()
    return await asyncio.gather(*tasks, return_exceptions=True)


def failing(error, seen=None):
    async def compute():
        if seen is not None:
            seen.append(error)
        await asyncio.sleep(0)
        raise error

    return compute


class TestShare:
    def test_every_caller_gets_the_error(self, coalescer, settle):
        flights, error = coalescer(), StoreError("out of reach", hint="try again")

        async def main():
            return await gather([flights.run("key", failing(error)) for _ in range(1_000)], settle)

        errors = asyncio.run(main())
        assert {(type(each), str(each), each.hint, each.retryable) for each in errors} == {
            (StoreError, "out of reach", "try again", True)
        }
        assert (flights.runs, flights.failed, flights.abandoned) == (1, 1, 0)

    def test_a_failure_is_not_kept(self, coalescer, computation):
        flights, error = coalescer(), ValueError("once")
        for compute in (computation(error, held=False), computation("value", held=False)):
            outcome = asyncio.run(self._try(flights, compute))
        assert outcome == "value"

    async def _try(self, flights, compute):
        try:
            return await flights.run("key", compute.in_task)
        except ValueError as error:
            return error

    def test_across_threads_and_tasks(self, coalescer, computation, thread):
        flights, work = coalescer(), computation(ValueError("all of you"))
        threads = [thread(flights.run_sync, "key", work.in_thread) for _ in range(5)]
        flights.wait_for_callers(5)

        async def main():
            callers = [asyncio.create_task(flights.run("key", work.in_task)) for _ in range(5)]
            await asyncio.sleep(0)
            work.end()
            return await asyncio.gather(*callers, return_exceptions=True)

        errors = [*asyncio.run(main()), *(each.outcome() for each in threads)]
        assert [repr(error) for error in errors] == ["ValueError('all of you')"] * 10
        assert work.runs == flights.failed == 1

    def test_a_stale_value_is_not_asked_for(self, coalescer):
        with pytest.raises(ZeroDivisionError):
            coalescer().run_sync("key", lambda: 1 / 0, stale="old")


class TestRetry:
    def test_one_by_one_until_one_succeeds(self, coalescer, settle):
        flights, order = coalescer(on_error="retry"), []

        def compute(number):
            async def attempt():
                order.append(number)
                await asyncio.sleep(0)
                if number < 5:
                    raise ValueError(number)
                return number

            return attempt

        async def main():
            return await gather([flights.run("key", compute(number)) for number in range(10)], settle)

        outcomes = asyncio.run(main())
        assert order == [0, 1, 2, 3, 4, 5]
        assert [error.args for error in outcomes[:5]] == [(number,) for number in range(5)]
        assert outcomes[5:] == [5] * 5
        assert (flights.runs, flights.joined, flights.failed) == (6, 9, 5)

    def test_everybody_fails_alone(self, coalescer, settle):
        flights = coalescer(on_error="retry")
        errors = [ValueError(number) for number in range(2_000)]

        async def main():
            return await gather([flights.run("key", failing(error)) for error in errors], settle)

        assert all(given is error for given, error in zip(asyncio.run(main()), errors, strict=True))
        assert flights.runs == flights.failed == 2_000

    def test_nobody_gets_the_error_of_a_leader_that_has_left(self, coalescer, computation, settle):
        flights = coalescer(on_error="retry")
        first, second = computation(ValueError()), computation("second", held=False)

        async def main():
            callers = [asyncio.create_task(flights.run("key", work.in_task)) for work in (first, second, second)]
            await settle()
            callers[0].cancel()
            await settle()
            first.end()
            return await asyncio.gather(*callers, return_exceptions=True)

        cancelled, *outcomes = asyncio.run(main())
        assert isinstance(cancelled, asyncio.CancelledError)
        assert outcomes == ["second", "second"]
        assert second.runs == flights.failed == 1

    def test_between_threads_and_tasks(self, coalescer, computation, thread):
        flights = coalescer(on_error="retry")
        works = [computation(ValueError(number)) for number in range(3)] + [computation("value")]
        threads = []

        async def main():
            callers = []
            for number, work in enumerate(works):
                if number % 2:
                    callers.append(asyncio.create_task(flights.run("key", work.in_task)))
                    await asyncio.sleep(0)
                else:
                    threads.append(thread(flights.run_sync, "key", work.in_thread))
                flights.wait_for_callers()
            for work in works:
                await asyncio.to_thread(work.wait_until_begun)
                work.end()
            return await asyncio.gather(*callers, return_exceptions=True)

        in_tasks = asyncio.run(main())
        assert [repr(each.outcome()) for each in threads] == ["ValueError(0)", "ValueError(2)"]
        assert repr(in_tasks[0]) == "ValueError(1)"
        assert in_tasks[1] == "value"
        assert [work.runs for work in works] == [1] * 4


class TestStale:
    def test_those_who_brought_a_stale_value_get_it(self, coalescer, settle):
        flights = coalescer(on_error="stale")

        async def main():
            compute = failing(ValueError("down"))
            return await gather(
                [
                    flights.run("key", compute, stale="old"),
                    flights.run("key", compute),
                    flights.run("key", compute, stale=None),
                ],
                settle,
            )

        old, error, none = asyncio.run(main())
        assert (old, repr(error), none) == ("old", "ValueError('down')", None)
        assert flights.failed == 1

    def test_a_value_is_preferred(self, coalescer):
        assert coalescer(on_error="stale").run_sync("key", lambda: "new", stale="old") == "new"

    def test_a_cancellation_is_no_error(self, coalescer):
        def cancelled():
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            coalescer(on_error="stale").run_sync("key", cancelled, stale="old")


class TestWhatIsRaised:
    def test_the_leader_gets_the_very_object_and_the_others_a_copy_each(self, coalescer, settle):
        flights, error = coalescer(), ValueError("args", 1)
        error.__cause__ = cause = KeyError("cause")
        error.add_note("seen")
        error.extra = ["an attribute"]

        async def main():
            return await gather([flights.run("key", failing(error)) for _ in range(3)], settle)

        leader, *others = asyncio.run(main())
        assert leader is error
        assert len({id(other) for other in others} - {id(error)}) == 2
        for other in others:
            assert type(other) is ValueError
            assert (other.args, other.extra, other.__notes__) == (("args", 1), ["an attribute"], ["seen"])
            assert other.__cause__ is cause
            assert other.__suppress_context__
            other.add_note("mine")
        assert error.__notes__ == ["seen"]

    @pytest.mark.parametrize(
        ("error", "same"),
        [
            (CustomError(503, retry_after=2), True),
            (RenamingError(503), False),
            (PostRejectedError(("too long", "too loud")), False),
            (OSError(2, "no such file", "posts.db"), False),
            (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), False),
            (ImportError("gone", name="orjson"), False),
            (KeyError(), False),
            (ExceptionGroup("two", [ValueError(1), KeyError(2)]), False),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_a_copy_is_equal_and_what_cannot_be_copied_is_shared(self, error, same):
        others = Outcome(error=error).for_others()
        with pytest.raises(type(error)) as copied:
            others.result()
        assert (copied.value is error) == same
        assert (str(copied.value), copied.value.args) == (str(error), error.args)
        assert vars(copied.value) == vars(error)

    @pytest.mark.parametrize("reduced", ["another type", "itself"])
    def test_a_copy_that_is_none_is_not_used(self, reduced):
        class OddError(Exception):
            def __reduce__(self):
                return (ValueError, ()) if reduced == "another type" else "itself"

        error = OddError("odd")
        with pytest.raises(OddError) as raised:
            Outcome(error=error).for_others().result()
        assert raised.value is error

    @pytest.mark.parametrize("error", [ValueError("plain"), CustomError(503, retry_after=2)], ids=["copied", "shared"])
    def test_tracebacks_show_the_computation_once_and_do_not_grow(self, coalescer, settle, error):
        flights = coalescer()

        async def deep_inside():
            await asyncio.sleep(0)
            raise error

        async def main():
            return await gather([flights.run("key", deep_inside) for _ in range(100)], settle)

        for each in asyncio.run(main()):
            names = [frame.name for frame in traceback.extract_tb(each.__traceback__)]
            assert names[-1] == "deep_inside"
            assert len(names) == len(set(names)) <= 5

    def test_an_error_is_forgotten_with_its_callers(self, coalescer, settle):
        references = []

        class MarkedError(Exception):
            def __init__(self):
                super().__init__()
                references.append(weakref.ref(self))

        def fail():
            raise MarkedError

        async def fail_later():
            await asyncio.sleep(0)
            fail()

        async def call():
            with suppress(MarkedError):
                await flights.run("key", fail_later)

        async def main():
            await gather([call() for _ in range(3)], settle)

        flights = coalescer()
        gc.collect()
        gc.disable()
        try:
            asyncio.run(main())
            with suppress(MarkedError):
                flights.run_sync("key", fail)
            assert len(references) == 5  # two errors, and copies of one: two for callers, one that is their pattern
            assert [reference() for reference in references] == [None] * 5
        finally:
            gc.enable()

    def test_a_value_is_not_held_by_a_task_that_outlives_its_run(self, coalescer):
        class Value:
            pass

        async def main():
            never = asyncio.Event()
            left = []

            async def compute():
                left.append(asyncio.create_task(never.wait()))
                return Value()

            reference = weakref.ref(await flights.run("key", compute))
            await asyncio.sleep(0)
            assert reference() is None
            left[0].cancel()

        flights = coalescer()
        asyncio.run(main())

    def test_context_of_one_caller_does_not_reach_another(self, coalescer, settle):
        async def call(number):
            try:
                return {}[number]
            except KeyError:
                return await flights.run("key", failing(ValueError()))

        async def main():
            return await gather([call(number) for number in range(3)], settle)

        flights = coalescer()
        assert [error.__context__.args for error in asyncio.run(main())] == [(0,), (1,), (2,)]

    @pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, GeneratorExit, RecursionError])
    def test_odd_errors_hang_nobody(self, coalescer, kind, thread):
        flights, begun, go = coalescer(), threading.Event(), threading.Event()

        def compute():
            begun.set()
            assert go.wait(30)
            raise kind

        first = thread(flights.run_sync, "key", compute)
        assert begun.wait(30)
        second = thread(flights.run_sync, "key", compute)
        third = thread(asyncio.run, flights.run("key", failing(kind())))
        flights.wait_for_callers(3)
        go.set()
        assert type(first.outcome()) is kind
        assert type(second.outcome()) is kind
        assert isinstance(third.outcome(), kind | RuntimeError)  # no coroutine may raise StopIteration

    def test_errors_of_ours_survive_pickling_after_the_flight(self, coalescer, settle):
        async def main():
            return await gather([flights.run("key", failing(PostRejectedError(("loud",)))) for _ in range(2)], settle)

        flights = coalescer()
        for error in asyncio.run(main()):
            assert pickle.loads(pickle.dumps(error)).reasons == ("loud",)
