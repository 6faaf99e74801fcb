"""Breakers on a scripted clock, things that fail, and whether they ran."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from contextlib import suppress

import pytest

from postopt.resilience.breaker import CircuitBreaker
from postopt.testing import ScriptedClock

PATIENCE = 60
"""Seconds after which something counts as hanging."""

OPEN_SECONDS = 10.0


class ProviderDownError(Exception):
    """What fails."""

    def __init__(self, message="down", retry_after=None):
        super().__init__(message)
        self.retry_after = retry_after


class Bench:
    """One breaker on a clock of its own, and what was called through it.

    Whether a call was let through is judged by whether the function ran, never by what was raised.
    """

    def __init__(self, **settings):
        self.clock = ScriptedClock(1_000.0)
        self.ran = 0
        self.breaker = CircuitBreaker("provider", **{"clock": self.clock, "open_seconds": OPEN_SECONDS, **settings})

    # What is called

    def work(self):
        self.ran += 1
        return "done"

    def fall(self, error=None):
        self.ran += 1
        raise error if error is not None else ProviderDownError

    async def awork(self):
        return self.work()

    async def afall(self, error=None):
        self.fall(error)

    def last(self, seconds):
        """Succeed after so long."""
        self.clock.advance(seconds)
        return self.work()

    # Calls

    def runs(self, function=None, *args):
        """Call through the breaker, whatever comes of it; tell whether the function ran."""
        before = self.ran
        with suppress(Exception):
            self.breaker.call(function or self.work, *args)
        return self.ran > before

    async def aruns(self, function=None, *args):
        before = self.ran
        with suppress(Exception):
            await self.breaker.acall(function or self.awork, *args)
        return self.ran > before

    def fail(self, times=1, **error):
        for _ in range(times):
            assert self.runs(self.fall, ProviderDownError(**error) if error else None)

    def succeed(self, times=1):
        for _ in range(times):
            assert self.runs()

    def open(self):
        """Make it open, and its functions not run."""
        self.fail(3)
        assert self.breaker.state == "open"
        assert not self.runs()
        return self

    def half_open(self):
        """Make it open, and let its time be over."""
        self.open()
        self.clock.advance(OPEN_SECONDS)
        assert self.breaker.state == "half_open"
        return self

    def ends(self):
        """Return the counts of how calls have ended, those that are not zero."""
        metrics = self.breaker.metrics
        kinds = ("success", "failure", "slow", "ignored", "cancelled", "rejected", "stale", "lost")
        return +Counter({kind: getattr(metrics, kind) for kind in kinds})


@pytest.fixture
def bench():
    """A class that makes a breaker and things to call through it."""
    return Bench


@pytest.fixture
def down():
    """The class of what fails."""
    return ProviderDownError


class Held:
    """A coroutine function whose calls wait until they are let go, each with a result or an error."""

    def __init__(self):
        self.begun = []

    async def __call__(self):
        future = asyncio.get_running_loop().create_future()
        self.begun.append(future)
        return await future


@pytest.fixture
def held():
    """A coroutine function whose calls wait until they are let go."""
    return Held()


async def settle(turns=5):
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.fixture(name="settle")
def give_settle():
    """A coroutine function that lets all other tasks go on as far as they can."""
    return settle


class Crowd:
    """Threads that begin together; what one raises, `run` raises."""

    def __init__(self, size, function):
        self._barrier = threading.Barrier(size)
        self._function = function
        self._errors = []
        self._threads = [threading.Thread(target=self._go, args=(number,)) for number in range(size)]

    def _go(self, number):
        try:
            self._barrier.wait(PATIENCE)
            self._function(number)
        except BaseException as error:  # noqa: BLE001 - given to whoever waits
            self._errors.append(error)

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def join(self):
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        if self._errors:
            raise self._errors[0]

    @classmethod
    def run(cls, size, function):
        cls(size, function).start().join()


@pytest.fixture
def crowd():
    """A class of threads that begin together."""
    return Crowd


@pytest.fixture
def busy_switching():
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
