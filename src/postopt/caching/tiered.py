"""Several levels as one: the quickest that has a value answers, and a missing one is made once for all who ask."""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from postopt.caching.base import (
    Entry,
    Key,
    Store,
    check_entry,
    check_key,
    check_priority,
    check_seconds,
    check_tags,
    check_ttl,
)
from postopt.caching.coalescing import Coalescer
from postopt.caching.codec import Codec, check_codec
from postopt.caching.far_level import CLOSING_SECONDS
from postopt.caching.freshness import Freshness
from postopt.caching.lease import Leases
from postopt.caching.leases_at_home import LeasesAtHome
from postopt.caching.making import CostOf, Maker, Plan
from postopt.caching.negatives import Negatives
from postopt.caching.packing import Packing
from postopt.caching.portal import Portal
from postopt.caching.refreshes import Refreshes
from postopt.caching.report import CacheReport, Counters, make_report
from postopt.caching.stack import Stack
from postopt.clock import Clock
from postopt.errors import CacheValueError, StoreError

T = TypeVar("T")


def _seconds(_: Any, seconds: float) -> float:
    return seconds


class TieredCache:
    """A cache of several levels, and the one place where what is missing is made.

    A `Store` itself, with the laws of one; how levels work together is in `Stack`. What `get_or_compute` adds:

    - Callers of one key share one computation (`Coalescer`), those that await and those that do not; with `leases`,
      those of other processes too.
    - A value that is no longer fresh, but may be served stale, is served at once, and made anew meanwhile by one of the
      callers. So is one that is about to end and takes long to make (XFetch).
    - A value is not kept if its key, one of its tags or everything was set, deleted or invalidated while it was made.
    - An error of a class in `negative` is kept for so many seconds, and raised again instead of trying.
    - No level can fail a call, or hold it up for longer than its deadline.

    Args:
        stores: the levels, the quickest first.
        codec: keeps values as bytes in every level: each caller gets a value of its own, which it may change. Without
            one, levels in memory keep values as they are.
        coalescer: shares computations, with caches of the same keys, if there are others.
        leases: shares them with other processes: one computes, the others wait for its value.
        lease_seconds: how long a process that died may keep the others waiting (30 is arbitrary).
        deadline: seconds that a call of a level may take; levels may have shorter ones of their own.
        negative: classes of errors to keep, and for how many seconds. The first class that an error is an instance of
            counts.
        cost_of: what a value cost that took so many seconds to make, in one unit for all; the seconds unless given.
        jitter, beta, seed: see `Freshness`.
        clock: seconds since the epoch.
        timer: monotonic seconds.

    Raises:
        CacheValueError: there is no level, or a setting is out of range.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of the host, and all have a default
        self,
        *stores: Store,
        codec: Codec | None = None,
        coalescer: Coalescer | None = None,
        leases: Leases | None = None,
        lease_seconds: float = 30.0,
        deadline: float = 1.0,
        negative: Mapping[type[Exception], float] | None = None,
        cost_of: CostOf = _seconds,
        jitter: float = 0.0,
        beta: float = 1.0,
        seed: int = 0,
        clock: Clock = time.time,
        timer: Clock = time.monotonic,
    ) -> None:
        check_seconds("deadline", deadline)
        check_seconds("lease_seconds", lease_seconds)
        check_codec(codec)
        self._portal = Portal()
        self._stack = Stack(stores, self._portal, deadline=deadline, clock=clock, timer=timer)
        self._coalescer = Coalescer() if coalescer is None else coalescer
        self._leases = None if leases is None else LeasesAtHome(leases, self._portal, seconds=lease_seconds)
        self._negatives = Negatives(negative or {}, clock)
        self._cost_of = cost_of
        self._freshness = Freshness(jitter=jitter, beta=beta, seed=seed)
        self._clock = clock
        self._counters = Counters()
        self._packing = Packing(codec, self._counters)
        self._refreshes = Refreshes(timer)
        self._maker = Maker(
            self._stack,
            self._packing,
            self._counters,
            self._negatives,
            self._freshness,
            self._portal,
            leases=self._leases,
            lease_seconds=lease_seconds,
            clock=clock,
            timer=timer,
        )
        _CACHES.add(self)

    # As every Store

    async def get(self, key: Key) -> Entry | None:
        """Return the entry, also while it is stale, or None.

        Raises:
            CacheValueError: the key is no text.
        """
        entry = await self._maker.find(check_key(key))
        if entry is None:
            self._counters.misses += 1
        else:
            self._maker.served(entry)
        return entry

    async def set(self, key: Key, entry: Entry) -> None:
        """Keep the entry in all levels that can, in place of an older one.

        Raises:
            CacheValueError: the key is no text, `entry` no Entry; or the codec cannot encode the value: then there is
                no older one either.
        """
        check_entry(entry)
        self._negatives.forget(check_key(key))
        try:
            packed = self._packing.packed(entry)
        except CacheValueError:
            await self._stack.delete(key)
            raise
        await self._stack.set(key, packed)

    async def delete(self, key: Key) -> None:
        """Forget the key in all levels.

        Raises:
            CacheValueError: the key is no text.
        """
        self._negatives.forget(check_key(key))
        await self._stack.delete(key)

    async def invalidate_tag(self, tag: str) -> None:
        """Forget all entries with this tag in all levels.

        Raises:
            CacheValueError: the tag is no text.
        """
        check_tags((tag,))
        await self._stack.invalidate_tag_everywhere(tag)

    # Computing

    async def get_or_compute(
        self,
        key: Key,
        compute: Callable[[], Awaitable[T]],
        *,
        ttl: float | None = None,
        stale_ttl: float = 0.0,
        priority: int = 0,
        tags: Collection[str] = (),
        cost_of: CostOf | None = None,
        keep: Callable[[T], bool] | None = None,
    ) -> T:
        """Return the value of `key`, from a level or else from `await compute()`, which is kept then.

        Args:
            key: what identifies the value; see `cache_key`.
            compute: makes the value; called once for all callers that wait at the same time.
            ttl: seconds that the value is fresh, or None for ever.
            stale_ttl: seconds after that in which it may be served stale while it is made anew, or cannot be.
            priority: class from 0 (given up first) to 7.
            tags: names by which to invalidate it.
            cost_of: as for the cache, for this value.
            keep: says of a value whether to keep it; all are kept unless it is given.

        Raises:
            CacheValueError: a number is negative, NaN or out of range, or a name no text.
            ReentrantError: `compute` asks, directly or through others, for the value that it makes.
            Exception: what `compute` raised.
        """
        plan = self._plan(key, ttl, stale_ttl, priority, tags, cost_of, keep)
        entry = self._packing.unpacked(self._stack.get_near(key))
        if entry is None:
            return await self._coalescer.run(key, partial(self._load, plan, compute))
        if self._is_old(entry):
            self._refresh(plan, compute)
        return cast("T", self._maker.served(entry))

    def get_or_compute_sync(
        self,
        key: Key,
        compute: Callable[[], T],
        *,
        ttl: float | None = None,
        stale_ttl: float = 0.0,
        priority: int = 0,
        tags: Collection[str] = (),
        cost_of: CostOf | None = None,
        keep: Callable[[T], bool] | None = None,
    ) -> T:
        """Do as `get_or_compute` does, for a thread that does not await; the two share their computations.

        A value that is old is made anew by this call before it returns, unless another one is about it.
        """
        plan = self._plan(key, ttl, stale_ttl, priority, tags, cost_of, keep)
        entry = self._packing.unpacked(self._stack.get_near(key))
        if entry is None:
            return self._coalescer.run_sync(key, partial(self._load_sync, plan, compute))
        make = partial(self._maker.make_sync, plan, compute)
        return self._renewed(plan, entry, partial(self._coalescer.run_sync, key, make))

    def stats(self) -> CacheReport:
        """Return what has happened so far, and what the levels hold."""
        return make_report(self._stack.levels, self._counters, self._negatives, self._coalescer)

    async def aclose(self) -> None:
        """Stop making values anew, and close levels and leases."""
        await self._refreshes.aclose()
        await self._close_levels()
        await asyncio.to_thread(self._portal.close)

    def close(self) -> None:
        """Do the same, for a program that does not await."""
        self._refreshes.cancel()
        with suppress(TimeoutError, StoreError):
            self._portal.call(self._close_levels, (CLOSING_SECONDS + 1) * len(self._stack.levels))
        self._portal.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _plan(
        self,
        key: Key,
        ttl: float | None,
        stale_ttl: float,
        priority: int,
        tags: Collection[str],
        cost_of: CostOf | None,
        keep: Callable[[T], bool] | None,
    ) -> Plan:
        check_priority(priority)
        texts = () if tags == () else check_tags(tags)
        fresh, stale = check_ttl(ttl), check_ttl(stale_ttl, "stale_ttl")
        return Plan(check_key(key), fresh, stale, priority, texts, cost_of or self._cost_of, keep)

    def _is_old(self, entry: Entry) -> bool:
        """Say whether to make a value anew: it is stale, or soon will be."""
        now = self._clock()
        return not entry.is_fresh(now) or self._freshness.is_due(entry, now)

    async def _load(self, plan: Plan, compute: Callable[[], Awaitable[T]]) -> T:
        """Look once more, in all levels, and make what is missing."""
        entry = await self._maker.look_again(plan.key)
        if entry is None:
            return await self._maker.make(plan, compute)
        if self._is_old(entry):
            # In a moment: now, the flight of this key is this one.
            asyncio.get_running_loop().call_soon(self._refresh, plan, compute)
        return cast("T", self._maker.served(entry))

    def _load_sync(self, plan: Plan, compute: Callable[[], T]) -> T:
        entry = self._maker.look_again_sync(plan.key)
        if entry is None:
            return self._maker.make_sync(plan, compute)
        return self._renewed(plan, entry, partial(self._maker.make_sync, plan, compute))

    def _refresh(self, plan: Plan, compute: Callable[[], Awaitable[T]]) -> None:
        """Make a value anew in a task of its own, unless somebody is about it or was in vain a moment ago."""

        async def refresh() -> bool:
            unkept = self._counters.unkept
            try:
                await self._coalescer.run(plan.key, partial(self._maker.make, plan, compute))
            except Exception:  # noqa: BLE001 - there is a value to serve, and nobody to tell
                self._counters.refresh_failed += 1
                return False
            self._counters.refreshed += 1
            return self._counters.unkept == unkept

        if self._refreshes.begin(plan.key):
            self._refreshes.start(plan.key, refresh)

    def _renewed(self, plan: Plan, entry: Entry, make: Callable[[], T]) -> T:
        """Return the value of an entry, made anew before if it is old, unless somebody is about it."""
        if self._is_old(entry) and self._refreshes.begin(plan.key):
            unkept, well = self._counters.unkept, False
            try:
                value = make()
                well = self._counters.unkept == unkept
                return value  # noqa: TRY300 - after `well`, before `end`
            except Exception:  # noqa: BLE001 - there is a value to serve
                self._counters.refresh_failed += 1
            finally:
                self._refreshes.end(plan.key, well=well)
        return cast("T", self._maker.served(entry))

    async def _close_levels(self) -> None:
        if self._leases is not None:
            with suppress(StoreError):
                await self._leases.aclose()
        await self._stack.aclose()

    def _forget_parent(self) -> None:
        """In the child of a fork: what the parent's tasks and threads were about, nobody is here."""
        self._refreshes.reset()
        self._portal.reset()
        self._stack.forget_watched()


_CACHES: weakref.WeakSet[TieredCache] = weakref.WeakSet()


def _forget_after_fork() -> None:
    for cache in list(_CACHES):
        cache._forget_parent()  # noqa: SLF001 - ours


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forget_after_fork)
