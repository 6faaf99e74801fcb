"""Sums over what is old enough, look after look, against sums over all rows."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from postopt.experiments import maturity
from postopt.experiments.records import Arm, Bucket, Totals
from postopt.experiments.store import ExperimentStore

from .conftest import ARMS, DAY, count, decision, outcome


class Life:
    """Two processes that log, and what they logged."""

    def __init__(self, path, seed):
        self.draw = random.Random(seed)
        rows = self.draw.choice([1, 7, 1000])
        self.store, self.other = (ExperimentStore(path, flush_rows=n, flush_seconds=1000.0) for n in (rows, 1))
        self.store.define("e", {}, ARMS)
        self.store.define("f", {}, [Arm("a", "")])
        self.decisions, self.outcomes, self.counts = {}, {}, []
        self.now = 3.0 * DAY + 70_000.0

    def at(self):
        return self.now - self.draw.choice([0, 0, 500, 5000, 100_000])

    def decide(self):
        experiment, name = self.draw.choice("eef"), f"d{len(self.decisions)}"
        arm = "a" if experiment == "f" else self.draw.choice("ab")
        row = decision(name, arm, experiment=experiment, half=self.draw.choice([0, 1]), at=self.at())
        self.draw.choice([self.store, self.other]).log_decisions([row])
        self.decisions[name] = row

    def record(self):
        open_ones = [
            key for name in self.decisions for key in [(name, "click"), (name, "hide")] if key not in self.outcomes
        ]
        if open_ones:
            name, metric = self.draw.choice(open_ones)
            self.store.flush()
            self.outcomes[name, metric] = value = self.draw.choice([0.0, 0.5, 1.0])
            self.draw.choice([self.store, self.other]).log_outcomes([outcome(name, value, metric)])

    def count(self):
        self.counts.append(count(f"c{len(self.counts)}", 4, 1, at=self.at()))
        self.draw.choice([self.store, self.other]).log_counts(self.counts[-1:])

    def fail(self):
        with pytest.raises(ZeroDivisionError):
            self.look_and_fail()

    def look_and_fail(self):
        with self.store.transaction():
            self.store.log_decisions([decision("lost", at=self.now - 620.0)])
            self.store.buckets("e", "click", before=self.now - 600.0)
            self.store.overdue("e", "click", before=self.now - 600.0)
            raise ZeroDivisionError

    def buckets(self, before, metrics):
        rows = [
            ((row.arm, row.half, metric, int(row.at // DAY)), Totals(1, value, value * value))
            for (name, metric), value in self.outcomes.items()
            if (row := self.decisions[name]).experiment == "e" and row.at < before
        ]
        rows += [((c.arm, -1, c.metric, int(c.at // DAY)), c.totals) for c in self.counts if c.at < before]
        sums = {}
        for key, totals in rows:
            if key[2] in metrics:
                sums[key] = sums.get(key, Totals(0, 0, 0)) + totals
        return [Bucket(*key, totals) for key, totals in sorted(sums.items())]

    def overdue(self, before, metric):
        late = Counter(
            (row.arm, row.half, int(row.at // DAY))
            for name, row in self.decisions.items()
            if row.experiment == "e" and row.at < before and (name, metric) not in self.outcomes
        )
        return {key: Totals(n, 0, 0) for key, n in late.items()}


@pytest.mark.parametrize("seed", range(6))
def test_a_look_finds_what_all_rows_say(path, seed):
    life = Life(path, seed)
    steps = [life.decide] * 8 + [life.record] * 6 + [life.count] * 2 + [life.fail]
    for _ in range(60):
        life.draw.choice(steps)()
        life.now += life.draw.choice([0, 10, 100, 1000])
        if life.draw.random() < 0.3:
            life.other.flush()
            before = life.draw.choice([life.now - 600, life.now - 600, life.now - 20_000, life.now + 5])
            for metric in ("click", "hide"):
                assert life.store.buckets("e", metric, before=before) == life.buckets(before, [metric])
                assert life.store.overdue("e", metric, before) == life.overdue(before, metric)
            assert life.store.buckets("e", before=before) == life.buckets(before, ["click", "hide"])
    assert life.store.audit() == []
    life.other.close()
    life.store.close()


def steps_of_a_look(store, before):
    """Return how many steps SQLite takes for one, in thousands of instructions."""
    steps = []
    with store.transaction() as connection:
        connection.set_progress_handler(lambda: steps.append(1), 1000)
        store.buckets("e", "click", before=before)
        store.overdue("e", "click", before)
        connection.set_progress_handler(None, 1000)
    return len(steps)


def test_a_look_costs_as_much_as_is_new_since_the_last(store):
    store.log_decisions([decision(f"d{n}", at=n / 10) for n in range(5000)])
    store.log_outcomes([outcome(f"d{n}") for n in range(0, 5000, 2)])
    assert steps_of_a_look(store, 501.0) > 20
    assert steps_of_a_look(store, 502.0) <= 1
    store.log_outcomes([outcome("d1")])
    assert steps_of_a_look(store, 503.0) <= 1
    assert store.buckets("e", "click", before=503.0)[0].totals.n == 2501


def test_a_log_that_was_restored_is_read_anew(store):
    store.log_decisions([decision("d1", at=1.0), decision("d2", at=2.0)])
    with store.transaction() as connection:
        known = maturity.Mature(5.0, (9, 9, 9), {("a", 0): (7, 7, 7.0, 7.0)})
        assert maturity.mature(connection, "e", "click", 6.0, known).cells == {("a", 0): (2, 0, 0.0, 0.0)}
