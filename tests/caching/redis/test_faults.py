"""A server that is killed, frozen, restarted or flushed under load: nothing wrong, nothing late, back by itself."""

import asyncio
import random

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.caching import Entry
from postopt.caching.lease import RedisLeases
from postopt.caching.redis import RedisStore
from postopt.errors import StoreError

DEADLINE = 0.2
GENEROUS = 50 * DEADLINE
"""Nobody measures here: a busy machine may run late, but a call that hangs runs into this."""

NAMES = [f"name {n}" for n in range(40)]


class Load:
    """Readers, writers and deleters in one loop, and what they saw."""

    def __init__(self, store):
        self.store = store
        self.late = self.failed = self.done = 0
        self.wrong = []
        self._last = {}  # own keys: the number last written with success, or tried since
        self._stop = asyncio.Event()

    async def run(self, seed):
        """Use the store until told to stop."""
        chance = random.Random(seed)
        own = f"own {seed}"
        for number in range(10**9):
            if self._stop.is_set():
                return
            await self._shared(chance, number)
            await self._own(own, number)
            await asyncio.sleep(0)

    def stop(self):
        self._stop.set()

    async def _call(self, call):
        try:
            async with asyncio.timeout(GENEROUS):
                result = await call
        except TimeoutError:
            self.late += 1
        except StoreError:
            self.failed += 1
        else:
            self.done += 1
            return result
        return StoreError

    async def _shared(self, chance, number):
        """Touch a key that everybody writes: whatever is there says whose it is."""
        name = chance.choice(NAMES)
        kind = chance.random()
        if kind < 0.5:
            found = await self._call(self.store.get(name))
            if found not in (None, StoreError) and found.value[0] != name:
                self.wrong.append((name, found.value))
        elif kind < 0.8:
            tags = ("t",) if number % 3 == 0 else ()
            await self._call(self.store.set(name, Entry(value=[name, number], tags=tags)))
        elif kind < 0.95:
            await self._call(self.store.delete(name))
        else:
            await self._call(self.store.invalidate_tag("t"))

    async def _own(self, name, number):
        """Write a key that nobody else does: once a write has ended well, nothing older is ever there again."""
        if await self._call(self.store.set(name, Entry(value=[name, number]))) is None:
            self._last[name] = number
        found = await self._call(self.store.get(name))
        if found not in (None, StoreError) and (found.value[0] != name or found.value[1] < self._last.get(name, 0)):
            self.wrong.append((name, found.value, self._last[name]))


async def more(server, count, calls):
    """Return when `count()` has grown by `calls`."""
    goal = count() + calls
    await server.eventually(lambda: count() >= goal)


def freeze(server):
    server.freeze()
    return server.thaw


def kill(server):
    server.kill()
    return server.start


def restart(server):
    server.restart()


def flush(server):
    server.ask("FLUSHALL")


def drop_connections(server):
    server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


@pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])
@pytest.mark.parametrize("fault", [freeze, kill, restart, flush, drop_connections])
def test_faults_under_load(own_server, workers, fault, watched):
    [worker] = workers(own_server.url)

    async def main():
        store = RedisStore(own_server.url, deadline=DEADLINE, heartbeat=0.3)
        if watched:
            store.watch(Nobody())
        load = Load(store)
        tasks = [asyncio.ensure_future(load.run(seed)) for seed in range(15)]
        await more(own_server, lambda: load.done, 200)
        for _ in range(2):
            mend = fault(own_server)
            if mend is not None:
                await more(own_server, lambda: load.failed, 30)
                mend()
            await more(own_server, lambda: load.done, 200)
        load.stop()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
        await store.aclose()
        return load

    worker.ask("write", *NAMES)
    load = asyncio.run(main())
    assert (load.wrong, load.late) == ([], 0)
    assert worker.ask("stop") > 0
    worker.close()


class Nobody:
    def invalidate(self, keys):
        pass

    invalidate_tag = invalidate

    def invalidate_all(self):
        pass


def test_an_outage_of_minutes_costs_no_time_and_no_connections(own_server):
    """While the server is gone for long, calls are refused at once, and hardly any reach for it."""

    async def main():
        store = RedisStore(own_server.url, deadline=DEADLINE)
        await store.set("key", Entry(value=1))
        own_server.kill()
        failed = 0
        for _ in range(5_000):
            try:
                await store.get("key")
            except StoreError:
                failed += 1
        stats = store.stats()
        await store.aclose()
        return failed, stats

    failed, stats = asyncio.run(main())
    assert failed == 5_000
    assert stats.refused > 4_900


class Competition:
    """Tasks that take the lease of one key from each other."""

    def __init__(self, leases):
        self.leases = leases
        self.tokens = []
        self.failed = 0
        self._stop = asyncio.Event()

    async def run(self):
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(GENEROUS):
                    await self._compete()
            except StoreError:
                self.failed += 1
            await asyncio.sleep(0)

    def stop(self):
        self._stop.set()

    async def _compete(self):
        token = await self.leases.acquire("key", 5)
        if token is None:
            await self.leases.wait("key", 5)
        else:
            self.tokens.append(token)
            await self.leases.release("key", token)


def test_leases_under_the_same_faults(own_server):
    """Whatever happens to the server, an acquire, a wait and a release end, and tokens keep rising."""

    async def main():
        store = RedisStore(own_server.url, deadline=DEADLINE, heartbeat=0.2)
        competition = Competition(RedisLeases(store))
        tasks = [asyncio.ensure_future(competition.run()) for _ in range(8)]
        for fault in (freeze, kill, restart, flush, drop_connections):
            mend = fault(own_server)
            if mend is not None:
                await more(own_server, lambda: competition.failed, 10)
                mend()
            await more(own_server, lambda: len(competition.tokens), 20)
        competition.stop()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
        await competition.leases.aclose()
        await store.aclose()
        return competition.tokens

    tokens = asyncio.run(main())
    assert tokens == sorted(set(tokens))
