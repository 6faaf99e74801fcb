"""One store, and many who use it: threads, objects, processes, forks, transactions."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter

import pytest
from forks import run_in_child

from postopt.experiments.experiment import Experiment
from postopt.experiments.store import ExperimentStore

# Assigns and records 300 units, 100 of them shared by all.
WORK = """
import sys
from postopt.experiments.experiment import Experiment
from postopt.experiments.store import ExperimentStore

path, start = sys.argv[1], int(sys.argv[2])
with ExperimentStore(path) as store:
    experiment = Experiment("test", ["a", "b", "c"], store=store)
    for first in (0, start, start + 100):
        dealt = experiment.assign_many(range(first, first + 100))
        experiment.record_many([assignment.id for assignment in dealt], [1] * 100)
    experiment.observe("a", 10, 5)
"""


@pytest.mark.long
def test_processes_count_everything_once(tmp_path):
    path = tmp_path / "store"
    workers = [subprocess.Popen([sys.executable, "-c", WORK, path, str(1_000 * number)]) for number in (1, 2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    with ExperimentStore(path) as store:
        decision = Experiment.reopen("test", store=store).decide()
        assert decision.n == 500 + 20
        assert sum(result.assigned for result in decision.arms) == 500
        assert store.audit() == []


def test_threads_count_everything_once(make, store):
    experiment = make(mode="earn", arms=("a", "b", "c"))
    dealt, failed = [], []

    def work(first):
        try:
            for start in range(first, first + 400, 50):
                batch = experiment.assign_many(range(start, start + 50))
                experiment.record_many([assignment.id for assignment in batch], [1] * 50)
                dealt.extend(batch)
                experiment.decide()
        except Exception as error:  # noqa: BLE001 - shown by the main thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(200 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    arms = {}
    for assignment in dealt:
        assert arms.setdefault(assignment.id, assignment) == assignment
    assert experiment.decide().n == len(arms) == 1_000
    assert Counter(a.arm for a in arms.values()) == store.assigned("test")
    assert store.audit() == []


def test_a_step_inside_of_a_transaction_and_an_assignment_do_not_wait_for_each_other(make, store, clock):
    experiment = make()
    inside, done = threading.Event(), threading.Event()

    def assign():
        inside.wait(10)
        experiment.assign_many(range(50))
        done.set()

    thread = threading.Thread(target=assign)
    thread.start()
    with store.transaction():
        inside.set()
        experiment.step(clock())
        experiment.observe("a", 10, 1)
    thread.join(10)
    assert done.is_set()
    assert experiment.decide().n == 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_child_of_a_fork_goes_on(tmp_path):
    with ExperimentStore(tmp_path / "store") as store:
        experiment = Experiment("test", ["a", "b"], store=store)
        before = experiment.assign("anna")
        experiment.observe("a", 10, 1)
        store.flush()

        def child():
            assert experiment.assign("anna") == before
            experiment.record(experiment.assign("bert").id, 1)
            experiment.observe("a", 10, 1)
            store.close()

        run_in_child(child)
        experiment.observe("a", 10, 1)
        assert experiment.decide().n == 31


def test_two_objects_see_each_other(make, clock):
    one, other = make(mode="earn"), make(mode="earn")
    dealt = one.assign_many(range(200))
    assert other.assign_many(range(200)) == dealt
    one.record_many([assignment.id for assignment in dealt], [assignment.arm == "b" for assignment in dealt])
    clock.advance(1.5)
    other.assign("anna")
    assert other.decide().arms[1].share == pytest.approx(one.decide().arms[1].share, abs=0.05)
    assert other.decide().arms[1].share > 0.8
