"""An experiment whose store cannot be written for a while: another process has it, or the disk is full."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager

import pytest

from postopt.errors import ExperimentStoreError, UnknownAssignmentError
from postopt.experiments import Guardrail, Metric
from postopt.experiments.store import ExperimentStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(path, clock):
    """A store that would wait for ever."""
    with ExperimentStore(path, clock=clock, salt=b"salt", flush_seconds=1000.0, seconds=1e6) as store:
        yield store


@contextmanager
def locked(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


@contextmanager
def full(store):
    """Let the disk have no page more than now."""
    with store._file.reading() as connection:
        connection.execute("PRAGMA max_page_count=1")
        yield
        connection.execute("PRAGMA max_page_count=1000000")


@pytest.fixture(params=["locked", "full"])
def unwritable(request, path, store):
    return lambda: locked(path) if request.param == "locked" else full(store)


def test_units_are_dealt_and_outcomes_recorded(make, clock, unwritable, store):
    experiment = make(metric=Metric("click"))
    known = experiment.assign("known")
    experiment.decide()
    with unwritable():
        for number in range(20):
            clock.advance(2.0)
            assert experiment.assign("known") == known
            new = experiment.assign(number, {"text": "long" * 5000})
            assert experiment.record(new.id, 1.0)
            assert not experiment.record(new.id, 1.0)
        assert store.waiting == 40
    assert experiment.decide().n == 20
    assert store.audit() == []


def test_a_metric_with_a_window_goes_on_with_what_was_known(make, clock, unwritable):
    experiment = make(metric=Metric("click", window=10.0))
    for number in range(10):
        experiment.record(experiment.assign(number).id, 1.0)
    clock.advance(20.0)
    assert experiment.decide().n == 10
    with unwritable():
        clock.advance(20.0)
        experiment.record(experiment.assign("new").id, 1.0)
    clock.advance(20.0)
    assert experiment.decide().n == 11


def test_what_another_process_wrote_last_is_found(make, clock, path):
    experiment = make()
    experiment.decide()
    with ExperimentStore(path, clock=clock, flush_rows=1) as others:
        other = make(store=others)
        dealt = other.assign("unit")
        other.record(dealt.id, 1.0)
        with locked(path):
            assert experiment.assign("unit") == dealt
            assert not experiment.record(dealt.id, 0.0)
        assert experiment.decide().n == 1


def test_the_first_look_is_needed(make, path, clock):
    make().assign("unit")
    with ExperimentStore(path, clock=clock, seconds=0.01) as store:
        store.flush()
        experiment = make(store=ExperimentStore(path, clock=clock, seconds=0.01))
        with ExperimentStore(path, clock=clock, flush_rows=1) as others:
            make(store=others).assign("another")
            with locked(path), pytest.raises(ExperimentStoreError, match="locked"):
                experiment.assign("unit")
        experiment.store.close()


def test_a_decision_says_that_it_cannot_look(path, clock, make):
    with ExperimentStore(path, clock=clock, seconds=0.01) as store:
        experiment = make(store=store)
        experiment.assign("unit")
        with locked(path), pytest.raises(ExperimentStoreError, match="locked"):
            experiment.decide()
        assert experiment.decide().n == 0


@pytest.mark.parametrize("name", [b"x", 1, None, [1], ("a",)])
def test_an_id_that_is_no_text_is_unknown(make, name):
    with pytest.raises(UnknownAssignmentError):
        make().record(name, 1.0)


def test_a_guardrail_pauses_once_that_can_be_written(make, path, clock):
    with ExperimentStore(
        path, clock=clock, salt=b"salt", flush_rows=10**6, flush_seconds=1000.0, seconds=0.01
    ) as store:
        bad = Guardrail("hide", tolerance=0.1)
        experiment = make(store=store, guardrails=[bad])
        dealt = experiment.assign_many(range(2000))
        with locked(path):
            hidden = [float(each.arm == "b") for each in dealt]
            assert experiment.record_many([each.id for each in dealt], hidden, metric="hide") == 2000
            assert [row.status for row in store.arms("test")] == ["active", "active"]
        experiment.decide()
        assert [row.status for row in store.arms("test")] == ["active", "paused"]
