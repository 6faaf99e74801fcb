"""Rows, stores that close, and what kill -9 leaves."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from postopt.experiments.records import Arm, CountRow, DecisionRow, OutcomeRow, Totals
from postopt.experiments.store import ExperimentStore

DAY = 86_400
ARMS = [Arm("a", "text a"), Arm("b", "text b")]


def decision(name, arm="a", *, experiment="e", half=0, at=0.0, propensity=0.5, unit="u", policy="uniform", context=""):
    """Return a decision."""
    return DecisionRow(name, experiment, arm, unit, half, propensity, policy, context, at)


def outcome(name, value=1.0, metric="click", at=0.0):
    """Return an outcome."""
    return OutcomeRow(name, metric, value, at)


def count(name, n=10, total=2, squares=None, *, arm="a", experiment="e", metric="click", at=0.0):
    """Return a count."""
    return CountRow(name, experiment, arm, metric, Totals(n, total, total if squares is None else squares), at)


def on_disk(path, query, *values):
    """Return what another connection reads from the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, values).fetchall()


def logged(path):
    """Return the ids of all decisions in the file, in the log or new."""
    return {name for (name,) in on_disk(path, "SELECT id FROM decisions UNION SELECT id FROM new_decisions")}


@pytest.fixture
def path(tmp_path):
    """Where the store's file is, once something is written."""
    return tmp_path / "experiments.db"


@pytest.fixture
def opened(path):
    """A function that opens a store, in the same file each time, which knows the experiment "e" with arms "a", "b"."""
    stores = []

    def opened(where=path, *, define=True, **settings):
        store = ExperimentStore(where, **settings)
        stores.append(store)
        if define:
            store.define("e", {}, ARMS)
        return store

    yield opened
    for store in stores:
        store.close()


@pytest.fixture(params=["file", "memory"])
def store(request, opened, path):
    """A store in a file and one in memory."""
    return opened(path if request.param == "file" else ":memory:")
