"""Whatever comes in whatever order, the loop agrees with a model, survives restarts, and its log replays it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from postopt.errors import ExperimentError
from postopt.experiments.records import Arm, DecisionRow
from postopt.experiments.store import ExperimentStore
from postopt.learning.loop import LearningLoop
from postopt.types import Feedback

POSTS = [f"p{i}" for i in range(5)]
WINDOW = 10.0


class Sums:
    """Sums clicks by decision; fails when it is told to."""

    name = "sums"

    def __init__(self, store):
        self.store, self.sums, self.broken = store, {}, False

    def learn(self, decision_id, feedback):
        self.sums[decision_id] = self.sums.get(decision_id, 0) + feedback.clicks
        if self.broken:
            raise RuntimeError("broken")
        return True

    def step(self, now):
        self.store.put("sums", "last", self.sums, now)
        return []

    def state(self):
        return dict(self.sums)

    def restore(self, state):
        self.sums = dict(state)


class LoopMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store"
        self.now = 100.0
        self.reports, self.decided, self.taken = {}, {}, set()
        self.open()

    def open(self):
        self.store = ExperimentStore(self.path, clock=lambda: self.now)
        self.store.define("e", {}, [Arm("a")])
        self.learner = Sums(self.store)
        self.loop = LearningLoop(self.store, [self.learner], window=WINDOW)

    @rule(data=st.data(), n=st.integers(1, 4))
    def ingest(self, data, n):
        batch = [
            Feedback(
                data.draw(st.sampled_from("abcdefghij"), "id"),
                data.draw(st.sampled_from(POSTS), "post"),
                100,
                data.draw(st.integers(0, 3), "clicks"),
                self.now + data.draw(st.integers(-30, 10), "at"),
            )
            for _ in range(n)
        ]
        self.loop.ingest(batch)
        for report in batch:
            self.reports.setdefault(report.id, report)

    @rule(post=st.sampled_from(POSTS))
    def decide(self, post):
        if post not in self.decided:
            self.store.log_decisions([DecisionRow(post, "e", "a", post, 0, 1.0, "", "", self.now)])
            self.decided[post] = self.now

    @rule(seconds=st.integers(-5, 20))
    def step(self, seconds):
        self.now += seconds
        step = self.loop.step(self.now)
        due = {
            report.id
            for report in self.reports.values()
            if report.post_id in self.decided
            and report.at <= self.now
            and self.decided[report.post_id] + WINDOW <= self.now
        }
        assert step.learned == len(due - self.taken)
        self.taken |= due

    @rule()
    def dry_step(self):
        before = self.loop.snapshot(), self.learner.state(), list(self.loop.log)
        self.loop.step(self.now, dry_run=True)
        assert (self.loop.snapshot(), self.learner.state(), list(self.loop.log)) == before

    @rule()
    def failing_step(self):
        before = self.loop.snapshot(), self.learner.state()
        self.learner.broken = True
        try:
            step = self.loop.step(self.now)
            assert step.learned == 0
        except ExperimentError:
            assert (self.loop.snapshot(), self.learner.state()) == before
        self.learner.broken = False

    @rule()
    def restart(self):
        self.store.close()
        self.open()

    @rule()
    def go_on_elsewhere(self):
        """Another loop on the same store takes over."""
        self.learner = Sums(self.store)
        self.loop = LearningLoop(self.store, [self.learner], window=WINDOW)

    @rule()
    def replay(self):
        with ExperimentStore() as store:
            again = LearningLoop(store, [Sums(store)])
            again.replay(self.loop.log)
            assert again.snapshot() == self.loop.snapshot()
            assert list(again.log) == list(self.loop.log)

    @invariant()
    def each_report_counted_once(self):
        if hasattr(self, "loop"):
            sums = {}
            for name in self.taken:
                report = self.reports[name]
                sums[report.post_id] = sums.get(report.post_id, 0) + report.clicks
            assert (self.store.get("sums", "last") or {}) == sums

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


@pytest.mark.long
def test_the_loop_agrees_with_the_model():
    run_state_machine_as_test(LoopMachine, settings=settings(max_examples=20, stateful_step_count=25, deadline=None))
