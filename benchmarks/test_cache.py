"""What a cache in memory costs: a get, a set, and the bytes of an entry.

    python benchmarks/test_cache.py

Caches of 10,000 entries, keys of 20 characters asked for in random order. All sides take turns in one process, in
another order each round, and are measured in time of the processor; every round gives one ratio to the same loop over a
dict, the cost of looping included on both sides, and the median of the ratios is shown with its quartiles.

`MemoryStore` is shown with its table compiled and in Python; entries of "ttl" end in an hour. The dict neither counts
nor ends nor bounds anything, cachetools is not safe among threads, and none of the others weighs what an entry costs;
they are shown where they are installed.

Bytes: growth of the memory of a fresh process that already holds the keys and values, for each of 100,000 entries;
once full, and after as many newcomers more. Read from Linux' /proc, because what Rust takes tracemalloc does not see.
"""

import gc
import os
import platform
import random
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache, partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from time import thread_time_ns

from postopt.caching import MemoryStore
from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO
from postopt.caching.table import PythonTable, Table

SIZE = 10_000
ROUNDS = 41
SETS_ROUNDS = 15
HELD = 100_000
VALUE = bytes(64)
ENDLESS = 2**40
"""Bytes that no store here comes to: entries are what they are bounded in, as the peers are."""


def python_store():
    """Import the store anew, as it is where its table could not be compiled."""
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("postopt.caching")}
    sys.modules["postopt.caching._table"] = None
    try:
        return import_module("postopt.caching.memory").MemoryStore
    finally:
        for name in [name for name in sys.modules if name.startswith("postopt.caching")]:
            del sys.modules[name]
        sys.modules.update(ours)


# Makers of caches of `size` entries, with the ways to set and to get.


def fill(cache, keys):
    for key in keys:
        cache[key] = VALUE


def fill_store(store, keys):
    for key in keys:
        store.set_nowait(key, VALUE, weight=64)


def fill_store_for_an_hour(store, keys):
    for key in keys:
        store.set_nowait(key, VALUE, weight=64, ttl=3600.0)


def call_each(function, keys):
    for key in keys:
        function(key)


def new_store(size, store=MemoryStore, policy=None):
    return store(max_bytes=ENDLESS, max_entries=size, policy=policy and policy())


def new_lru_cache(size):
    return lru_cache(maxsize=size)(lambda _: VALUE)


def peers():
    """Yield name, maker and way to set of what is installed."""
    with suppress(ImportError):
        cachetools = import_module("cachetools")
        yield "cachetools LRUCache", cachetools.LRUCache, fill
        yield "cachetools TTLCache", partial(cachetools.TTLCache, ttl=3600.0), fill
    with suppress(ImportError):
        cachebox = import_module("cachebox")
        yield "cachebox LRUCache", cachebox.LRUCache, fill
        yield "cachebox TTLCache", partial(cachebox.TTLCache, global_ttl=3600.0), fill


def sides():
    """Return name -> (maker, way to set), the dict first."""
    found = {
        "dict": (lambda _: {}, fill),
        "MemoryStore": (new_store, fill_store),
        "MemoryStore, ttl": (new_store, fill_store_for_an_hour),
    }
    if Table is not PythonTable:
        in_python = partial(new_store, store=python_store())
        found["MemoryStore, Python table"] = (in_python, fill_store)
        found["MemoryStore, Python table, ttl"] = (in_python, fill_store_for_an_hour)
    found["functools.lru_cache"] = (new_lru_cache, call_each)
    return found | {name: (make, way) for name, make, way in peers()}


def policies():
    """Return the same of the plain policies."""
    return {
        f"MemoryStore, {policy.__name__}": (partial(new_store, policy=policy), fill_store)
        for policy in (LRU, LFU, S3FIFO, GDSF)
    }


def getter(cache):
    return getattr(cache, "get_nowait", None) or getattr(cache, "get", cache)


def nanoseconds(way, cache, keys):
    start = thread_time_ns()
    way(cache, keys)
    return (thread_time_ns() - start) / len(keys)


def in_turn(names, number):
    """Return the names in another order each round."""
    return random.Random(number).sample(list(names), len(names))


def show(title, taken):
    """Print medians and quartiles of each side's ratio to the dict."""
    print(f"\n{title:36}{'x dict':>8}{'quartiles':>14}{'ns':>9}")
    for name, times in taken.items():
        low, middle, high = quantiles([mine / base for mine, base in zip(times, taken["dict"], strict=True)], n=4)
        print(f"{name:36}{middle:8.2f}{f'{low:.2f}-{high:.2f}':>14}{quantiles(times, n=4)[1]:9.0f}")


def new_keys(count, prefix="key"):
    keys = [f"{prefix}:{number:016d}" for number in range(count)]
    for key in keys:
        hash(key)  # which a text keeps, so that no side pays for it
    return keys


# Speed


def test_get():
    print(f"\nPython {platform.python_version()}, {ROUNDS} rounds of {SIZE} gets")
    for package in ("cachetools", "cachebox"):
        with suppress(ImportError):
            print(f"{package} {version(package)}", end="  ")
    keys, absent = new_keys(SIZE), new_keys(SIZE, "miss")
    caches = {}
    for name, (make, way) in (sides() | policies()).items():
        caches[name] = make(SIZE)
        way(caches[name], keys)
    shuffled = random.Random(0).sample(keys, SIZE)
    hits = {name: [] for name in caches}
    misses = {name: [] for name in caches if name != "functools.lru_cache"}  # which sets what it misses
    for number in range(ROUNDS):
        for name in in_turn(caches, number):
            get = getter(caches[name])
            call_each(get, shuffled)  # so that the processor's caches hold what belongs to this side
            hits[name].append(nanoseconds(call_each, get, shuffled))
            if name in misses:
                misses[name].append(nanoseconds(call_each, get, absent))
    show("get, a hit", hits)
    show("get, a miss", misses)
    assert caches["MemoryStore"].stats().hits == 2 * ROUNDS * SIZE


def test_set():
    rows = sides() | policies()
    room, again, full = ({name: [] for name in rows} for _ in range(3))
    keys = new_keys(SIZE)
    newcomers = new_keys(SIZE * (SETS_ROUNDS + 1), "new")
    caches = {name: make(SIZE) for name, (make, _) in rows.items()}
    for name, (_, way) in rows.items():
        way(caches[name], keys)
    for number in range(SETS_ROUNDS):
        batch = newcomers[number * SIZE :][:SIZE]
        for name in in_turn(rows, number):
            make, way = rows[name]
            cache = make(SIZE)
            gc.collect()
            room[name].append(nanoseconds(way, cache, keys))
            again[name].append(nanoseconds(way, cache, keys))
            full[name].append(nanoseconds(way, caches[name], batch))
    del again["functools.lru_cache"]  # a hit
    print(f"\n{SETS_ROUNDS} rounds of {SIZE} sets of 64 bytes; the dict keeps all, the others hold {SIZE} entries")
    show("set, a new key while there is room", room)
    show("set, the same key again", again)
    show("set, a new key in a full cache", full)


# Bytes


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(name):
    """Print the bytes an entry of this side, in a process of its own."""
    keys, newcomers = new_keys(HELD), new_keys(HELD, "new")
    make, way = (sides() | policies())[name]
    way(make(10), keys[:100])  # what is allocated once
    gc.collect()
    before = resident()
    cache = make(HELD)
    way(cache, keys)
    gc.collect()
    filled = resident()
    way(cache, newcomers)
    gc.collect()
    bounded = name != "dict"
    later = f"{(resident() - before) / HELD:10.0f}" if bounded else f"{'':10}"
    print(f"{name:36}{(filled - before) / HELD:8.0f}{later}")


def test_bytes():
    if not Path("/proc/self/statm").exists():
        print("\nbytes are read from /proc, which is not there")
        return
    print(f"\n{HELD} entries; bytes above key and value{'full':>8}{'later':>10}")
    for name in sides() | policies():
        done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
        print(done.stdout, end="", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        test_get()
        test_set()
        test_bytes()
