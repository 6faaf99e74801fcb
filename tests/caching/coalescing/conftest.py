"""Callers in threads and tasks, and computations that end when they are told to."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from postopt.caching.coalescing import Coalescer
from postopt.caching.flights.flight import blocked

PATIENCE = 30
"""Seconds after which a call counts as hanging."""


class Watched(Coalescer):
    """Says when a caller waits or leads: a thread cannot be looked at from outside."""

    def __init__(self, **options):
        super().__init__(**options)
        self._boarded = threading.Semaphore(0)

    def _board(self, key, caller):
        leads = super()._board(key, caller)
        self._boarded.release()
        return leads

    def wait_for_callers(self, n=1):
        """Block until `n` more calls have been made."""
        for _ in range(n):
            assert self._boarded.acquire(timeout=PATIENCE)


class Thread(threading.Thread):
    """A thread that has a result."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)  # one that hangs must not hold up the end of the tests
        self._call = function, arguments
        self._ended = Future()
        self.start()

    def run(self):
        function, arguments = self._call
        try:
            self._ended.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is asked for
            self._ended.set_exception(error)

    def outcome(self):
        """Return what came out, or the error as an object."""
        error = self._ended.exception(PATIENCE)
        return self._ended.result() if error is None else error


class Computation:
    """Something to compute that can be held, in a task (`in_task`) or a thread (`in_thread`)."""

    def __init__(self, result="value", *, held=True):
        self.runs = 0
        self.cancelled = 0
        self._result = result
        self._begun = Future()
        self._ended = Future()
        if not held:
            self.end()

    def end(self, result=None):
        """Let it end, and what comes later end at once."""
        if result is not None:
            self._result = result
        self._ended.set_result(None)

    def wait_until_begun(self):
        self._begun.result(PATIENCE)

    def _begin(self):
        self.runs += 1
        if not self._begun.done():
            self._begun.set_result(None)

    def _give(self):
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result

    async def in_task(self):
        self._begin()
        try:
            await asyncio.shield(asyncio.wrap_future(self._ended))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self._give()

    def in_thread(self):
        self._begin()
        self._ended.result(PATIENCE)
        return self._give()


async def settle():
    """Give the loop enough turns for everything that can go on to go on."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def coalescer():
    """Return a function that makes coalescers; at the end none of them has anything in the air."""
    made = []

    def make(**options):
        made.append(Watched(**options))
        return made[-1]

    yield make
    assert [len(one) for one in made] == [0] * len(made)
    assert not blocked


@pytest.fixture
def thread():
    return Thread


@pytest.fixture
def computation():
    return Computation


@pytest.fixture(name="settle")
def _settle():
    return settle
