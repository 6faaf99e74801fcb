"""Making a value that is not there, and keeping it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from postopt.caching.base import Entry, Key, check_amount
from postopt.caching.freshness import Freshness
from postopt.caching.lease import Leases
from postopt.caching.negatives import Negatives
from postopt.caching.packing import Packing
from postopt.caching.portal import Portal
from postopt.caching.report import Counters
from postopt.caching.stack import Begun, Stack
from postopt.clock import Clock
from postopt.errors import StoreError

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
    keep: Callable[[Any], bool] | None


class Maker:
    """Makes values, one attempt at a time, for callers that await and callers that do not.

    A value is kept unless its key, one of its tags or everything was changed while it was made. With leases, another
    process may be making it: then this one waits, and takes that one's value.

    Whatever is wrong with keeping a value, whoever waits for it gets it: it was paid for.
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
            with self._attempt(plan) as keep:
                value = await compute()
                made, begun = keep(value)
            if made is not None:
                await self._stack.finish_set(begun, made, token)
            return value
        finally:
            await self._give_back(plan.key, token)

    def make_sync(self, plan: Plan, compute: Callable[[], T]) -> T:
        """Do as `make` does, for a thread that does not await."""
        self._negatives.check(plan.key)
        token, entry = _NO_LEASE
        if self._leases is not None:
            token, entry = self._wait_for(partial(self._lease, plan.key), _NO_LEASE, 2 * self._lease_seconds)
        try:
            if entry is not None:
                return cast("T", self.served(entry))
            with self._attempt(plan) as keep:
                value = compute()
                made, begun = keep(value)
            try:
                if made is not None and begun:
                    self._wait_for(partial(self._stack.finish_set, begun, made, token), None, self._stack.patience)
            finally:
                self._stack.abandon(begun)
            return value
        finally:
            if token is not None:
                self._wait_for(partial(self._give_back, plan.key, token), None, self._stack.patience)

    async def find(self, key: Key) -> Entry | None:
        """Return what the levels hold."""
        return self._packing.unpacked(await self._stack.get(key))

    async def look_again(self, key: Key) -> Entry | None:
        """Return what the levels hold, to somebody who found nothing in memory a moment ago."""
        return self._packing.unpacked(await self._stack.look_again(key))

    def look_again_sync(self, key: Key) -> Entry | None:
        """Do the same for a thread that does not await."""
        if self._stack.far:
            return self._wait_for(partial(self.look_again, key), None, self._stack.patience)
        return self._packing.unpacked(self._stack.look_again_near(key))

    def served(self, entry: Entry) -> Any:
        """Return the value of an entry that was there, and count what that saved."""
        self._counters.hits += 1
        self._counters.cost_saved += entry.cost
        if not entry.is_fresh(self._clock()):
            self._counters.stale_served += 1
        return entry.value

    @contextmanager
    def _attempt(self, plan: Plan) -> Iterator[Callable[[Any], tuple[Entry | None, Begun]]]:
        """Lend what keeps a value that was just made in memory, and begins to keep it elsewhere: the entry, or None."""
        started = self._timer()

        def keep(value: Any) -> tuple[Entry | None, Begun]:
            self._counters.computed += 1
            try:
                entry = self._entry(plan, value, max(self._timer() - started, 0.0))
                self._counters.cost_spent += entry.cost
                wanted = plan.keep is None or plan.keep(value)
                packed = self._packing.packed(entry) if wanted else None
            except Exception:  # noqa: BLE001 - of `cost_of`, `keep` or the codec
                packed = None
            if packed is None:
                self._counters.unkept += 1
                return None, []
            begun = self._stack.begin_set(plan.key, packed, unless_since=now)
            return (None, []) if begun is None else (packed, begun)

        with self._stack.changes.watch() as now:
            try:
                yield keep
            except Exception as error:
                self._counters.failed += 1
                self._negatives.keep(plan.key, error)
                raise

    def _entry(self, plan: Plan, value: Any, seconds: float) -> Entry:
        expires_at, stale_until = self._freshness.ends(self._clock(), plan.ttl, plan.stale_ttl)
        return Entry(
            value=value,
            cost=check_amount("cost", plan.cost_of(value, seconds)),
            priority=plan.priority,
            tags=plan.tags,
            expires_at=expires_at,
            stale_until=stale_until,
            compute_seconds=seconds,
        )

    async def _lease(self, key: Key) -> tuple[int | None, Entry | None]:
        """Return the token of a lease, or what another process made meanwhile; neither where leases cannot be had."""
        leases, seconds, token = self._leases, self._lease_seconds, None
        if leases is None:
            return _NO_LEASE
        try:
            while (token := await leases.acquire(key, seconds)) is None:
                await leases.wait(key, seconds)
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

    def _wait_for(self, function: Callable[[], Coroutine[Any, Any, T]], otherwise: T, patience: float) -> T:
        try:
            return self._portal.call(function, patience)
        except TimeoutError:
            self._counters.overdue += 1
        return otherwise


_NO_LEASE: tuple[int | None, Entry | None] = (None, None)
