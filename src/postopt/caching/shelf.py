"""What a memory store holds, and the decisions what to hold: no lock, no I/O, and no time of its own."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Any

from postopt.caching.base import Entry
from postopt.caching.entries import Entries
from postopt.caching.eviction.policy import NOBODY, Newcomer, Policy
from postopt.clock import Clock

SWEPT = 2
"""Slots that each newcomer makes the shelf look at for entries that have ended: what nobody asks for is gone after as
many as half the slots."""


@dataclass(frozen=True, slots=True)
class Details:
    """What few entries have beside what the columns of `Entries` hold."""

    stale_until: float = -math.inf
    compute_seconds: float = 0.0
    tags: tuple[str, ...] = ()


NO_DETAILS = Details()


class Shelf:
    """Entries within limits, with all that is known of them.

    Callers hold a lock for every method, and hand `leaving` on, without the lock, to whoever wants to know; it is None
    where nobody does. What raises, the clock and the comparison of keys, does so before anything has changed.

    Args:
        policy: decides who goes.
        clock: seconds since the epoch.
        released: gets keys and values that are let go of.

    Attributes:
        entries: the slots.
        max_bytes: most bytes of weight.
        max_entries: most entries, or None.
        evicted, refused, ended, wasted: as in `MemoryStats`.
    """

    def __init__(
        self, policy: Policy, *, max_bytes: int, max_entries: int | None, clock: Clock, released: list[Any]
    ) -> None:
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.entries = policy.entries = Entries(clock)
        self.evicted = self.refused = self.ended = 0
        self.wasted = 0.0
        self._policy = policy
        self._clock = clock
        self._released = released
        self._details: dict[int, Details] = {}  # of the slots that have any
        self._tagged: dict[str, set[int]] = {}
        self._sweep_at = 0

    def keep(
        self,
        newcomer: Newcomer,
        value: Any,
        expires_at: float,
        details: Details,
        leaving: list[tuple[Any, Entry]] | None,
    ) -> bool:
        """Keep a value in place of an older one, and say whether it was kept; `leaving` gets who made room."""
        now = self._clock()
        kept = self._replace(newcomer, value, expires_at, details)
        if not kept:
            kept = self._add(newcomer, value, expires_at, details, leaving, now)
        self._sweep(now)
        return kept

    def forget(self, key: Hashable) -> bool:
        """Forget an entry, and say whether it was there."""
        slot = self.entries.find(key)
        if slot >= 0:
            self.remove(slot)
        return slot >= 0

    def peek(self, key: Hashable) -> Entry | None:
        """Return all that is known of a key, also while it is stale, or None; no use."""
        slot = self.entries.find(key)
        return None if slot < 0 or self.remove_ended(slot, self._clock()) else self.entry(slot)

    def is_fresh(self, key: Hashable) -> bool:
        """Say whether a key is there and fresh; no use."""
        slot = self.entries.find(key)
        return slot >= 0 and self._clock() < self.entries.item(slot)[2]

    def used(self, key: Hashable) -> None:
        """Tell the policy, if the key is still there."""
        slot = self.entries.find(key)
        if slot >= 0:
            self._policy.hit(slot)

    def values(self) -> list[Any]:
        """Return all values, those that have ended and are not yet gone included."""
        return [self.entries.item(slot)[1] for slot in self._taken()]

    def clear(self) -> None:
        """Forget everything."""
        for slot in self._taken():
            self.remove(slot)

    def remove(self, slot: int) -> None:
        """Forget the entry in `slot`."""
        if not self.entries.was_hit(slot):
            self.wasted += self.entries.costs[slot]
        self._policy.removed(slot)
        self._set_details(slot, NO_DETAILS)
        self._released.extend(self.entries.item(slot))
        self.entries.drop(slot)

    def remove_tagged(self, tag: str) -> int:
        """Forget all entries with a tag, and return how many those were."""
        slots = list(self._tagged.get(tag, ()))
        for slot in slots:
            self.remove(slot)
        return len(slots)

    def remove_ended(self, slot: int, now: float) -> bool:
        """Forget the entry in `slot` if it has ended, and say whether it had."""
        expires_at = self.entries.item(slot)[2]
        if expires_at == math.inf:
            return False
        ended = max(expires_at, self._details.get(slot, NO_DETAILS).stale_until) <= now
        if ended:
            self.remove(slot)
            self.ended += 1
        return ended

    def shrink(self, to_bytes: int, leaving: list[tuple[Any, Entry]] | None) -> int:
        """Give up the least valuable entries until `to_bytes` are left, and return how many bytes that freed."""
        now, before = self._clock(), self.entries.bytes
        while self.entries.bytes > to_bytes:
            self._evict(self._policy.victims(NOBODY, 1, 0) or (), leaving, now)
        return before - self.entries.bytes

    def entry(self, slot: int) -> Entry:
        """Return all that is known of the entry in `slot`."""
        entries = self.entries
        key, value, expires_at = entries.item(slot)
        newcomer = Newcomer(key, entries.weights[slot], entries.costs[slot], entries.priorities[slot])
        return _entry(newcomer, value, expires_at, self._details.get(slot, NO_DETAILS))

    def living(self) -> list[tuple[Any, Entry]]:
        """Return keys and entries of all that has not ended."""
        now = self._clock()
        held = [(self.entries.item(slot)[0], self.entry(slot)) for slot in self._taken()]
        return [(key, entry) for key, entry in held if now < entry.ends_at]

    def _taken(self) -> list[int]:
        """Return the slots that hold an entry."""
        entries = self.entries
        return [slot for slot in range(entries.slots) if entries.priorities[slot] != entries.FREE]

    def _replace(self, newcomer: Newcomer, value: Any, expires_at: float, details: Details) -> bool:
        """Change the entry of this key in its place, or remove it if it would not fit there."""
        entries = self.entries
        slot = entries.find(newcomer.key)
        if slot < 0:
            return False
        grown = newcomer.weight - entries.weights[slot]
        if entries.bytes + grown > self.max_bytes or newcomer.priority != entries.priorities[slot]:
            self.remove(slot)
            return False
        if not entries.was_hit(slot):
            self.wasted += entries.costs[slot]
        self._released.append(entries.item(slot)[1])
        entries.replace(slot, value, expires_at)
        entries.bytes += grown
        entries.weights[slot] = newcomer.weight
        entries.costs[slot] = newcomer.cost
        self._set_details(slot, details)
        self._policy.hit(slot)
        return True

    def _add(
        self,
        newcomer: Newcomer,
        value: Any,
        expires_at: float,
        details: Details,
        leaving: list[tuple[Any, Entry]] | None,
        now: float,
    ) -> bool:
        victims = self._victims(newcomer)
        if victims is None:
            self.refused += 1
            if leaving is not None:
                leaving.append((newcomer.key, _entry(newcomer, value, expires_at, details)))
            return False
        self._evict(victims, leaving, now)
        slot = self.entries.add(
            newcomer.key,
            value,
            expires_at,
            weight=newcomer.weight,
            cost=newcomer.cost,
            priority=newcomer.priority,
        )
        try:
            self._policy.added(slot, newcomer)
        except BaseException:  # its key cannot be hashed any more
            self.entries.drop(slot)
            raise
        self._set_details(slot, details)
        return True

    def _victims(self, newcomer: Newcomer) -> list[int] | None:
        """Return who makes room, None if nobody does."""
        if newcomer.weight > self.max_bytes:
            return None
        weight = self.entries.bytes + newcomer.weight - self.max_bytes
        count = 0 if self.max_entries is None else len(self.entries) + 1 - self.max_entries
        return self._policy.victims(newcomer, weight, count) if weight > 0 or count > 0 else []

    def _evict(self, slots: Collection[int], leaving: list[tuple[Any, Entry]] | None, now: float) -> None:
        for slot in slots:
            if not self.remove_ended(slot, now):
                if leaving is not None:
                    leaving.append((self.entries.item(slot)[0], self.entry(slot)))
                self.remove(slot)
                self.evicted += 1

    def _set_details(self, slot: int, details: Details) -> None:
        for tag in self._details.pop(slot, NO_DETAILS).tags:
            self._tagged[tag].discard(slot)
            if not self._tagged[tag]:
                del self._tagged[tag]
        if details is not NO_DETAILS:
            self._details[slot] = details
            for tag in details.tags:
                self._tagged.setdefault(tag, set()).add(slot)

    def _sweep(self, now: float) -> None:
        """Remove what has ended from the next slots: nobody may ever ask for it."""
        for _ in range(min(SWEPT, self.entries.slots)):
            self._sweep_at = (self._sweep_at + 1) % self.entries.slots
            if not self.entries.is_free(self._sweep_at):
                self.remove_ended(self._sweep_at, now)


def _entry(newcomer: Newcomer, value: Any, expires_at: float, details: Details) -> Entry:
    return Entry(
        value=value,
        weight=newcomer.weight,
        cost=newcomer.cost,
        priority=newcomer.priority,
        tags=details.tags,
        expires_at=expires_at,
        stale_until=details.stale_until,
        compute_seconds=details.compute_seconds,
    )
