"""What every level promises, with every policy, upon either table."""

from __future__ import annotations

import pytest

from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density
from postopt.testing import StoreContract


class Contract(StoreContract):
    policy = Density

    @pytest.fixture(autouse=True)
    def _store(self, store):
        self.store = store

    async def make(self, clock):
        return self.store(policy=self.policy(), clock=clock)


class TestDensity(Contract):
    pass


class TestLRU(Contract):
    policy = LRU


class TestLFU(Contract):
    policy = LFU


class TestS3FIFO(Contract):
    policy = S3FIFO


class TestGDSF(Contract):
    policy = GDSF


class TestNearlyFull(Contract):
    """With the least that a store has to hold: a hundred entries of 1 KB, and keys of 1 MB."""

    async def make(self, clock):
        return self.store(max_bytes=3 * 2**20, max_entries=100, clock=clock)
