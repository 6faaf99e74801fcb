"""Both tables, memory stores upon each of them, and what many threads and a fork need."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from functools import partial

import pytest

import postopt.caching
from postopt.caching import Entry
from postopt.caching.memory import MemoryStore
from postopt.caching.table import PythonTable, Table

UPON_THE_TABLE = ("table", "entries", "shelf", "memory")

needs_compiled = pytest.mark.skipif(Table is PythonTable, reason="the table is not compiled here")


def store_upon_python():
    """Return the class of memory stores as it is where the table is not compiled."""
    names = [f"postopt.caching.{name}" for name in UPON_THE_TABLE]
    known = {name: sys.modules[name] for name in names}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "postopt.caching._table", None)
            # The package keeps what it has loaded as an attribute, and `from` takes that.
            patch.delattr(postopt.caching, "_table", raising=False)
            for name in names:
                del sys.modules[name]
            return importlib.import_module("postopt.caching.memory").MemoryStore
    finally:
        sys.modules.update(known)
        for name in UPON_THE_TABLE:
            setattr(postopt.caching, name, known[f"postopt.caching.{name}"])


STORES = [
    pytest.param(MemoryStore, id="compiled", marks=needs_compiled),
    pytest.param(store_upon_python(), id="python"),
]
TABLES = [pytest.param(Table, id="compiled", marks=needs_compiled), pytest.param(PythonTable, id="python")]


@pytest.fixture(scope="session", params=TABLES)
def table(request):
    """The class of a table."""
    return request.param


@pytest.fixture(scope="session", params=STORES)
def store(request):
    """The class of memory stores, upon either table."""
    return request.param


class Everywhere:
    """Uses a cache in tasks of several event loops and in threads without one; `kept` is what it has to hold then."""

    loops, tasks, threads, turns = 3, 5, 3, 15

    def __init__(self, cache):
        self.kept = {}
        self._cache = cache
        self._ended = 0

    async def run(self):
        """Use it all over; the levels live in this loop, which outlives the others."""
        await self._cache.get("nothing")
        calls = [partial(asyncio.run, self._use(f"loop {number}")) for number in range(self.loops)]
        calls += [partial(self._compute_here, f"thread {number}") for number in range(self.threads)]
        threads = [threading.Thread(target=self._end, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        await self._use("main")
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert self._ended == len(threads)
        assert not self._cache.stats().levels[1].faults
        assert len(self.kept) == self.turns * ((self.loops + 1) * 2 * self.tasks + self.threads)

    def _end(self, call):
        call()
        self._ended += 1

    async def _use(self, name):
        names = [f"{name} {task}" for task in range(self.tasks)]
        await asyncio.gather(*map(self._set_and_get, names), *map(self._compute, names))

    async def _set_and_get(self, name):
        for turn in range(self.turns):
            key = f"{name} set {turn}"
            await self._cache.set(key, Entry(value=self._keep(key), tags=(name,)))
            assert (await self._cache.get(key)).value == self.kept[key]

    async def _compute(self, name):
        async def compute(key):
            return self._keep(key)

        for turn in range(self.turns):
            key = f"{name} {turn}"
            assert await self._cache.get_or_compute(key, partial(compute, key)) == self.kept[key]

    def _compute_here(self, name):
        for turn in range(self.turns):
            key = f"{name} {turn}"
            assert self._cache.get_or_compute_sync(key, partial(self._keep, key)) == self.kept[key]

    def _keep(self, key):
        self.kept[key] = {"of": key}
        return self.kept[key]


@pytest.fixture
def everywhere():
    """A class that uses a cache in many ways at once."""
    return Everywhere


@pytest.fixture
def busy_switching():
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
