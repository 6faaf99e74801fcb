"""Those who know the future: what no policy can beat, and what hardly any will reach."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from random import Random

from postopt.caching.replay.trace import Trace

LOOKED_AT = 64
"""Entries of which the clairvoyant gives up the worst."""


def most_hits(trace: Trace, entries: int) -> int:
    """Return how many requests a cache of so many entries can hit at most.

    That is L. Belady's algorithm (IBM Systems Journal 5, 1966), which gives up what is asked for last, and may let a
    newcomer pass by.
    """
    following = _next_requests(trace.keys)
    never = len(trace.keys)
    due: dict[int, int] = {}  # of what is held: when it is asked for next
    # Of each request one; those that a hit has made untrue are of the past, and so never the latest.
    latest: list[tuple[int, int]] = []
    hits = 0
    for now, key in enumerate(trace.keys):
        if key in due:
            hits += 1
        elif following[now] == never:
            continue
        elif len(due) == entries:
            if -latest[0][0] <= following[now]:
                continue
            del due[heapq.heappop(latest)[1]]
        due[key] = following[now]
        heapq.heappush(latest, (-following[now], key))
    return hits


def clairvoyant_savings(trace: Trace, capacity: int, *, seed: int = 0) -> float:
    """Return what a cache of so many bytes saves that gives up what earns least for its room until its next request.

    Of `LOOKED_AT` entries drawn at random it takes the one of the least cost / (weight x time to the next request). The
    optimum with different weights is too hard to compute (NP-hard); this is what it is usually compared with.
    """
    following = _next_requests(trace.keys)
    never = len(trace.keys)
    weights, costs = trace.weights, trace.costs
    draw = Random(seed).random  # noqa: S311 - a simulation
    due: dict[int, int] = {}
    held: list[int] = []
    places: dict[int, int] = {}
    used, saved = 0, 0.0

    def density(key: int, at: int, now: int) -> float:
        return 0.0 if at == never else costs[key] / (weights[key] * (at - now))

    for now, key in enumerate(trace.keys):
        if key in due:
            saved += costs[key]
            due[key] = following[now]
            continue
        if following[now] == never or weights[key] > capacity:
            continue
        worth = density(key, following[now], now)
        while used + weights[key] > capacity:
            few = len(held) <= LOOKED_AT
            looked_at = held if few else [held[int(draw() * len(held))] for _ in range(LOOKED_AT)]
            worst, victim = min((density(other, due[other], now), other) for other in looked_at)
            if worst >= worth:
                break
            used -= weights[victim]
            del due[victim]
            last = held.pop()
            if last != victim:
                held[places[victim]] = last
                places[last] = places[victim]
        else:
            due[key] = following[now]
            places[key] = len(held)
            held.append(key)
            used += weights[key]
    return saved


def _next_requests(keys: Sequence[int]) -> list[int]:
    """Return for each request when its key is asked for next; the number of requests for never."""
    following = [0] * len(keys)
    seen: dict[int, int] = {}
    for now in range(len(keys) - 1, -1, -1):
        following[now] = seen.get(keys[now], len(keys))
        seen[keys[now]] = now
    return following
