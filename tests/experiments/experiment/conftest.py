"""A clock that stands still until it is moved, and a store and experiments on it."""

from __future__ import annotations

import numpy as np
import pytest

from postopt.experiments.experiment import Experiment
from postopt.experiments.store import ExperimentStore
from postopt.testing import ScriptedClock

NOON = 1_700_000_000.0 - 1_700_000_000.0 % 86_400 + 43_200  # of a UTC day


@pytest.fixture
def clock():
    return ScriptedClock(NOON)


@pytest.fixture
def store(clock):
    with ExperimentStore(clock=clock, salt=b"salt") as store:
        yield store


@pytest.fixture
def make(store, clock):
    """Make an experiment of two arms on the store."""

    def make(name="test", arms=("a", "b"), **settings):
        return Experiment(name, arms, **{"store": store, "clock": clock, **settings})

    return make


class World:
    """Units that come one after the other, and click with the rate of the arm they see."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.units = 0

    def visit(self, experiment, n, rates):
        """Let `n` new units visit; return their assignments."""
        assignments = experiment.assign_many(range(self.units, self.units + n))
        self.units += n
        chances = np.array([rates[assignment.arm] for assignment in assignments])
        clicks = self.rng.random(n) < chances
        experiment.record_many([assignment.id for assignment in assignments], clicks)
        return assignments, clicks


@pytest.fixture
def world():
    return World()
