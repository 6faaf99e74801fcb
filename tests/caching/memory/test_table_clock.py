"""When a value has ended, to the moment, by whatever clock."""

from __future__ import annotations

import math
import time

import pytest

from postopt.testing import ScriptedClock


def test_a_value_dies_at_its_end(table):
    clock = ScriptedClock(100.0)
    real = table(clock)
    real.put("key", "value", 110.0)
    clock.set(math.nextafter(110.0, 0.0))
    assert real.get("key") == "value"
    clock.set(110.0)
    assert real.get("key") is None
    assert real.find("key") == 0
    clock.set(100.0)
    assert real.get("key") == "value"
    assert (real.hits, real.misses) == (2, 1)


def test_the_clock_is_read_only_for_what_ends(table):
    def clock():
        raise AssertionError("read")

    real = table(clock)
    real.put("for ever", "value", math.inf)
    assert real.get("for ever") == "value"
    assert real.get("absent") is None
    real.put("ends", "value", 1.0)
    with pytest.raises(AssertionError, match="read"):
        real.get("ends")
    assert (real.hits, real.misses) == (1, 1)


@pytest.mark.parametrize("end", [-math.inf, -1.0, 0.0, math.nan])
def test_odd_ends(table, end):
    real = table(ScriptedClock(5.0))
    real.put("key", "value", end)
    assert real.get("key") == ("value" if math.isnan(end) else None)


@pytest.mark.parametrize("garbage", ["noon", None, b"5", [1.0], {}])
def test_a_clock_that_returns_no_number_is_a_type_error(table, garbage):
    real = table(lambda: garbage)
    slot = real.put("key", "value", 5.0)
    with pytest.raises(TypeError):
        real.get("key")
    assert (real.hits, real.misses) == (0, 0)
    real.replace(slot, "again", math.inf)
    assert real.get("key") == "again"


@pytest.mark.parametrize("now", [4, True, -(2**70)])
def test_a_clock_may_return_what_is_as_good_as_a_float(table, now):
    real = table(lambda: now)
    real.put("key", "value", 5.0)
    assert real.get("key") == "value"


@pytest.mark.parametrize("now", [math.inf, -math.inf, math.nan])
def test_a_clock_that_is_out_of_order(table, now):
    real = table(lambda: now)
    real.put("key", "value", 5.0)
    assert real.get("key") == (None if now == math.inf else "value")


def test_a_clock_may_change_the_table(table):
    slots = []

    def clock():
        if slots:
            real.remove(slots.pop())
            for number in range(50):
                real.put(number, number, math.inf)
        return 1.0

    real = table(clock)
    slots.append(real.put("key", "value", 5.0))
    assert real.get("key", "gone") in ("gone", "value")
    assert real.get("key", "gone") == "gone"
    assert all(real.take_hits(slot) == 0 for slot in range(real.slots))
    assert [real.get(number) for number in range(50)] == list(range(50))


def test_a_clock_may_replace_the_value(table):
    def clock():
        real.replace(0, "new", 5.0)
        return 1.0

    real = table(clock)
    real.put("key", "old", 5.0)
    assert real.get("key") in ("old", "new")
    assert real.hits == 1


@pytest.mark.parametrize("clock", [time.time, time.monotonic], ids=lambda clock: clock.__name__)
def test_system_clocks_to_the_moment(table, clock):
    """The compiled table asks the system itself: never later than Python would say, and never earlier."""
    real = table(clock)
    slot = real.put("key", "value", 0.0)
    for number in range(300):
        end = clock() + number * 1e-5
        real.replace(slot, "value", end)
        while True:
            before = clock()
            found = real.get("key")
            after = clock()
            if found is None:
                assert end <= after
                break
            assert before < end


@pytest.mark.parametrize("clock", [time.time, time.monotonic], ids=lambda clock: clock.__name__)
@pytest.mark.parametrize("left", [0.01, 0.06, 0.5, 0.999, 1.001, 2.0, 3600.0])
def test_system_clocks_far_from_the_end(table, clock, left):
    real = table(clock)
    real.put("lives", "value", clock() + left + 60.0)
    real.put("ended", "value", clock() - left)
    assert real.get("lives") == "value"
    assert real.get("ended") is None


def test_a_clock_in_the_place_of_the_systems_is_the_one_that_counts(table, monkeypatch):
    """As tools do that freeze time, before the table is made or while it is there."""
    frozen = ScriptedClock(5.0)
    early = table(time.time)
    monkeypatch.setattr(time, "time", frozen)
    late = table(time.time)
    for real in (early, late):
        real.put("key", "value", 10.0)
    assert late.get("key") == "value"
    assert early.get("key") is None
    monkeypatch.setattr(time, "time", time.monotonic)
    other = table(time.time)
    other.put("key", "value", time.monotonic() + 60.0)
    assert other.get("key") == "value"
