"""What writing behind saves over committing each entry, and what a get costs.

    python benchmarks/test_cache_sql.py

Entries are posts of 1 KB, as JSON. Behind: 500 sets and one `flush`, timed until all are durable. Through: a `flush`
after each set. Both take turns, and so do the ways to get and to delete; every round gives one figure a way. Shown are
the medians, and of the ratio of through to behind the median and quartiles.

PostgreSQL is a server of this run's own on loopback, which waits for the disk at each commit, as it does by default;
SQLite does not (`synchronous=NORMAL`).
"""

import asyncio
import importlib.util
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import pytest

pytest.importorskip("aiosqlite", reason="aiosqlite is not installed")
pytest.importorskip("asyncpg", reason="asyncpg is not installed")
pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")

import sqlalchemy

from postopt.caching import Entry
from postopt.caching.sql import SQLStore

COUNT = 500
THROUGH = 50
ROUNDS = 15
POST = {"text": "Sourdough weekend: fresh loaves from eight, while they last. " * 15, "tone": "friendly", "tags": ["a"]}


def start_postgresql():
    """Return the tests' server, with its data made safe, or None where PostgreSQL is not installed."""
    path = Path(__file__).parents[1] / "tests" / "caching" / "sql" / "conftest.py"
    spec = importlib.util.spec_from_file_location("sql_conftest", path)
    tests = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tests  # where its dataclasses look themselves up
    spec.loader.exec_module(tests)
    programs = tests.find_programs()
    return programs and tests.Server(programs, fsync="on")


async def seconds_each(count, call):
    start = perf_counter()
    for number in range(count):
        await call(number)
    return (perf_counter() - start) / count


async def behind(store, number):
    entry = Entry(value=POST, tags=("campaign",))
    start = perf_counter()
    for key in range(COUNT):
        await store.set(f"{number}/behind/{key}", entry)
    await store.flush()
    return (perf_counter() - start) / COUNT


async def through(store, number):
    entry = Entry(value=POST, tags=("campaign",))

    async def call(key):
        await store.set(f"{number}/through/{key}", entry)
        await store.flush()

    return await seconds_each(THROUGH, call)


async def take_turns(store):
    times = {name: [] for name in ("behind", "through", "get", "get, 64 at once", "get what waits", "delete")}
    for number in range(ROUNDS):
        writers = (behind, through) if number % 2 else (through, behind)
        for writer in writers:
            times[writer.__name__].append(await writer(store, number))
        times["get"].append(await seconds_each(100, lambda key, n=number: store.get(f"{n}/behind/{key}")))
        start = perf_counter()
        await asyncio.gather(*(store.get(f"{number}/behind/{key}") for key in range(64)))
        times["get, 64 at once"].append((perf_counter() - start) / 64)
        await store.set("waits", Entry(value=POST))
        times["get what waits"].append(await seconds_each(50, lambda _: store.get("waits")))
        times["delete"].append(await seconds_each(30, lambda key, n=number: store.delete(f"{n}/behind/{key}")))
    return times


async def measure(name, url):
    store = SQLStore(url, flush_seconds=60.0, deadline=30.0)
    times = await take_turns(store)
    await store.aclose()
    for way, figures in times.items():
        print(f"{name:12}{way:20}{1 / median(figures):12,.0f}{1e6 * median(figures):10.0f}")
    low, middle, high = quantiles([t / b for t, b in zip(times["through"], times["behind"], strict=True)], n=4)
    print(f"{name:12}{'through over behind':20}{middle:12.1f}   quartiles {low:.1f}-{high:.1f}")


def test_get_and_set():
    print(f"\nPython {platform.python_version()}, SQLAlchemy {sqlalchemy.__version__}, {ROUNDS} rounds")
    print(f"{'':12}{'':20}{'a second':>12}{'us':>10}")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure("SQLite", f"sqlite:///{folder}/cache.db"))
    server = start_postgresql()
    if server is None:
        print("PostgreSQL is not installed")
        return
    try:
        asyncio.run(measure("PostgreSQL", server.empty_database().url))
    finally:
        server.remove()


if __name__ == "__main__":
    test_get_and_set()
