"""The breaker that a store has by itself."""

import asyncio

import pytest

from postopt.caching.cooldown import Cooldown
from postopt.errors import CacheValueError, StoreError
from postopt.testing import ScriptedClock


class Level:
    """Counts its calls and does as it is told."""

    def __init__(self):
        self.calls = 0
        self.gate = None

    async def __call__(self, outcome):
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


async def failing(breaker, level, times=1):
    for _ in range(times):
        with pytest.raises(OSError, match="gone"):
            await breaker.acall(level, OSError("gone"))


def run(story):
    """Run a story with a breaker of 3 failures and 10 seconds, its clock, and what it protects."""
    clock = ScriptedClock()

    async def main():
        await story(Cooldown(failures=3, seconds=10, clock=clock), clock, Level())

    asyncio.run(main())


def test_a_value_and_an_error_pass_through():
    async def story(breaker, clock, level):
        assert await breaker.acall(level, "value") == "value"
        assert await breaker.acall(level, None) is None
        await failing(breaker, level)

    run(story)


def test_after_failures_in_a_row_calls_are_refused_at_once():
    async def story(breaker, clock, level):
        await failing(breaker, level, 2)
        await breaker.acall(level, "a success begins anew")
        await failing(breaker, level, 3)
        for _ in range(5):
            with pytest.raises(StoreError, match="refused"):
                await breaker.acall(level, "value")
        assert level.calls == 6

    run(story)


def test_then_exactly_one_is_let_through_and_its_success_lets_all():
    async def story(breaker, clock, level):
        await failing(breaker, level, 3)
        clock.advance(10)
        level.gate = asyncio.Event()
        probe = asyncio.ensure_future(breaker.acall(level, "probe"))
        await asyncio.sleep(0)
        for _ in range(3):
            with pytest.raises(StoreError, match="refused"):
                await breaker.acall(level, "value")
        assert level.calls == 4
        level.gate.set()
        assert await probe == "probe"
        await failing(breaker, level, 2)
        assert await breaker.acall(level, "value") == "value"

    run(story)


def test_a_probe_that_fails_begins_the_wait_anew():
    async def story(breaker, clock, level):
        await failing(breaker, level, 3)
        for _ in range(3):
            clock.advance(10)
            await failing(breaker, level)
            clock.advance(9)
            with pytest.raises(StoreError, match="refused"):
                await breaker.acall(level, "value")
            clock.advance(1)
            await failing(breaker, level)
        assert level.calls == 9

    run(story)


def test_a_probe_that_is_cancelled_leaves_its_place_to_another():
    async def story(breaker, clock, level):
        await failing(breaker, level, 3)
        clock.advance(10)
        level.gate = asyncio.Event()
        probe = asyncio.ensure_future(breaker.acall(level, "probe"))
        await asyncio.sleep(0)
        probe.cancel()
        await asyncio.wait({probe})
        level.gate.set()
        assert await breaker.acall(level, "another") == "another"

    run(story)


@pytest.mark.parametrize("outcome", [asyncio.CancelledError(), CacheValueError("not this one")])
def test_what_says_nothing_about_the_level_counts_neither_way(outcome):
    async def story(breaker, clock, level):
        await failing(breaker, level, 2)
        for _ in range(5):
            with pytest.raises(type(outcome)):
                await breaker.acall(level, outcome)
        await failing(breaker, level)
        with pytest.raises(StoreError, match="refused"):
            await breaker.acall(level, "value")

    run(story)


def test_calls_from_before_change_nothing_by_ending_late():
    async def story(breaker, clock, level):
        level.gate = asyncio.Event()
        late = [asyncio.ensure_future(breaker.acall(level, outcome)) for outcome in ("fine", OSError("late"))]
        await asyncio.sleep(0)
        gate, level.gate = level.gate, None
        await failing(breaker, level, 3)
        clock.advance(5)
        gate.set()
        await asyncio.wait(late)
        assert late[0].result() == "fine"
        assert isinstance(late[1].exception(), OSError)
        with pytest.raises(StoreError, match="refused"):  # the success did not end it
            await breaker.acall(level, "value")
        clock.advance(5)
        assert await breaker.acall(level, "value") == "value"  # nor did the failure prolong it

    run(story)


@pytest.mark.parametrize("settings", [{"failures": 0}, {"seconds": -1}, {"seconds": float("nan")}])
def test_settings_out_of_range(settings):
    with pytest.raises(CacheValueError):
        Cooldown(**settings)
