"""A cache that fetches what the prefetcher says, and requests to replay against it."""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from postopt.caching.prefetch import Prefetcher


@dataclass
class Host:
    """An LRU cache of `size` keys that counts for itself what became of each fetch."""

    size: int
    prefetcher: Prefetcher | None = None
    tell: bool = False  # whether it calls `evicted`
    cost_of: object = field(default=lambda key: 1.0)
    misses: int = 0
    missed_cost: float = 0.0
    issued: int = 0
    useful: int = 0
    wasted: int = 0
    spent: float = 0.0
    saved: float = 0.0
    lost: float = 0.0

    def __post_init__(self):
        self.cache = OrderedDict()  # key to whether it was fetched ahead and not asked for yet

    def ask(self, key, **arguments):
        cost = self.cost_of(key)
        hit = key in self.cache
        if not hit:
            self.misses += 1
            self.missed_cost += cost
            self.insert(key, ahead=False)
        elif self.cache[key]:
            self.useful += 1
            self.saved += cost
        self.cache[key] = False
        self.cache.move_to_end(key)
        if self.prefetcher is None:
            return []
        keys = self.prefetcher.observe(key, hit=hit, resident=self.cache, cost=cost, **arguments)
        assert len(set(keys)) == len(keys)
        for wanted in keys:
            assert wanted != key
            assert wanted not in self.cache
        for wanted in keys:
            self.issued += 1
            self.spent += self.cost_of(wanted)
            self.insert(wanted, ahead=True)
        return keys

    def insert(self, key, *, ahead):
        self.cache[key] = ahead
        if len(self.cache) > self.size:
            gone, unused = self.cache.popitem(last=False)
            if unused:
                self.wasted += 1
                self.lost += self.cost_of(gone)
            if self.tell and self.prefetcher is not None:
                self.prefetcher.evicted(gone)

    def replay(self, requests):
        for key in requests:
            self.ask(key)
        return self


def successions(requests, *, keys, share, change=0, seed=0):
    """Keys that follow a random map with probability `share`, and jump otherwise; a new map every `change` requests."""
    chance = random.Random(seed)
    order = list(range(keys))
    here = 0
    after = {}
    for number in range(requests):
        if number == 0 or (change and number % change == 0):
            chance.shuffle(order)
            after = dict(zip(order, order[1:] + order[:1], strict=True))
        yield here
        here = after[here] if chance.random() < share else chance.randrange(keys)


def loop(requests, *, period, noise=0.0, seed=0):
    """A loop, interrupted by keys that come once in a while."""
    chance = random.Random(seed)
    place = 0
    for _ in range(requests):
        if chance.random() < noise:
            yield period + chance.randrange(5 * period)
        else:
            yield place % period
            place += 1


def zipf(requests, *, keys, exponent, seed=0):
    chance = random.Random(seed)
    weights = [1 / rank**exponent for rank in range(1, keys + 1)]
    return chance.choices(range(keys), weights, k=requests)


def pairs(requests, *, share, seed=0):
    """A key, and with probability `share` the one that belongs to it, else one of many."""
    chance = random.Random(seed)
    for _ in range(requests // 2):
        first = chance.randrange(1000)
        yield first
        yield 1000 + first if chance.random() < share else 2000 + chance.randrange(20_000)


def interleaved(requests, *, periods, seed=0):
    """Several loops, one of which goes on at random with each request."""
    chance = random.Random(seed)
    places = [0] * len(periods)
    for _ in range(requests):
        which = chance.randrange(len(periods))
        yield which, places[which] % periods[which]
        places[which] += 1


@pytest.fixture(scope="session")
def traces():
    """Makers of requests."""
    return SimpleNamespace(successions=successions, loop=loop, zipf=zipf, pairs=pairs, interleaved=interleaved)


@pytest.fixture(scope="session")
def host():
    """The class of a cache that fetches what the prefetcher says."""
    return Host
