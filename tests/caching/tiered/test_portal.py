"""The way to the event loop in which levels live, when that does not answer."""

from __future__ import annotations

import asyncio
import threading

import pytest

from postopt.caching.base import Entry
from postopt.caching.memory import MemoryStore
from postopt.caching.portal import Portal
from postopt.caching.tiered import TieredCache


async def answer():
    return "answer"


@pytest.fixture
def blocked():
    """A portal whose home runs, in a thread, and does not get to anything."""
    portal, blocks, free = Portal(), threading.Event(), threading.Event()

    async def live():
        assert await portal.run(answer, 1) == "answer"
        blocks.set()
        free.wait(60)

    home = threading.Thread(target=asyncio.run, args=(live(),))
    home.start()
    assert blocks.wait(60)
    yield portal
    free.set()
    home.join(60)


def test_whoever_awaits_waits_so_long_and_no_longer(blocked):
    with pytest.raises(TimeoutError):
        asyncio.run(blocked.run(answer, 0.01))


def test_so_does_a_thread(blocked):
    with pytest.raises(TimeoutError):
        blocked.call(answer, 0.01)


def test_a_home_that_was_closed_is_left(blocked):
    class Closed:
        """Says that it runs, and is closed when it is sent something."""

        def __init__(self, loop):
            self._loop = loop

        def is_running(self):
            return True

        def is_closed(self):
            blocked.home = None
            return True

        def call_soon_threadsafe(self, *_, **__):
            raise RuntimeError("Event loop is closed")

    loop = asyncio.new_event_loop()
    loop.close()
    blocked.home = Closed(loop)
    assert asyncio.run(blocked.run(answer, 10)) == "answer"
    blocked.home = Closed(loop)
    assert blocked.call(answer, 10) == "answer"
    blocked.close()


def test_a_level_in_memory_is_closed_too():
    closed = []

    class Closing(MemoryStore):
        async def aclose(self):
            closed.append(len(self))
            raise OSError("planned fault")

    async def use():
        async with TieredCache(Closing()) as cache:
            await cache.set("k", Entry(value=1))
        return cache.stats().levels[0].faults

    assert (asyncio.run(use()), closed) == ({"OSError": 1}, [1])
