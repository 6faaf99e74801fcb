"""Which replica a key belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Generic

from postopt.resilience.balancing.member import Member, T

TABLE_KEYS = 1024
"""Keys whose rankings are kept at hand; a table that is full begins anew (arbitrary)."""

LONGEST_KEY = 1024
"""Keys that are longer stand in the table by their digest, so that a table of prompts stays small."""


class Rendezvous(Generic[T]):
    """Highest random weight with bounded load.

    A key ranks the replicas by a hash of both (D. G. Thaler and C. V. Ravishankar, "Using name-based mappings to
    increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998): when a replica goes, only its keys move, each
    to the next of its own ranking. A replica takes a call only while it has fewer than ceil(c (m + 1) / n) of the m
    calls that n replicas have now (V. Mirrokni, M. Thorup and M. Zadimoghaddam, "Consistent hashing with bounded
    loads", arXiv:1608.01350, 2016), so that a key everybody asks for is spread instead of heaped.

    Args:
        bounded_load: the c above, 1 or more.
    """

    def __init__(self, bounded_load: float) -> None:
        self._bounded_load = bounded_load
        self._rankings: dict[str | bytes, list[Member[T]]] = {}

    def forget(self) -> None:
        """Forget all rankings, because the replicas to choose from have changed."""
        self._rankings = {}

    def choose(self, key: str | bytes, members: Sequence[Member[T]]) -> Member[T]:
        """Return the first of the key's ranking that has room; `members` are the same until `forget`."""
        held = key if len(key) <= LONGEST_KEY else _digest(key)
        table = self._rankings
        ranking = table.get(held)
        if ranking is None:
            if len(table) >= TABLE_KEYS:
                table = self._rankings = {}
            ranking = table[held] = rank(key, members)
        return self.first_with_room(ranking, members) if ranking[0].flights else ranking[0]

    def first_with_room(self, ranking: Sequence[Member[T]], members: Sequence[Member[T]]) -> Member[T]:
        """Return the first of `ranking` whose load is within the bound that the load of all `members` gives."""
        outstanding = sum(len(member.flights) for member in members)
        room = math.ceil(self._bounded_load * (outstanding + 1) / len(members))
        # Threads may add calls meanwhile: if nobody has room any more, the least loaded takes it.
        return next((m for m in ranking if len(m.flights) < room), None) or min(ranking, key=lambda m: len(m.flights))


def rank(key: str | bytes, members: Iterable[Member[T]]) -> list[Member[T]]:
    """Return the members in the order in which `key` prefers them.

    The weight of a member is pinned: BLAKE2b of 8 bytes over its name, keyed by BLAKE2b of 16 bytes over the key. It
    depends on nothing else, so that all processes which know the same names agree on who serves a key.
    """
    digest = _digest(key)

    def weight(member: Member[T]) -> bytes:
        return blake2b(member.name.encode("utf-8", "surrogatepass"), digest_size=8, key=digest).digest()

    return sorted(members, key=weight, reverse=True)


def _digest(key: str | bytes) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key, digest_size=16).digest()
