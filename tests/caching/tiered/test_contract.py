"""A cache of levels is a store: it keeps the laws whatever it is made of."""

from __future__ import annotations

import pytest

from postopt.caching.codec import Codec
from postopt.caching.compressed import CompressedStore
from postopt.caching.eviction import LRU
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.errors import CacheValueError
from postopt.testing import FaultyStore, StoreContract


class TestOneLevel(StoreContract):
    async def make(self, clock):
        return TieredCache(MemoryStore(clock=clock), clock=clock)


class TestNothingInMemory(StoreContract):
    async def make(self, clock):
        return TieredCache(FaultyStore(MemoryStore(clock=clock)), clock=clock)


class TestTwoInMemory(StoreContract):
    """The first holds little, so most of what the second holds was demoted."""

    async def make(self, clock):
        return TieredCache(
            MemoryStore(max_bytes=3_000, clock=clock, policy=LRU()), CompressedStore(clock=clock), clock=clock
        )


class TestThreeLevels(StoreContract):
    async def make(self, clock):
        return TieredCache(
            MemoryStore(max_bytes=3_000, clock=clock),
            CompressedStore(max_bytes=100_000, clock=clock),
            FaultyStore(MemoryStore(clock=clock)),
            clock=clock,
        )


class TestBytesInAllLevels(StoreContract):
    async def make(self, clock):
        stores = (MemoryStore(clock=clock), FaultyStore(MemoryStore(clock=clock)))
        return TieredCache(*stores, codec=Codec(), clock=clock)


class TestACacheAsALevel(StoreContract):
    async def make(self, clock):
        inner = TieredCache(MemoryStore(clock=clock), clock=clock)
        return TieredCache(MemoryStore(max_bytes=3_000, clock=clock), inner, clock=clock)


class TestALevelThatIsGone(StoreContract):
    """A cache whose far level fails at every call is the cache without it."""

    async def make(self, clock):
        gone = FaultyStore(MemoryStore(clock=clock), "error")
        return TieredCache(MemoryStore(clock=clock), gone, clock=clock)


def test_a_cache_needs_a_level():
    with pytest.raises(CacheValueError, match="at least one level"):
        TieredCache()
