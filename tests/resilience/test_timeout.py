"""Calls end in time, nobody else's cancellation is taken for the end of time, and nothing is left behind."""

import asyncio
import threading
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.resilience.timeout import Timeout
from postopt.testing import run_scripted


async def answer(value):
    return value


async def hang():
    await asyncio.get_running_loop().create_future()


async def last(seconds):
    """Take so long, without a sleep that a scan of the tests would have to tell from a real one."""
    await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=seconds)


def now():
    return asyncio.get_running_loop().time()


def left_behind(timeout):
    return timeout._latest.under_way


class TestInTime:
    def test_an_answer_is_passed_on(self):
        async def main():
            timeout = Timeout()
            assert await timeout.acall(1.0, answer, "bread") == "bread"
            assert not left_behind(timeout)

        run_scripted(main())

    def test_an_error_is_passed_on(self):
        async def fail():
            raise LookupError("none")

        async def main():
            timeout = Timeout()
            with pytest.raises(LookupError, match="none"):
                await timeout.acall(1.0, fail)
            assert not left_behind(timeout)

        run_scripted(main())

    def test_no_limit_is_a_limit_too(self):
        async def main():
            assert await Timeout().acall(inf, answer, 1) == 1

        run_scripted(main())


class TestTooLate:
    def test_a_call_that_hangs_is_cut_off_in_time(self):
        async def main():
            timeout = Timeout()
            with pytest.raises(TimeoutError, match="cut off after 2 s"):
                await timeout.acall(2.0, hang)
            assert now() == 2.0
            assert asyncio.current_task().cancelling() == 0
            assert not left_behind(timeout)

        run_scripted(main())

    @pytest.mark.parametrize("seconds", [0, -1.0])
    def test_without_time_nothing_is_called(self, seconds):
        called = []

        async def call():
            called.append(1)

        async def main():
            with pytest.raises(TimeoutError, match="no time left"):
                await Timeout().acall(seconds, call)

        run_scripted(main())
        assert called == []

    def test_nan_is_no_time(self):
        with pytest.raises(ValueError, match="seconds is nan"):
            run_scripted(Timeout().acall(nan, answer, 1))

    @given(st.lists(st.floats(0.001, 100), min_size=1, max_size=40))
    def test_each_call_ends_at_its_own_time_at_most_a_256th_early(self, times):
        async def main():
            timeout = Timeout()
            ended = {}

            async def call(number, seconds):
                with pytest.raises(TimeoutError):
                    await timeout.acall(seconds, hang)
                ended[number] = now()

            await asyncio.gather(*(call(number, seconds) for number, seconds in enumerate(times)))
            for number, seconds in enumerate(times):
                assert seconds * 255 / 256 - 1e-9 <= ended[number] <= seconds + 1e-9
            assert not left_behind(timeout)

        run_scripted(main())

    def test_a_late_call_that_joins_an_early_alarm_keeps_its_own_end(self):
        async def main():
            timeout = Timeout()
            early = asyncio.create_task(timeout.acall(1.0, hang))
            await last(0.5)
            with pytest.raises(TimeoutError):
                await timeout.acall(3.0, hang)
            assert now() == 3.5
            with pytest.raises(TimeoutError):
                await early

        run_scripted(main())

    def test_of_two_limits_around_one_call_the_shorter_one_ends_it(self):
        async def main():
            outer, inner = Timeout(), Timeout()
            with pytest.raises(TimeoutError, match="after 1 s"):
                await outer.acall(5.0, inner.acall, 1.0, hang)
            with pytest.raises(TimeoutError, match="after 2 s"):
                await outer.acall(2.0, inner.acall, 9.0, hang)
            same = Timeout()
            with pytest.raises(TimeoutError, match="after 1 s"):
                await same.acall(1.0, same.acall, 1.5, hang)

        run_scripted(main())

    def test_a_call_that_does_not_care_is_waited_for(self):
        async def stubborn():
            try:
                await hang()
            except asyncio.CancelledError:
                return "anyway"

        async def main():
            timeout = Timeout()
            assert await timeout.acall(1.0, stubborn) == "anyway"
            assert asyncio.current_task().cancelling() == 0

        run_scripted(main())

    def test_an_error_on_the_way_out_is_that_error(self):
        async def messy():
            try:
                await hang()
            finally:
                raise LookupError("while leaving")

        async def main():
            with pytest.raises(LookupError, match="while leaving"):
                await Timeout().acall(1.0, messy)
            assert asyncio.current_task().cancelling() == 0

        run_scripted(main())


class TestOthersCancel:
    def test_a_cancellation_stays_one(self):
        async def main():
            timeout = Timeout()
            call = asyncio.create_task(timeout.acall(9.0, hang))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert not left_behind(timeout)
            assert now() == 0

        run_scripted(main())

    @pytest.mark.parametrize("cancel_first", [True, False])
    def test_one_at_the_same_moment_wins(self, cancel_first):
        async def main():
            loop = asyncio.get_running_loop()
            calls = []

            def cancel():
                calls[0].cancel()

            if cancel_first:
                loop.call_at(1.0, cancel)
            calls.append(asyncio.create_task(Timeout().acall(1.0, hang)))
            await asyncio.sleep(0)
            if not cancel_first:
                loop.call_at(1.0, cancel)
            with pytest.raises(asyncio.CancelledError):
                await calls[0]

        run_scripted(main())

    def test_in_a_task_that_is_being_cancelled_time_still_ends(self):
        async def clean_up(limit):
            try:
                await hang()
            finally:
                with pytest.raises(TimeoutError):
                    await limit.acall(1.0, hang)

        async def main():
            task = asyncio.create_task(clean_up(Timeout()))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert now() == 1.0

        run_scripted(main())


def test_one_object_serves_loops_one_after_another_and_at_the_same_time():
    timeout = Timeout()

    async def main():
        with pytest.raises(TimeoutError):
            await timeout.acall(1.0, hang)
        return await timeout.acall(1.0, answer, 1)

    assert [run_scripted(main()) for _ in range(3)] == [1, 1, 1]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(run_scripted(main()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1, 1, 1, 1]


def test_a_loop_has_one_alarm_however_many_calls():
    async def main():
        timeout = Timeout()
        loop = asyncio.get_running_loop()
        for _ in range(1000):
            await timeout.acall(5.0, answer, 1)
        return len(loop._scheduled)

    assert run_scripted(main()) == 1
