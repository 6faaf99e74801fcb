"""The stores' own names of the tests' Redis, and other processes that use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from redis_server import PATIENCE


class Worker:
    """Another process that uses a store as it is told (`worker.py`)."""

    def __init__(self, url):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, *call):
        """Begin a call."""
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()

    def hear(self):
        """Return what the call returned."""
        return json.loads(self._process.stdout.readline())

    def ask(self, *call):
        self.tell(*call)
        return self.hear()

    def kill(self):
        self._process.kill()
        self._end()

    def close(self):
        """Let it end by itself."""
        self._process.stdin.close()
        self._end()

    def _end(self):
        self._process.wait(PATIENCE)
        self._process.stdout.close()
        self._process.stdin.close()


@pytest.fixture
def server(redis_server):
    return redis_server


@pytest.fixture
def own_server(own_redis_server):
    return own_redis_server


@pytest.fixture
def workers():
    """Return a function that starts so many other processes with stores at an address."""
    started = []

    def start(url, count=1):
        new = [Worker(url) for _ in range(count)]
        started.extend(new)
        return new

    yield start
    for worker in started:
        worker.kill()
