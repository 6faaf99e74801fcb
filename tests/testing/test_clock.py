import math

import pytest

from postopt.clock import Clock
from postopt.testing import ScriptedClock


def test_stands_still_until_it_is_moved():
    clock: Clock = ScriptedClock(100.0)
    assert (clock(), clock()) == (100.0, 100.0)


def test_advances_and_is_set():
    clock = ScriptedClock()
    clock.advance(1.5)
    clock.advance(0)
    assert clock() == 1.5
    clock.set(0.5)
    assert clock() == 0.5


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_time_passes_forwards(seconds):
    clock = ScriptedClock(3.0)
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(seconds)
    assert clock() == 3.0
