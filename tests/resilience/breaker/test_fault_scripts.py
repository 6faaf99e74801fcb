"""What goes wrong around a breaker, one test for each script that some library in use does not survive.

The numbers are those of the scripts: s for one caller, a for tasks, t for threads. Whether a call was let through is
judged by whether the function ran.
"""

import asyncio
import threading
import time

import pytest

from postopt.errors import CircuitOpenError


class TestOneCaller:
    def test_s01_a_burst_of_failures_opens(self, bench):
        it = bench()
        it.fail(3)
        assert it.breaker.state == "open"
        assert not it.runs()

    @pytest.mark.parametrize("opening", [False, True])
    def test_s02_a_failing_call_keeps_its_own_error(self, bench, down, opening):
        it = bench()
        it.fail(2 if opening else 0)
        error = down("this one")
        with pytest.raises(down) as caught:
            it.breaker.call(it.fall, error)
        assert caught.value is error
        assert it.breaker.state == ("open" if opening else "closed")

    def test_s03_it_recovers(self, bench):
        it = bench().half_open()
        assert it.runs()
        assert it.breaker.state == "closed"
        it.succeed(10)

    def test_s04_a_failed_probe_opens_again_for_the_full_time(self, bench):
        it = bench().half_open()
        it.fail()
        assert it.breaker.state == "open"
        it.clock.advance(9.9)
        assert not it.runs()
        it.clock.advance(0.2)
        assert it.runs()

    def test_s05_half_of_the_calls_fail_alternating(self, bench):
        it = bench(failure_rate=0.5, minimum_calls=10)
        for _ in range(4):
            it.fail()
            it.succeed()
        assert it.breaker.state == "closed"
        it.fail()
        it.succeed()
        assert it.breaker.state == "open"

    def test_s06_slow_calls_open(self, bench):
        it = bench(slow_call_seconds=1.0, slow_rate=0.5, minimum_calls=4)
        for seconds in (0.1, 2.0, 1.0):
            assert it.runs(it.last, seconds)
        assert it.breaker.state == "closed"
        assert it.runs(it.last, 1.1)
        assert it.breaker.state == "open"

    def test_s07_successes_in_between_heal_a_row_of_failures(self, bench):
        it = bench()
        for _ in range(5):
            it.fail(2)
            it.succeed()
        assert it.breaker.state == "closed"

    def test_s08_an_ignored_error_does_not_heal_the_row(self, bench):
        it = bench(ignore=(KeyError,))
        it.fail(2)
        assert it.runs(it.fall, KeyError())
        assert it.breaker.state == "closed"
        it.fail()
        assert it.breaker.state == "open"

    def test_s09_an_ignored_error_does_not_close_a_half_open_circuit(self, bench):
        it = bench(ignore=KeyError).half_open()
        assert it.runs(it.fall, KeyError())
        assert it.breaker.state == "half_open"
        it.fail()
        assert it.breaker.state == "open"

    def test_s10_a_listener_that_raises_changes_neither_result_nor_state(self, bench, down):
        heard = []

        def broken(change):
            heard.append(change.after)
            raise RuntimeError("the listener's own")

        it = bench(listeners=[broken, broken])
        error = down()
        it.fail(2)
        with pytest.raises(down) as caught:
            it.breaker.call(it.fall, error)
        assert caught.value is error
        assert it.breaker.state == "open"
        it.clock.advance(10)
        assert it.breaker.call(it.work) == "done"
        assert it.breaker.state == "closed"
        assert heard == ["open", "open", "half_open", "half_open", "closed", "closed"]
        assert it.breaker.metrics.listener_errors == 6

    @pytest.mark.parametrize("hours", [-1, +1])
    def test_s11_s12_the_wall_clock_does_not_matter(self, bench, monkeypatch, hours):
        it = bench().open()
        wall = time.time()
        monkeypatch.setattr("time.time", lambda: wall + hours * 3600)
        assert not it.runs()
        it.clock.advance(10)
        assert it.runs()

    def test_s13_a_call_within_a_call(self, bench):
        it = bench()
        assert it.breaker.call(lambda: it.breaker.call(it.work)) == "done"
        it.half_open()
        inner = []
        assert it.breaker.call(lambda: inner.append(it.runs()) or it.work()) == "done"
        assert inner == [False]  # the probe is under way
        assert it.breaker.state == "closed"

    def test_s14_forced_open_and_reset(self, bench):
        it = bench()
        it.breaker.force_open()
        it.clock.advance(1e9)
        assert it.breaker.state == "forced_open"
        assert not it.runs()
        it.breaker.reset()
        assert it.breaker.state == "closed"
        it.fail(2)
        it.breaker.reset()
        it.fail(2)
        assert it.breaker.state == "closed"

    def test_s15_a_rejection_says_when_to_come_back(self, bench):
        it = bench().open()
        it.clock.advance(4)
        with pytest.raises(CircuitOpenError, match=r"'provider' is open; .* 6\.0 s") as caught:
            it.breaker.call(it.work)
        assert caught.value.retry_after == pytest.approx(6)
        assert it.breaker.retry_after == pytest.approx(6)
        it.clock.advance(caught.value.retry_after)
        assert it.breaker.retry_after == 0.0
        assert it.runs()

    def test_s16_the_open_time_grows_up_to_its_limit_and_starts_anew(self, bench):
        it = bench(open_backoff=2.0, max_open_seconds=35.0).open()
        for seconds in (10, 20, 35, 35):
            assert it.breaker.retry_after == pytest.approx(seconds)
            it.clock.advance(seconds)
            it.fail()
        it.clock.advance(35)
        it.succeed()
        it.open()
        assert it.breaker.retry_after == pytest.approx(10)


class TestTasks:
    def test_a01_fifty_tasks_at_half_open_make_one_probe(self, bench, held, settle):
        async def story():
            it = bench().half_open()
            tasks = [asyncio.create_task(it.breaker.acall(held)) for _ in range(50)]
            await settle()
            assert len(held.begun) == 1
            held.begun[0].set_result("done")
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert ends.count("done") == 1
            assert it.breaker.state == "closed"

        asyncio.run(story())

    def test_a02_a_stale_success_does_not_close(self, bench, held, settle):
        async def story():
            it = bench()
            early = asyncio.create_task(it.breaker.acall(held))
            await settle()
            it.open()
            held.begun[0].set_result("late")
            assert await early == "late"
            assert it.breaker.state == "open"
            assert not it.runs()
            assert it.ends()["stale"] == 1

        asyncio.run(story())

    def test_a03_a_stale_failure_does_not_overrule_a_good_probe(self, bench, held, settle, down):
        async def story():
            it = bench(failure_threshold=1)
            early = asyncio.create_task(it.breaker.acall(held))
            await settle()
            it.fail()
            it.clock.advance(10)
            it.succeed()
            held.begun[0].set_exception(down())
            with pytest.raises(down):
                await early
            assert it.breaker.state == "closed"
            assert it.runs()

        asyncio.run(story())

    def test_a04_a_failed_probe_beats_a_success_after_it(self, bench, held, settle, down):
        async def story():
            it = bench(half_open_probes=2, successes_to_close=1).half_open()
            probes = [asyncio.create_task(it.breaker.acall(held)) for _ in range(2)]
            await settle()
            held.begun[0].set_exception(down())
            await settle()
            assert it.breaker.state == "open"
            held.begun[1].set_result("late")
            await asyncio.gather(*probes, return_exceptions=True)
            assert it.breaker.state == "open"
            assert it.breaker.retry_after == pytest.approx(10)

        asyncio.run(story())

    def test_a05_a_cancelled_call_is_no_failure(self, bench, held, settle):
        async def story():
            it = bench()
            for _ in range(10):
                task = asyncio.create_task(it.breaker.acall(held))
                await settle()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert it.breaker.state == "closed"
            assert it.ends() == {"cancelled": 10}

        asyncio.run(story())

    def test_a06_a_cancelled_call_is_no_success(self, bench, held, settle):
        async def story():
            it = bench()
            it.fail(2)
            task = asyncio.create_task(it.breaker.acall(held))
            await settle()
            task.cancel()
            await asyncio.wait([task])
            it.fail()
            assert it.breaker.state == "open"

        asyncio.run(story())

    def test_a07_a_cancelled_probe_does_not_close(self, bench, held, settle):
        async def story():
            it = bench().half_open()
            probe = asyncio.create_task(it.breaker.acall(held))
            await settle()
            probe.cancel()
            await asyncio.wait([probe])
            assert it.breaker.state == "half_open"
            it.fail()
            assert it.breaker.state == "open"

        asyncio.run(story())

    def test_a08_a_probe_that_times_out_in_its_caller_is_neutral(self, bench, held):
        async def story():
            it = bench().half_open()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await it.breaker.acall(held)
            assert it.breaker.state == "half_open"
            assert it.runs()

        asyncio.run(story())

    def test_a09_a_cancelled_probe_leaves_its_place_at_once(self, bench, held, settle):
        async def story():
            it = bench().half_open()
            probe = asyncio.create_task(it.breaker.acall(held))
            await settle()
            assert not await it.aruns()
            probe.cancel()
            await asyncio.wait([probe])
            assert it.breaker.retry_after == 0.0
            assert await it.aruns()
            assert it.breaker.state == "closed"

        asyncio.run(story())

    def test_a10_an_error_within_an_async_stream_counts(self, bench, down):
        it = bench()

        async def stream():
            it.ran += 1
            yield "a"
            raise down

        async def read():
            async for _ in it.breaker.aiterate(stream):
                pass

        for _ in range(3):
            with pytest.raises(down):
                asyncio.run(read())
        assert it.breaker.state == "open"
        with pytest.raises(CircuitOpenError):
            asyncio.run(read())
        assert it.ran == 3

    def test_a11_failures_of_tasks_open_for_threads(self, bench):
        async def story():
            it = bench()
            for _ in range(3):
                assert await it.aruns(it.afall)
            assert not await asyncio.to_thread(it.runs)

        asyncio.run(story())

    def test_a12_sync_failures_protect_async_callers(self, bench):
        it = bench().open()
        assert not asyncio.run(it.aruns())
        it.clock.advance(10)
        assert asyncio.run(it.aruns())
        assert it.breaker.state == "closed"
        assert it.runs()


class TestThreads:
    @pytest.mark.parametrize("probes", [1, 3])
    def test_t01_eight_threads_at_half_open_make_as_many_probes_as_allowed(self, bench, crowd, busy_switching, probes):
        it = bench(half_open_probes=probes, successes_to_close=8).half_open()
        begun, done = threading.Semaphore(0), threading.Event()
        refused = threading.Semaphore(0)

        def probe():
            begun.release()
            assert done.wait(60)
            return "done"

        def go(_):
            try:
                it.breaker.call(probe)
            except CircuitOpenError:
                refused.release()

        eight = crowd(8, go).start()
        for _ in range(8 - probes):
            assert refused.acquire(timeout=60)
        for _ in range(probes):
            assert begun.acquire(timeout=60)
        assert not begun.acquire(blocking=False)
        done.set()
        eight.join()
        assert it.ends()["success"] == probes

    def test_t02_calls_run_at_the_same_time(self, bench, crowd):
        it = bench(failure_rate=0.5)
        together = threading.Barrier(8)
        crowd.run(8, lambda _: it.breaker.call(together.wait, 60))
        assert it.ends() == {"success": 8}

    def test_t03_an_error_within_a_generator_counts(self, bench, down):
        it = bench()

        def stream():
            it.ran += 1
            yield "a"
            raise down

        for _ in range(3):
            with pytest.raises(down):
                list(it.breaker.iterate(stream))
        assert it.breaker.state == "open"
        with pytest.raises(CircuitOpenError):
            list(it.breaker.iterate(stream))
        assert it.ran == 3

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_t04_an_interrupt_is_neutral(self, bench, error):
        it = bench()
        for _ in range(5):
            with pytest.raises(error):
                it.breaker.call(it.fall, error())
        assert it.breaker.state == "closed"
        it.fail(2)
        with pytest.raises(error):
            it.breaker.call(it.fall, error())
        it.fail()
        assert it.breaker.state == "open"
        assert it.ends()["cancelled"] == 6

    @pytest.mark.parametrize("state", ["closed", "half_open"])
    def test_t05_a_hung_call_holds_up_nobody(self, bench, crowd, state):
        it = bench(half_open_probes=2, slow_call_seconds=1.0)
        if state == "half_open":
            it.half_open()
        begun, done = threading.Event(), threading.Event()

        def hang():
            begun.set()
            return done.wait(60)

        hung = crowd(1, lambda _: it.breaker.call(hang)).start()
        assert begun.wait(60)
        assert it.runs()
        assert it.breaker.state == "closed"
        done.set()
        hung.join()
