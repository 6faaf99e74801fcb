"""Time that passes only when an event loop has nothing else to do."""

from __future__ import annotations

import asyncio

import pytest

from postopt.testing.loop import ScriptedLoop


class VirtualTimeLoop(ScriptedLoop):
    async def let_pass(self, seconds):
        future = self.create_future()
        self.call_later(seconds, _resolve, future)
        await future


@pytest.fixture
def in_virtual_time():
    """Return a function that runs `main(loop)`, where the time is `loop.time`."""

    def run(main):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(main(runner.get_loop()))

    return run


def _resolve(future):
    if not future.done():
        future.set_result(None)


async def _pass_turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def passes():
    """Return a coroutine function that lets the loop go round some times, so that all that can happen has happened."""
    return _pass_turns
