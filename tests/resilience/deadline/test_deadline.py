import asyncio
import math

import pytest

from postopt.errors import DeadlineExceededError
from postopt.resilience.deadline import check, remaining, within
from postopt.testing import ScriptedClock


@pytest.fixture
def clock():
    return ScriptedClock(100.0)


def test_there_is_none_at_first():
    assert remaining() is None
    check()


def test_counts_down_and_ends_with_its_block(clock):
    with within(2.0, clock=clock):
        clock.advance(0.5)
        assert remaining() == 1.5
        check()
        clock.advance(2.0)
        assert remaining() == -0.5
        with pytest.raises(DeadlineExceededError, match=r"the call: the deadline passed 0.500 s ago"):
            check()
    assert remaining() is None


def test_the_earlier_one_stays(clock):
    with within(2.0, clock=clock):
        with within(5.0, clock=clock):
            assert remaining() == 2.0
        with within(1.0, clock=clock):
            assert remaining() == 1.0
            with within(None):
                assert remaining() == 1.0
        assert remaining() == 2.0


def test_clocks_may_differ(clock):
    other = ScriptedClock(5.0)
    with within(2.0, clock=clock), within(1.0, clock=other):
        other.advance(0.25)
        assert remaining() == 0.75


def test_no_time_at_all_is_a_deadline_that_has_passed(clock):
    with within(0, clock=clock), pytest.raises(DeadlineExceededError):
        check("writing")


def test_reaches_into_tasks_and_threads_but_not_out_of_them(clock):
    async def child(seconds):
        with within(seconds, clock=clock):
            await asyncio.sleep(0)
            return remaining()

    async def main():
        with within(3.0, clock=clock):
            return await asyncio.gather(child(1.0), child(9.0), asyncio.to_thread(remaining)), remaining()

    assert asyncio.run(main()) == ([1.0, 3.0, 3.0], 3.0)
    assert remaining() is None


@pytest.mark.parametrize("seconds", [math.inf, 10**400])
def test_for_ever_is_longer_than_anything(clock, seconds):
    with within(seconds, clock=clock):
        assert remaining() > 1e11
        with within(1.0, clock=clock):
            assert remaining() == 1.0


@pytest.mark.parametrize("seconds", [-1, -math.inf, math.nan, "2", True])
def test_nonsense_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds"), within(seconds):
        pass
