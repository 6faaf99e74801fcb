"""A store with decisions, a learner that is easy to see through, and a loop over both."""

from __future__ import annotations

import pytest

from postopt.experiments.records import Arm, DecisionRow
from postopt.experiments.store import ExperimentStore
from postopt.learning.loop import LearningLoop
from postopt.testing import ScriptedClock
from postopt.types import Feedback


class Counting:
    """Counts what it is told in memory, and writes down each change; `rate` says when there is one."""

    def __init__(self, store, name="counting"):
        self.name = name
        self.store = store
        self.counts = {}
        self.calls = []

    def learn(self, decision_id, feedback):
        row = self.store.decision(decision_id)
        if row is None or row.experiment != "e":
            return False
        self.calls.append((decision_id, feedback.id))
        n, clicks = self.counts.get(row.arm, (0, 0))
        self.counts[row.arm] = (n + feedback.impressions, clicks + feedback.clicks)
        return True

    def step(self, now):
        best = max(self.counts, key=lambda arm: self.counts[arm][1] / max(1, self.counts[arm][0]), default=None)
        if best is None or self.store.get("best", self.name) == best:
            return []
        self.store.put("best", self.name, best, now)
        return [f"the best is {best}"]

    def state(self):
        return {"counts": {arm: list(counts) for arm, counts in self.counts.items()}}

    def restore(self, state):
        self.counts = {arm: tuple(counts) for arm, counts in state["counts"].items()}


class World:
    """One store, the learners and loops over it, and decisions d0, d1, ... made at 0, 1, ... seconds."""

    def __init__(self, path=":memory:", salt=None):
        self.clock = ScriptedClock(1000.0)
        self.store = ExperimentStore(path, clock=self.clock, salt=salt)
        self.learner = Counting(self.store)

    def decide(self, n, first=0):
        self.store.define("e", {}, [Arm("a"), Arm("b")])
        rows = [
            DecisionRow(f"d{i}", "e", "ab"[i % 2], f"unit {i}", 0, 0.5, "uniform", "", float(i))
            for i in range(first, first + n)
        ]
        self.store.log_decisions(rows)
        return self

    def loop(self, learners=None, **settings):
        return LearningLoop(self.store, [self.learner] if learners is None else learners, clock=self.clock, **settings)

    @property
    def tables(self):
        """All that is in the store."""
        self.store.flush()
        with self.store.transaction() as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in sorted(names)}


def report(name, post="d0", impressions=100, clicks=5, at=100.0, **more):
    return Feedback(name, post, impressions, clicks, at, **more)


@pytest.fixture
def counting():
    return Counting


@pytest.fixture
def new_world():
    """Makes worlds, and closes them."""
    made = []

    def new(path=":memory:", salt=None):
        made.append(World(path, salt))
        return made[-1]

    yield new
    for world in made:
        world.store.close()


@pytest.fixture
def world(new_world):
    return new_world().decide(10)


@pytest.fixture(name="report")
def _report():
    return report
