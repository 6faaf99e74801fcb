"""What every test has: a closed environment, and the real data only where it is."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import pytest
import redis_server as servers
from forks import run_in_child
from hypothesis import HealthCheck, settings

# A busy machine is no failure: no test asserts a time, and neither does hypothesis. Nor does it keep its examples in
# the checkout, which may not be ours to write.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("here")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _closed_environment(tmp_path_factory):
    """Hide the machine's settings, and keep wisdom and caches out of the user's folders."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("POSTOPT_") or name == "FORCE_COLOR"]:
            patch.delenv(name)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_configure():
    # Whoever starts the tests in the background of a script has them ignore interrupts, which some of them send.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    # Thousands of tests and the libraries of all of them stay until the end: each full collection would go through
    # them anew, half a second in which nothing is found. What the tests themselves make is collected as ever.
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    if not SHARED_DATA.is_dir():
        absent = pytest.mark.skip(reason=f"{SHARED_DATA} is not there")
        for item in items:
            if item.get_closest_marker("shared_data"):
                item.add_marker(absent)


@pytest.fixture
def shared_data():
    """The folder of real data; for tests marked `shared_data`."""
    return SHARED_DATA


@pytest.fixture(scope="session")
def _shared_redis_server():
    with servers.running() as server:
        yield server


@pytest.fixture
def redis_server(_shared_redis_server):
    """This worker's Redis, empty; it is shared, so it has to go on running."""
    _shared_redis_server.ask("FLUSHALL")
    _shared_redis_server.ask("CONFIG", "RESETSTAT")
    return _shared_redis_server


@pytest.fixture
def own_redis_server():
    """A Redis for one test, which may do with it what it likes."""
    with servers.running() as server:
        yield server


@pytest.fixture
def untraced():
    """Skip a test whose threads run Python while the process forks: coverage's own lock is not free in the child."""
    if sys.gettrace() is not None:
        pytest.skip("a tracer does not survive this")


@pytest.fixture
def in_child():
    """A function that runs a story in a fork; whatever it raises, or that it hangs, fails the test."""
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    return run_in_child
