"""What a hit costs on its way from a store up to `PostWriter`.

    python benchmarks/test_cache_hits.py

The unit is what one writes by hand: SHA-256 of the request as sorted JSON, and a look into a dict. The request has the
brief's fields, model, variant and temperature, and is there as a dict already. All rows take turns in one process, in
another order each round, and are measured in time of the processor; every round gives one ratio, and the median of the
ratios is shown with its quartiles.

`PostWriter` checks each text against the brief's facts and gives the post its id, whether the text was made or found.
"""

import asyncio
import hashlib
import inspect
import json
import platform
import random
from statistics import quantiles
from time import thread_time_ns

from postopt import Brief, Completion, PostWriter, Prompt
from postopt.caching import Codec, MemoryStore, TieredCache, cache_key
from postopt.generation.wrappers import Cached
from postopt.types import Trace

CALLS = 100
ROUNDS = 61

BRIEF = Brief(
    topic="Fresh bread every morning",
    audience="owners of small shops",
    tone="friendly",
    keywords=("bread", "oven"),
    facts={"price": "€3.50", "opens": "7:30"},
    brand="Oak Lane",
)
REQUEST = {**BRIEF.to_dict(), "model": "m", "variant": 0, "temperature": 1.0}


class Bakery:
    """A generator whose answers keep the brief."""

    name = "bakery"

    async def generate(self, prompt):
        text = f"Fresh bread at Oak Lane from 7:30, €3.50 a loaf. Come early: {prompt.variant} loaves are left."
        return Completion(text=text, generator="bakery", trace=Trace(tier="remote", model="m", cost_usd=0.01))


def digest():
    return hashlib.sha256(json.dumps(REQUEST, sort_keys=True).encode()).hexdigest()


async def rows():
    """Return name -> what is called; the first is the unit."""
    by_digest = {digest(): 1}
    prompt = Prompt(brief=BRIEF)
    key = cache_key(prompt, generator="bakery")
    store, codec = MemoryStore(), Codec()
    cache, packed = TieredCache(store), TieredCache(MemoryStore(), codec=codec)
    cached = Cached(Bakery(), cache)
    writer = PostWriter(cached)
    await writer.write(BRIEF, 1)

    async def compute():
        return store.get_nowait(key)

    await packed.get_or_compute(key, compute)
    entry = store.entry_nowait(key)
    data = codec.encode(entry)
    assert codec.decode(data) == entry
    assert (await writer.write(BRIEF, 1))[0].trace.tier == "cache"
    return {
        "SHA-256 of sorted JSON, dict": lambda: by_digest[digest()],
        "MemoryStore.get_nowait": lambda: store.get_nowait(key),
        "MemoryStore.entry_nowait": lambda: store.entry_nowait(key),
        "TieredCache.get": lambda: cache.get(key),
        "TieredCache.get_or_compute": lambda: cache.get_or_compute(key, compute),
        "TieredCache.get_or_compute_sync": lambda: cache.get_or_compute_sync(key, compute),
        "get_or_compute, values as bytes": lambda: packed.get_or_compute(key, compute),
        "cache_key": lambda: cache_key(prompt, generator="bakery"),
        "Codec.encode": lambda: codec.encode(entry),
        "Codec.decode": lambda: codec.decode(data),
        "Cached.generate": lambda: cached.generate(prompt),
        "PostWriter.write, 1 post": lambda: writer.write(BRIEF, 1),
    }


async def nanoseconds(call):
    start = thread_time_ns()
    for _ in range(CALLS):
        call()
    return (thread_time_ns() - start) / CALLS


async def nanoseconds_awaited(call):
    start = thread_time_ns()
    for _ in range(CALLS):
        await call()
    return (thread_time_ns() - start) / CALLS


def is_awaited(call):
    made = call()
    if inspect.iscoroutine(made):
        made.close()
        return True
    return False


async def take_turns():
    calls = await rows()
    ways = {name: nanoseconds_awaited if is_awaited(call) else nanoseconds for name, call in calls.items()}
    taken = {name: [] for name in calls}
    for number in range(ROUNDS):
        for name in random.Random(number).sample(list(calls), len(calls)):
            taken[name].append(await ways[name](calls[name]))
    return taken


def test_hits():
    taken = asyncio.run(take_turns())
    base = next(iter(taken.values()))
    print(f"\nPython {platform.python_version()}, {ROUNDS} rounds of {CALLS}")
    print(f"{'a hit':36}{'x dict hit':>11}{'quartiles':>16}{'us':>8}")
    for name, times in taken.items():
        low, middle, high = quantiles([mine / one for mine, one in zip(times, base, strict=True)], n=4)
        print(f"{name:36}{middle:11.2f}{f'{low:.2f}-{high:.2f}':>16}{quantiles(times, n=4)[1] / 1000:8.2f}")


if __name__ == "__main__":
    test_hits()
