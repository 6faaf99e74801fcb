"""Requests as they are made of a cache, and how many of them it answers."""

from __future__ import annotations

from random import Random

import pytest


def replayed(one, keys, *, weight_of=None, cost_of=None):
    """Ask for each key, and set it where it is not there; return the hits."""
    hits = 0
    for key in keys:
        if one.get_nowait(key) is None:
            one.set_nowait(
                key,
                "value",
                weight=1 if weight_of is None else weight_of(key),
                cost=1.0 if cost_of is None else cost_of(key),
            )
        else:
            hits += 1
    return hits


def popular(requests, *, seed, exponent=0.9, keys=10_000):
    """Requests that know no past: a few keys of `keys` are asked for often (Zipf's law)."""
    weights = [1 / rank**exponent for rank in range(1, keys + 1)]
    return Random(seed).choices(range(keys), weights, k=requests)


def stacked(requests, *, seed, depth, fresh=0.1):
    """Requests that know nothing but the past: how many other keys came since the last request for a key is drawn.

    No policy that sees only the order of the requests is better than LRU where that number has a falling distribution
    (the LRU stack model of J. Spirn, "Distance string models for program behavior", IEEE Computer 9, 1976).
    """
    draw = Random(seed)
    stack, keys = [], []
    for _ in range(requests):
        again = stack and draw.random() >= fresh
        key = stack.pop(-1 - min(int(depth(draw)), len(stack) - 1)) if again else len(keys)
        stack.append(key)
        keys.append(key)
        del stack[:-5_000]
    return keys


@pytest.fixture(scope="session")
def replay():
    return replayed


@pytest.fixture(scope="session")
def zipf():
    return popular


@pytest.fixture(scope="session")
def lru_stack():
    return stacked
