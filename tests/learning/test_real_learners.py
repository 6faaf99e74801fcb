"""Experiments, prompt optimizers, model selectors and pattern miners keep the laws, alone and in one loop."""

import pytest

from postopt.experiments.experiment import Experiment
from postopt.experiments.records import Arm, Metric
from postopt.prompts.optimizer import PromptOptimizer
from postopt.prompts.patterns import PatternMiner
from postopt.selection.candidate import Candidate
from postopt.selection.selector import ModelSelector
from postopt.testing.learner_contract import LearnerContract
from postopt.types import Brief, Feedback

PAST = [
    [(f"Is bread number {i} fresh?", 1000, 30 + i % 5), (f"Bread number {i} is fresh.", 1000, 20 + i % 3)]
    for i in range(40)
]


def experiment(store, clock, name="headline", mode="find"):
    arms = [Arm("plain", "Fresh bread"), Arm("question", "Fresh bread?")]
    return Experiment(name, arms, metric=Metric("clicks"), mode=mode, store=store, clock=clock)


def selector(store, clock):
    return ModelSelector([Candidate("a", 0.1), Candidate("b", 1.0)], store=store, clock=clock, cold_start=True)


class TestExperiment(LearnerContract):
    def make(self, store, clock):
        return experiment(store, clock)

    def decide(self, learner, n):
        return [assignment.id for assignment in learner.assign_many([f"unit {i}" for i in range(n)])]


class TestEarningExperiment(TestExperiment):
    def make(self, store, clock):
        return experiment(store, clock, mode="earn")


class TestPromptOptimizer(LearnerContract):
    def make(self, store, clock):
        return PromptOptimizer(store=store, clock=clock)

    def decide(self, learner, n):
        learner.step(1_000_000.0)
        choices = [learner.choose(Brief(topic="fresh bread"), f"unit {i}") for i in range(n)]
        return [choice.id for choice in choices if choice.id]


class TestModelSelector(LearnerContract):
    def make(self, store, clock):
        return selector(store, clock)

    def decide(self, learner, n):
        return [learner.select({"text": f"bread number {i}", "task": "post"}).id for i in range(n)]


class TestPatternMiner(LearnerContract):
    def make(self, store, clock):
        for number, group in enumerate(PAST):
            rows = [(f"arm {i}", *row) for i, row in enumerate(group)]
            store.import_counts(f"past {number}", rows)
        return PatternMiner(past=store.past)

    def decide(self, learner, n):
        return []


@pytest.fixture
def all_of_them(new_world):
    def make(salt=None):
        world = new_world(salt=salt)
        store, clock = world.store, world.clock
        world.test = experiment(store, clock)
        world.selector = selector(store, clock)
        miner = PatternMiner(past=store.past)
        world.all = world.loop([world.test, miner, PromptOptimizer(store=store, clock=clock), world.selector])
        return world

    return make


def live(world, days, loop=None):
    """Ten posts a day, each of an arm and a model, reported on the next two days."""
    loop = loop or world.all
    for day in range(days):
        for i in range(10):
            unit = f"{day} {i}"
            assignment = world.test.assign(unit)
            choice = world.selector.select({"text": f"bread {unit}", "task": "post"})
            for decision in (assignment.id, choice.id):
                world.store.link(f"post {unit}", decision)
            for age in (1, 2):
                clicks = (7 if assignment.arm == "question" else 3) + i % 3
                report = Feedback(f"{unit} {age}", f"post {unit}", 200, clicks, world.clock() + age * 86_400)
                loop.ingest([report, report] if i == 3 else report)
        world.clock.advance(86_400)
        yield loop.step(world.clock())


def test_all_of_them_learn_in_one_loop_and_are_replayed(all_of_them):
    world, other = all_of_them(), all_of_them()
    steps = list(live(world, 5))
    assert steps[-1].learners["headline"] == steps[-1].learned == 20
    assert steps[-1].learners["model selection"] > 0
    assert steps[-1].duplicate == 2
    assert "headline" in str(steps[-1])
    other.clock.advance(1e7)
    other.all.replay(world.all.log)
    assert other.all.snapshot() == world.all.snapshot()
    assert list(other.all.log) == list(world.all.log)
    assert other.test.decide().n == world.test.decide().n


def test_steps_that_failed_and_dry_runs_change_nothing(all_of_them):
    clean, world = all_of_them(b"the same"), all_of_them(b"the same")
    for _ in live(clean, 4):
        pass

    class Fuse:
        name = "zz"

        def learn(self, decision_id, feedback):
            return False

        def step(self, now):
            raise RuntimeError("broken")

        def state(self):
            return {}

        def restore(self, state):
            """Nothing is learned."""

    fused = world.loop([*world.all._roster, Fuse()])
    days = live(world, 4)
    for _ in range(4):
        with pytest.raises(Exception, match="broken"):
            fused.step(world.clock() + 86_400)
        world.all.step(world.clock(), dry_run=True)
        next(days)
    assert world.all.snapshot() == clean.all.snapshot()


def test_an_experiment_that_only_the_first_store_knows_is_replayed(new_world):
    world = new_world()
    test = experiment(world.store, world.clock)
    loop = world.loop([test])
    ids = [assignment.id for assignment in test.assign_many([f"unit {i}" for i in range(50)])]
    loop.ingest(Feedback(f"f{i}", ids[i % 50], 100, i % 9, 1000.0 + i) for i in range(80))
    loop.step(1100.0)
    other = new_world()
    again = other.loop([experiment(other.store, other.clock)])
    again.replay(list(loop.log))
    assert again.snapshot() == loop.snapshot()
