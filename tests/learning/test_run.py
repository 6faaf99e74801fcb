"""`run` repeats `step` at a beat, and ends when it is cancelled."""

import asyncio
import threading

import pytest

from postopt.errors import (
    ExperimentError,
    ExperimentStoreError,
    LearnerError,
    NoCandidateError,
    PostoptError,
    UnreachableError,
)
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


class Proposing:
    """Is asked for proposals, and fails in it if it is told to."""

    def __init__(self, name, error=None):
        self.name, self.error, self.asked = name, error, []

    async def propose(self, now):
        self.asked.append(now)
        if self.error is not None:
            raise self.error

    def learn(self, decision_id, feedback):
        return False

    def step(self, now):
        return [f"proposals of {self.asked}"] if self.asked else []

    def state(self):
        return {}

    def restore(self, state):
        """Nothing is learned."""


class TestAstep:
    def test_proposals_come_before_the_step_and_only_step_does_without(self, world):
        one = Proposing("one")
        loop = world.loop([world.learner, one])
        assert loop.step(200.0).changes == ()
        step = asyncio.run(loop.astep(300.0))
        assert (step.step, step.now, step.changes) == (2, 300.0, (("one", "proposals of [300.0]"),))
        assert asyncio.run(loop.astep()).now == 1000.0
        assert one.asked == [300.0, 1000.0]

    def test_nobody_is_asked_while_it_is_stopped(self, world):
        one = Proposing("one")
        loop = world.loop([one])
        loop.stop()
        assert asyncio.run(loop.astep(300.0)).stopped == ""
        assert one.asked == []

    def test_who_gets_none_this_time_is_named_and_holds_up_nobody(self, world, report):
        one, two = Proposing("one", UnreachableError("no route")), Proposing("two")
        loop = world.loop([one, world.learner, two])
        loop.ingest(report("f"))
        step = asyncio.run(loop.astep(300.0))
        assert [name for name, _ in step.unproposed] == ["one"]
        assert "one could get no proposals this time: no route" in str(step)
        assert (step.learned, two.asked) == (1, [300.0])

    @pytest.mark.parametrize("error", [RuntimeError("no luck"), NoCandidateError("no model")])
    def test_any_other_error_is_raised_and_no_step_is_taken(self, world, error):
        loop = world.loop([Proposing("one", error)])
        with pytest.raises(PostoptError, match=str(error)) as caught:
            asyncio.run(loop.astep(300.0))
        assert isinstance(caught.value, LearnerError) == isinstance(error, RuntimeError)
        assert "'one'" in f"{caught.value} {getattr(caught.value, '__notes__', '')}"
        assert loop.history() == []

    def test_it_needs_a_time(self, world):
        one = Proposing("one")
        with pytest.raises(ValueError, match="now is"):
            asyncio.run(world.loop([one]).astep(float("nan")))
        assert one.asked == []

    def test_being_cancelled_while_proposals_are_made_takes_no_step(self, world):
        async def main():
            begun = asyncio.Event()

            async def propose(now):
                begun.set()
                await asyncio.Event().wait()

            one = Proposing("one")
            one.propose = propose
            loop = world.loop([one])
            task = asyncio.ensure_future(loop.astep(300.0))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert loop.history() == []

        asyncio.run(main())

    def test_a_step_is_published(self, world):
        events, seen = EventBus(), []
        events.subscribe(LearningStepped, seen.append)

        async def main():
            await world.loop(events=events).astep(300.0)
            await events.aclose()

        asyncio.run(main())
        assert [event.step for event in seen] == [1]


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
        loop._take_step = lambda now: _raised(error)
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
