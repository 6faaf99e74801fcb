"""A fleet of servers with faults, simulated in a loop whose time is virtual: nobody waits, and a seed repeats a run."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from postopt.errors import OverloadedError
from postopt.resilience.balancer import Balancer


def pause(seconds):
    """Return a future that is done after so many of the loop's seconds."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(seconds, lambda: future.done() or future.set_result(None))
    return future


@dataclass
class Server:
    """A simulated server: so many slots, first come first served, and its own faults."""

    name: str
    slowness: float = 1.0
    failing: float = 0.0
    stalls: float = 0.03
    slots: int = 8
    rng: random.Random = field(default_factory=random.Random)
    sends: int = 0

    def __post_init__(self):
        self.free = asyncio.Semaphore(self.slots)

    async def serve(self, seconds):
        """Answer after the time that the request takes here, or fail at once."""
        self.sends += 1
        if self.rng.random() < self.failing:
            await pause(self.rng.uniform(0.02, 0.07))
            raise OverloadedError("failed fast")
        async with self.free:
            await pause(seconds * self.slowness * (8.0 if self.rng.random() < self.stalls else 1.0))


@dataclass(frozen=True)
class Figures:
    p50: float
    p99: float
    errors: float
    sends: float


async def drive(policy, *, slowness, load, requests, seed):
    """Send requests to a fleet as `policy(servers)` says, at random times; return what their callers saw.

    Six servers of eight slots, one slow, one failing 60 % of its calls at once; the time a request takes is lognormal
    with sigma 1 and median 1, the same on every server; 3 % of all sends take 8 times as long.
    """
    rng = random.Random(seed)
    servers = [Server(f"s{number}", rng=random.Random(seed * 100 + number)) for number in range(6)]
    servers[0].slowness = slowness
    servers[1].failing = 0.6
    call = policy(servers)
    loop = asyncio.get_running_loop()
    seconds, errors = [], Counter()
    rate = load * 6 * 8 / math.exp(0.5)

    async def one(work):
        began = loop.time()
        try:
            await call(lambda server: server.serve(work))
        except OverloadedError:
            errors["failed"] += 1
        else:
            seconds.append(loop.time() - began)

    tasks = []
    for _ in range(requests):
        await pause(rng.expovariate(rate))
        tasks.append(asyncio.ensure_future(one(rng.lognormvariate(0, 1))))
    await asyncio.gather(*tasks)
    seconds.sort()
    return Figures(
        p50=seconds[len(seconds) // 2],
        p99=seconds[int(len(seconds) * 0.99)],
        errors=errors["failed"] / requests,
        sends=sum(server.sends for server in servers) / requests,
    )


def round_robin(servers):
    turn = iter(range(10**9))
    return lambda call: call(servers[next(turn) % len(servers)])


def balanced(**options):
    def policy(servers):
        balancer = Balancer(servers, seed=1, clock=asyncio.get_running_loop().time, **options)
        return balancer.acall

    return policy


async def drive_prefixes(bounded_load, *, requests, seed, load=0.35, prefixes=60, keeps=12):
    """Send requests that share prefixes to a fleet without faults, with the prefix as the key unless the bound is None.

    Each server keeps the last `keeps` prefixes and answers those in .35 of the time. Returns p50, p99 and hit ratio.
    """
    rng = random.Random(seed)
    servers = [Server(f"s{number}", rng=random.Random(seed * 100 + number)) for number in range(6)]
    kept = {server.name: OrderedDict() for server in servers}
    loop = asyncio.get_running_loop()
    balancer = Balancer(servers, bounded_load=bounded_load or 1.0, clock=loop.time, seed=1)
    weights = [1 / (rank + 1) for rank in range(prefixes)]
    seconds, hits = [], Counter()

    async def one(work, prefix):
        def send(server):
            here = kept[server.name]
            hit = prefix in here
            hits[hit] += 1
            here[prefix] = None
            here.move_to_end(prefix)
            if len(here) > keeps:
                here.popitem(last=False)
            return server.serve(work * (0.35 if hit else 1.0))

        began = loop.time()
        await balancer.acall(send, None if bounded_load is None else f"prefix {prefix}")
        seconds.append(loop.time() - began)

    tasks = []
    for _ in range(requests):
        await pause(rng.expovariate(load * 6 * 8 / math.exp(0.5)))
        [prefix] = rng.choices(range(prefixes), weights)
        tasks.append(asyncio.ensure_future(one(rng.lognormvariate(0, 1), prefix)))
    await asyncio.gather(*tasks)
    seconds.sort()
    return seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)], hits[True] / hits.total()
