"""What it is worth that calls of one tick of the event loop travel together.

    python benchmarks/test_cache_redis.py

Starts a redis-server of its own (on the PATH), without persistence. One by one: `await store.get(key)` in a loop.
Together: `await asyncio.gather(...)` of as many, so that each call is a task of its own, as in a service; the last row
is as many tasks that do nothing. For comparison redis-py alone, which returns bytes and decodes nothing: `await
client.get(key)` one by one, and 1,000 at once through its pool of 50 connections. The sides take turns in one process;
each round gives one ratio, and the median of the ratios is shown with its quartiles.

One by one is waiting, together is computing, so the ratio depends on how far away Redis is. A socket of the same
machine, where hardly anybody waits, is the worst case, and TCP over loopback the next. Then comes a relay, a process of
its own, which holds back all data for a while each way, as a network does.
"""

import asyncio
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from itertools import cycle, islice
from statistics import median, quantiles
from time import perf_counter

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

import redis.asyncio

from postopt.caching import Entry
from postopt.caching.redis import RedisStore

KEYS = [f"key {number}" for number in range(1_000)]
TEXT = "Our new bakery opens on Monday: sourdough, rye, and the first coffee is on us. Come by from seven to eleven!"
ALONE = 100
ROUNDS = 25
WAYS_MS = (0.0, 0.1, 0.25)
"""Milliseconds that the relay waits each way, above what it takes anyway."""


@contextmanager
def server():
    """Run a redis-server; give the address of its socket and its port."""
    with tempfile.TemporaryDirectory() as folder:
        path, port = f"{folder}/redis", free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", path, "--save", ""]
        process = subprocess.Popen([shutil.which("redis-server"), *options], stdout=subprocess.PIPE, cwd=folder)
        try:
            next(line for line in process.stdout if b"Ready to accept" in line)
            process.stdout.close()
            yield f"unix://{path}", port
        finally:
            process.kill()
            process.wait()


@contextmanager
def relay(port, milliseconds):
    """Run this file as a relay to `port`; give its port."""
    own = free_port()
    command = [sys.executable, __file__, "relay", str(own), str(port), str(milliseconds / 1000)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        yield own
    finally:
        process.stdout.close()
        process.kill()
        process.wait()


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return free.getsockname()[1]


def serve_relay(own, port, seconds):
    listener = socket.create_server(("127.0.0.1", own))
    print("ready", flush=True)
    while True:
        near = listener.accept()[0]
        far = socket.create_connection(("127.0.0.1", port))
        for source, target in ((near, far), (far, near)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=forward, args=(source, target, seconds), daemon=True).start()


def forward(source, target, seconds):
    while data := source.recv(2**20):
        time.sleep(seconds)
        target.sendall(data)


async def one_by_one(call):
    start = perf_counter()
    for key in KEYS[:ALONE]:
        await call(key)
    return (perf_counter() - start) / ALONE


async def together(call, callers):
    keys = list(islice(cycle(KEYS), callers))
    start = perf_counter()
    await asyncio.gather(*map(call, keys))
    return (perf_counter() - start) / callers


async def at_once(key):
    """Do nothing, as a task of its own: what each caller costs asyncio already."""


async def compare(url):
    """Return each way's seconds a call, round by round."""
    store = RedisStore(url, deadline=30)
    entry = Entry(value=TEXT)
    for key in KEYS:
        await store.set(key, entry)

    async def put(key):
        await store.set(key, entry)

    client = redis.asyncio.Redis.from_url(url)
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=50)
    pooled = redis.asyncio.Redis(connection_pool=pool)
    sides = {
        "get, one by one": partial(one_by_one, store.get),
        "get, 10 together": partial(together, store.get, 10),
        "get, 100 together": partial(together, store.get, 100),
        "get, 1,000 together": partial(together, store.get, 1_000),
        "set, one by one": partial(one_by_one, put),
        "set, 100 together": partial(together, put, 100),
        "set, 1,000 together": partial(together, put, 1_000),
        "redis-py get, one by one": partial(one_by_one, client.get),
        "redis-py get, 1,000 by a pool": partial(together, pooled.get, 1_000),
        "1,000 tasks without a store": partial(together, at_once, 1_000),
    }
    rounds = [{name: await side() for name, side in sides.items()} for _ in range(ROUNDS + 1)][1:]  # the first warms up
    await store.aclose()
    await client.aclose()
    await pooled.aclose()
    await pool.disconnect()
    return rounds


def show(where, rounds):
    for name in rounds[0]:
        base = "set, one by one" if name.startswith("set") else "get, one by one"
        low, middle, high = quantiles([one[base] / one[name] for one in rounds], n=4)
        cost = median(one[name] for one in rounds) * 1e6
        print(f"{where:22}{name:31}{cost:10.1f}{middle:9.1f}{low:9.1f}-{high:.1f}")
        where = ""


def test_gets_together_against_one_by_one():
    print(
        f"\nPython {platform.python_version()}, redis-py {redis.__version__}, {ROUNDS} rounds, {len(TEXT)} characters"
    )
    print(f"{'connection':22}{'':31}{'us a call':>10}{'x one by one':>14}{'quartiles':>11}")
    with server() as (url, port):
        show("Unix socket", asyncio.run(compare(url)))
        show("TCP, loopback", asyncio.run(compare(f"redis://127.0.0.1:{port}")))
        for milliseconds in WAYS_MS:
            with relay(port, milliseconds) as own:
                show(f"relay, {2 * milliseconds} ms + own", asyncio.run(compare(f"redis://127.0.0.1:{own}")))


if __name__ == "__main__":
    if sys.argv[1:2] == ["relay"]:
        serve_relay(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        test_gets_together_against_one_by_one()
