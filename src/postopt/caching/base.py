"""The seam of the cache: what is kept, and what every level that keeps it promises."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NoReturn, Protocol, TypeAlias

from postopt.errors import CacheValueError, shown

Key: TypeAlias = str
"""Any text; `cache_key` makes one from a prompt. Levels outside of the process may store a digest of it instead."""

PRIORITIES = 8
"""Classes of entries, 0 to 7: a level that is full gives up entries of a lower class first."""

MAX_WEIGHT = 2**64 - 1
"""What eight bytes hold; levels in memory and `Codec` give a weight no more."""

_UNORDERED = (set, frozenset)
_COLLECTIONS = (tuple, list, *_UNORDERED)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Entry:
    """A value and what a cache has to know about it.

    Times are seconds since the epoch, because they outlive the process that wrote them; spans are seconds. If the
    wall clock is put back, entries live longer by as much. Whole numbers are stored as floats, sets of tags in order.

    Attributes:
        value: anything, `None` and empty values included. Levels that keep bytes take what `Codec` can encode.
        weight: bytes that the value takes, 64 bits at most, or 0 if nobody measured; a level that measures puts its
            own number here.
        cost: what making the value again would cost, zero or more: US dollars or seconds, one unit a cache.
        priority: class from 0 (given up first) to 7.
        tags: names by which a group of entries is invalidated at once.
        expires_at: when the value stops being fresh; infinite if never.
        stale_until: until when a value that is no longer fresh may still be served by whoever knows that it is stale.
            An entry ends at the later of the two.
        compute_seconds: how long making the value took.

    Raises:
        CacheValueError: what should be a number is none, or negative or NaN, a priority out of range, or a tag no text.
    """

    value: Any
    weight: int = 0
    cost: float = 0.0
    priority: int = 0
    tags: tuple[str, ...] = ()
    expires_at: float = math.inf
    stale_until: float = -math.inf
    compute_seconds: float = 0.0

    def __init__(
        self,
        *,
        value: Any,
        weight: int = 0,
        cost: float = 0.0,
        priority: int = 0,
        tags: tuple[str, ...] = (),
        expires_at: float = math.inf,
        stale_until: float = -math.inf,
        compute_seconds: float = 0.0,
    ) -> None:
        # All in one look, because every hit of a level makes one of these: it takes a third of the time of the checks
        # below, which are for what it does not let through, and say what is wrong.
        if not (
            type(weight) is int
            and 0 <= weight <= MAX_WEIGHT
            and type(priority) is int
            and 0 <= priority < PRIORITIES
            and type(cost) is type(compute_seconds) is float
            and 0 <= cost < math.inf
            and 0 <= compute_seconds < math.inf
            and type(expires_at) is type(stale_until) is float
            and expires_at <= math.inf  # not NaN
            and stale_until <= math.inf
        ):
            check_weight(weight)
            check_priority(priority)
            cost = check_amount("cost", cost)
            compute_seconds = check_amount("compute_seconds", compute_seconds)
            expires_at = check_time("expires_at", expires_at)
            stale_until = check_time("stale_until", stale_until)
        # By the slots themselves: `object.__setattr__`, as a frozen dataclass has it, takes three times as long.
        _value(self, value)
        _weight(self, weight)
        _cost(self, cost)
        _priority(self, priority)
        _tags(self, tags if tags == () else check_tags(tags))
        _expires_at(self, expires_at)
        _stale_until(self, stale_until)
        _compute_seconds(self, compute_seconds)

    def holding(self, value: Any, *, weight: int | None = None) -> Entry:
        """Return the same of another value, and of its weight if that is given."""
        return Entry(
            value=value,
            weight=self.weight if weight is None else weight,
            cost=self.cost,
            priority=self.priority,
            tags=self.tags,
            expires_at=self.expires_at,
            stale_until=self.stale_until,
            compute_seconds=self.compute_seconds,
        )

    def is_fresh(self, now: float) -> bool:
        """Say whether the value may be served as it is."""
        return now < self.expires_at

    @property
    def ends_at(self) -> float:
        """From when on no level returns the entry."""
        return max(self.expires_at, self.stale_until)


_value, _weight, _cost, _priority, _tags, _expires_at, _stale_until, _compute_seconds = (
    vars(Entry)[field.name].__set__ for field in fields(Entry)
)


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


def check_key(key: object) -> Key:
    """Return the key; raises CacheValueError if it is no text."""
    if not isinstance(key, str):
        raise CacheValueError(f"a key is {shown(key)}; text is needed, as of cache_key()")
    return key


def check_entry(entry: object) -> None:
    """Raise CacheValueError unless `entry` is one."""
    if not isinstance(entry, Entry):
        raise CacheValueError(f"{shown(entry)} is no Entry; keep Entry(value=...)")


def check_clock(clock: object) -> None:
    """Raise CacheValueError unless `clock` can be called."""
    if not callable(clock):
        _refuse("clock", clock, "a function is needed that returns seconds")


def check_limit(name: str, limit: object) -> None:
    """Raise CacheValueError unless `limit` is an int of one or more, bytes or entries."""
    if type(limit) is not int or not 1 <= limit < 2**63:
        _refuse(name, limit, "an int from 1 to 2**63 - 1 is needed")


def check_weight(weight: object) -> None:
    """Raise CacheValueError unless `weight` is an int of zero or more bytes."""
    if type(weight) is not int or not 0 <= weight <= MAX_WEIGHT:
        _refuse("weight", weight, "bytes as an int, zero or more and of 64 bits at most, are needed")


def check_amount(name: str, amount: object) -> float:
    """Return a finite number, zero or more, as a float; raises CacheValueError for anything else."""
    number = _as_float(amount)
    if not 0 <= number < math.inf:
        _refuse(name, amount, "a finite number, zero or more, is needed")
    return number


def check_time(name: str, at: object) -> float:
    """Return a moment, which may be infinitely far, as a float; raises CacheValueError for anything else."""
    number = _as_float(at)
    if math.isnan(number):
        _refuse(name, at, "seconds since the epoch are needed")
    return number


def check_priority(priority: object) -> None:
    """Raise CacheValueError unless `priority` is one of the classes."""
    if type(priority) is not int or not 0 <= priority < PRIORITIES:
        _refuse("priority", priority, f"an int from 0 to {PRIORITIES - 1} is needed")


def check_tags(tags: object) -> tuple[str, ...]:
    """Return the tags as a tuple, each once; raises CacheValueError for anything but a collection of texts."""
    if not isinstance(tags, _COLLECTIONS):
        _refuse("tags", tags, "a tuple, list or set of texts is needed")
    for tag in tags:
        if not isinstance(tag, str):
            raise CacheValueError(f"tags hold {shown(tag)}; texts are needed")
    # The order of a set changes from process to process; what is stored must not.
    return tuple(sorted(tags) if isinstance(tags, _UNORDERED) else dict.fromkeys(tags))


def check_seconds(name: str, seconds: object) -> float:
    """Return a finite number of seconds, more than zero, as a float; raises CacheValueError for anything else."""
    number = _as_float(seconds)
    if not 0 < number < math.inf:
        _refuse(name, seconds, "seconds, more than zero, are needed")
    return number


def check_ttl(ttl: float | None, name: str = "ttl") -> float:
    """Return how many seconds a value lives, infinity for None; raises CacheValueError if it is negative or NaN."""
    if ttl is None:
        return math.inf
    seconds = _as_float(ttl)
    if not seconds >= 0:
        _refuse(name, ttl, "seconds, zero or more, or None for ever are needed")
    return seconds


def _as_float(number: object) -> float:
    """Return a number as a float, NaN for what is none or too large to be one."""
    if type(number) is float:
        return number
    if isinstance(number, bool) or not isinstance(number, int | float):
        return math.nan
    try:
        return float(number)
    except OverflowError:
        return math.nan


def _refuse(name: str, value: object, needed: str) -> NoReturn:
    raise CacheValueError(f"{name} is {shown(value)}; {needed}")
