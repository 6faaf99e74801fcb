"""Making a value that is not there, and keeping it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from postopt.caching.base import Entry, Key
from postopt.caching.codec import Codec
from postopt.caching.freshness import Freshness
from postopt.caching.lease import Leases
from postopt.caching.negatives import Negatives
from postopt.caching.portal import Portal
from postopt.caching.report import Counters
from postopt.caching.stack import Stack
from postopt.clock import Clock
from postopt.errors import CacheValueError, StoreError

T = TypeVar("T")

CostOf: TypeAlias = Callable[[Any, float], float]
"""What a value cost that took so many seconds to make."""


class Plan(NamedTuple):
    """How to keep a value that is still to be made; arguments as of `TieredCache.get_or_compute`."""

    key: Key
    ttl: float
    stale_ttl: float
    priority: int
    tags: tuple[str, ...]
    cost_of: CostOf


class Packing:
    """Keeps the values of entries as bytes, if there is a codec to make them."""

    def __init__(self, codec: Codec | None, counters: Counters) -> None:
        self._codec = codec
        self._counters = counters

    def packed(self, entry: Entry) -> Entry:
        """Return the entry as levels keep it; raises CacheValueError for a value that the codec cannot encode."""
        if self._codec is None:
            return entry
        kind, plain = self._codec.plain(entry.value)
        return entry.holding(bytes((kind,)) + plain)

    def unpacked(self, entry: Entry | None) -> Entry | None:
        """Return the entry as it was, or None if this codec did not make it."""
        if self._codec is None or entry is None:
            return entry
        try:
            return entry.holding(self._codec.value_of(entry.value[0], entry.value[1:]))
        except (ValueError, TypeError, LookupError):
            self._counters.unreadable += 1
            return None


class Maker:
    """Makes values, one attempt at a time, for callers that await and callers that do not.

    A value is kept unless its key, one of its tags or everything was changed while it was made. With leases, another
    process may be making it: then this one waits, and takes that one's value.
    """

    def __init__(
        self,
        stack: Stack,
        packing: Packing,
        counters: Counters,
        negatives: Negatives,
        freshness: Freshness,
        portal: Portal,
        *,
        leases: Leases | None,
        lease_seconds: float,
        clock: Clock,
        timer: Clock,
    ) -> None:
        self._stack = stack
        self._packing = packing
        self._counters = counters
        self._negatives = negatives
        self._freshness = freshness
        self._portal = portal
        self._leases = leases
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._timer = timer

    async def make(self, plan: Plan, compute: Callable[[], Awaitable[T]]) -> T:
        """Return what `compute` gives, having kept it; or what another process made meanwhile."""
        self._negatives.check(plan.key)
        token, entry = await self._lease(plan.key)
        try:
            if entry is not None:
                return cast("T", self.served(entry))
            with self._attempt(plan) as entry_of:
                value = await compute()
                made = entry_of(value)
                if made is not None:
                    self._stack.set_near(plan.key, made)
                    await self._stack.set_far(plan.key, made, token)
                return value
        finally:
            await self._give_back(plan.key, token)

    def make_sync(self, plan: Plan, compute: Callable[[], T]) -> T:
        """Do as `make` does, for a thread that does not await."""
        self._negatives.check(plan.key)
        token, entry = self._wait_for(partial(self._lease, plan.key), _NO_LEASE) if self._leases else _NO_LEASE
        try:
            if entry is not None:
                return cast("T", self.served(entry))
            with self._attempt(plan) as entry_of:
                value = compute()
                made = entry_of(value)
                if made is not None:
                    self._stack.set_near(plan.key, made)
                    if self._stack.far:
                        self._wait_for(partial(self._stack.set_far, plan.key, made, token), None)
                return value
        finally:
            if token is not None:
                self._wait_for(partial(self._give_back, plan.key, token), None)

    async def find(self, key: Key) -> Entry | None:
        """Return what the levels hold."""
        return self._packing.unpacked(await self._stack.get(key))

    async def look_again(self, key: Key) -> Entry | None:
        """Return what the levels hold, to somebody who found nothing in memory a moment ago."""
        return self._packing.unpacked(await self._stack.look_again(key))

    def look_again_sync(self, key: Key) -> Entry | None:
        """Do the same for a thread that does not await."""
        if self._stack.far:
            return self._wait_for(partial(self.look_again, key), None)
        return self._packing.unpacked(self._stack.look_again_near(key))

    def served(self, entry: Entry) -> Any:
        """Return the value of an entry that was there, and count what that saved."""
        self._counters.hits += 1
        self._counters.cost_saved += entry.cost
        if not entry.is_fresh(self._clock()):
            self._counters.stale_served += 1
        return entry.value

    @contextmanager
    def _attempt(self, plan: Plan) -> Iterator[Callable[[Any], Entry | None]]:
        """Lend what makes an entry of a value that was just made; None if it is not to be kept."""
        started = self._timer()

        def entry_of(value: Any) -> Entry | None:
            seconds = max(self._timer() - started, 0.0)
            cost = plan.cost_of(value, seconds)
            self._counters.computed += 1
            self._counters.cost_spent += cost
            if self._stack.changes.since(now, plan.key, plan.tags):
                return None
            try:
                return self._packing.packed(self._entry(plan, value, cost, seconds))
            except CacheValueError:
                self._counters.unkept += 1
                return None

        with self._stack.changes.watch() as now:
            try:
                yield entry_of
            except Exception as error:
                self._negatives.keep(plan.key, error)
                raise

    def _entry(self, plan: Plan, value: Any, cost: float, seconds: float) -> Entry:
        expires_at, stale_until = self._freshness.ends(self._clock(), plan.ttl, plan.stale_ttl)
        return Entry(
            value=value,
            cost=cost,
            priority=plan.priority,
            tags=plan.tags,
            expires_at=expires_at,
            stale_until=stale_until,
            compute_seconds=seconds,
        )

    async def _lease(self, key: Key) -> tuple[int | None, Entry | None]:
        """Return the token of a lease, or what another process made meanwhile; neither where leases cannot be had."""
        leases, token = self._leases, None
        if leases is None:
            return _NO_LEASE
        try:
            while (token := await leases.acquire(key, self._lease_seconds)) is None:
                await leases.wait(key, self._lease_seconds)
                entry = await self.look_again(key)
                if entry is not None and entry.is_fresh(self._clock()):
                    return None, entry
            # Whoever had it before may just have kept its value.
            entry = await self.look_again(key)
        except StoreError:
            return _NO_LEASE
        except BaseException:  # it was cancelled
            await self._give_back(key, token)
            raise
        return token, entry if entry is not None and entry.is_fresh(self._clock()) else None

    async def _give_back(self, key: Key, token: int | None) -> None:
        if token is not None and self._leases is not None:
            with suppress(StoreError):
                await self._leases.release(key, token)

    def _wait_for(self, function: Callable[[], Coroutine[Any, Any, T]], otherwise: T) -> T:
        try:
            return self._portal.call(function)
        except TimeoutError:
            self._counters.overdue += 1
            return otherwise


_NO_LEASE: tuple[int | None, Entry | None] = (None, None)
