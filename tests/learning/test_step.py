"""A step is there as a whole or not at all, in the store and in the learners."""

import asyncio

import pytest

from postopt.errors import ExperimentError, ExperimentStoreError, LearnerError, UnknownArmError
from postopt.events.bus import EventBus
from postopt.learning.loop import LearningLoop
from postopt.learning.report import LearningStepped


class Plain:
    """A learner that cannot be set back."""

    def __init__(self, store, name="plain"):
        self.name = name
        self.n = 0

    def learn(self, decision_id, feedback):
        self.n += 1
        return True

    def step(self, now):
        return ()

    def state(self):
        return {"n": self.n}


class Faulty:
    """Fails, or returns what it may not, in one of its methods."""

    name = "faulty"

    def __init__(self, method, result):
        self.method, self.result = method, result

    def _do(self, method, else_):
        if method == self.method:
            if isinstance(self.result, BaseException):
                raise self.result
            return self.result
        return else_

    def learn(self, decision_id, feedback):
        return self._do("learn", True)

    def step(self, now):
        return self._do("step", [])

    def state(self):
        return self._do("state", {})

    def needs(self):
        return self._do("needs", [])


class TestFailing:
    @pytest.mark.parametrize("method", ["learn", "step", "needs"])
    def test_all_is_as_before_and_the_next_step_does_it(self, world, counting, report, method):
        faulty = Faulty(method, RuntimeError("no luck"))
        loop = world.loop([world.learner, faulty, counting(world.store, "last")])
        loop.ingest([report("f", "d0"), report("g", "d1", clicks=50)])
        tables, state = world.tables, world.learner.state()
        with pytest.raises(LearnerError, match=f"'faulty' failed in {method}.*RuntimeError: no luck") as caught:
            loop.step(200.0)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert (world.tables, world.learner.state()) == (tables, state)
        faulty.method = None
        step = loop.step(200.0)
        assert (step.step, step.learned, step.received, step.late) == (1, 2, 2, 0)
        assert world.learner.counts == {"a": (100, 5), "b": (100, 50)}
        assert world.store.get("best", "last") == "b"

    def test_an_error_of_ours_keeps_its_type_and_says_who(self, world, report):
        loop = world.loop([Faulty("step", UnknownArmError("no such arm"))])
        with pytest.raises(UnknownArmError) as caught:
            loop.step(200.0)
        assert any("'faulty'" in note for note in caught.value.__notes__)

    def test_an_interrupt_undoes_the_step_too(self, world, report):
        loop = world.loop([world.learner, Faulty("step", KeyboardInterrupt())])
        loop.ingest(report("f"))
        with pytest.raises(KeyboardInterrupt):
            loop.step(200.0)
        assert world.learner.counts == {}

    @pytest.mark.parametrize("result", ["changed", None, 3, [3], [b"x"]])
    @pytest.mark.parametrize("method", ["step", "needs"])
    def test_changes_are_texts(self, world, method, result):
        with pytest.raises(ExperimentError, match="a sequence of texts is needed"):
            world.loop([Faulty(method, result)]).step(200.0)

    @pytest.mark.parametrize("state", [{"x": float("nan")}, {"x": {1, 2}}, {"x": b""}, 3, None, {("a",): 1}])
    def test_a_state_is_plain_json(self, world, state):
        with pytest.raises(ExperimentError, match=r"'faulty' failed in state\(\)"):
            world.loop([Faulty("state", state)]).step(200.0)

    def test_who_cannot_be_set_back_is_named(self, world, report):
        loop = world.loop([Plain(world.store), Faulty("step", RuntimeError())])
        loop.ingest(report("f"))
        with pytest.raises(ExperimentError) as caught:
            loop.step(200.0)
        assert any("plain, faulty: without restore()" in note for note in caught.value.__notes__)

    def test_a_restore_that_fails_is_noted_and_the_next_step_begins_from_the_store(self, world, counting, report):
        faulty = Faulty(None, RuntimeError("first"))
        loop = world.loop([world.learner, faulty])
        loop.ingest(report("f"))
        loop.step(200.0)
        restore = world.learner.restore
        world.learner.restore = lambda state: 1 / 0
        faulty.method = "step"
        loop.ingest(report("g", at=200.0))
        with pytest.raises(ExperimentError, match="first") as caught:
            loop.step(300.0)
        assert any("could not be set back" in note for note in caught.value.__notes__)
        world.learner.restore, faulty.method = restore, None
        assert loop.step(300.0).learned == 1
        assert world.learner.counts == {"a": (200, 10)}


class TestDryRun:
    def test_it_says_what_a_step_would_do_and_changes_nothing(self, world, report):
        loop = world.loop()
        loop.ingest([report("f"), report("f"), report("g", "nobody's")])
        tables, log, snapshot = world.tables, list(loop.log), loop.snapshot()
        dry = loop.step(200.0, dry_run=True)
        assert (dry.dry_run, dry.learned, dry.duplicate, dry.unknown) == (True, 1, 1, 1)
        assert dry.changes == (("counting", "the best is a"),)
        assert world.learner.counts == {}
        assert (world.tables, list(loop.log), loop.snapshot()) == (tables, log, snapshot)
        step = loop.step(200.0)
        assert (step.learned, step.changes) == (dry.learned, dry.changes)

    def test_it_is_refused_where_a_learner_could_not_be_set_back(self, world, report):
        loop = world.loop([world.learner, Plain(world.store)])
        with pytest.raises(LearnerError, match="plain"):
            loop.step(200.0, dry_run=True)

    def test_a_failed_restore_is_raised(self, world, report, monkeypatch):
        loop = world.loop()
        loop.ingest([report("f"), report("g", at=250.0)])
        loop.step(200.0)
        with monkeypatch.context() as patch:
            patch.setattr(world.learner, "restore", lambda state: 1 / 0)
            with pytest.raises(ExperimentError, match="restore"):
                loop.step(300.0, dry_run=True)
        assert loop.step(300.0).learned == 1
        assert world.learner.counts == {"a": (200, 10)}


class TestStopped:
    def test_nothing_is_changed_and_all_is_counted(self, world, report):
        loop = world.loop()
        loop.stop("too hot")
        loop.ingest(report("f"))
        step = loop.step(200.0)
        assert (step.stopped, step.learned, step.changes) == ("too hot", 1, ())
        assert "too hot" in str(step)
        assert world.store.get("best", "counting") is None
        loop.resume()
        assert loop.stopped is None
        assert loop.step(300.0).changes == (("counting", "the best is a"),)

    @pytest.mark.parametrize("reason", [None, 3, b"x"])
    def test_a_reason_is_a_text(self, world, reason):
        with pytest.raises(ValueError, match="reason"):
            world.loop().stop(reason)

    def test_it_holds_for_every_loop_on_the_store(self, world, counting):
        world.loop().stop()
        other = world.loop([counting(world.store)])
        assert other.stopped == ""
        assert "nothing: stopped" in str(other.step(200.0))


class Spending:
    """Changes something for 0.40 dollars at each step, and says that it may cost 0.50."""

    def __init__(self, name="spending", error=None):
        self.name, self.spent_usd, self.most_usd, self.error = name, 0.0, 0.5, error

    def learn(self, decision_id, feedback):
        return False

    def step(self, now):
        self.spent_usd += 0.4
        if self.error is not None:
            raise self.error
        return ["wrote a prompt"]

    def state(self):
        return {}

    def restore(self, state):
        """Nothing is learned."""


class TestBudget:
    DAY = 86_400.0

    def test_no_step_could_pass_the_days_dollars(self, world):
        learner = Spending()
        loop = world.loop([learner], budget=1.0)
        steps = [loop.step(1.0 + i) for i in range(4)]
        assert [len(step.changes) for step in steps] == [1, 1, 0, 0]
        assert steps[2].skipped == ("spending",)
        assert "no room for spending" in str(steps[2])
        assert len(loop.step(self.DAY).changes) == 1
        assert learner.spent_usd == pytest.approx(1.2)

    def test_learners_that_cost_nothing_have_their_turn(self, world, report):
        loop = world.loop([Spending(), world.learner], budget=0.0)
        loop.ingest(report("f"))
        step = loop.step(200.0)
        assert (step.skipped, len(step.changes)) == (("spending",), 1)

    def test_what_a_failed_step_spent_is_spent(self, world):
        learner = Spending(error=RuntimeError())
        loop = world.loop([learner], budget=1.0)
        for _ in range(2):
            with pytest.raises(ExperimentError):
                loop.step(1000.0)
        learner.error = None
        assert loop.step(1000.0).skipped == ("spending",)

    def test_what_cannot_be_counted_is_noted(self, world, monkeypatch):
        learner = Spending(error=RuntimeError("no luck"))
        loop = world.loop([learner], budget=1.0)

        def full(*_):
            raise ExperimentStoreError("full")

        monkeypatch.setattr(loop, "_note", full)
        with pytest.raises(ExperimentError, match="no luck") as caught:
            loop.step(1000.0)
        assert any("0.4 US dollars were spent" in note for note in caught.value.__notes__)

    def test_a_dry_run_spends_nothing(self, world):
        learner = Spending()
        assert world.loop([learner]).step(200.0, dry_run=True).skipped == ("spending",)
        assert learner.spent_usd == 0

    def test_changes_a_day_are_limited(self, world):
        loop = world.loop([Spending("one"), Spending("two"), Spending("three")], max_changes=2)
        assert loop.step(200.0).skipped == ("three",)
        assert loop.step(300.0).skipped == ("one", "two", "three")
        assert loop.step(self.DAY + 1).skipped == ("three",)

    def test_a_clock_that_goes_back_begins_no_new_budget(self, world):
        loop = world.loop([Spending()], max_changes=1)
        for now in (3 * self.DAY, 2 * self.DAY, 3 * self.DAY):
            step = loop.step(now)
        assert step.skipped == ("spending",)

    def test_resuming_begins_a_new_one(self, world):
        loop = world.loop([Spending()], max_changes=1)
        loop.step(200.0)
        loop.resume()
        assert loop.step(300.0).skipped == ()

    @pytest.mark.parametrize("cost", [float("nan"), -1.0, "much"])
    def test_a_cost_that_cannot_be_is_refused(self, world, cost):
        learner = Spending()
        learner.most_usd = cost
        with pytest.raises(ValueError, match=r"spending\.most_usd"):
            world.loop([learner], budget=1.0).step(200.0)


class TestSharing:
    def test_another_loops_steps_are_taken_over(self, world, counting, report):
        one, other = world.loop(), world.loop([second := counting(world.store)])
        other.ingest(report("f"))
        assert (one.step(200.0).learned, other.step(200.0).learned) == (1, 0)
        one.ingest(report("g", at=250.0))
        one.step(300.0)
        step = other.step(400.0)
        assert (step.learned, step.others) == (0, 1)
        assert "others took 1 step on" in str(step)
        assert second.state() == world.learner.state()
        assert one.step(500.0).others == 1

    def test_a_new_process_goes_on_where_the_old_one_ended(self, new_world, tmp_path, report):
        old = new_world(tmp_path / "store").decide(10)
        old.loop().ingest([report("f"), report("g", at=900.0)])
        old.loop().step(200.0)
        old.store.close()
        new = new_world(tmp_path / "store")
        step = new.loop().step(1000.0)
        assert (step.step, step.learned, step.others) == (2, 1, 0)
        assert new.learner.counts == {"a": (200, 10)}

    def test_who_cannot_be_brought_up_to_date_is_named(self, world, report):
        world.loop([Plain(world.store)]).ingest(report("f"))
        world.loop([Plain(world.store)]).step(200.0)
        step = world.loop([Plain(world.store)]).step(300.0)
        assert step.not_restored == ("plain",)
        assert "no restore()" in str(step)

    def test_what_a_learner_that_is_gone_had_learned_is_kept(self, world, counting, report):
        other = counting(world.store, "other")
        loop = world.loop([world.learner, other])
        loop.ingest(report("f"))
        loop.step(200.0)
        world.loop([]).step(300.0)
        again = counting(world.store, "other")
        world.loop([again]).step(400.0)
        assert again.counts == {"a": (100, 5)}


class TestConstruction:
    @pytest.mark.parametrize(
        "settings",
        [{"seed": -1}, {"seed": 1.0}, {"window": -1.0}, {"window": float("nan")}, {"window": None}, {"budget": -1.0},
         {"budget": float("inf")}, {"max_changes": -1}, {"max_changes": 1.5}, {"history": -1}, {"cumulative": 3}],
    )  # fmt: skip
    def test_settings_that_cannot_be_are_refused(self, world, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            world.loop(**settings)

    def test_a_clock_is_called(self, world):
        with pytest.raises(ValueError, match="clock"):
            LearningLoop(world.store, [], clock=3)

    @pytest.mark.parametrize("store", [None, 3, "store.db", object()])
    def test_a_store_is_a_store(self, store):
        with pytest.raises(ValueError, match="an ExperimentStore is needed"):
            LearningLoop(store, [])

    def test_events_go_to_a_bus(self, world):
        with pytest.raises(ValueError, match="events is 3"):
            world.loop(events=3)

    def test_learners_are_learners_with_names_of_their_own(self, world, counting):
        with pytest.raises(ValueError, match="learners hold 3"):
            world.loop([3])
        with pytest.raises(ValueError, match="learners is 3"):
            world.loop(3)
        with pytest.raises(ValueError, match="two learners"):
            world.loop([counting(world.store), counting(world.store)])
        with pytest.raises(ValueError, match="name"):
            world.loop([counting(world.store, "")])

    def test_nothing_is_opened_before_it_is_used(self, new_world, tmp_path):
        new_world(tmp_path / "store").loop()
        assert list(tmp_path.iterdir()) == []


class TestEvents:
    def test_a_step_that_was_kept_is_published(self, world, report):
        events, seen = EventBus(), []
        events.subscribe(LearningStepped, seen.append)
        loop = world.loop(events=events)
        loop.ingest([report("f"), report("f")])
        loop.step(200.0, dry_run=True)
        loop.step(200.0)
        asyncio.run(events.aclose())
        assert seen == [
            LearningStepped(at=200.0, step=1, received=2, learned=1, late=0, duplicate=1, unknown=0, changes=1)
        ]
        assert loop.step(300.0).step == 2  # its bus is closed: nobody hears of it, and nothing fails
