"""Clocks that go back, jump, stand still and say what is no number."""

import math
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.breaking.elapsed import Elapsed


class TestElapsed:
    @given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf) | st.just(-math.inf), min_size=1))
    def test_it_never_goes_back(self, readings):
        clock = iter(readings)
        elapsed = Elapsed(lambda: next(clock))
        before = 0.0
        for _ in readings[1:]:
            now = elapsed()
            assert now >= before - 1e-6
            before = now

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1))
    def test_it_is_the_sum_of_all_steps_forward(self, readings):
        clock = iter(readings)
        elapsed = Elapsed(lambda: next(clock))
        seen = 0.0
        for _ in readings[1:]:
            seen = elapsed()
        steps = (later - earlier for earlier, later in pairwise(readings))
        assert seen == pytest.approx(sum(step for step in steps if step > 0), abs=1e-3)


class TestBreaker:
    @pytest.mark.parametrize("back", [5.0, 1e9, math.inf])
    def test_one_that_is_put_back_does_not_keep_it_open(self, bench, back):
        it = bench().open()
        it.clock.advance(4)
        assert not it.runs()
        it.clock.set(-back)
        assert not it.runs()
        it.clock.set(max(-back, -1e9))
        assert 0 < it.breaker.retry_after <= 10
        it.clock.advance(10)
        assert it.runs()
        assert it.breaker.state == "closed"

    def test_one_that_goes_back_and_forth_ends_it_by_its_steps_forward(self, bench):
        it = bench().open()
        for second in range(10):
            assert not it.runs()
            it.clock.advance(1.0)
            assert it.breaker.retry_after == pytest.approx(9 - second)
            it.clock.set(1_000.0)
            assert it.breaker.retry_after == pytest.approx(9 - second)
        assert it.runs()

    def test_one_that_jumps_forward_ends_it(self, bench):
        it = bench().open()
        it.clock.advance(1e12)
        assert it.runs()

    @pytest.mark.parametrize("reading", [math.nan, math.inf, -math.inf])
    def test_one_that_says_no_number_stands_still(self, bench, reading):
        it = bench(slow_call_seconds=1.0).open()
        it.clock.set(reading)
        for _ in range(3):
            assert not it.runs()
            assert it.breaker.retry_after == pytest.approx(10)
        it.clock.set(1_010.0)
        assert it.runs()

    def test_a_call_during_which_it_is_put_back_took_no_time(self, bench):
        outcomes = []
        it = bench(slow_call_seconds=1.0, failure_threshold=1, listeners=[lambda c: outcomes.append(c.outcome.seconds)])

        def put_back():
            it.clock.set(0.0)
            return it.fall()

        assert it.runs(put_back)
        assert outcomes == [0.0]

    @pytest.mark.parametrize("window_seconds", [None, 30.0])
    def test_windows_survive_it(self, bench, window_seconds):
        it = bench(failure_rate=0.5, minimum_calls=4, failure_threshold=None, window_seconds=window_seconds)
        for now in (1e6, -1e6, math.nan, -1e6 + 1):
            it.clock.set(now)
            it.fail()
        assert it.breaker.state == "open"

    def test_the_monotonic_clock_is_the_default(self):
        breaker = CircuitBreaker("b", failure_threshold=1, open_seconds=1e6)
        with pytest.raises(ZeroDivisionError):
            breaker.call(lambda: 1 / 0)
        assert 1e6 - 60 < breaker.retry_after <= 1e6
