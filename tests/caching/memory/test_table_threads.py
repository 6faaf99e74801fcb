"""`get` in any thread at any time, beside one that changes the table."""

from __future__ import annotations

import math
import threading

import pytest

from postopt.testing import ScriptedClock

READERS = 4
KEYS = 40


class Key:
    """Compared in Python, so that threads take turns in the midst of a lookup; few hashes."""

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return self.number % 4

    def __eq__(self, other):
        return self.number == other.number


def read_until(done, real, key_of):
    """Ask for everything all the time, and return how often there was something and how often not."""
    hits = misses = 0
    while not done.is_set():
        for number in range(KEYS):
            value = real.get(key_of(number))
            if value is None:
                misses += 1
            else:
                hits += 1
                assert value[0] == number
    return hits, misses


def change(real, key_of, clock):
    """Put, replace and remove, and return the slots of those that are there in the end."""
    slots = {}
    for turn in range(1500):
        number = turn * 7 % KEYS
        end = math.inf if turn % 3 else clock() + 2
        if number not in slots:
            slots[number] = real.put(key_of(number), (number, turn), end)
        elif turn % 2:
            real.remove(slots.pop(number))
        else:
            real.replace(slots[number], (number, turn), end)
            real.take_hits(slots[number])
        clock.advance(0.1)
        assert real.find(key_of(number)) == slots.get(number, -1)
    return slots


@pytest.mark.usefixtures("busy_switching")
@pytest.mark.parametrize("key_of", [str, int, Key], ids=lambda kind: kind.__name__)
def test_never_the_value_of_another_key(table, thread, key_of):
    clock = ScriptedClock(0.0)
    real = table(clock)
    done = threading.Event()
    readers = [thread(read_until, done, real, key_of) for _ in range(READERS)]
    try:
        slots = thread(change, real, key_of, clock).outcome()
    finally:
        done.set()
    seen = [reader.outcome() for reader in readers]
    assert len(real) == len(slots)
    assert sum(hits for hits, _ in seen) > 0
    assert real.misses <= sum(misses for _, misses in seen)
    for number in range(KEYS):
        assert real.find(key_of(number)) == slots.get(number, -1)


@pytest.mark.usefixtures("busy_switching")
def test_the_compiled_table_counts_each_hit_of_many_threads(thread):
    from postopt.caching.table import PythonTable, Table

    if Table is PythonTable:
        pytest.skip("the table is not compiled here")
    real = Table(float)
    real.put("key", "value", math.inf)

    def read():
        for _ in range(20_000):
            real.get("key")
            real.get("none")

    for reader in [thread(read) for _ in range(READERS)]:
        reader.outcome()
    assert (real.hits, real.misses) == (READERS * 20_000, READERS * 20_000)
