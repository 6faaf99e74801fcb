"""Levels that a test can look into and disturb."""

from __future__ import annotations

import pytest

from postopt.caching.memory import MemoryStore
from postopt.testing import FaultyStore, ScriptedClock


@pytest.fixture
def clock():
    return ScriptedClock(1_000.0)


@pytest.fixture
def memory(clock):
    """A level in memory."""
    return MemoryStore(clock=clock)


@pytest.fixture
def behind(clock):
    """What the level outside of memory really holds."""
    return MemoryStore(clock=clock)


@pytest.fixture
def remote(behind):
    """A level that has to be awaited, and fails on demand."""
    return FaultyStore(behind)
