"""Policies of balancing side by side, in a simulated fleet: what docs/design/0014 decides by.

    python benchmarks/test_balancing.py [seeds]     (4 by default, about a minute each)

The fleet is that of tests/servers/simulated_fleet.py: six servers of eight slots, one slow, one that fails 60 % of its
calls at once, 3 % of all sends 8 times as long; the time is virtual, so that the machine decides nothing. 12,000
requests for each policy, scenario and seed. Shown are the p50 and the p99 as ratios to round robin, the share of
requests that gave an error, and the sends for each request, all of them means over the seeds.

The second table is about keys: 60 prefixes of Zipf's frequencies, of which each server keeps the last 12 and answers
those in .35 of the time; no faults, 6,000 requests at 35 % load.
"""
# ruff: noqa: SLF001 - what was rejected is put in the place of what is private

import asyncio
import math
import random
import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "servers"))

from simulated_fleet import balanced, drive, drive_prefixes, round_robin

from postopt.errors import OverloadedError
from postopt.resilience.balancer import Balancer
from postopt.resilience.balancing import hedging
from postopt.resilience.balancing.pool import Pool
from postopt.resilience.balancing.race import Race
from postopt.testing.loop import run_scripted

SCENARIOS = [(2.0, 0.35), (4.0, 0.35), (2.0, 0.45)]
NO_EJECTION = {"eject_failures": 10**9, "eject_share": 1.0, "max_ejected_share": 0.01}


def least_of(drawn):
    """The least loaded of so many drawn at random; no ejection, no retry."""

    def policy(servers):
        rng, loads = random.Random(1), dict.fromkeys(map(id, servers), 0)

        async def call_one(call):
            server = min(rng.sample(servers, drawn), key=lambda server: loads[id(server)])
            loads[id(server)] += 1
            try:
                return await call(server)
            finally:
                loads[id(server)] -= 1

        return call_one

    return policy


class Peak(list):
    """Calls under way, whose number is weighed by the peak-EWMA of latencies: up at once, down over ten medians."""

    ewma = 1.0

    def __len__(self):
        return int(1e6 * self.ewma * (super().__len__() + 1))

    def take(self, seconds):
        weight = math.exp(-seconds / 10)
        self.ewma = max(seconds, self.ewma * weight + seconds * (1 - weight))


def peak_ewma(**options):
    """The balancer, choosing by load times peak-EWMA; a failure counts as a latency of eight medians."""

    def policy(servers):
        loop = asyncio.get_running_loop()
        balancer = Balancer(servers, clock=loop.time, eject_share=1.0, seed=1, **options)
        flights = {}
        for member in balancer._pool.members():
            member.flights = flights[id(member.replica)] = Peak()

        def call_one(call):
            async def timed(server):
                began = loop.time()
                try:
                    result = await call(server)
                except OverloadedError:
                    flights[id(server)].take(8.0)
                    raise
                flights[id(server)].take(loop.time() - began)
                return result

            return balancer.acall(timed)

        return call_one

    return policy


@contextmanager
def changed(owner, name, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def least_loaded(pool, members):
    members = sorted(pool._rng.sample(members, len(members)), key=lambda member: len(member.flights))
    return members[0], members[0]


def not_slow(pool, members):
    return least_loaded(pool, [member for member in members if member.name != "s0"] or members)


async def leave_running(race, **_):
    for _, began in race._running.values():
        race._take_latency(began)


HEDGED = balanced(hedge=0.05)
POLICIES = [
    ("round robin", round_robin, None),
    ("least outstanding", least_of(6), None),
    ("two choices", least_of(2), None),
    ("two choices, ejection", balanced(retry_elsewhere=0), None),
    ("two choices, retry", balanced(**NO_EJECTION), None),
    ("round robin, ejection, retry", balanced(), (Pool, "_pairs", lambda _, members: [(m, m) for m in members])),
    ("peak-EWMA, ejection, retry", peak_ewma(), None),
    ("Balancer", balanced(), None),
    ("Balancer, hedge=0.05", HEDGED, None),
    ("the same at the 90th percentile", HEDGED, (hedging, "QUANTILE", 0.9)),
    ("the same at the 97th percentile", HEDGED, (hedging, "QUANTILE", 0.97)),
    ("the same to the least loaded of all", HEDGED, (Pool, "_draw", least_loaded)),
    ("the same, never to the slow server", HEDGED, (Pool, "_draw", not_slow)),
    ("the same, losers left running", HEDGED, (Race, "_abandon", leave_running)),
    ("the same with peak-EWMA", peak_ewma(hedge=0.05), None),
]


def means(runs):
    return [sum(values) / len(runs) for values in zip(*runs, strict=True)]


def show_policies(requests, seeds):
    base = {}
    print(f"\n{requests} requests, {seeds} seeds; p50, p99, errors, sends")
    print(f"{'':36}" + "".join(f"{f'slow by {slow:g}, {load:.0%} load':>28}" for slow, load in SCENARIOS))
    for name, policy, change in POLICIES:
        row = f"{name:36}"
        for slowness, load in SCENARIOS:
            with changed(*change) if change else changed(hedging, "QUANTILE", hedging.QUANTILE):
                runs = [
                    run_scripted(drive(policy, slowness=slowness, load=load, requests=requests, seed=seed))
                    for seed in range(seeds)
                ]
            p50, p99, errors, sends = means([(run.p50, run.p99, run.errors, run.sends) for run in runs])
            base.setdefault((slowness, load), (p50, p99))
            p50, p99 = p50 / base[slowness, load][0], p99 / base[slowness, load][1]
            row += f"{p50:9.2f}{p99:6.3f}{errors:7.2%}{sends:6.3f}"
        print(row, flush=True)


def show_keys(requests, seeds):
    rows = [("no key", None), ("c = 1.25", 1.25), ("c = 2", 2.0), ("no bound", 1e9)]
    base = None
    print(f"\n{requests} requests, {seeds} seeds{'':14}{'p50':>8}{'p99':>8}{'hits':>8}")
    for name, bound in rows:
        p50, p99, hits = means([run_scripted(drive_prefixes(bound, requests=requests, seed=s)) for s in range(seeds)])
        base = base or (p50, p99)
        print(f"{name:36}{p50 / base[0]:8.2f}{p99 / base[1]:8.2f}{hits:8.0%}", flush=True)


def test_balancing():
    """Few requests: enough to see that it runs, too few for a p99."""
    show_policies(requests=300, seeds=1)
    show_keys(requests=300, seeds=1)


if __name__ == "__main__":
    count = int(sys.argv[1]) if sys.argv[1:] else 4
    show_policies(requests=12_000, seeds=count)
    show_keys(requests=6_000, seeds=count)
