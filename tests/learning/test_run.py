"""`run` repeats `step` at a beat, and ends when it is cancelled."""

import asyncio
import threading

import pytest

from postopt.errors import ExperimentError, ExperimentStoreError, UnreachableError
from postopt.events.bus import EventBus
from postopt.learning.beat import repeat, to_its_end
from postopt.learning.report import LearningStepped
from postopt.testing import run_scripted


def _raised(error):
    raise error


class TestBeat:
    def beats(self, seconds, *, every, until):
        """When each action began, of which number i takes `seconds[i]`."""

        async def main():
            loop, began = asyncio.get_running_loop(), []

            async def action():
                began.append(loop.time())
                if len(began) <= len(seconds):
                    loop.advance(seconds[len(began) - 1])

            with pytest.raises(TimeoutError):
                await asyncio.wait_for(repeat(action, every), until)
            return began

        return run_scripted(main())

    def test_it_begins_at_once_and_keeps_the_beat(self):
        assert self.beats([], every=10.0, until=35.0) == [0.0, 10.0, 20.0, 30.0]

    def test_time_that_an_action_takes_does_not_drift(self):
        assert self.beats([3.0, 9.5, 0.0], every=10.0, until=35.0) == [0.0, 10.0, 20.0, 30.0]

    def test_what_a_long_action_missed_is_not_made_up_for(self):
        assert self.beats([27.0], every=10.0, until=45.0) == [0.0, 30.0, 40.0]

    def test_an_action_as_long_as_the_beat_is_followed_by_the_next_beat(self):
        assert self.beats([10.0], every=10.0, until=35.0) == [0.0, 20.0, 30.0]

    def test_an_error_ends_it(self):
        async def fail():
            raise ExperimentError("no")

        with pytest.raises(ExperimentError):
            run_scripted(repeat(fail, 10.0))


class TestToItsEnd:
    def test_being_cancelled_waits_for_the_end_each_time(self):
        go, ended = threading.Event(), []

        def work():
            go.wait(60)
            ended.append(True)

        async def main():
            task = asyncio.ensure_future(to_its_end(work))
            for _ in range(5):
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended == [True]

        asyncio.run(main())

    def test_its_error_is_raised_but_being_cancelled_goes_first(self):
        go = threading.Event()

        def fail():
            go.wait(60)
            raise ExperimentError("no")

        async def main():
            task = asyncio.ensure_future(to_its_end(fail))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.sleep(0)
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(ExperimentError):
                await to_its_end(fail)

        asyncio.run(main())


class TestRun:
    # Steps run in threads, which take real time: so does the beat.
    def after(self, loop, steps, every=0.001):
        """Run until so many steps were taken, then cancel."""
        step, taken = loop._take_step, []

        async def main():
            here, reached = asyncio.get_running_loop(), asyncio.Event()

            def counted(*now, **settings):
                taken.append(now)
                try:
                    return step(*now, **settings)
                finally:
                    if len(taken) == steps:
                        here.call_soon_threadsafe(reached.set)

            loop._take_step = counted
            task = asyncio.ensure_future(loop.run(every))
            await asyncio.wait_for(reached.wait(), 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())

    def test_it_steps_until_it_is_cancelled(self, world, report):
        events, seen = EventBus(), []
        events.subscribe(LearningStepped, seen.append)
        loop = world.loop(events=events)
        loop.ingest(report("f"))
        self.after(loop, 3)
        assert loop.step(2000.0).step >= 4
        assert {type(event) for event in seen} == {LearningStepped}
        assert world.learner.counts == {"a": (100, 5)}

    def test_where_others_hold_the_store_the_next_beat_tries_again(self, world, report):
        loop = world.loop()
        step, errors = loop._take_step, [ExperimentStoreError("busy"), ExperimentStoreError("busy")]
        loop._take_step = lambda *now, **settings: _raised(errors.pop()) if errors else step(*now, **settings)
        self.after(loop, 3)
        assert loop.step().step >= 1

    def test_any_other_error_ends_it(self, world):
        loop = world.loop()
        world.learner.step = lambda now: 1 / 0
        with pytest.raises(ExperimentError, match="failed in step"):
            asyncio.run(loop.run())

    def test_nobody_is_asked_for_proposals_while_it_is_stopped(self, world):
        asked = []

        async def propose(now):
            asked.append(now)

        world.learner.propose = propose
        loop = world.loop()
        loop.stop()
        self.after(loop, 2)
        assert asked == []

    def test_a_provider_that_is_away_holds_up_no_step(self, world, report):
        async def propose(now):
            raise UnreachableError("no route")

        world.learner.propose = propose
        loop = world.loop()
        loop.ingest(report("f"))
        self.after(loop, 1)
        assert world.learner.counts == {"a": (100, 5)}

    def test_an_error_that_does_not_pass_ends_it(self, world):
        loop = world.loop()
        error = ExperimentStoreError("newer")
        error.retryable = False
        loop._take_step = lambda: _raised(error)
        with pytest.raises(ExperimentStoreError, match="newer"):
            asyncio.run(loop.run())

    def test_learners_are_asked_for_proposals_first(self, world):
        asked = []

        async def propose(now):
            asked.append((now, world.loop().history()))

        world.learner.propose = propose
        self.after(world.loop(), 1)
        assert asked[0] == (1000.0, [])

    @pytest.mark.parametrize("every", [0, -1.0, float("nan"), "1", None])
    def test_a_beat_takes_time(self, world, every):
        with pytest.raises(ValueError, match="every"):
            asyncio.run(world.loop().run(every))
