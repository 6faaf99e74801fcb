"""The seam of the cache: what is kept, and what every level that keeps it promises."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from postopt.errors import CacheValueError

Key: TypeAlias = str
"""Any text; `cache_key` makes one from a prompt. Levels outside of the process may store a digest of it instead."""

PRIORITIES = 8
"""Classes of entries, 0 to 7: a level that is full gives up entries of a lower class first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value and what a cache has to know about it.

    Times are seconds since the epoch, because they outlive the process that wrote them; spans are seconds. If the
    wall clock is put back, entries live longer by as much.

    Attributes:
        value: anything, `None` and empty values included. Levels that keep bytes take what `Codec` can encode.
        weight: bytes that the value takes, or 0 if nobody measured; a level that measures puts its own number here.
        cost: what making the value again would cost, zero or more: US dollars or seconds, one unit a cache.
        priority: class from 0 (given up first) to 7.
        tags: names by which a group of entries is invalidated at once.
        expires_at: when the value stops being fresh; infinite if never.
        stale_until: until when a value that is no longer fresh may still be served by whoever knows that it is stale.
            An entry ends at the later of the two.
        compute_seconds: how long making the value took.

    Raises:
        CacheValueError: a number is negative or NaN, a priority out of range, or a tag no text.
    """

    value: Any
    weight: int = 0
    cost: float = 0.0
    priority: int = 0
    tags: tuple[str, ...] = ()
    expires_at: float = math.inf
    stale_until: float = -math.inf
    compute_seconds: float = 0.0

    def __post_init__(self) -> None:
        check_weight(self.weight)
        check_amount("cost", self.cost)
        check_amount("compute_seconds", self.compute_seconds)
        check_priority(self.priority)
        object.__setattr__(self, "tags", check_tags(self.tags))
        for name in ("expires_at", "stale_until"):
            if math.isnan(getattr(self, name)):
                raise CacheValueError(f"{name} is NaN; seconds since the epoch are needed")

    def is_fresh(self, now: float) -> bool:
        """Say whether the value may be served as it is."""
        return now < self.expires_at

    @property
    def ends_at(self) -> float:
        """From when on no level returns the entry."""
        return max(self.expires_at, self.stale_until)


class Store(Protocol):
    """One level of a cache.

    Laws, which `postopt.testing.StoreContract` tests:
        - What was set last is what `get` returns, with all that is known about it, or None; never another value.
          A level may forget any entry at any time.
        - An entry is not returned from its end (`Entry.ends_at`) on, nor after `delete`.
        - A value that is empty or None is a hit like any other: only None in place of an `Entry` is a miss.
        - Whatever a cancelled call did, it did entirely or not at all.

    A level that has `async def invalidate_tag(tag)` is given entries with tags; others are not. One that has
    `async def aclose()` is closed with the cache.
    """

    async def get(self, key: Key) -> Entry | None:
        """Return the entry, or None if there is none.

        Raises:
            StoreError: the level cannot be reached or fails.
        """
        ...

    async def set(self, key: Key, entry: Entry) -> None:
        """Keep the entry in place of an older one of that key.

        Raises:
            CacheValueError: the level cannot keep such a value; it holds no older one either.
            StoreError: the level cannot be reached or fails.
        """
        ...

    async def delete(self, key: Key) -> None:
        """Forget the entry; no error if there is none.

        Raises:
            StoreError: the level cannot be reached or fails.
        """
        ...


def check_weight(weight: object) -> None:
    """Raise CacheValueError unless `weight` is an int of zero or more bytes."""
    if type(weight) is not int or weight < 0:
        raise CacheValueError(f"weight is {weight!r}; bytes as an int, zero or more, are needed")


def check_amount(name: str, amount: float) -> None:
    """Raise CacheValueError unless `amount` is finite and zero or more."""
    if not 0 <= amount < math.inf:
        raise CacheValueError(f"{name} is {amount!r}; a finite number, zero or more, is needed")


def check_priority(priority: object) -> None:
    """Raise CacheValueError unless `priority` is one of the classes."""
    if type(priority) is not int or not 0 <= priority < PRIORITIES:
        raise CacheValueError(f"priority is {priority!r}; an int from 0 to {PRIORITIES - 1} is needed")


def check_tags(tags: object) -> tuple[str, ...]:
    """Return the tags as a tuple; raises CacheValueError for anything but a collection of texts."""
    if isinstance(tags, str) or not isinstance(tags, tuple | list | set | frozenset):
        raise CacheValueError(f"tags are {tags!r}; a tuple, list or set of texts is needed")
    if not all(isinstance(tag, str) for tag in tags):
        raise CacheValueError("a tag is no text")
    return tuple(dict.fromkeys(tags))


def check_ttl(ttl: float | None) -> float:
    """Return how many seconds a value lives, infinity for None; raises CacheValueError if it is negative or NaN."""
    if ttl is None:
        return math.inf
    if not ttl >= 0:
        raise CacheValueError(f"ttl is {ttl!r}; seconds, zero or more, or None for ever are needed")
    return ttl
