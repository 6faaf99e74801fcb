"""Any thread may call any method at any time."""

from __future__ import annotations

import random
import threading

import pytest

from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density

THREADS = 4
KEYS = 60


def read_until(done, one):
    """Ask for everything all the time, and return how often there was something."""
    hits = 0
    while not done.is_set():
        for key in range(KEYS):
            value = one.get_nowait(key)
            if value is not None:
                hits += 1
                assert value[0] == key
    return hits


def entry_is_its_own(one, key):
    entry = one.entry_nowait(key)
    assert entry is None or entry.value[0] == key


def change(one, seed):
    draw = random.Random(seed)
    for turn in range(400):
        key = draw.randrange(KEYS)
        weight = draw.randrange(100)
        changes = (
            lambda key=key, turn=turn, weight=weight: one.set_nowait(
                key, (key, turn), weight=weight, tags=[f"{key % 5}"], priority=key % 3
            ),
            lambda key=key: one.delete_nowait(key),
            lambda key=key: entry_is_its_own(one, key),
            lambda key=key: one.invalidate_tag_nowait(f"{key % 5}"),
            lambda: one.shrink(1_500),
        )
        draw.choices(changes, [14, 2, 2, 1, 1])[0]()
        stats = one.stats()
        assert stats.bytes <= 2_000
        assert stats.entries <= 30


@pytest.mark.usefixtures("busy_switching")
@pytest.mark.parametrize("policy", [Density, LRU, LFU, S3FIFO, GDSF])
def test_threads_that_do_everything_at_once(store, thread, policy):
    left = []
    one = store(max_bytes=2_000, max_entries=30, policy=policy(), on_evict=lambda *gone: left.append(gone))
    done = threading.Event()
    readers = [thread(read_until, done, one) for _ in range(THREADS)]
    writers = [thread(change, one, seed) for seed in range(THREADS)]
    try:
        for writer in writers:
            writer.outcome()
    finally:
        done.set()
    assert sum(reader.outcome() for reader in readers) > 0
    stats = one.stats()
    assert len(left) == stats.evicted + stats.refused
    held = [one.entry_nowait(key) for key in range(KEYS) if key in one]
    assert (sum(entry.weight for entry in held), len(held)) == (stats.bytes, stats.entries)
    one.clear()
    assert (len(one), one.stats().bytes, one._shelf._tagged) == (0, 0, {})


@pytest.mark.usefixtures("busy_switching")
def test_hits_of_many_threads_are_counted(store, thread):
    one = store()
    one.set_nowait("key", "value")

    def read():
        for _ in range(5_000):
            one.get_nowait("key")
            one.get_nowait("none")

    for reader in [thread(read) for _ in range(THREADS)]:
        reader.outcome()
    assert (one.stats().hits, one.stats().misses) == (THREADS * 5_000, THREADS * 5_000)
