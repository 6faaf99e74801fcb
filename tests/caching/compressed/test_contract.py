"""What every level promises, whatever is installed and whichever policy decides."""

from __future__ import annotations

import pytest

from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density
from postopt.testing import StoreContract


class Contract(StoreContract):
    options = {}  # noqa: RUF012 - read only

    @pytest.fixture(autouse=True)
    def _maker(self, make):
        self.maker = make

    async def make(self, clock):
        return self.maker(clock=clock, **self.options)


class TestStore(Contract):
    pass


class TestNearlyFull(Contract):
    """With the least that a store has to hold: a hundred entries of 1 KB."""

    options = {"max_bytes": 100 * 1024}  # noqa: RUF012


@pytest.mark.parametrize("policy", [Density, LRU, LFU, S3FIFO, GDSF])
class TestPolicies(Contract):
    @pytest.fixture(autouse=True)
    def _policy(self, policy):
        self.options = {"policy": policy()}


class TestAfterATraining(Contract):
    @pytest.fixture(autouse=True)
    def _filler(self, fill):
        self.fill = fill

    async def make(self, clock):
        store = self.maker(clock=clock, max_bytes=2**22)
        for key in self.fill(store, 300):
            store.delete_nowait(key)
        assert store._dictionaries.current[0] > 0
        return store
