"""A cache of memory over Redis: copies dropped in time, computations shared, and a server that comes and goes."""

import asyncio
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.caching import Entry
from postopt.caching.lease import RedisLeases
from postopt.caching.memory import MemoryStore
from postopt.caching.redis import RedisStore
from postopt.caching.tiered import TieredCache
from postopt.errors import GenerationError
from postopt.testing import StoreContract

DEADLINE = 10


@asynccontextmanager
async def process(server, **settings):
    """Yield what one process would have: its memory, and the cache over it."""
    memory, store = MemoryStore(), RedisStore(server.url, deadline=DEADLINE, **settings)
    cache = TieredCache(memory, store, leases=RedisLeases(store), deadline=2 * DEADLINE)
    try:
        await cache.get("nothing")  # opens the connection: copies from before that are not trusted
        yield memory, cache
    finally:
        await cache.aclose()


class TestContract(StoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.url = server.url

    async def make(self, clock):
        store = RedisStore(self.url, deadline=DEADLINE, clock=clock)
        return TieredCache(MemoryStore(max_bytes=3_000, clock=clock), store, clock=clock)


def run(story):
    async def main():
        async with asyncio.timeout(60):
            await story()

    asyncio.run(main())


@pytest.mark.parametrize("change", ["set", "delete", "invalidate_tag"])
def test_what_one_process_changes_the_others_forget(server, change):
    async def story():
        async with process(server) as (memory, mine), process(server) as (_, theirs):
            await mine.set("key", Entry(value="old", tags=("t",)))
            assert "key" in memory
            if change == "set":
                await theirs.set("key", Entry(value="new"))
            elif change == "delete":
                await theirs.delete("key")
            else:
                await theirs.invalidate_tag("t")
            await server.eventually(lambda: "key" not in memory)
            entry = await mine.get("key")
            assert (entry and entry.value) == ("new" if change == "set" else None)

    run(story)


def test_what_a_process_changes_itself_it_keeps(server):
    async def story():
        async with process(server) as (memory, mine), process(server) as (_, theirs):
            await mine.set("mine", Entry(value=1))
            await theirs.set("last", Entry(value=1))
            await mine.set("last", Entry(value=2))
            await theirs.set("other", Entry(value=1))
            await server.eventually(lambda: "mine" in memory and "last" in memory)

    run(story)


def test_processes_share_one_computation(server):
    made = []

    async def compute():
        made.append(1)
        await asyncio.sleep(0)
        return "post"

    async def story():
        async with process(server) as (_, first), process(server) as (_, second), process(server) as (_, third):
            caches = [first, second, third] * 20
            values = await asyncio.gather(*(cache.get_or_compute("key", compute, ttl=60) for cache in caches))
            assert (set(values), len(made)) == ({"post"}, 1)

    run(story)


def test_threads_of_a_process_without_a_loop_share_it_too(server):
    made = []

    def compute():
        made.append(1)
        return "post"

    memory, store = MemoryStore(), RedisStore(server.url, deadline=DEADLINE)
    cache = TieredCache(memory, store, leases=RedisLeases(store), deadline=2 * DEADLINE)
    assert cache.get_or_compute_sync("key", compute) == "post"
    memory.clear()
    assert (cache.get_or_compute_sync("key", compute), made) == ("post", [1])
    cache.close()


def test_threads_tasks_and_several_loops_lose_nothing(server, everywhere):
    async def story():
        store, other = (RedisStore(server.url, deadline=DEADLINE) for _ in range(2))
        cache = TieredCache(MemoryStore(), store, deadline=2 * DEADLINE)
        use = everywhere(cache)
        await use.run()
        await cache.aclose()
        assert {key: (await other.get(key)).value for key in use.kept} == use.kept
        await other.aclose()

    run(story)


def test_a_computation_that_fails_lets_the_next_process_try(server):
    async def fail():
        raise GenerationError("no")

    async def compute():
        return "post"

    async def story():
        async with process(server) as (_, first), process(server) as (_, second):
            outcomes = await asyncio.gather(
                first.get_or_compute("key", fail), second.get_or_compute("key", compute), return_exceptions=True
            )
            assert "post" in outcomes or await second.get_or_compute("key", compute) == "post"

    run(story)


def test_a_process_that_is_cancelled_holds_up_nobody(server):
    async def story():
        async with process(server) as (_, first), process(server) as (_, second):
            begun = asyncio.Event()

            async def hang():
                begun.set()
                await asyncio.Event().wait()

            async def compute():
                return "post"

            hanging = asyncio.ensure_future(first.get_or_compute("key", hang))
            await begun.wait()
            waiting = asyncio.ensure_future(second.get_or_compute("key", compute))
            await asyncio.sleep(0)
            hanging.cancel()
            assert await waiting == "post"

    run(story)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_posts_keep_coming_while_the_server_is_gone(own_server, fault):
    """Every call is answered, copies from before are not trusted, and afterwards all is as it was."""
    made = []

    async def compute():
        made.append(1)
        return len(made)

    async def story():
        store = RedisStore(own_server.url, deadline=0.2, heartbeat=0.2)
        memory = MemoryStore()
        cache = TieredCache(memory, store, leases=RedisLeases(store))
        try:
            await cache.get_or_compute("before", compute)
            getattr(own_server, fault)()
            await own_server.eventually(lambda: "before" not in memory)
            for number in range(50):
                assert await cache.get_or_compute(f"key {number}", compute) == len(made)
                assert await cache.get_or_compute(f"key {number}", compute) == len(made)
            assert cache.stats().levels[1].faults
            if fault == "kill":
                own_server.start()
            else:
                own_server.thaw()
            for number in range(10_000):
                await cache.get_or_compute(f"later {number}", compute)
                if store.stats().hits or await store_has(store, f"later {number}"):
                    break
            else:
                raise AssertionError("the store never came back")
        finally:
            own_server.thaw()
            await cache.aclose()

    run(story)


async def store_has(store, key):
    from postopt.errors import StoreError

    try:
        return await store.get(key) is not None
    except StoreError:
        return False
