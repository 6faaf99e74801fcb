"""The laws of the rate, in arbitrary orders of taking, correcting and waiting."""

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.resilience.gcra import GCRA

rates = st.sampled_from([0.1, 1.0, 7.0, 1000.0])
bursts = st.sampled_from([0.0, 0.5, 1.0, 60.0])
steps = st.lists(
    st.tuples(st.floats(0, 20), st.integers(0, 40), st.floats(0, 2)), max_size=40
)  # seconds since the one before, amount, what of it is used in truth


def run(rate, burst, steps, *, correct=True):
    """Take what conforms; return a list of (time, what was taken or given back) and the largest amount."""
    gcra, now, ledger, open_ = GCRA(rate, burst), 1e6, [], []
    for pause, amount, used in steps:
        now += pause
        if gcra.delay(now, amount) == 0.0:
            gcra.take(now, amount)
            ledger.append((now, amount))
            open_.append((now, amount * (used - 1.0)))
        elif correct and open_:
            taken_at, excess = open_.pop(0)
            gcra.correct(now, taken_at, min(excess, 0.0))
            ledger.append((now, min(excess, 0.0)))
    return ledger


@given(rate=rates, burst=bursts, steps=steps)
def test_no_stretch_of_time_sees_more_than_the_rate_and_the_burst(rate, burst, steps):
    ledger = run(rate, burst, steps)
    for first, (begin, _) in enumerate(ledger):
        total = 0.0
        for end, amount in ledger[first:]:
            total += amount
            largest = max(amount for _, amount in ledger)
            allowed = rate * (end - begin) + max(rate * burst, largest)
            assert total <= allowed + rate * 1e-5 + 1e-6


@given(rate=rates, burst=bursts, amounts=st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_waiting_as_long_as_it_says_is_enough_and_no_longer_than_needed(rate, burst, amounts):
    gcra, now = GCRA(rate, burst), 1e6
    for amount in amounts:
        wait = gcra.delay(now, amount)
        if wait:
            assert gcra.delay(now + wait * 0.9, amount) > 0 or wait < 1e-5
        now += wait
        assert gcra.delay(now, amount) == 0.0
        gcra.take(now, amount)


@given(rate=rates, burst=bursts, amounts=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_the_wait_behind_others_is_what_it_comes_to(rate, burst, amounts):
    """As long as none is larger than the burst: a larger one may go with less than all of itself there."""
    gcra, now = GCRA(rate, burst), 1e6
    gcra.take(now, 5)
    *ahead, last = [min(amount, math.floor(rate * burst)) for amount in amounts]
    foreseen = gcra.delay(now, last, sum(ahead))
    waited = 0.0
    for amount in [*ahead, last]:
        wait = gcra.delay(now + waited, amount)
        waited += wait
        gcra.take(now + waited, amount)
    assert waited == pytest.approx(foreseen, abs=1e-4)


@given(rate=rates, burst=bursts, estimate=st.integers(0, 100), used=st.integers(0, 200))
def test_settling_at_once_is_as_if_it_had_been_known(rate, burst, estimate, used):
    settled, known = GCRA(rate, burst), GCRA(rate, burst)
    settled.take(1e6, estimate)
    settled.correct(1e6, 1e6, used - estimate)
    known.take(1e6, used)
    for amount in (1, 50):
        assert settled.delay(1e6, amount) == pytest.approx(known.delay(1e6, amount), abs=1e-5)


def test_what_comes_back_after_the_bucket_was_full_gives_nothing():
    gcra = GCRA(1.0, 100.0)
    gcra.take(0.0, 100)
    gcra.take(150.0, 50)  # found it full
    gcra.correct(150.0, 0.0, -100)
    assert gcra.delay(150.0, 50) == 0.0
    assert gcra.delay(150.0, 51) == pytest.approx(1.0)


def test_an_amount_above_the_burst_goes_when_all_of_it_is_there_and_leaves_a_debt():
    gcra = GCRA(10.0, 1.0)
    assert gcra.delay(0.0, 1000) == 0.0
    gcra.take(0.0, 1000)
    assert gcra.delay(0.0, 1) == pytest.approx(99.1)
    assert gcra.delay(0.0, 1000) == pytest.approx(100.0)
