"""Any order of writing, reading, reopening and crashing, against a model of plain dicts."""

from __future__ import annotations

import copy
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from postopt.errors import UnknownAssignmentError
from postopt.experiments import writebehind
from postopt.experiments.records import Totals
from postopt.experiments.store import ExperimentStore

from .conftest import ARMS, DAY, count, decision, outcome

ids = st.integers(0, 15).map(lambda number: f"d{number}")
arms = st.sampled_from("ab")
values = st.sampled_from([0.0, 1.0, 0.5, 3.0])
times = st.sampled_from([0.0, 1.5 * DAY, -1.0, 86_399.0])


class Model:
    """What should be there: the first of each key."""

    def __init__(self):
        self.decisions = {}
        self.outcomes = {}
        self.counts = {}
        self.links = {}
        self.documents = {}

    def buckets(self):
        sums = {}
        for row in self.outcomes.values():
            of = self.decisions[row.decision_id]
            key = of.arm, of.half, row.metric, int(of.at // DAY)
            sums[key] = sums.get(key, Totals(0, 0, 0)) + Totals(1, row.value, row.value**2)
        for row in self.counts.values():
            key = row.arm, -1, row.metric, int(row.at // DAY)
            sums[key] = sums.get(key, Totals(0, 0, 0)) + row.totals
        return sums


class Machine(RuleBasedStateMachine):
    """A store with two connections in one process, which writes only when it is told to, or as few rows wait."""

    @initialize(rows=st.sampled_from([2, 5, 1000]))
    def begin(self, rows):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.rows = rows
        self.store = self.open()
        self.store.define("e", {}, ARMS)
        self.now, self.written = Model(), Model()  # as this process sees it, and at least on the disk

    def open(self):
        return ExperimentStore(self.path, flush_rows=self.rows, flush_seconds=1000.0)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def noted(self, *, written=False):
        if written or not self.store.waiting:
            self.written = copy.deepcopy(self.now)

    def decide(self, model, name, arm, half, at):
        row = decision(name, arm, half=half, at=at)
        self.store.log_decisions([row])
        model.decisions.setdefault(name, row)

    def record(self, model, name, value):
        if name in model.decisions:
            self.store.log_outcomes([outcome(name, value)])
            model.outcomes.setdefault(name, outcome(name, value))
        else:
            with pytest.raises(UnknownAssignmentError):
                self.store.log_outcomes([outcome(name, value)])

    @rule(name=ids, arm=arms, half=st.integers(0, 1), at=times)
    def log_decision(self, name, arm, half, at):
        self.decide(self.now, name, arm, half, at)
        self.noted()

    @rule(name=ids, value=values)
    def log_outcome(self, name, value):
        self.record(self.now, name, value)
        self.noted()

    @rule(name=ids, arm=arms, n=st.integers(0, 5), at=times)
    def log_count(self, name, arm, n, at):
        row = count(name, n, n, arm=arm, at=at)
        self.store.log_counts([row])
        self.now.counts.setdefault(name, row)
        self.noted()

    @rule(name=ids)
    def link(self, name):
        if name in self.now.decisions:
            self.store.link("post", name)
            self.now.links.setdefault(name)
            self.noted()

    @rule(value=values)
    def put(self, value):
        self.store.put("kind", "key", value, 0.0)
        self.now.documents["key"] = value
        self.noted(written=True)

    @rule(name=ids, arm=arms, value=values)
    def transact(self, name, arm, value):
        self.change(self.now, name, arm, value)
        self.noted(written=True)

    @rule(name=ids, arm=arms, value=values)
    def transact_and_fail(self, name, arm, value):
        with pytest.raises(ZeroDivisionError):
            self.change(copy.deepcopy(self.now), name, arm, value, error=ZeroDivisionError)

    def change(self, model, name, arm, value, error=None):
        with self.store.transaction():
            self.decide(model, name, arm, 0, 0.0)
            self.record(model, name, value)
            self.store.put("kind", "key", value, 0.0)
            model.documents["key"] = value
            if error:
                raise error

    @rule(name=ids)
    def another_process_writes(self, name):
        """What it wrote first is what is there; it is seen by the reads that follow."""
        with closing(ExperimentStore(self.path, flush_rows=1)) as other:
            other.log_decisions([decision(name, "b", half=1)])
        if name not in self.written.decisions:
            for model in (self.now, self.written):
                model.decisions[name] = decision(name, "b", half=1)

    @rule()
    def flush(self):
        self.store.flush()
        self.noted(written=True)

    @rule()
    def fold_sooner(self):
        writebehind._MAX_NEW = 4

    @rule()
    def reopen(self):
        self.store.close()
        self.noted(written=True)
        self.store = self.open()

    @rule()
    def crash(self):
        """Lose what only memory has, as kill -9 does."""
        behind = self.store._behind
        behind._closed.set()
        behind.queue.folded(behind.queue.batch())
        self.store._file.close()
        self.store = self.open()
        self.now = copy.deepcopy(self.written)

    @rule()
    def sums_are_those_of_the_log(self):
        sums = self.now.buckets()
        found = {(arm, half, metric, day): totals for arm, half, metric, day, totals in self.store.buckets("e")}
        assert found == sums
        assert self.store.assigned("e") == Counter(row.arm for row in self.now.decisions.values())
        assert self.store.audit() == []
        self.noted(written=True)

    @invariant()
    @precondition(lambda self: hasattr(self, "store"))
    def all_is_found(self):
        assert self.store.decisions([f"d{number}" for number in range(16)]) == self.now.decisions

    @rule()
    def what_is_looked_for_is_found(self):
        found = {name: row for name in self.now.decisions if (row := self.store.outcome(name, "click"))}
        assert found == self.now.outcomes
        assert self.store.linked("post") == tuple(self.now.links)
        assert self.store.all("kind") == self.now.documents
        self.noted(written=not self.store.waiting)


TestModel = Machine.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@pytest.fixture(autouse=True)
def _usual_size(monkeypatch):
    monkeypatch.setattr(writebehind, "_MAX_NEW", writebehind._MAX_NEW)
