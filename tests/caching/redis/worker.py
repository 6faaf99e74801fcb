"""Another process with a store of its own: a line of JSON in is one call, a line out is what it returned."""

from __future__ import annotations

import asyncio
import json
import sys

from postopt.caching import Entry
from postopt.caching.lease import RedisLeases
from postopt.caching.redis import RedisStore
from postopt.errors import StoreError


async def write_until_told(store, stop, names):
    """Set, delete and invalidate as fast as it goes, whatever happens to the server."""
    done = 0
    while not stop.is_set():
        name = names[done % len(names)]
        try:
            if done % 7 == 6:
                await store.delete(name)
            elif done % 11 == 10:
                await store.invalidate_tag("t")
            else:
                await store.set(name, Entry(value=[name, done], tags=("t",) if done % 2 else ()))
        except StoreError:
            await asyncio.sleep(0)
        done += 1
    return done


async def compute(store, leases, key, others):
    """Return the key's value, computed by one process only; the first one to hold the lease waits for `others`."""
    while True:
        found = await store.get(key)
        if found is not None:
            return {"value": found.value, "computed": False}
        token = await leases.acquire(key, 60)
        if token is None:
            await leases.wait(key, 60)
            continue
        while await store.get(f"waiting {others}") is None:  # noqa: ASYNC110 - the test says so through the store
            await asyncio.sleep(0)
        await store.set(key, Entry(value=f"made under {token}"), fence=token)
        await leases.release(key, token)
        return {"value": f"made under {token}", "computed": True}


async def main(url):
    loop = asyncio.get_running_loop()
    store = RedisStore(url, deadline=10)
    leases = RedisLeases(store)
    stop = asyncio.Event()
    writing = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, *arguments = json.loads(line)
        if name == "get":
            found = await store.get(*arguments)
            result = None if found is None else found.value
        elif name == "set":
            key, value, *tags = arguments
            result = await store.set(key, Entry(value=value, tags=tuple(tags)))
        elif name == "write":
            writing = asyncio.ensure_future(write_until_told(store, stop, arguments))
            result = None
        elif name == "stop":
            stop.set()
            result = await writing
        elif name == "compute":
            result = await compute(store, leases, *arguments)
        elif name in ("acquire", "release", "wait"):
            result = await getattr(leases, name)(*arguments)
        else:
            result = await getattr(store, name)(*arguments)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    await leases.aclose()
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
