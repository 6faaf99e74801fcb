"""What is left when a process is killed, and several processes on one file."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from postopt.errors import ExperimentStoreError
from postopt.experiments.store import ExperimentStore

from .conftest import ARMS, count, decision, on_disk, outcome

WORKER = """
import sys
from postopt.experiments.records import Arm, DecisionRow, OutcomeRow
from postopt.experiments.store import ExperimentStore

path, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = ExperimentStore(path, seconds=60)
store.define("e", {}, [Arm("a", "text a"), Arm("b", "text b")])
for number in range(n):
    ids = [f"{name} {number}", f"shared {number}"]
    store.log_decisions([DecisionRow(id, "e", "ab"[number % 2], "u", 0, 0.5, "", "", 0.0) for id in ids])
    store.log_outcomes([OutcomeRow(id, "click", 1.0, 0.0) for id in ids])
    if number % 20 == 0:
        with store.transaction():
            store.put("loop", name, number, 1.0)
            store.put("also", name, number, 1.0)
    print(number, flush=True)
store.close()
"""


def work(path, name, n):
    """Start a process that logs."""
    return subprocess.Popen([sys.executable, "-c", WORKER, path, name, str(n)], stdout=subprocess.PIPE, text=True)


def forked(story):
    """Run a story in a fork, and return the signal that ended it, or 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(60)
            story()
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def step(store):
    """Log and learn something; after each line it is known what has to be there."""
    store.log_decisions([decision("d1"), decision("d2", "b")])
    store.log_outcomes([outcome("d1"), outcome("d2", 0.5, "spent")])
    store.log_counts([count("c1")])
    store.link("post", "d2")
    store.flush()
    with store.transaction():
        store.log_decisions([decision("d3")])
        store.log_outcomes([outcome("d3")])
        store.put("loop", "step", 1, 1.0)
        store.set_arm("e", "b", "paused", "", 1.0)
        store.put("loop", "promoted", "b", 1.0)
    store.put("loop", "end", 1, 1.0)


def kill_at(store, statement):
    """Have the process killed before so many statements are through."""
    left = [statement]

    def trace(_):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with store._file.reading() as connection:
        connection.set_trace_callback(trace)


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_killed_before_any_statement_there_is_no_half_of_anything(tmp_path):
    with ExperimentStore(tmp_path / "defined.db") as store:
        store.define("e", {}, ARMS)
    statement, states, killed = 0, [], True
    while killed:
        path = Path(shutil.copy(tmp_path / "defined.db", tmp_path / f"{statement}.db"))

        def story(path=path, statement=statement):
            store = ExperimentStore(path, flush_seconds=1000.0)
            kill_at(store, statement)
            step(store)

        killed = forked(story) == signal.SIGKILL
        with ExperimentStore(path) as store:
            assert store.audit() == []
            flushed, stepped = (store.decision(name) is not None for name in ("d1", "d3"))
            assert (store.decision("d2") is not None) == flushed
            assert len(store.buckets("e")) == (3 if flushed else 0)
            assert store.linked("post") == (("d2",) if flushed else ())
            assert store.assigned("e").get("a", 0) == flushed + stepped
            assert store.all("loop").keys() >= ({"step", "promoted"} if stepped else set())
            assert stepped or not store.all("loop")
            assert store.arms("e")[1].status == ("paused" if stepped else "active")
            states.append((flushed, stepped, len(store.all("loop"))))
        statement += 1
    assert list(dict.fromkeys(states)) == [
        (False, False, 0),
        (True, False, 0),
        (True, True, 2),
        (True, True, 3),
    ]
    assert statement > 30


@pytest.mark.long
def test_processes_that_are_killed_leave_the_sums_of_the_log(path):
    chance = random.Random(1)
    for round_ in range(6):
        workers = [work(path, f"{name}{round_}", 10_000) for name in "xy"]
        for worker in workers:
            for _ in range(chance.randrange(5, 400)):
                worker.stdout.readline()
            worker.kill()
            worker.wait()
            worker.stdout.close()
        with ExperimentStore(path) as store:
            assert store.audit() == []
            assert store.all("loop") == store.all("also")
    assert on_disk(path, "SELECT count(*) > 100 FROM decisions") == [(1,)]


def test_two_processes_lose_nothing_and_count_nothing_twice(path):
    workers = [work(path, name, 250) for name in "xy"]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    with ExperimentStore(path) as store:
        assert sum(store.assigned("e").values()) == 750
        assert sum(bucket.totals.total for bucket in store.buckets("e")) == 750
        assert store.all("loop") == {"x": 240, "y": 240}
        assert store.audit() == []


class TestFork:
    def test_parent_and_child_go_on(self, opened, in_child):
        store = opened(flush_seconds=1000.0)
        store.log_decisions([decision("d1")])

        def story():
            assert store.decision("d1") == decision("d1")
            store.log_outcomes([outcome("d1")])
            store.log_decisions([decision("d2", "b")])
            store.close()

        in_child(story)
        store.log_outcomes([outcome("d1")])
        assert store.assigned("e") == {"a": 1, "b": 1}
        assert store.buckets("e")[0].totals.n == 1
        assert store.audit() == []

    def test_the_childs_rows_are_written_in_time(self, opened, in_child, path, untraced):
        store = opened(flush_seconds=0.001)
        store.log_decisions([decision("d0")])

        def story():
            store.log_decisions([decision("d1")])
            store._behind._thread.join()

        in_child(story)
        assert store.decision("d1") == decision("d1")

    def test_inside_of_a_transaction_belongs_to_the_parent(self, opened, in_child):
        store = opened(flush_seconds=1000.0)

        def story():
            with pytest.raises(ExperimentStoreError, match="undone"):
                store.put("kind", "child", 1, 1.0)

        with store.transaction():
            store.put("kind", "parent", 1, 1.0)
            in_child(story)
        assert store.all("kind") == {"parent": 1}
        assert store.audit() == []

    def test_a_store_in_memory_is_copied(self, opened, in_child):
        store = opened(":memory:")
        store.log_decisions([decision("d1")])

        def story():
            store.log_decisions([decision("d2")])
            assert store.assigned("e") == {"a": 2}

        in_child(story)
        assert store.assigned("e") == {"a": 1}

    def test_a_closed_store_stays_closed(self, opened, in_child):
        store = opened()
        store.close()
        in_child(lambda: store._behind._closed.is_set() or os._exit(1))
