from __future__ import annotations

import pytest


def feed(number, observations):
    for observation in observations:
        number.update(*observation) if isinstance(observation, tuple) else number.update(observation)
    return number


@pytest.fixture(scope="session")
def fed():
    """Return a function that gives observations to a number, one by one, and returns it."""
    return feed
