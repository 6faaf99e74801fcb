"""What a balancer does for the callers of a fleet in which one server is slow and one fails, and what it costs.

    python benchmarks/test_fleet.py [rounds]        (3 by default, about 4 minutes each)

The fleet is six HTTP servers, each a process on the loopback with 8 slots, first come first served. A request brings
its own amount of work: lognormal, sigma 1, 40 ms in the median, the same wherever it is answered. Server 0 takes 2 or 4
times as long; server 1 fails 60 % of its calls within 1 to 3 ms; 3 % of all sends take 8 times as long. A connection
that is closed frees its slot. The times are waited, not computed, so that the machine decides little.

Requests arrive at random times at 35 or 45 % of what 48 slots can do, whether or not the earlier ones are done. In each
round every policy gets the same requests at the same times, one policy after the other, in an order that turns. Shown
are the p50 and the p99 over all rounds, as seconds and as ratios to taking turns, the share of requests that gave an
error, and the sends for each request. What a policy learns it keeps from round to round.

The second table is the balancer's own cost: `await balancer.acall(call)` against `await call(replica)`, with a call
that does nothing, 2,000 in a row, taking turns; the median of the ratios and its quartiles.
"""

import asyncio
import math
import platform
import random
import subprocess
import sys
from contextlib import contextmanager
from itertools import count
from statistics import quantiles
from time import perf_counter, perf_counter_ns

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed")

import aiohttp

from postopt.errors import OverloadedError
from postopt.resilience.balancer import Balancer

MEDIAN = 0.04
SLOTS = 8
REQUESTS = 4_000
ROUNDS = 3
SCENARIOS = {
    "slow by 2, 35 % load": (2.0, 0.35),
    "slow by 4, 35 % load": (4.0, 0.35),
    "slow by 2, 45 % load": (2.0, 0.45),
}


class Serving(asyncio.Protocol):
    """One connection of a server: HTTP/1.1, one GET at a time, whose path is the seconds of work."""

    def __init__(self, slots, slowness, failing, rng):
        self.slots, self.slowness, self.failing, self.rng = slots, slowness, failing, rng
        self.received = b""
        self.task = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        if self.received.endswith(b"\r\n\r\n"):
            seconds = float(self.received.split(b" ", 2)[1][1:])
            self.received = b""
            self.task = asyncio.ensure_future(self.answer(seconds))

    def connection_lost(self, _error):
        if self.task is not None:
            self.task.cancel()

    async def answer(self, seconds):
        if self.rng.random() < self.failing:
            await asyncio.sleep(MEDIAN * self.rng.uniform(0.02, 0.07))
            self.transport.write(b"HTTP/1.1 503 Overloaded\r\nContent-Length: 0\r\n\r\n")
            return
        async with self.slots:
            await asyncio.sleep(seconds * self.slowness * (8.0 if self.rng.random() < 0.03 else 1.0))
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def serve(slowness, failing, seed):
    slots, rng = asyncio.Semaphore(SLOTS), random.Random(seed)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Serving(slots, slowness, failing, rng), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def fleet(slowness):
    """Start six servers; yield their addresses."""
    settings = [(slowness, 0.0), (1.0, 0.6), *[(1.0, 0.0)] * 4]
    servers = [
        subprocess.Popen(
            [sys.executable, __file__, "serve", str(slow), str(failing), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, (slow, failing) in enumerate(settings)
    ]
    try:
        yield [f"http://127.0.0.1:{int(server.stdout.readline())}" for server in servers]
    finally:
        for server in servers:
            server.stdin.close()
            server.wait()
            server.stdout.close()


class Turns:
    """Round robin."""

    def __init__(self, urls):
        self.urls, self.turn = urls, 0

    async def acall(self, call):
        self.turn += 1
        return await call(self.urls[self.turn % len(self.urls)])


class Least:
    """Least outstanding of as many as are drawn."""

    def __init__(self, urls, drawn):
        self.loads, self.drawn = dict.fromkeys(urls, 0), drawn

    async def acall(self, call):
        url = min(random.sample(sorted(self.loads), self.drawn), key=self.loads.__getitem__)
        self.loads[url] += 1
        try:
            return await call(url)
        finally:
            self.loads[url] -= 1


POLICIES = {
    "round robin": Turns,
    "least outstanding": lambda urls: Least(urls, len(urls)),
    "two choices": lambda urls: Least(urls, 2),
    "Balancer": Balancer,
    "Balancer, hedge=0.05": lambda urls: Balancer(urls, hedge=0.05),
}


async def drive(session, policy, load, *, requests, seed):
    """Return the seconds of each request, None for an error, and the number of sends."""
    rng = random.Random(seed)
    rate = load * 6 * SLOTS / (MEDIAN * math.exp(0.5))
    seconds, sends = [], 0

    async def one(work):
        async def send(url):
            nonlocal sends
            sends += 1
            async with session.get(f"{url}/{work}") as response:
                if response.status != 200:
                    raise OverloadedError("failed fast")
                await response.read()

        began = perf_counter()
        try:
            await policy.acall(send)
        except OverloadedError:
            seconds.append(None)
        else:
            seconds.append(perf_counter() - began)

    tasks, due = [], perf_counter()
    for _ in range(requests):
        due += rng.expovariate(rate)
        await asyncio.sleep(max(0.0, due - perf_counter()))
        tasks.append(asyncio.ensure_future(one(MEDIAN * rng.lognormvariate(0, 1))))
    await asyncio.gather(*tasks)
    return seconds, sends


async def compare(slowness, load, rounds, requests):
    """Return all policies' seconds and sends."""
    found = {name: ([], []) for name in POLICIES}
    with fleet(slowness) as urls:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            policies = [(name, make(urls)) for name, make in POLICIES.items()]
            for number in range(rounds):
                for place in range(len(policies)):
                    name, policy = policies[(place + number) % len(policies)]
                    seconds, sends = await drive(session, policy, load, requests=requests, seed=number)
                    found[name][0].extend(seconds)
                    found[name][1].append(sends)
    return found


def at(values, share):
    return sorted(values)[int(len(values) * share)]


def show_fleet(rounds, requests):
    print(
        f"\nPython {platform.python_version()}, aiohttp {aiohttp.__version__}; {rounds} rounds of {requests} requests"
    )
    for scenario, (slowness, load) in SCENARIOS.items():
        print(f"\n{scenario:22}{'p50':>8}{'p99':>8}{'p50 ratio':>11}{'p99 ratio':>11}{'errors':>16}{'sends':>8}")
        base = None
        for name, (seconds, sends) in asyncio.run(compare(slowness, load, rounds, requests)).items():
            answered = [value for value in seconds if value is not None]
            p50, p99 = at(answered, 0.5), at(answered, 0.99)
            base = base or (p50, p99)
            errors = len(seconds) - len(answered)
            print(
                f"{name:22}{p50:8.3f}{p99:8.3f}{p50 / base[0]:11.2f}{p99 / base[1]:11.2f}"
                f"{errors:7} {errors / len(seconds):7.2%}{sum(sends) / len(seconds):9.3f}",
                flush=True,
            )


def test_fleet():
    """One short round: enough to see that it runs, too little for a p99."""
    show_fleet(1, 500)


async def nothing(replica):
    return replica


def test_overhead():
    names = [f"r{number}" for number in range(6)]
    seconds = count(0.0, 1.0).__next__  # calls seem to take seconds, so that none is hedged here
    calm, one, hedging = Balancer(names, seed=1), Balancer(["r0"]), Balancer(names, hedge=0.05, clock=seconds, seed=1)

    async def leased():
        with calm.pick() as replica:
            return await nothing(replica)

    rows = {
        "no key": lambda: calm.acall(nothing),
        "one replica": lambda: one.acall(nothing),
        "a key of 40 characters": lambda: calm.acall(nothing, "template: professional, en, 280 characters"),
        "with calm.pick()": leased,
        "hedge=0.05": lambda: hedging.acall(nothing),
    }

    async def timed(make, times):
        begin = perf_counter_ns()
        for _ in range(times):
            await make()
        return (perf_counter_ns() - begin) / times

    async def ratios(make):
        # Both sides are called through a lambda, so that what is compared is the balancer alone.
        pairs = [(await timed(make, 2_000), await timed(lambda: nothing("r0"), 2_000)) for _ in range(60)]
        return quantiles([mine / bare for mine, bare in pairs], n=4), quantiles([bare for _, bare in pairs], n=4)[1]

    print(f"\nPython {platform.python_version()}; ratio to a bare await")
    print(f"{'acall':26}{'median':>8}{'quartiles':>16}{'bare ns':>9}")
    for name, make in rows.items():
        (low, middle, high), bare = asyncio.run(ratios(make))
        print(f"{name:26}{middle:8.2f}{low:9.2f}-{high:.2f}{bare:9.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
    else:
        test_overhead()
        show_fleet(int(sys.argv[1]) if sys.argv[1:] else ROUNDS, REQUESTS)
