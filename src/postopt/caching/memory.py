"""A level in memory: values as they are, bounded in bytes and entries."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postopt.caching.base import (
    Entry,
    check_amount,
    check_clock,
    check_limit,
    check_priority,
    check_tags,
    check_ttl,
    check_weight,
)
from postopt.caching.codec import Codec
from postopt.caching.eviction import Density, Newcomer, Policy
from postopt.caching.mutex import Mutex
from postopt.caching.shelf import NO_DETAILS, Details, Shelf
from postopt.caching.snapshot import read_snapshot, write_snapshot
from postopt.caching.weight import weigh
from postopt.clock import Clock
from postopt.errors import CacheValueError, shown

PRESSURE_EVERY = 256
"""Sets after which a store asks whether memory is short."""


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """What a memory store holds, and what became of the rest.

    Attributes:
        entries: how many it holds.
        bytes: their weights.
        max_bytes: the bound of that.
        max_entries: the bound of `entries`, or None.
        hits: lookups that found a fresh value.
        misses: lookups that did not.
        hit_ratio: share of the hits, 0 if nobody asked.
        evicted: entries that left for want of room.
        refused: newcomers that were worth less than what they would have pushed out.
        ended: entries that were removed after their end.
        cost_wasted: what those cost that left, or were replaced or deleted, without ever being asked for.
        lru_hit_ratio: the hit ratio that LRU would have, from a sample of the keys; None for other policies than
            `Density`, and until the store was full.
        sampled: requests in that sample.
        sampled_hit_ratio: the store's own hit ratio in that sample.
    """

    entries: int
    bytes: int
    max_bytes: int
    max_entries: int | None
    hits: int
    misses: int
    hit_ratio: float
    evicted: int
    refused: int
    ended: int
    cost_wasted: float
    lru_hit_ratio: float | None
    sampled: int
    sampled_hit_ratio: float | None


class MemoryStore:
    """Keeps values as they are, in this process, until there is no room.

    A `Store`, and the same without awaiting for hot loops. Any thread may call any method at any time; a hit takes no
    lock. Values are neither copied nor checked: whoever changes a list changes it for all.

    Law: the weights of the entries never add up to more than `max_bytes`, and there are never more than `max_entries`.
    A newcomer may be refused if what it would push out is worth more; then the key has no value, not an older one.
    While a call changes the store, it cannot be changed by what runs in the midst of that call: a key's `__eq__` or a
    finalizer of whatever is collected then gets a ReentrantError. A KeyboardInterrupt that comes then locks nobody out,
    but may leave half a change; make another store after it.

    Args:
        max_bytes: bytes of weight in all (64 MiB is arbitrary). What the store needs for itself comes on top.
        max_entries: entries in all, or None for no limit of their own.
        policy: what decides who goes; `Density()` unless given.
        clock: seconds since the epoch.
        on_evict: told of each entry that leaves for want of room, newcomers that are refused included, after the call
            that pushed it out has changed the store; never of what was deleted, replaced or has ended. It may use the
            store; what it raises, that call raises, and it is not told of what else left then.
        pressure: asked now and then whether memory is short (`resident_above` makes such a function); the store gives
            up a quarter of its bytes each time that it is, until a sixteenth of `max_bytes` is left.

    Attributes:
        get_nowait: `get_nowait(key, default=None)` returns the value of `key` if it is there and fresh, else the
            default. The quickest way in; raises TypeError for a key that cannot be hashed.

    Raises:
        CacheValueError: a limit is not a positive int, the policy is none or serves another store, or the clock is no
            function.
    """

    get_nowait: Callable[..., Any]

    def __init__(
        self,
        *,
        max_bytes: int = 64 * 2**20,
        max_entries: int | None = None,
        policy: Policy | None = None,
        clock: Clock = time.time,
        on_evict: Callable[[Any, Entry], None] | None = None,
        pressure: Callable[[], bool] | None = None,
    ) -> None:
        check_limit("max_bytes", max_bytes)
        if max_entries is not None:
            check_limit("max_entries", max_entries)
        check_clock(clock)
        self.on_evict = on_evict
        self.policy = Density() if policy is None else policy
        if not isinstance(self.policy, Policy):
            raise CacheValueError(f"policy is {shown(policy)}; an object is needed such as LRU()")
        if hasattr(self.policy, "entries"):
            raise CacheValueError(f"this {type(policy).__name__} serves another store; each needs one of its own")
        self._mutex = Mutex()
        self._shelf = Shelf(
            self.policy,
            max_bytes=max_bytes,
            max_entries=max_entries,
            clock=clock,
            released=self._mutex.released,
        )
        self._entries = self._shelf.entries
        self._clock = clock
        self._pressure = pressure
        self._sets = 0
        self.get_nowait = self._get_eagerly if self.policy.eager else self._entries.get

    # Without awaiting

    def set_nowait(
        self,
        key: Hashable,
        value: Any,
        *,
        weight: int | None = None,
        cost: float = 1.0,
        priority: int = 0,
        ttl: float | None = None,
        tags: Collection[str] = (),
    ) -> bool:
        """Keep `value` in place of an older one, and say whether it was kept.

        Args:
            key: anything that can be hashed.
            value: anything.
            weight: bytes of the value, and of the key if that matters; both are measured if it is not given or 0.
            cost: what making it again would cost, in the same unit for all.
            priority: class from 0 (given up first) to 7; the textbook's policies do not ask for it.
            ttl: seconds it lives, or None for ever.
            tags: names to invalidate it by.

        Raises:
            CacheValueError: a number is negative, NaN or out of range.
            TypeError: the key cannot be hashed.
        """
        check_weight(weight or 0)
        weight = weight or weigh(key) + weigh(value)
        cost = check_amount("cost", cost)
        check_priority(priority)
        lives = check_ttl(ttl)
        details = Details(tags=check_tags(tags)) if tags else NO_DETAILS
        expires_at = lives if lives == math.inf else self._clock() + lives
        return self._keep(Newcomer(key, weight, cost, priority), value, expires_at, details)

    def delete_nowait(self, key: Hashable) -> bool:
        """Forget `key`, and say whether it was there."""
        return self._mutex.run(self._shelf.forget, key)

    def entry_nowait(self, key: Hashable) -> Entry | None:
        """Return all that is known of `key`, also while it is stale, or None; a hit only while it is fresh."""
        self.get_nowait(key)
        return self.peek_nowait(key)

    def peek_nowait(self, key: Hashable) -> Entry | None:
        """Do the same, and count neither a hit nor a miss."""
        return self._mutex.run(self._shelf.peek, key)

    def set_entry_nowait(self, key: Hashable, entry: Entry) -> bool:
        """Keep an entry in place of an older one, and say whether it was kept; weighed unless it says a weight."""
        newcomer = Newcomer(key, entry.weight or weigh(key) + weigh(entry.value), entry.cost, entry.priority)
        details = Details(entry.stale_until, entry.compute_seconds, entry.tags)
        return self._keep(newcomer, entry.value, entry.expires_at, NO_DETAILS if details == NO_DETAILS else details)

    def invalidate_tag_nowait(self, tag: str) -> int:
        """Forget all entries with this tag, and say how many those were."""
        return self._mutex.run(self._shelf.remove_tagged, tag)

    def values_nowait(self) -> list[Any]:
        """Return all values, those that have ended and are not yet gone included."""
        return self._mutex.run(self._shelf.values)

    # As every Store

    async def get(self, key: Hashable) -> Entry | None:
        """Return the entry of `key`, or None."""
        return self.entry_nowait(key)

    async def set(self, key: Hashable, entry: Entry) -> None:
        """Keep an entry, if there is room for it."""
        self.set_entry_nowait(key, entry)

    async def delete(self, key: Hashable) -> None:
        """Forget `key`."""
        self.delete_nowait(key)

    async def invalidate_tag(self, tag: str) -> None:
        """Forget all entries with this tag."""
        self.invalidate_tag_nowait(tag)

    # Memory

    def clear(self) -> None:
        """Forget everything."""
        self._mutex.run(self._shelf.clear)

    def shrink(self, to_bytes: int) -> int:
        """Give up the least valuable entries until `to_bytes` are left, and return how many bytes that freed.

        Raises:
            CacheValueError: `to_bytes` is negative.
        """
        check_weight(to_bytes)
        leaving = self._leaving()
        freed = self._mutex.run(self._shelf.shrink, to_bytes, leaving)
        self._tell(leaving)
        return freed

    def limit(self, max_bytes: int) -> None:
        """Set another bound of bytes, and give up what is over it.

        Raises:
            CacheValueError: it is not a positive int.
        """
        check_limit("max_bytes", max_bytes)
        self._shelf.max_bytes = max_bytes
        self.shrink(max_bytes)

    def snapshot(self, path: str | Path, codec: Codec | None = None) -> int:
        """Write what lives to a file, whole or not at all, and return how many entries that were.

        Left out are keys that are no text, and values that the codec cannot encode.

        Raises:
            OSError: the file cannot be written; one that was there stays.
        """
        return write_snapshot(Path(path), self._mutex.run(self._shelf.living), codec or Codec())

    def restore(self, path: str | Path, codec: Codec | None = None) -> int:
        """Keep what `snapshot` wrote and still lives, where there is nothing newer; return how many entries.

        Raises:
            CorruptDataError: the file is damaged, and nothing of it is kept; or it is none of these.
            OSError: it cannot be read.
        """
        kept = 0
        for key, entry in read_snapshot(Path(path), codec or Codec()):
            if self._clock() < entry.ends_at and key not in self:
                kept += self.set_entry_nowait(key, entry)
        return kept

    def stats(self) -> MemoryStats:
        """Return what the store holds, and what has happened so far."""
        shelf, entries = self._shelf, self._entries
        hits, misses = entries.hits, entries.misses
        was_full = shelf.evicted or shelf.refused
        shadow = self.policy.shadow if was_full and isinstance(self.policy, Density) else None
        return MemoryStats(
            entries=len(entries),
            bytes=entries.bytes,
            max_bytes=shelf.max_bytes,
            max_entries=shelf.max_entries,
            hits=hits,
            misses=misses,
            hit_ratio=hits / (hits + misses) if hits else 0.0,
            evicted=shelf.evicted,
            refused=shelf.refused,
            ended=shelf.ended,
            cost_wasted=shelf.wasted,
            lru_hit_ratio=shadow.lru_hits / shadow.requests if shadow and shadow.requests else None,
            sampled=shadow.requests if shadow else 0,
            sampled_hit_ratio=shadow.hits / shadow.requests if shadow and shadow.requests else None,
        )

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        """Say whether `key` is there and fresh; no hit is counted."""
        return self._mutex.run(self._shelf.is_fresh, key)

    def _get_eagerly(self, key: Hashable, default: Any = None) -> Any:
        value = self._entries.get(key, _MISSING)
        if value is _MISSING:
            return default
        self._mutex.run(self._shelf.used, key)
        return value

    def _keep(self, newcomer: Newcomer, value: Any, expires_at: float, details: Details) -> bool:
        leaving = self._leaving()
        kept = self._mutex.run(self._shelf.keep, newcomer, value, expires_at, details, leaving)
        self._sets += 1
        self._tell(leaving)
        if self._pressure is not None and self._sets % PRESSURE_EVERY == 0 and self._pressure():
            held = self._entries.bytes
            self.shrink(max(held * 3 // 4, min(held, self._shelf.max_bytes // 16)))
        return kept

    def _leaving(self) -> list[tuple[Any, Entry]] | None:
        return None if self.on_evict is None else []

    def _tell(self, leaving: list[tuple[Any, Entry]] | None) -> None:
        on_evict = self.on_evict
        if leaving and on_evict is not None:
            for key, entry in leaving:
                on_evict(key, entry)


_MISSING = object()
