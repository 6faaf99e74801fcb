"""Requests made to mislead: with the prefetcher there are no more misses, and no more money is spent, than without."""

import random

import pytest

from postopt.caching.prefetch import Prefetcher

pytestmark = pytest.mark.long

TINY = 0.001
"""Share of the misses, and of their cost, by which luck or an adversary may make things worse (docs/design/0009)."""


def cliff(requests, *, size, share, seed=0):
    """A loop that just fits into the cache, and pairs that push it out if they are fetched in vain."""
    chance = random.Random(seed)
    place, period = 0, int(0.8 * size)
    for _ in range(requests):
        if chance.random() < 0.8:
            yield place % period
            place += 1
        else:
            first = chance.randrange(500)
            yield 10_000 + first
            yield 20_000 + first if chance.random() < share else 20_000 + chance.randrange(10**6)


def turns(traces):
    """Good for long, then bad for ever."""
    yield from traces.successions(10_000, keys=1500, share=0.9)
    yield from traces.successions(10_000, keys=1500, share=0.0, seed=1)


def alternates(traces, period):
    for number in range(20_000 // period):
        yield from traces.successions(period, keys=1500, share=float(number % 2 == 0), seed=number % 2)


TRACES = {
    "all unique": lambda traces: range(20_000),
    "turns bad": turns,
    "alternates": lambda traces: alternates(traces, 2000),
    "alternates fast": lambda traces: alternates(traces, 300),
    "new map now and then": lambda traces: traces.successions(20_000, keys=1000, share=1.0, change=2500),
    "loop": lambda traces: traces.loop(20_000, period=1000),
    "loop with noise": lambda traces: traces.loop(20_000, period=1000, noise=0.3),
    "two loops": lambda traces: traces.interleaved(20_000, periods=(400, 700)),
    "zipf 0.6": lambda traces: traces.zipf(20_000, keys=4000, exponent=0.6),
    "zipf 1.0": lambda traces: traces.zipf(20_000, keys=4000, exponent=1.0),
    "pairs .4": lambda traces: traces.pairs(20_000, share=0.4),
    "pairs .5": lambda traces: traces.pairs(20_000, share=0.5),
    "pairs .6": lambda traces: traces.pairs(20_000, share=0.6),
    "cliff .5": lambda traces: cliff(15_000, size=150, share=0.5),
    "cliff .7": lambda traces: cliff(15_000, size=150, share=0.7),
}


@pytest.mark.parametrize("size", [20, 200])
@pytest.mark.parametrize("name", TRACES)
def test_misses_are_never_more_and_money_is_never_lost(name, size, host, traces):
    requests = list(TRACES[name](traces))
    without = host(size).replay(requests)
    with_it = host(size, Prefetcher()).replay(requests)
    assert with_it.misses <= without.misses
    assert with_it.lost <= with_it.saved + (TINY * without.misses if "pairs" in name else 0)  # a coin's luck


@pytest.mark.parametrize("size", [20, 150])
@pytest.mark.parametrize("name", ["turns bad", "pairs .6", "cliff .7"])
def test_nor_with_costs_that_differ_by_orders_of_magnitude(name, size, host, traces):
    def cost(key):
        return random.Random(key).paretovariate(1.2)

    requests = list(TRACES[name](traces))
    without = host(size, cost_of=cost).replay(requests)
    with_it = host(size, Prefetcher(), cost_of=cost).replay(requests)
    assert with_it.misses <= without.misses
    assert with_it.missed_cost <= without.missed_cost
    assert with_it.lost <= with_it.saved


@pytest.mark.parametrize("size", [20, 200])
def test_an_adversary_who_sees_each_fetch_gains_next_to_nothing(size, host):
    """He asks in order until something is fetched for him, and then for something else."""
    chance = random.Random(0)
    order = list(range(1000))
    chance.shuffle(order)
    after = dict(zip(order, order[1:] + order[:1], strict=True))
    cache, requests, key = host(size, Prefetcher()), [], 0
    for _ in range(20_000):
        requests.append(key)
        cache.ask(key)
        key = after[key] if not cache.cache.get(after[key]) else chance.randrange(1000)
    assert cache.issued > 50
    without = host(size).replay(requests)
    assert cache.misses <= (1 + TINY) * without.misses
    assert cache.lost <= cache.saved + 0.005 * without.misses


def test_it_is_off_soon_after_it_has_turned_bad(host, traces):
    cache = host(50, Prefetcher()).replay(traces.successions(20_000, keys=500, share=0.95))
    assert cache.prefetcher.stats().namespaces[""].on
    before = cache.issued
    cache.replay(traces.zipf(3000, keys=5000, exponent=0.0))
    soon = cache.issued - before
    cache.replay(traces.zipf(20_000, keys=5000, exponent=0.0, seed=1))
    assert soon < 400
    assert cache.issued - before - soon < 20
    assert not cache.prefetcher.stats().namespaces[""].on
