"""A cache against a dict: whatever happens in whatever order, a key has its last value or none."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from postopt.caching.base import Entry
from postopt.caching.compressed import CompressedStore
from postopt.caching.eviction import LRU
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.testing import FaultyStore, ScriptedClock

KEYS = st.sampled_from("abcdef")
TAGS = st.sets(st.sampled_from(["t", "u"])).map(tuple)
TTLS = st.sampled_from([None, 1.0, 3.0, 10.0])


class Cache(RuleBasedStateMachine):
    """Two small levels in memory over one that fails now and then; the model is what was set last."""

    @initialize(codec=st.booleans())
    def make(self, codec):
        self.loop = asyncio.new_event_loop()
        self.clock = ScriptedClock(1_000.0)
        self.remote = FaultyStore(MemoryStore(clock=self.clock))
        self.first = MemoryStore(max_entries=2, policy=LRU() if codec else None, clock=self.clock)
        self.cache = TieredCache(
            self.first, CompressedStore(max_bytes=400, clock=self.clock), self.remote, clock=self.clock, deadline=0.005
        )
        self.model = {}
        self.made = 0

    def teardown(self):
        if hasattr(self, "loop"):
            self.run(self.cache.aclose())
            self.loop.close()

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def expected(self, key):
        """Return the value that may be served, in a list, or [] if there is none."""
        value, expires_at, _ = self.model.get(key, (None, 0.0, ()))
        return [value] if self.clock() < expires_at else []

    @rule(key=KEYS, ttl=TTLS, tags=TAGS, priority=st.sampled_from([0, 7]))
    def set(self, key, ttl, tags, priority):
        self.made += 1
        expires_at = float("inf") if ttl is None else self.clock() + ttl
        entry = Entry(value=f"{key} {self.made}", expires_at=expires_at, tags=tags, priority=priority)
        self.run(self.cache.set(key, entry))
        self.model[key] = entry.value, expires_at, tags

    @rule(key=KEYS)
    def get(self, key):
        entry = self.run(self.cache.get(key))
        assert entry is None or [entry.value] == self.expected(key)

    @rule(key=KEYS, ttl=TTLS, tags=TAGS, threaded=st.booleans())
    def get_or_compute(self, key, ttl, tags, threaded):
        async def compute():
            return f"{key} {self.made}"

        self.made += 1
        made = f"{key} {self.made}"
        if threaded:
            call = asyncio.to_thread(self.cache.get_or_compute_sync, key, lambda: made, ttl=ttl, tags=tags)
        else:
            call = self.cache.get_or_compute(key, compute, ttl=ttl, tags=tags)
        value = self.run(call)
        if value == made:
            self.model[key] = made, float("inf") if ttl is None else self.clock() + ttl, tags
        else:
            assert [value] == self.expected(key)

    @rule(key=KEYS)
    def delete(self, key):
        self.run(self.cache.delete(key))
        self.model.pop(key, None)

    @rule(tag=st.sampled_from(["t", "u"]))
    def invalidate_tag(self, tag):
        self.run(self.cache.invalidate_tag(tag))
        self.model = {key: known for key, known in self.model.items() if tag not in known[2]}

    @rule(seconds=st.sampled_from([0.5, 2.0, 20.0]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule(fault=st.sampled_from(["ok", "ok", "error", "raise", "hang", "garbage"]))
    def change_fault(self, fault):
        self.remote.fault = fault
        self.run(asyncio.sleep(0))

    @rule()
    def lose_memory(self):
        self.first.clear()

    @rule(bytes_left=st.integers(0, 200))
    def shrink(self, bytes_left):
        self.first.shrink(bytes_left)

    @precondition(lambda self: hasattr(self, "cache"))
    @invariant()
    def nothing_is_left_behind(self):
        assert len(self.cache._coalescer) == 0
        assert len(self.first) <= 2


TestCache = Cache.TestCase
TestCache.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
