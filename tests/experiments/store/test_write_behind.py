"""When what was logged is written, and what happens if it cannot be."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from postopt.errors import ExperimentStoreError
from postopt.experiments import writebehind
from postopt.experiments.store import ExperimentStore

from .conftest import ARMS, count, decision, logged, on_disk, outcome


@pytest.fixture
def locked(path):
    """A function that locks the file against writing, as another process does; it is unlocked at the end."""
    connections = []

    def lock():
        connections.append(sqlite3.connect(path, isolation_level=None))
        connections[0].execute("BEGIN IMMEDIATE")
        return connections[0]

    yield lock
    for connection in connections:
        connection.close()


def decisions(n, start=0):
    return [decision(f"d{number}") for number in range(start, start + n)]


class TestWhen:
    def test_so_many_rows_wait(self, opened, path):
        store = opened(flush_rows=10)
        store.log_decisions(decisions(9))
        assert logged(path) == set()
        store.log_outcomes([outcome("d0")])
        assert len(logged(path)) == 9
        assert store.waiting == 0

    def test_seconds_have_passed_though_nobody_calls(self, opened, path):
        store = opened(flush_seconds=0.001)
        store.log_decisions(decisions(1))
        store._behind._thread.join()
        assert logged(path) == {"d0"}
        store.log_decisions(decisions(1, start=1))
        store._behind._thread.join()
        assert logged(path) == {"d0", "d1"}

    def test_the_store_is_closed(self, opened, path):
        with opened() as store:
            store.log_decisions(decisions(3))
        assert on_disk(path, "SELECT count(*) FROM decisions") == [(3,)]
        store.close()

    def test_the_process_ends(self, path):
        program = f"""
from postopt.experiments.store import ExperimentStore
from postopt.experiments.records import Arm, DecisionRow
store = ExperimentStore({str(path)!r}, flush_seconds=1000)
store.define("e", {{}}, [Arm("a")])
store.log_decisions([DecisionRow("d1", "e", "a", "u", 0, 0.5, "", "", 0.0)])
"""
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
        assert logged(path) == {"d1"}

    def test_more_rows_are_new_than_may_be(self, opened, path, monkeypatch):
        monkeypatch.setattr(writebehind, "_MAX_NEW", 20)
        store = opened(flush_rows=10)
        store.log_decisions(decisions(10))
        store.log_decisions(decisions(10, start=5))
        assert on_disk(path, "SELECT count(*) FROM new_decisions") == [(20,)]
        store.log_decisions(decisions(10, start=15))
        assert on_disk(path, "SELECT count(*) FROM new_decisions") == [(0,)]
        assert on_disk(path, "SELECT count(*), max(number) FROM decisions") == [(25, 25)]
        assert len(store.decisions([f"d{number}" for number in range(30)])) == 25


class TestTheThread:
    def test_is_there_only_while_rows_wait(self, opened):
        before = threading.active_count()
        store = opened(flush_seconds=0.001)
        assert threading.active_count() == before
        store.log_decisions(decisions(1))
        store._behind._thread.join()
        assert threading.active_count() == before

    def test_ends_when_the_store_is_closed(self, opened):
        store = opened(flush_seconds=1000.0)
        store.log_decisions(decisions(1))
        thread = store._behind._thread
        assert thread.is_alive()
        store.close()
        thread.join()

    def test_is_not_needed_in_memory(self):
        with ExperimentStore() as store:
            store.define("e", {}, ARMS)
            store.log_decisions(decisions(1))
            assert store._behind._thread is None

    def test_may_not_start(self, opened, path, monkeypatch):
        def start(_):
            raise RuntimeError("can't start new thread")

        store = opened()
        monkeypatch.setattr(threading.Thread, "start", start)
        store.log_decisions(decisions(1))
        assert logged(path) == {"d0"}


class TestIfItCannotBe:
    def test_rows_go_on_waiting_until_it_can(self, opened, path, locked, caplog):
        store = opened(flush_rows=10, flush_seconds=1000.0, seconds=0.01)
        lock = locked()
        store.log_decisions(decisions(10))
        store.log_outcomes([outcome("d3")])
        assert store.waiting == 11
        assert caplog.text == ""  # another process may write for a moment
        store._behind._try_to_append()
        assert "11 rows wait after 2 attempts" in caplog.text
        with pytest.raises(ExperimentStoreError, match="locked"):
            store.flush()
        assert store.decision("d3") == decision("d3")
        lock.execute("COMMIT")
        store.flush()
        assert store.waiting == 0
        assert store.buckets("e")[0].totals.n == 1
        assert store.audit() == []

    def test_the_thread_tries_again(self, opened, path, locked, caplog):
        store = opened(flush_rows=1, flush_seconds=0.001, seconds=0.01)
        lock = locked()
        store.log_decisions(decisions(1))
        thread = store._behind._thread
        while store._behind._failures < 3:
            thread.join(0.01)
        lock.execute("COMMIT")
        thread.join()
        assert logged(path) == {"d0"}
        assert len(caplog.records) < store._behind._failures + 3

    def test_closing_raises_and_can_be_done_later(self, opened, path, locked):
        store = opened(flush_seconds=1000.0, seconds=0.01)
        lock = locked()
        store.log_decisions(decisions(1))
        with pytest.raises(ExperimentStoreError, match="locked"):
            store.close()
        lock.execute("COMMIT")
        store.close()
        assert logged(path) == {"d0"}

    def test_a_full_queue_refuses_and_loses_nothing(self, opened, path, locked):
        store = opened(flush_seconds=1000.0, seconds=0.01)
        lock = locked()
        most = writebehind.MAX_WAITING
        store.log_decisions(decisions(most))
        with pytest.raises(ExperimentStoreError, match="locked"):
            store.log_decisions(decisions(1, start=most))
        assert store.waiting == most
        lock.execute("COMMIT")
        store.log_decisions(decisions(1, start=most))
        assert store.waiting == 0
        assert store.assigned("e") == {"a": most + 1}

    def test_a_full_disk_keeps_what_waits(self, opened, path):
        store = opened(flush_rows=100_000, flush_seconds=1000.0)
        with store.transaction() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        with store._file.reading() as connection:
            connection.execute(f"PRAGMA max_page_count={pages + 2}")
        store.log_decisions(decisions(2000))
        store.log_counts([count("c1")])
        with pytest.raises(ExperimentStoreError, match="full"):
            store.flush()
        assert store.waiting == 2001
        with store._file.reading() as connection:
            connection.execute("PRAGMA max_page_count=1000000")
        store.flush()
        assert store.assigned("e") == {"a": 2000}
        assert store.audit() == []

    def test_a_call_with_more_rows_than_can_wait_writes_them(self, opened):
        store = opened()
        store.log_decisions(decisions(writebehind.MAX_WAITING + 1))
        assert store.waiting == 0
        assert store.assigned("e") == {"a": writebehind.MAX_WAITING + 1}

    def test_what_is_lost_at_the_end_is_logged(self, opened, locked, caplog):
        store = opened(flush_seconds=1000.0, seconds=0.01)
        lock = locked()
        store.log_decisions(decisions(3))
        writebehind._write_all()
        assert "3 rows of an experiment store are lost" in caplog.text
        lock.execute("COMMIT")
        writebehind._write_all()
        assert store.waiting == 0


def test_a_row_that_comes_as_the_store_closes_is_written_or_refused(opened, path):
    store = opened(flush_seconds=1000.0)
    store.flush()
    taken = []

    def log():
        for number in range(5000):
            try:
                store.log_decisions([decision(f"d{number}")])
            except ExperimentStoreError:
                return
            taken.append(f"d{number}")

    thread = threading.Thread(target=log)
    thread.start()
    while len(taken) < 150:
        thread.join(0.001)
    store.close()
    thread.join()
    assert logged(path) >= set(taken)


def test_a_closed_store_refuses(opened):
    store = opened()
    store.close()
    for call in (
        lambda: store.log_decisions(decisions(1)),
        lambda: store.decision("d1"),
        lambda: store.arms("e"),
        lambda: store.buckets("e"),
        lambda: store.put("kind", "key", 1, 1.0),
        store.flush,
        store.audit,
    ):
        with pytest.raises(ExperimentStoreError, match="closed"):
            call()


def test_the_queue_holds_no_outcome_without_its_decision(opened):
    store = opened(flush_rows=3, flush_seconds=0.001)
    stop = threading.Event()

    def flush():
        while not stop.is_set():
            store.flush()

    thread = threading.Thread(target=flush)
    thread.start()
    for number in range(300):
        store.log_decisions([decision(f"d{number}")])
        store.log_outcomes([outcome(f"d{number}")])
    stop.set()
    thread.join()
    assert store.buckets("e")[0].totals.n == 300


def test_only_what_is_connected_is_closed(path):
    with closing(ExperimentStore(path)):
        pass
    assert not path.exists()
