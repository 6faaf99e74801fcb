"""Replicas that answer, fail or wait as told, and lists of them that change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from simulated_fleet import pause

from postopt.types import Completion, Trace, Usage


@dataclass(eq=False)
class Scripted:
    """A replica that does what `behave` says: None to answer, an exception to raise, a future to wait for."""

    name: str
    behave: object = None
    calls: int = 0
    cancelled: int = 0

    async def __call__(self):
        self.calls += 1
        behaviour = self.behave() if callable(self.behave) else self.behave
        try:
            if isinstance(behaviour, asyncio.Future):
                await behaviour
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(behaviour, BaseException):
            raise behaviour
        return self.name


async def ask(replica):
    return await replica()


class Listing:
    """A discovery whose list a test sets."""

    def __init__(self, *replicas):
        self.replicas = replicas

    def set(self, *replicas):
        self.replicas = replicas


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture(name="ask")
def _ask():
    return ask


@pytest.fixture
def answer():
    """A function that makes a completion of such a cost."""

    def make(*, cost_usd, output_tokens=1):
        trace = Trace(tier="remote", model="m", cost_usd=cost_usd)
        return Completion(text="hello", generator="g", trace=trace, usage=Usage(output_tokens=output_tokens))

    return make


@pytest.fixture
def listing():
    return Listing


@pytest.fixture(name="pause")
def _pause():
    return pause


@pytest.fixture
def settle():
    """Return a coroutine function that lets everything go on that can."""

    async def turns():
        for _ in range(25):
            await asyncio.sleep(0)

    return turns
