"""Many operations leave nothing behind."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from random import Random

import pytest

from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density
from postopt.caching.memory import MemoryStore
from postopt.testing import ScriptedClock

pytestmark = pytest.mark.long

STATM = Path("/proc/self/statm")


class Use:
    """A store in use: few keys are asked for often, and most others never again."""

    def __init__(self, store, policy):
        self.clock = ScriptedClock(1_000.0)
        self.store = store(max_bytes=10_000, clock=self.clock, policy=policy())
        self.draw = Random(1)
        self.operations = 0

    def go_on(self, operations):
        get, put, draw = self.store.get_nowait, self.store.set_nowait, self.draw.paretovariate
        for _ in range(operations // 100):
            for _ in range(99):
                key = int(draw(0.6)) % 1_000_000
                if get(key) is None:
                    tags = (f"of {key}",) if key % 9 == 0 else ()
                    put(key, "value", weight=key % 50, ttl=key % 7 * 10 or None, tags=tags)
            self.store.delete_nowait(key)
            self.store.invalidate_tag_nowait(f"of {key // 9 * 9}")
            self.clock.advance(1)


def blocks():
    """How many pieces of memory are in use."""
    gc.collect()
    return sys.getallocatedblocks()


def resident():
    """How many bytes the process occupies, where the system tells."""
    return int(STATM.read_bytes().split()[1]) * 4096 if STATM.exists() else 0


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="no other Python counts its blocks")
@pytest.mark.parametrize("policy", [Density, LRU, LFU, S3FIFO, GDSF])
def test_a_million_operations_have_a_flat_memory_slope(store, policy):
    operations = 1_000_000 if policy is Density and store is MemoryStore else 200_000
    use = Use(store, policy)
    use.go_on(operations // 2)
    before = blocks(), resident()
    use.go_on(operations // 2)
    more = blocks() - before[0], resident() - before[1]
    stats = use.store.stats()
    assert min(stats.evicted, stats.ended, stats.hits) > operations // 2_000
    assert more[0] < 2_000, f"{more[0]} pieces of memory more"
    assert more[1] < 8 * 2**20, f"{more[1]} bytes more"
