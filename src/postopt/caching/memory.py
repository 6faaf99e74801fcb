"""A level in memory: values as they are, bounded in bytes and entries."""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any

from postopt.caching.base import Entry, check_amount, check_priority, check_tags, check_ttl, check_weight
from postopt.caching.entries import Entries
from postopt.caching.eviction import Density, Newcomer, Policy
from postopt.caching.weight import weigh
from postopt.clock import Clock
from postopt.errors import CacheValueError

SWEPT = 2
"""Slots that each `set` looks at for entries that have ended: what nobody asks for is gone after as many sets as half
the slots."""


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

    Args:
        max_bytes: bytes of weight in all (64 MiB is arbitrary). What the store needs for itself comes on top.
        max_entries: entries in all, or None for no limit of their own.
        policy: what decides who goes; `Density()` unless given.
        clock: seconds since the epoch.
        on_evict: told of each entry that leaves for want of room, newcomers that are refused included, after the call
            that pushed it out has changed the store; never of what was deleted, replaced or has ended.

    Attributes:
        get_nowait: `get_nowait(key, default=None)` returns the value of `key` if it is there and fresh, else the
            default. The quickest way in; raises TypeError for a key that cannot be hashed.

    Raises:
        CacheValueError: a limit is not a positive int.
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
    ) -> None:
        for name, limit in (("max_bytes", max_bytes), ("max_entries", max_entries)):
            if limit is not None and (type(limit) is not int or limit < 1):
                raise CacheValueError(f"{name} is {limit!r}; an int of 1 or more is needed")
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.on_evict = on_evict
        self.policy = Density() if policy is None else policy
        self._clock = clock
        self._entries = self.policy.entries = Entries(clock)
        self._details: dict[int, _Details] = {}  # of the slots that have any
        self._tagged: dict[str, set[int]] = {}
        self._sweep_at = 0
        self._evicted = self._refused = self._ended = 0
        self._wasted = 0.0
        self._lock = threading.Lock()
        _STORES.add(self)
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
            weight: its bytes; measured if not given (`weigh`).
            cost: what making it again would cost, in the same unit for all.
            priority: class from 0 (given up first) to 7.
            ttl: seconds it lives, or None for ever.
            tags: names to invalidate it by.

        Raises:
            CacheValueError: a number is negative, NaN or out of range.
            TypeError: the key cannot be hashed.
        """
        if weight is None:
            weight = weigh(value)
        check_weight(weight)
        check_amount("cost", cost)
        check_priority(priority)
        lives = check_ttl(ttl)
        details = _Details(tags=check_tags(tags)) if tags else None
        expires_at = lives if lives == math.inf else self._clock() + lives
        return self._keep(Newcomer(key, weight, cost, priority), value, expires_at, details)

    def delete_nowait(self, key: Hashable) -> bool:
        """Forget `key`, and say whether it was there."""
        with self._lock:
            slot = self._entries.find(key)
            if slot >= 0:
                self._remove(slot)
        return slot >= 0

    def entry_nowait(self, key: Hashable) -> Entry | None:
        """Return all that is known of `key`, also while it is stale, or None; a hit only while it is fresh."""
        fresh = self.get_nowait(key, _MISSING) is not _MISSING
        with self._lock:
            slot = self._entries.find(key)
            if slot < 0:
                return None
            entry = self._entry(slot)
            if not fresh and entry.ends_at <= self._clock():
                self._remove(slot)
                self._ended += 1
                return None
            return entry

    def set_entry_nowait(self, key: Hashable, entry: Entry) -> bool:
        """Keep an entry in place of an older one, and say whether it was kept; weighed unless it says a weight."""
        newcomer = Newcomer(key, entry.weight or weigh(entry.value), entry.cost, entry.priority)
        details = _Details(entry.stale_until, entry.compute_seconds, entry.tags)
        return self._keep(newcomer, entry.value, entry.expires_at, None if details == _NO_DETAILS else details)

    def values_nowait(self) -> list[Any]:
        """Return all values, those that have ended and are not yet gone included."""
        with self._lock:
            entries = self._entries
            return [entries.item(slot)[1] for slot in range(entries.slots) if not entries.is_free(slot)]

    def invalidate_tag_nowait(self, tag: str) -> int:
        """Forget all entries with this tag, and say how many those were."""
        with self._lock:
            slots = list(self._tagged.get(tag, ()))
            for slot in slots:
                self._remove(slot)
        return len(slots)

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
        with self._lock:
            for slot in range(self._entries.slots):
                if not self._entries.is_free(slot):
                    self._remove(slot)

    def shrink(self, to_bytes: int) -> int:
        """Give up the least valuable entries until `to_bytes` are left, and return how many bytes that freed.

        Raises:
            CacheValueError: `to_bytes` is negative.
        """
        check_weight(to_bytes)
        before = self._entries.bytes
        leaving: list[tuple[Any, Entry]] = []
        with self._lock:
            excess = self._entries.bytes - to_bytes
            if excess > 0:
                self._evict(self.policy.victims(_ANYBODY, excess, 0) or [], leaving)
        self._tell(leaving)
        return before - self._entries.bytes

    def stats(self) -> MemoryStats:
        """Return what the store holds, and what has happened so far."""
        hits, misses = self._entries.hits, self._entries.misses
        shadow = self.policy.shadow if isinstance(self.policy, Density) else None
        return MemoryStats(
            entries=len(self._entries),
            bytes=self._entries.bytes,
            max_bytes=self.max_bytes,
            max_entries=self.max_entries,
            hits=hits,
            misses=misses,
            hit_ratio=hits / (hits + misses) if hits else 0.0,
            evicted=self._evicted,
            refused=self._refused,
            ended=self._ended,
            cost_wasted=self._wasted,
            lru_hit_ratio=shadow.lru_hits / shadow.requests if shadow and shadow.requests else None,
            sampled=shadow.requests if shadow else 0,
            sampled_hit_ratio=shadow.hits / shadow.requests if shadow and shadow.requests else None,
        )

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        """Say whether `key` is there and fresh; no hit is counted."""
        with self._lock:
            slot = self._entries.find(key)
            return slot >= 0 and self._clock() < self._entries.item(slot)[2]

    def _get_eagerly(self, key: Hashable, default: Any = None) -> Any:
        value = self._entries.get(key, _MISSING)
        if value is _MISSING:
            return default
        with self._lock:
            slot = self._entries.find(key)
            if slot >= 0:
                self.policy.hit(slot)
        return value

    def _keep(self, newcomer: Newcomer, value: Any, expires_at: float, details: _Details | None) -> bool:
        leaving: list[tuple[Any, Entry]] = []
        with self._lock:
            kept = self._replace(newcomer, value, expires_at, details) or self._add(
                newcomer, value, expires_at, details, leaving
            )
            self._sweep()
        self._tell(leaving)
        return kept

    def _replace(self, newcomer: Newcomer, value: Any, expires_at: float, details: _Details | None) -> bool:
        """Change the entry of this key in its place, or remove it if it would not fit there."""
        entries = self._entries
        slot = entries.find(newcomer.key)
        if slot < 0:
            return False
        grown = newcomer.weight - entries.weights[slot]
        same_class = newcomer.priority == entries.priorities[slot]
        if entries.bytes + grown > self.max_bytes or not same_class:
            self._remove(slot)
            return False
        entries.replace(slot, value, expires_at)
        entries.bytes += grown
        entries.weights[slot] = newcomer.weight
        entries.costs[slot] = newcomer.cost
        self._set_details(slot, details)
        self.policy.hit(slot)
        return True

    def _add(
        self,
        newcomer: Newcomer,
        value: Any,
        expires_at: float,
        details: _Details | None,
        leaving: list[tuple[Any, Entry]],
    ) -> bool:
        if newcomer.weight > self.max_bytes:
            victims = None
        else:
            over_bytes = self._entries.bytes + newcomer.weight - self.max_bytes
            over_count = 0 if self.max_entries is None else len(self._entries) + 1 - self.max_entries
            victims = self.policy.victims(newcomer, over_bytes, over_count) if over_bytes > 0 or over_count > 0 else []
        if victims is None:
            self._refused += 1
            if self.on_evict is not None:
                leaving.append((newcomer.key, _make_entry(newcomer, value, expires_at, details)))
            return False
        self._evict(victims, leaving)
        slot = self._entries.add(
            newcomer.key,
            value,
            expires_at,
            weight=newcomer.weight,
            cost=newcomer.cost,
            priority=newcomer.priority,
        )
        self.policy.added(slot, newcomer)
        self._set_details(slot, details)
        return True

    def _evict(self, slots: list[int], leaving: list[tuple[Any, Entry]]) -> None:
        now = self._clock()
        for slot in slots:
            if self.on_evict is not None:
                entry = self._entry(slot)
                if now < entry.ends_at:
                    leaving.append((self._entries.item(slot)[0], entry))
            self._remove(slot)
        self._evicted += len(slots)

    def _remove(self, slot: int) -> None:
        if not self._entries.was_hit(slot):
            self._wasted += self._entries.costs[slot]
        self.policy.removed(slot)
        self._set_details(slot, None)
        self._entries.drop(slot)

    def _entry(self, slot: int) -> Entry:
        entries = self._entries
        key, value, expires_at = entries.item(slot)
        newcomer = Newcomer(key, entries.weights[slot], entries.costs[slot], entries.priorities[slot])
        return _make_entry(newcomer, value, expires_at, self._details.get(slot))

    def _set_details(self, slot: int, details: _Details | None) -> None:
        old = self._details.pop(slot, _NO_DETAILS)
        for tag in old.tags:
            self._tagged[tag].discard(slot)
            if not self._tagged[tag]:
                del self._tagged[tag]
        if details is not None:
            self._details[slot] = details
            for tag in details.tags:
                self._tagged.setdefault(tag, set()).add(slot)

    def _sweep(self) -> None:
        """Remove what has ended from the next slots: nobody may ever ask for it."""
        entries = self._entries
        for _ in range(min(SWEPT, entries.slots)):
            slot = self._sweep_at = (self._sweep_at + 1) % entries.slots
            if not entries.is_free(slot):
                expires_at = entries.item(slot)[2]
                if expires_at < math.inf:
                    stale_until = self._details.get(slot, _NO_DETAILS).stale_until
                    if max(expires_at, stale_until) <= self._clock():
                        self._remove(slot)
                        self._ended += 1

    def _tell(self, leaving: list[tuple[Any, Entry]]) -> None:
        if self.on_evict is not None:
            for key, entry in leaving:
                self.on_evict(key, entry)


@dataclass(frozen=True, slots=True)
class _Details:
    """What few entries have."""

    stale_until: float = -math.inf
    compute_seconds: float = 0.0
    tags: tuple[str, ...] = ()


_NO_DETAILS = _Details()
_MISSING = object()
_ANYBODY = Newcomer(None, 0, math.inf, 7)
"""Asks for room on behalf of nobody: everything makes way for it."""


def _make_entry(newcomer: Newcomer, value: Any, expires_at: float, details: _Details | None) -> Entry:
    known = details or _NO_DETAILS
    return Entry(
        value=value,
        weight=newcomer.weight,
        cost=newcomer.cost,
        priority=newcomer.priority,
        tags=known.tags,
        expires_at=expires_at,
        stale_until=known.stale_until,
        compute_seconds=known.compute_seconds,
    )


_STORES: weakref.WeakSet[MemoryStore] = weakref.WeakSet()
_held: list[threading.Lock] = []


def _hold_locks() -> None:
    # A thread that is changing a store would not be there in the child to finish.
    for store in list(_STORES):
        store._lock.acquire()  # noqa: SLF001
        _held.append(store._lock)  # noqa: SLF001


def _release_locks() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_hold_locks, after_in_parent=_release_locks, after_in_child=_release_locks)
