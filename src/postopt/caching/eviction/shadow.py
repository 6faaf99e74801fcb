"""What LRU would have done, on a sample of the keys."""

from __future__ import annotations

import math
from collections import OrderedDict

from postopt.caching.entries import Entries

SAMPLED = 512
"""About how many entries the simulated LRU holds; of a smaller store it is told everything."""

_SPACE = 1.05
"""How much larger it is than its share of the store, because it hears of hits a little late: about once in so many
misses as a look at every entry takes."""

_REMEMBERED = 0.98
_SIGMAS = 2.5
_TOLERANCE = 0.005


class ShadowLRU:
    """An LRU of keys only, which sees a sample of the requests that the store sees.

    A key is sampled by its hash, so either all its requests are or none; a store and an LRU that are scaled down by the
    same factor have the hit ratios of the whole ones (C. Waldspurger, T. Saemundsson, I. Ahmad, N. Park, "Cache
    modeling and optimization using miniature simulations", USENIX ATC 2017).

    Attributes:
        requests: sampled requests.
        hits: those that the store answered.
        lru_hits: those that LRU would have answered.
    """

    __slots__ = ("_cutoff", "_keys", "_lost", "_saved", "_variance", "_weight", "_won", "hits", "lru_hits", "requests")

    def __init__(self) -> None:
        self.requests = self.hits = self.lru_hits = 0
        self._keys: OrderedDict[int, int] = OrderedDict()
        self._weight = 0
        self._cutoff = 1 << 20  # keys whose hash is below are sampled: all
        # Saved by the one and not by the other, the squares of both, and saved by LRU at all, lately.
        self._won = self._lost = self._variance = self._saved = 0.0

    def samples(self, hashed: int) -> bool:
        """Say whether the key with this `key_hash` is in the sample."""
        return hashed >> 44 < self._cutoff

    def hit(self, hashed: int, weight: int, cost: float, times: int, entries: Entries, *, by_count: bool) -> None:
        """Take note of requests that the store answered, the last ones in a row."""
        self.requests += times
        self.hits += times
        by_lru = times
        if not self._request(hashed, weight, entries, by_count=by_count):
            by_lru -= 1
            self._won += cost
            self._variance += cost * cost
        self.lru_hits += by_lru
        self._saved += by_lru * cost

    def missed(self, hashed: int, weight: int, cost: float, entries: Entries, *, by_count: bool) -> None:
        """Take note of a request that the store did not answer."""
        self.requests += 1
        if self._request(hashed, weight, entries, by_count=by_count):
            self._lost += cost
            self._variance += cost * cost
            self._saved += cost
            self.lru_hits += 1

    def touched(self, hashed: int, weight: int, entries: Entries, *, by_count: bool) -> None:
        """Take note of a use that was no request."""
        self._request(hashed, weight, entries, by_count=by_count)

    def is_better(self) -> bool:
        """Say whether LRU does better lately: by more than chance and more than 0.5 %; called at even intervals.

        The difference is judged by the requests on which the two differ (McNemar's test, weighted by cost).
        """
        ahead = self._lost - self._won
        better = ahead > _TOLERANCE * self._saved and ahead > _SIGMAS * math.sqrt(self._variance)
        self._lost *= _REMEMBERED
        self._won *= _REMEMBERED
        self._variance *= _REMEMBERED
        self._saved *= _REMEMBERED
        return better

    def forget_lately(self) -> None:
        """Begin to judge anew."""
        self._lost = self._won = self._variance = self._saved = 0.0

    def scale(self, entries: int) -> None:
        """Sample so few keys that a store of so many entries has about `SAMPLED` of them."""
        cutoff = (SAMPLED << 20) // entries
        if cutoff < self._cutoff:
            self._cutoff = cutoff
            for hashed in [hashed for hashed in self._keys if not self.samples(hashed)]:
                self._weight -= self._keys.pop(hashed)
            self.forget_lately()

    def _request(self, hashed: int, weight: int, entries: Entries, *, by_count: bool) -> bool:
        """Use a key, and say whether it was there."""
        there = hashed in self._keys
        if there:
            self._weight -= self._keys[hashed]
        self._keys[hashed] = weight
        self._keys.move_to_end(hashed)
        self._weight += weight
        share = min(1.0, self._cutoff / (1 << 20)) * _SPACE
        while (len(self._keys) if by_count else self._weight) > share * (len(entries) if by_count else entries.bytes):
            self._weight -= self._keys.popitem(last=False)[1]
        return there
