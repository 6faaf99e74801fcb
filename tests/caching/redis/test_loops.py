"""A store outlives event loops, and is in a forked child as if it had just been made."""

import asyncio
import gc
import os
import sys
import warnings

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.caching import Entry
from postopt.caching.lease import RedisLeases
from postopt.caching.redis import RedisStore
from postopt.errors import StoreError


class Noting:
    def __init__(self):
        self.told = []

    def invalidate(self, keys):
        self.told += keys

    def invalidate_tag(self, tag):
        self.told.append(tag)

    def invalidate_all(self):
        self.told.append("all")


async def value(store, key="key"):
    found = await store.get(key)
    return None if found is None else found.value


def test_one_loop_after_another(server):
    store = RedisStore(server.url, deadline=10)
    leases = RedisLeases(store)
    copies = Noting()
    store.watch(copies)

    async def use(n):
        assert await value(store) == (n - 1 if n else None)
        await store.set("key", Entry(value=n, tags=("t",)))
        token = await leases.acquire("key", 60)
        await leases.wait("key", 0.01)
        await leases.release("key", token)
        return await value(store)

    assert [asyncio.run(use(n)) for n in range(4)] == [0, 1, 2, 3]
    assert copies.told == ["all"] * 8  # each loop's connection was opened and lost
    server.until(lambda: server.clients() == 0)  # a loop takes its connections with it


def test_a_loop_that_ended_in_the_middle_of_calls(server):
    store = RedisStore(server.url, deadline=10)

    async def leave():
        tasks = [asyncio.ensure_future(store.get(f"{n}")) for n in range(10)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert not all(task.done() for task in tasks)

    for _ in range(3):
        asyncio.run(leave())
        assert asyncio.run(value(store)) is None


def test_a_loop_that_was_closed_without_ending_its_tasks(server, monkeypatch):
    store = RedisStore(server.url, deadline=10)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(store.set("key", Entry(value=1)))
    loop.close()
    # Python complains about what was left in it, which is not what is tested here.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert asyncio.run(value(store)) == 1
        del loop
        gc.collect()


def test_two_loops_by_turns(server):
    store = RedisStore(server.url, deadline=10)
    with asyncio.Runner() as one, asyncio.Runner() as two:
        for n in range(5):
            one.run(store.set("key", Entry(value=n)))
            assert two.run(value(store)) == n
        one.run(store.aclose())


def test_closed_in_another_loop(server):
    store = RedisStore(server.url, deadline=10)
    with asyncio.Runner() as one:
        one.run(store.set("key", Entry(value=1)))
        asyncio.run(store.aclose())
        with pytest.raises(StoreError, match="closed"):
            one.run(store.get("key"))
    server.until(lambda: server.clients() == 0)


def fork(child):
    """Return whether `child()` was true in a child of this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks while there are threads
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if child() else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
class TestFork:
    def test_both_go_on_with_connections_of_their_own(self, server):
        store = RedisStore(server.url, deadline=10)

        def child():
            async def use():
                for n in range(20):
                    await store.set("child", Entry(value=n))
                    assert await value(store, "child") == n
                gc.collect()
                return await value(store, "parent") == "before"

            return asyncio.run(use())

        with asyncio.Runner() as parent:
            parent.run(store.set("parent", Entry(value="before")))
            assert fork(child)
            # Its own connection works as before, and hears nothing that was meant for the child.
            assert parent.run(value(store, "child")) == 19
            assert parent.run(value(store, "parent")) == "before"
            assert store.stats().errors == 0
            parent.run(store.aclose())

    def test_a_child_that_forgets_the_parents_loop_does_not_make_it_deaf(self, server):
        """Both share what tells the parent that something came; to close the child's copies would close it."""
        store = RedisStore(server.url, deadline=10)
        loops = [asyncio.new_event_loop()]

        def child():
            async def use():
                await store.get("key")
                loops.clear()
                gc.collect()

            asyncio.run(use())
            return True

        loops[0].run_until_complete(store.set("key", Entry(value=1)))
        assert fork(child)
        assert loops[0].run_until_complete(value(store)) == 1
        loops[0].run_until_complete(store.aclose())
        loops[0].close()

    def test_in_the_middle_of_calls(self, server):
        store = RedisStore(server.url, deadline=10)

        def child():
            return asyncio.run(value(store)) == "there"

        async def use():
            await store.set("key", Entry(value="there"))
            for steps in range(8):
                tasks = [asyncio.ensure_future(value(store)) for _ in range(5)]
                for _ in range(steps):
                    await asyncio.sleep(0)
                assert await asyncio.to_thread(fork, child)
                assert await asyncio.gather(*tasks) == ["there"] * 5
            await store.aclose()

        asyncio.run(use())

    def test_generations_are_not_drawn_twice(self, server):
        """Parent and child invalidate in turn; no old entry comes back."""
        store = RedisStore(server.url, deadline=10)

        def child():
            asyncio.run(store.invalidate_tag("t"))
            return True

        with asyncio.Runner() as parent:
            for n in range(3):
                parent.run(store.set(f"{n}", Entry(value=n, tags=("t",))))
                parent.run(store.invalidate_tag("t"))
                assert fork(child)
                assert [parent.run(value(store, f"{m}")) for m in range(n + 1)] == [None] * (n + 1)
            parent.run(store.aclose())
