"""What followed a key when it was last missed, and how much speaks for it following again.

Misses are remembered in the order they came. A key that is missed again points to its last miss, and what came behind
that is what may be missed next: temporal streaming (Wenisch et al., "Temporal streaming of shared memory", ISCA 2005)
on a history with an index (Nesbit and Smith, "Data cache prefetching using a global history buffer", HPCA 2004). Hits
are left out: they need no prediction, and would stand between the misses.

How often such a prediction comes true depends on three things that cost little to look up. A bucket is one combination
of them; what it is worth, others find out:

- how far behind (1 to `ahead`): streams that are interleaved show at a distance of their own;
- what went before: nothing the same (0), a recent key that stood up to `WINDOW` places before it then too (1), or the
  very key before it (2), as in an order-2 Markov model;
- what the time before last says: there was none (0), the prediction was not near then (1), or it was (2). An
  association that is seen twice is hardly ever chance (Yang et al., "MITHRIL: mining sporadic associations for cache
  prefetching", SoCC 2017).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Any, TypeAlias

from postopt.caching.prefetching.recent import Recent

WINDOW = 8
"""Places within which keys count as near; 4 and 16 do as well (docs/design/0009)."""

RECENT = 4
"""How many keys before this one are looked at; 2 and 8 do as well."""

CHAINS = 4096
"""Most recent chains that can be continued, of one context each; arbitrary."""

Candidate: TypeAlias = tuple[Any, int, float]
"""A key that may be asked for soon, the bucket of that prediction, and what the key cost when it was last missed."""

Index: TypeAlias = "dict[Any, Miss]"


class Miss:
    """One miss, between its neighbours in the chain.

    `place` is the number of the chain << 32, plus how many misses of the chain came before: the difference of two
    places is a distance if it is small, and they are of two chains if it is not. `earlier` is the place where the same
    key was missed before, or -1.
    """

    __slots__ = ("before", "cost", "earlier", "index", "key", "next", "place")

    def __init__(self, key: Any, cost: float, index: Index, before: Miss | None, place: int, earlier: int) -> None:
        self.key = key
        self.cost = cost
        self.index = index
        self.before = before
        self.next: Miss | None = None
        self.place = place
        self.earlier = earlier


class Successors:
    """The last `capacity` misses, as chains: one a namespace and context, because interleaved users hide successions.

    Some 180 bytes a remembered miss, keys not counted; time does not depend on `capacity`. Not thread-safe.
    """

    __slots__ = ("_capacity", "_chains", "_ends", "_misses", "ahead")

    def __init__(self, *, capacity: int, ahead: int) -> None:
        self.ahead = ahead
        self._capacity = capacity
        self._misses: deque[Miss] = deque()
        self._chains = 0
        self._ends: Recent[Hashable, Miss] = Recent(CHAINS)

    @property
    def buckets(self) -> int:
        """How many buckets there are, from 0."""
        return 9 * self.ahead

    def follow(self, index: Index, chain: Hashable, key: Any, cost: float) -> list[Candidate]:
        """Take a miss, and return what came behind its key when that was missed before, the nearest first.

        Args:
            index: of the key's namespace, from key to last miss; only this class changes it.
            chain: namespace and context.
            key: what was missed.
            cost: of making it again.
        """
        then = index.get(key)
        now = self._append(index, chain, key, cost, -1 if then is None else then.place)
        found: list[Candidate] = []
        if then is None:
            return found
        bucket = 3 * _context(now, then)
        origin, near = then.earlier, self.ahead + 2
        miss = then.next
        for _ in range(self.ahead):
            if miss is None or miss is now:
                break
            again = 0 if origin < 0 else 2 if 0 < miss.earlier - origin <= near else 1
            found.append((miss.key, bucket + again, miss.cost))
            bucket += 9
            miss = miss.next
        return found

    def _append(self, index: Index, chain: Hashable, key: Any, cost: float, earlier: int) -> Miss:
        before = self._ends.get(chain)
        if before is None:
            self._chains += 1
            miss = Miss(key, cost, index, None, self._chains << 32, earlier)
        else:
            miss = before.next = Miss(key, cost, index, before, before.place + 1, earlier)
        self._ends.put(chain, miss)
        index[key] = miss
        self._misses.append(miss)
        if len(self._misses) > self._capacity:
            oldest = self._misses.popleft()
            if oldest.index.get(oldest.key) is oldest:
                del oldest.index[oldest.key]
            if oldest.next is not None:
                oldest.next.before = None
        return miss


def _context(now: Miss, then: Miss) -> int:
    """Say what stood before both: 0, 1 or 2 as in the module's docstring."""
    mine = now.before
    if mine is None:
        return 0
    if then.before is not None and then.before.key == mine.key:
        return 2
    here = then.place
    for _ in range(RECENT):
        if 0 < here - mine.earlier <= WINDOW:
            return 1
        mine = mine.before
        if mine is None:
            break
    return 0
