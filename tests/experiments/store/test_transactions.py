"""What is written inside of a transaction is there whole or not at all."""

from __future__ import annotations

import threading

import pytest

from postopt.errors import ExperimentStoreError, UnknownArmError
from postopt.experiments import entries
from postopt.experiments.entries import Rows
from postopt.experiments.records import Arm

from .conftest import count, decision, on_disk, outcome


class WrongError(Exception):
    pass


def failing(store, *changes):
    """Make changes in a transaction that fails."""
    with store.transaction():
        for change in changes:
            change()
        raise WrongError


def write(store, name):
    """Write one of each."""
    store.define("e", {}, [Arm(f"arm {name}")])
    store.log_decisions([decision(name, f"arm {name}")])
    store.log_outcomes([outcome(name)])
    store.log_counts([count(name)])
    store.link("post", name)
    store.put("kind", "key", name, 1.0)
    store.set_arm("e", "a", "paused", name, 1.0)
    store.import_counts(name, [("x", "X", 2, 1)])
    store.finish("e", "click", 1.0)


def found(store):
    """Return what is there."""
    return (
        store.decisions(["d1", "d2"]).keys(),
        store.buckets("e"),
        store.assigned("e"),
        store.linked("post"),
        store.get("kind", "key"),
        store.arms("e"),
        store.past(),
    )


def queued(store, name):
    """Queue a decision as another thread does, which is not inside of the transaction."""
    thread = threading.Thread(target=store._behind.take, args=(Rows(decisions=[entries.decision(decision(name))]),))
    thread.start()
    thread.join()


class TestAll:
    def test_is_there_after_it(self, store):
        with store.transaction():
            write(store, "d1")
            assert store.waiting == 0
            inside = found(store)
        assert found(store) == inside
        assert inside[0] == {"d1"}
        assert store.audit() == []

    def test_is_undone_by_an_error(self, store):
        write(store, "d1")
        before = found(store)
        with pytest.raises(WrongError):
            failing(store, lambda: write(store, "d2"))
        assert found(store) == before
        assert store.audit() == []
        with pytest.raises(UnknownArmError):
            store.log_decisions([decision("d2", "arm d2")])

    def test_is_seen_by_others_only_after_it(self, opened, path):
        store = opened()
        with store.transaction():
            write(store, "d1")
            assert on_disk(path, "SELECT count(*) FROM decisions") == [(0,)]
        assert on_disk(path, "SELECT count(*) FROM decisions") == [(1,)]

    def test_gives_the_connection(self, store):
        with store.transaction() as connection:
            connection.execute("CREATE TABLE mine (x)")
        with pytest.raises(WrongError):
            failing(store, lambda: connection.execute("INSERT INTO mine VALUES (1)"))
        with store.transaction() as connection:
            assert connection.execute("SELECT * FROM mine").fetchall() == []

    def test_an_error_of_somebody_else_is_not_the_stores(self, store):
        def fail():
            raise FileNotFoundError

        with pytest.raises(FileNotFoundError):
            failing(store, fail)
        store.put("kind", "key", 1, 1.0)

    def test_cannot_close_the_store(self, store):
        with pytest.raises(ExperimentStoreError, match="inside of its own"):
            failing(store, store.close)
        store.log_decisions([decision("d1")])
        assert store.assigned("e") == {"a": 1}


class TestInsideOfAnother:
    def test_an_error_undoes_only_the_part(self, store):
        with store.transaction():
            write(store, "d1")
            before = found(store)
            with pytest.raises(WrongError):
                failing(store, lambda: write(store, "d2"))
            assert found(store) == before
        assert found(store) == before

    def test_an_error_of_the_whole_undoes_the_part(self, store):
        before = found(store)

        def part():
            with store.transaction():
                write(store, "d1")

        with pytest.raises(WrongError):
            failing(store, part)
        assert found(store) == before


class TestTheQueue:
    def test_of_before_stays_when_it_fails(self, store):
        store.log_decisions([decision("d1")])
        store.log_outcomes([outcome("d1")])
        with pytest.raises(WrongError):
            failing(store)
        assert store.waiting == 2
        assert store.assigned("e") == {"a": 1}
        assert store.buckets("e")[0].totals.n == 1

    def test_of_other_threads_is_no_part_of_it(self, store):
        with pytest.raises(WrongError):
            failing(store, lambda: queued(store, "d2"), lambda: store.put("kind", "key", 1, 1.0))
        assert store.waiting == 1
        assert store.get("kind", "key") is None
        assert store.decision("d2") == decision("d2")

    def test_of_other_threads_has_the_decision_of_an_outcome_inside(self, store):
        with store.transaction():
            queued(store, "d2")
            store.log_outcomes([outcome("d2")])
        assert store.outcome("d2", "click") == outcome("d2")
        assert store.audit() == []


class TestAfterIt:
    def test_functions_are_called_once_it_has_committed(self, store):
        seen = []
        with store.transaction():
            store.after_commit(lambda: seen.append(store.waiting))
            with store.transaction():
                store.after_commit(lambda: seen.append("inner"))
            assert seen == []
        assert seen == [0, "inner"]
        store.after_commit(lambda: seen.append("outside"))
        assert seen.pop() == "outside"

    def test_functions_of_what_fails_are_not(self, store):
        seen = []
        with store.transaction():
            store.after_commit(lambda: seen.append("whole"))
            with pytest.raises(WrongError):
                failing(store, lambda: store.after_commit(lambda: seen.append("part")))
        assert seen == ["whole"]
        with pytest.raises(WrongError):
            failing(store, lambda: store.after_commit(lambda: seen.append("never")))
        with store.transaction():
            pass
        assert seen == ["whole"]


def test_what_sqlite_itself_has_undone_cannot_go_on(store):
    def undone():
        with store.transaction() as connection:
            store.put("kind", "one", 1, 1.0)
            connection.execute("ROLLBACK")  # as SQLite does when the disk is full
            store.put("kind", "two", 2, 1.0)

    with pytest.raises(ExperimentStoreError, match="undone"):
        undone()
    assert store.all("kind") == {}


def test_threads_wait_for_each_other(opened):
    store = opened(flush_rows=7)

    def log(name):
        for number in range(50):
            key = f"{name} {number}"
            store.log_decisions([decision(key, "ab"[number % 2])])
            store.log_outcomes([outcome(key)])
            if number % 10 == 0:
                with store.transaction():
                    store.put("kind", name, number, 1.0)
                    store.link("post", key)

    threads = [threading.Thread(target=log, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.assigned("e") == {"a": 75, "b": 75}
    assert sum(bucket.totals.n for bucket in store.buckets("e")) == 150
    assert store.all("kind") == {"x": 40, "y": 40, "z": 40}
    assert len(store.linked("post")) == 15
    assert store.audit() == []


@pytest.mark.parametrize("hold", [lambda store: store.transaction(), lambda store: store.lock], ids=["inside", "lock"])
def test_another_thread_waits_only_so_long(opened, hold):
    store = opened(seconds=0.01)
    errors = []

    def put():
        try:
            store.put("kind", "key", 1, 1.0)
        except ExperimentStoreError as error:
            errors.append(str(error))

    with hold(store):
        thread = threading.Thread(target=put)
        thread.start()
        thread.join()
    assert "another thread" in errors[0]
    assert store.get("kind", "key") is None
