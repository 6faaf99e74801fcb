"""Small traces, made from lists of keys."""

from __future__ import annotations

import pytest

from postopt.caching.replay.trace import Trace


def make_trace(keys, weights=None, costs=None):
    """Return a trace of the same requests, with keys by number in the order of their first request."""
    numbers = {}
    numbered = [numbers.setdefault(key, len(numbers)) for key in keys]
    return Trace(
        "made",
        numbered,
        [1] * len(numbers) if weights is None else [weights[key] for key in numbers],
        [1.0] * len(numbers) if costs is None else [costs[key] for key in numbers],
    )


@pytest.fixture(scope="session")
def trace_of():
    return make_trace
