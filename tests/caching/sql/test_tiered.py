"""A cache of memory over a database: nothing is lost at closing, nor by many threads, tasks and event loops."""

import asyncio

import pytest

from postopt.caching import Entry
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache


def test_all_that_was_set_is_there_after_closing_however_short_the_deadline(sqlite_database):
    async def law(store):
        await store.get("nothing")  # to connect takes longer than that
        cache = TieredCache(MemoryStore(), store, deadline=0.05)
        for number in range(5_000):
            await cache.set(f"key {number}", Entry(value={"number": number, "text": "x" * 300}))
        await cache.aclose()
        assert store.stats().lost == 0

    asyncio.run(law(sqlite_database.store()))
    assert sqlite_database.sql("SELECT count(*) FROM postopt_cache") == [(5_000,)]


def test_threads_tasks_and_several_loops_lose_nothing(database, everywhere):
    store = database.store()

    async def law():
        cache = TieredCache(MemoryStore(), store, deadline=60.0)
        use = everywhere(cache)
        await use.run()
        await cache.aclose()
        assert store.stats().lost == 0
        other = database.store()
        assert {key: (await other.get(key)).value for key in use.kept} == use.kept
        await other.aclose()

    asyncio.run(law())


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 10, 30])
def test_a_change_whose_caller_is_cancelled_is_there_or_not_at_all(sqlite_database, turns):
    async def law(store, other):
        cache = TieredCache(MemoryStore(), store, deadline=60.0)
        await cache.set("key", Entry(value="old"))
        task = asyncio.ensure_future(cache.set("key", Entry(value="new")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        entry = await cache.get("key")
        assert entry is None or entry.value == "new"
        await cache.aclose()
        entry = await other.get("key")
        assert entry is None or entry.value in ("old", "new")
        await other.aclose()

    asyncio.run(law(sqlite_database.store(), sqlite_database.store()))
