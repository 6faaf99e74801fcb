"""Each ledger, and other processes that spend from one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from postopt.resilience.ledger import MemoryLedger
from postopt.resilience.sqlite import SQLiteLedger

LEDGERS = ["memory", "sqlite", "redis"]


def open_ledger(kind, where, **settings):
    """Return a ledger of a kind: at a path or an address."""
    if kind == "memory":
        return MemoryLedger()
    if kind == "sqlite":
        return SQLiteLedger(where, **settings)
    from postopt.resilience.remote.ledger import RedisLedger

    return RedisLedger(where, **settings)


@pytest.fixture
def place(request, tmp_path):
    """Return where a ledger of a kind can be: a path, an address, or nowhere."""

    def place(kind):
        if kind == "redis":
            pytest.importorskip("redis", reason="redis-py is not installed")
            return request.getfixturevalue("redis_server").url
        return str(tmp_path / "new" / "money.db") if kind == "sqlite" else ""

    return place


@pytest.fixture
def opened():
    """The ledgers that a test has opened, which `run` closes in its loop."""
    return []


@pytest.fixture
def run(opened):
    """Return what a coroutine returns, run in a loop of its own."""

    async def closing(main):
        try:
            return await main
        finally:
            for ledger in opened:
                await ledger.aclose()

    return lambda main: asyncio.run(closing(main))


@pytest.fixture(params=LEDGERS)
def make_ledger(request, place, opened):
    """A function that opens the same ledger again and again; in memory, there is one for all."""
    where = place(request.param)
    memory = MemoryLedger()

    def make():
        if request.param == "memory":
            return memory
        opened.append(open_ledger(request.param, where, seconds=30))
        return opened[-1]

    return make


class Spender:
    """Another process with a budget of its own upon a ledger (`spender.py`)."""

    def __init__(self, *arguments):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("spender.py")), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self):
        """Return the next thing it says."""
        return json.loads(self._process.stdout.readline())

    def go(self):
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def kill(self):
        self._process.kill()
        self._process.wait(30)
        self._process.stdout.close()
        self._process.stdin.close()


@pytest.fixture
def spenders():
    started = []

    def start(count, *arguments):
        new = [Spender(*arguments) for _ in range(count)]
        started.extend(new)
        return new

    yield start
    for spender in started:
        spender.kill()
