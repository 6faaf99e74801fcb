"""Events and handlers that every test of the bus needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from operator import attrgetter

import pytest

from postopt.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Event):
    """An event that says which one it is."""

    at: float = 0.0
    number: int = 0
    key: str = ""


class HeldHandler:
    """A coroutine handler that finishes an event only when told to, and may be told to fail instead."""

    def __init__(self):
        self.begun = []
        self.done = []
        self._outcomes = asyncio.Queue()

    async def __call__(self, event):
        self.begun.append(event.number)
        outcome = await self._outcomes.get()
        if outcome is not None:
            raise outcome
        self.done.append(event.number)

    def let(self, *outcomes):
        """Finish as many events as there are outcomes: None for success, or what to raise."""
        for outcome in outcomes:
            self._outcomes.put_nowait(outcome)


async def settle():
    """Give the loop enough turns for everything that can go on to go on."""
    for _ in range(25):
        await asyncio.sleep(0)


@pytest.fixture
def counters():
    """Return a function that gives a subscription's delivered, failed, dropped, coalesced and pending."""
    return attrgetter("delivered", "failed", "dropped", "coalesced", "pending")


@pytest.fixture
def delivering():
    """Return a function that gives the tasks that are delivering events."""
    return lambda: {task for task in asyncio.all_tasks() if "_deliver" in repr(task.get_coro())}


@pytest.fixture
def event():
    return lambda number=0, key="": Numbered(number=number, key=key)


@pytest.fixture
def held():
    return HeldHandler


@pytest.fixture(name="settle")
def _settle():
    return settle


@pytest.fixture
def numbered():
    return Numbered


@pytest.fixture
def anyio_backend():
    return "asyncio"
