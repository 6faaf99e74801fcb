"""One breaker in many threads, in forks, in the midst of its own decisions, and for a long time."""

import asyncio
import gc
import random
import signal
import threading
import tracemalloc
from collections import Counter
from contextlib import suppress
from functools import partial

import pytest

from postopt.errors import CircuitOpenError
from postopt.resilience.breaking import circuit
from postopt.resilience.breaking.turns import Turns


class TestThreads:
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"slow_call_seconds": 5.0, "slow_rate": 0.5},
            {"window_seconds": 60.0},
            {"classify": lambda *_: "success"},
        ],
        ids=["plain", "slow calls", "window of time", "classifier"],
    )
    def test_no_call_is_lost_and_none_counted_twice(self, bench, crowd, busy_switching, settings):
        it = bench(failure_threshold=2, failure_rate=0.5, open_seconds=1e-9, successes_to_close=2, **settings)
        ends = [Counter() for _ in range(8)]

        def work(number):
            draw = random.Random(number)
            for _ in range(1_500):
                chance = draw.random()
                if chance < 0.01:
                    it.breaker.reset()
                elif chance < 0.05:
                    assert it.breaker.metrics.success >= ends[number]["success"]
                it.clock.advance(1e-9)
                try:
                    it.breaker.call(fails if chance > 0.9 else int)
                    ends[number]["success"] += 1
                except KeyError:
                    ends[number]["failure"] += 1
                except CircuitOpenError:
                    ends[number]["rejected"] += 1

        def fails():
            raise KeyError

        crowd.run(8, work)
        seen = it.ends()
        total = sum(ends, Counter())
        if "classify" in settings:
            total["success"] += total.pop("failure")
        assert {kind: seen[kind] for kind in total} == total

    @pytest.mark.parametrize(
        "settings", [{}, {"slow_call_seconds": 1.0, "slow_rate": 0.5}], ids=["plain", "slow calls"]
    )
    def test_a_success_waits_for_no_lock(self, bench, crowd, settings):
        it = bench(failure_rate=0.9, minimum_calls=4, **settings)
        it.fail(2)
        it.succeed(4)
        held, done = threading.Event(), threading.Event()
        holder = crowd(1, lambda _: it.breaker._circuit._turns.look(lambda: held.set() or done.wait(60))).start()
        assert held.wait(60)
        it.succeed(3)
        done.set()
        holder.join()
        assert it.ends() == {"failure": 2, "success": 7}

    def test_a_refusal_waits_for_no_lock(self, bench, crowd):
        it = bench().open()
        held, done = threading.Event(), threading.Event()
        holder = crowd(1, lambda _: it.breaker._circuit._turns.look(lambda: held.set() or done.wait(60))).start()
        assert held.wait(60)
        assert not it.runs()
        done.set()
        holder.join()

    def test_never_more_probes_than_allowed(self, bench, crowd, busy_switching):
        it = bench(failure_threshold=1, open_seconds=1e-9, half_open_probes=2, successes_to_close=3)
        inside, most = [], []

        def probe(fail):
            inside.append(1)
            if it.breaker.state == "half_open":
                most.append(len(inside))
            inside.pop()
            if fail:
                raise KeyError

        def work(number):
            draw = random.Random(number)
            for _ in range(1_000):
                it.clock.advance(1e-9)
                with suppress(KeyError, CircuitOpenError):
                    it.breaker.call(probe, draw.random() < 0.6)

        it.fail()
        crowd.run(8, work)
        assert it.breaker.metrics.opened > 100
        assert most

    def test_sync_and_async_callers_share_its_probes(self, bench, held, settle, crowd):
        async def story():
            it = bench(half_open_probes=2, successes_to_close=2).half_open()
            one = asyncio.create_task(it.breaker.acall(held))
            await settle()
            ran = []
            begun, done = threading.Event(), threading.Event()

            def hold():
                begun.set()
                return done.wait(60)

            thread = crowd(1, lambda _: it.breaker.call(hold)).start()
            await asyncio.to_thread(begun.wait, 60)
            await asyncio.to_thread(crowd.run, 8, lambda _: ran.append(it.runs()))
            assert ran == [False] * 8
            assert not await it.aruns()
            held.begun[0].set_result("done")
            await one
            done.set()
            await asyncio.to_thread(thread.join)
            assert it.breaker.state == "closed"

        asyncio.run(story())


class TestTasks:
    @pytest.mark.parametrize("seed", range(20))
    def test_tasks_that_end_and_are_cancelled_anywhere(self, bench, down, seed):
        """Whatever the order, no place of a probe is lost, no call goes uncounted, and it works on."""
        draw = random.Random(seed)
        it = bench(failure_threshold=2, open_seconds=1.0, half_open_probes=2, successes_to_close=2)
        probes = set()

        async def work(number, turns, fails):
            if it.breaker.state == "half_open":
                probes.add(number)
                assert len(probes) <= 2
            try:
                for _ in range(turns):
                    await asyncio.sleep(0)
                if fails:
                    raise down
            finally:
                probes.discard(number)

        async def story():
            tasks = []
            for number in range(300):
                call = it.breaker.acall(work, number, draw.randrange(6), draw.random() < 0.4)
                tasks.append(asyncio.create_task(call))
                it.clock.advance(draw.choice([0.0, 0.0, 0.4]))
                if draw.random() < 0.3:
                    draw.choice(tasks).cancel()
                if draw.random() < 0.5:
                    await asyncio.sleep(0)
            await asyncio.gather(*tasks, return_exceptions=True)
            never_begun = sum(task.cancelled() for task in tasks) - it.ends()["cancelled"]
            ends = it.ends()
            assert sum(ends[kind] for kind in ("success", "failure", "cancelled", "rejected")) == 300 - never_begun
            assert it.breaker._circuit._machine.probes == {}
            it.clock.advance(1.0)
            while it.breaker.state != "closed":
                assert await it.aruns()

        asyncio.run(story())

    def test_a_coroutine_that_is_closed_half_way_is_neutral(self, bench, held):
        async def story():
            it = bench().half_open()
            call = it.breaker.acall(held)
            call.send(None)
            assert not it.runs()
            call.close()
            assert it.breaker.state == "half_open"
            assert it.ends()["cancelled"] == 1
            assert it.runs()

        asyncio.run(story())


class TestFork:
    def test_a_child_starts_closed_and_alone(self, bench, in_child):
        heard = []
        it = bench(
            failure_rate=0.5, open_backoff=2.0, listeners=[lambda change: heard.append(change.after)]
        ).half_open()
        it.fail()
        heard.clear()

        def story():
            assert it.breaker.state == "closed"
            assert it.ends() == {}
            it.succeed(5)
            it.open()
            assert it.breaker.retry_after == 10.0
            it.clock.advance(10)
            assert it.runs()
            assert heard == ["open", "half_open", "closed"]

        in_child(story)
        assert it.breaker.state == "open"
        assert it.breaker.retry_after == 20.0

    def test_what_is_under_way_counts_in_the_parent(self, bench, in_child, down):
        it = bench(failure_threshold=1)
        it.breaker.__enter__()

        def story(kind, *ended):
            it.breaker.__exit__(*ended)
            assert it.breaker.state == "closed"
            assert it.ends() == {kind: 1, "stale": 1}

        in_child(partial(story, "success", None, None, None))
        in_child(partial(story, "failure", down, down(), None))
        it.breaker.__exit__(down, down(), None)
        assert it.breaker.state == "open"

    @pytest.mark.parametrize(
        ("decide", "state"), [("force_open", "forced_open"), ("disable", "disabled"), ("observe", "metrics_only")]
    )
    def test_what_the_host_has_decided_stays(self, bench, in_child, decide, state):
        it = bench()
        getattr(it.breaker, decide)()

        def story():
            assert it.breaker.state == state
            assert it.runs() == (state != "forced_open")
            it.breaker.reset()
            it.succeed()

        in_child(story)

    def test_a_lock_that_another_thread_holds_is_free_in_the_child(self, bench, in_child, crowd, untraced):
        held, done = threading.Event(), threading.Event()

        def listener(_):
            assert it.breaker._circuit._turns.look(hold)

        def hold():
            held.set()
            return done.wait(60)

        it = bench(listeners=[listener], failure_threshold=1)
        holder = crowd(1, lambda _: it.fail()).start()
        assert held.wait(60)
        in_child(it.succeed)
        done.set()
        holder.join()

    def test_children_draw_their_jitter_apart(self, bench, in_child, tmp_path):
        it = bench(jitter=1.0, failure_threshold=1)
        for name in "ab":

            def story(name=name):
                it.fail()
                (tmp_path / name).write_text(str(it.breaker.retry_after))

            in_child(story)
        assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


class TestInTheMidst:
    """Code that runs while the breaker decides, in the thread that decides."""

    def test_a_stream_that_is_collected_just_then(self, bench):
        it = bench().half_open()
        stream = it.breaker.iterate(lambda: iter("ab"))
        next(stream)
        waiting = [stream]
        del stream
        turns = it.breaker._circuit._turns
        turns.tell(lambda: waiting.clear() or gc.collect())
        assert it.ends()["cancelled"] == 1
        assert it.runs()

    def test_calls_and_decisions_of_a_signals_handler(self, bench):
        it = bench().half_open()
        seen = []

        def handler(*_):
            seen.append((it.runs(), it.breaker.state, it.breaker.retry_after))
            it.breaker.force_open()
            seen.append(it.breaker.state)

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            it.breaker._circuit._turns.tell(lambda: signal.raise_signal(signal.SIGUSR1))
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert seen == [(False, "half_open", 0.0), "half_open"]
        assert it.breaker.state == "forced_open"

    def test_listeners_may_use_it(self, bench):
        def listener(change):
            if change.after == "open":
                assert not it.runs()
                it.breaker.reset()
                it.succeed()
            heard.append(change.after)

        heard = []
        it = bench(listeners=[listener])
        it.fail(3)
        assert it.breaker.state == "closed"
        assert heard == ["closed", "open"]
        assert it.breaker.metrics.listener_errors == 0

    @pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, GeneratorExit, StopIteration])
    def test_what_a_listener_raises_stays_with_it(self, bench, down, error):
        def listener(_):
            raise error

        it = bench(failure_threshold=1, listeners=[listener])
        with pytest.raises(down):
            it.breaker.call(it.fall)
        assert it.breaker.metrics.listener_errors == 1

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_an_interrupt_in_a_listener_is_one(self, bench, error):
        def listener(_):
            raise error

        it = bench(failure_threshold=1, listeners=[listener])
        with pytest.raises(error):
            it.breaker.call(it.fall)
        assert it.breaker.state == "open"

    def test_a_decision_that_raises_leaves_it_usable(self):
        turns, later = Turns(), []
        with pytest.raises(KeyboardInterrupt):
            turns.ask(lambda: turns.tell(later.append, 1) or raising(KeyboardInterrupt))
        assert later == [1]
        assert not turns.inside
        assert turns.ask(int) == 0


def raising(error):
    raise error


class TestMemory:
    @pytest.mark.parametrize(
        "settings",
        [{}, {"slow_call_seconds": 1.0, "slow_rate": 0.5}, {"window_seconds": 60.0}],
        ids=["plain", "slow calls", "window of time"],
    )
    def test_nothing_grows_with_the_calls(self, bench, settings):
        it = bench(failure_rate=0.9, failure_threshold=None, window=50, minimum_calls=50, **settings)

        async def story():
            for number in range(2_000):
                if number % 3:
                    it.runs()
                    await it.breaker.acall(it.awork)
                    with it.breaker:
                        pass
                    list(it.breaker.iterate(lambda: iter("ab")))
                else:
                    it.runs(it.fall)
                it.clock.advance(0.1)

        asyncio.run(story())
        tracemalloc.start()
        try:
            before = tracemalloc.take_snapshot()
            asyncio.run(story())
            gc.collect()
            growth = tracemalloc.take_snapshot().compare_to(before, "filename")
        finally:
            tracemalloc.stop()
        assert sum(entry.size_diff for entry in growth if "resilience/break" in entry.traceback[0].filename) < 10_000

    def test_openings_and_rejections_leave_nothing(self, bench):
        it = bench(failure_threshold=1)
        for _ in range(1_000):
            it.fail()
            it.runs()
            it.clock.advance(10)
            it.succeed()
        machine = it.breaker._circuit._machine
        assert (machine.probes, machine.changes) == ({}, [])

    def test_breakers_that_nobody_has_are_gone(self, bench):
        before = len(circuit._circuits)
        bench()
        gc.collect()
        assert len(circuit._circuits) <= before
