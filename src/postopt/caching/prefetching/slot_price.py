"""What an entry's place in a cache is worth, seen from outside."""

from __future__ import annotations

import math
from typing import Any

from postopt.caching.prefetching.recent import Recent

SAMPLED = 8
"""Of so many requests one is followed to the next request of its key."""

FOLLOWED = 4096
"""Requests that are followed at a time; arbitrary. Ages beyond 8 * 4096 to 2 * 8 * 4096 requests are not seen."""

FORGOTTEN = 4096
"""Ages after which all counts are halved; arbitrary."""


class SlotPrice:
    """How many hits the cache loses for each entry that is put in and never used.

    Idea: in an LRU cache an entry lives for T requests after its last use, so the hits are the requests whose key is
    younger than T. One useless entry takes a place for T requests, which shortens everybody's T by dT/dC, the inverse
    of the miss rate m (Denning and Schwartz, "Properties of the working-set model", CACM 15(3), 1972). If f is the
    density of ages, it costs T f(T) / m hits. T f(T) is what the ages around T weigh per factor of e, and can be
    counted: hits and misses by the power of two of their age. T is in the highest power in which hits are no fewer.

    Other policies give up an entry that nobody used sooner than LRU does, so for them this is too high, not too low.
    Before anything is known, the price is 1. Not thread-safe.
    """

    __slots__ = ("_hits", "_misses", "_observed", "_requests", "_sampled_misses", "hits_lost")

    def __init__(self) -> None:
        self.hits_lost = 1.0
        self._requests: Recent[Any, int] = Recent(FOLLOWED)
        self._hits = [0.0] * 64  # by the bit length of the age
        self._misses = [0.0] * 64
        self._sampled_misses = 0.0
        self._observed = 0

    def observe(self, request: int, key: Any, *, missed: bool) -> None:
        """Take the request of number `request`, and whether the cache had missed it without any prefetching."""
        since = self._requests.pop(key)
        if since is not None:
            ages = self._misses if missed else self._hits
            ages[(request - since).bit_length()] += 1
            self._observed += 1
            if self._observed % 64 == 0:  # arbitrary: often enough to follow, and no cost
                self._update()
        if request % SAMPLED == 0:
            self._requests.put(key, request)
            self._sampled_misses += missed

    def _update(self) -> None:
        hits, misses = self._hits, self._misses
        power = next((p for p in range(63, 0, -1) if hits[p] >= max(misses[p], 1)), 0)
        around = max(hits[power], hits[power - 1]) if power else 0.0
        self.hits_lost = around / math.log(2) / max(self._sampled_misses, 1)
        if self._observed >= FORGOTTEN:
            self._hits = [count / 2 for count in hits]
            self._misses = [count / 2 for count in misses]
            self._sampled_misses /= 2
            self._observed //= 2
