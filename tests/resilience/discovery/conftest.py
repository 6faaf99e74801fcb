"""Processes that serve and register with a Redis."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture
def registering():
    """Return a context manager: a process that serves, with its `address`; it is registered when the block begins."""

    @contextmanager
    def run(server, *, lease_seconds):
        command = [sys.executable, str(WORKER), server.tcp, str(lease_seconds)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                process.address = process.stdout.readline().strip()
                assert process.address
                yield process
            finally:
                process.kill()

    return run
