"""Forks."""

from __future__ import annotations

import os
import signal
import sys
import warnings

import pytest

PATIENCE = 60
"""Seconds after which something counts as hanging."""


@pytest.fixture
def untraced():
    """Skip a test whose threads run Python while the process forks: coverage's own lock is not free in the child."""
    if sys.gettrace() is not None:
        pytest.skip("a tracer does not survive this")


def _run_in_child(story):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are other threads is the point
        pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(PATIENCE)
            story()
            status = 0
        except BaseException as error:  # noqa: BLE001 - nothing may leave the child
            os.write(2, repr(error).encode())
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.fixture
def in_child():
    """A function that runs a story in a fork; whatever it raises, or that it hangs, fails the test."""
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    return _run_in_child
