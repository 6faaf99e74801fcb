"""Fetching ahead what is likely to be asked for, where that has proven to save more than it wastes."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Container, Hashable
from typing import Any, TypeAlias, TypeVar

from postopt.caching.base import check_amount
from postopt.caching.prefetching.allowance import Allowance
from postopt.caching.prefetching.ledger import Count
from postopt.caching.prefetching.namespace import Namespace
from postopt.caching.prefetching.report import PrefetchReport
from postopt.caching.prefetching.siblings import split
from postopt.caching.prefetching.slot_price import SlotPrice
from postopt.caching.prefetching.successors import Candidate, Successors
from postopt.caching.prefetching.time_of_day import BUCKETS as DAYS
from postopt.caching.prefetching.time_of_day import TimeOfDay
from postopt.clock import Clock
from postopt.errors import CacheValueError

K = TypeVar("K", bound=Hashable)
Resident: TypeAlias = Container[Any] | Callable[[Any], bool]

VARIANTS = 16
"""Buckets of the sibling predictor, one a number of a variant: it learns where a series ends."""


class Prefetcher:
    """Says which keys to fetch now because they are likely to be asked for soon.

    It fetches nothing and keeps no values. The host tells it every request (`observe`), and fetches what comes back,
    or does not. Three predictors look ahead: what followed a key before (`successors.py`), the next variant of a key
    of `cache_key` (`siblings.py`), and what was missed at this time of day the day before (`time_of_day.py`).

    None of them is believed. Every prediction is written down and looked at again, whether anything was fetched for it
    or not, so a record costs nothing (`forecasts.py`). Predictions of one kind are trusted while, p being the lower
    bound of the rate at which they come true, p cost > (1 - p) (cost + place): a fetch that is used costs what the
    miss would have cost; one that is not costs as much again, and a place in the cache (`slot_price.py`). Namespaces
    learn apart, and one's keys are never returned for another's.

    Laws, per namespace:
        - A key that is returned is not resident, not the key just asked for, and not twice in one answer.
        - At every moment, what was spent on fetches that nobody asked for is no more than what the others saved plus
          `stake` times the cost of all misses, in whatever order requests come.
        - issued = useful + wasted + pending.
        - Nothing is returned while trusted predictions foresee less than `min_gain` of the misses (half of it, once
          on), while the host is not idle, or beyond `budget`.
        - The same calls give the same answers.

    Memory is bounded: some 180 bytes for each of `max_keys` misses, 6 KB a namespace, 400 bytes for each open
    prediction (as a rule 300 in a busy namespace, never more than 256 requests' worth), and 3 MB in all for the time
    of day; keys are not counted. Thread-safe.

    Args:
        stake: share of the cost of misses that may be lost by trying.
        min_gain: share of the misses that has to be removable; below, it is not worth the fetches.
        budget: most that may be spent on fetches in `budget_seconds`, in the unit of the costs.
        budget_seconds: how long it takes for the budget to come back.
        max_keys: misses remembered, of all namespaces together.
        max_outstanding: fetches of one namespace that nobody has asked for yet.
        max_namespaces: of more, the least recently used is forgotten.
        ahead: how many misses ahead the successor predictor looks.
        clock: wall time in seconds, for the time of day and the budget.

    Raises:
        CacheValueError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        stake: float = 0.005,
        min_gain: float = 0.02,
        budget: float = math.inf,
        budget_seconds: float = 3600.0,
        max_keys: int = 65_536,
        max_outstanding: int = 1024,
        max_namespaces: int = 256,
        ahead: int = 8,
        clock: Clock = time.time,
    ) -> None:
        check_amount("stake", stake)
        check_amount("min_gain", min_gain)
        if not budget >= 0:
            raise CacheValueError(f"budget is {budget!r}; an amount, zero or more, is needed")
        if not 0 < budget_seconds < math.inf:
            raise CacheValueError(f"budget_seconds is {budget_seconds!r}; seconds, more than zero, are needed")
        limits = {"max_keys": max_keys, "max_outstanding": max_outstanding, "max_namespaces": max_namespaces}
        for name, limit in {**limits, "ahead": ahead}.items():
            if type(limit) is not int or limit < 1:
                raise CacheValueError(f"{name} is {limit!r}; an int, at least 1, is needed")
        self._stake = stake
        self._min_gain = min_gain
        self._max_outstanding = max_outstanding
        self._max_namespaces = max_namespaces
        self._clock = clock
        self._lock = threading.Lock()
        self._requests = 0
        self._allowance = Allowance(budget, seconds=budget_seconds)
        self._history = Successors(capacity=max_keys, ahead=ahead)
        self._days = TimeOfDay()
        self._price = SlotPrice()
        # The buckets of the predictors stand one behind the other.
        self._predictors = ["successor"] * self._history.buckets + ["sibling"] * VARIANTS + ["time_of_day"] * DAYS
        self._sibling = self._history.buckets
        self._timed = self._sibling + VARIANTS
        self._namespaces: OrderedDict[str, Namespace] = OrderedDict()
        self._dropped = Count()
        self._dropped_namespaces = 0

    def observe(
        self,
        key: K,
        *,
        hit: bool,
        resident: Resident,
        cost: float = 1.0,
        namespace: str | None = None,
        context: Hashable = None,
        idle: bool = True,
        now: float | None = None,
    ) -> list[K]:
        """Take a request, and return the keys to fetch now, those needed first in front; often none.

        Args:
            key: what was asked for.
            hit: whether the cache had it.
            resident: says whether the cache has a key now: the cache itself, or a function. It is called while this
                object is locked, so it must not call this object, nor wait for a lock held somewhere around `observe`.
            cost: of making this key's value, zero or more, in one unit.
            namespace: whose key this is; the tenant of a key of `cache_key`, and "" of any other, unless given.
            context: who asks (a user, a session, a client), where what one asks for says nothing about the others.
            idle: whether there is time for fetches now; if not, it learns and returns nothing.
            now: seconds since the epoch; the clock's unless given.

        Raises:
            TypeError: `key` or `context` is not hashable, or `resident` neither a container nor a function.
            CacheValueError: `cost` is negative or not finite, or `now` not finite. Nothing was learned.
        """
        check_amount("cost", cost)
        hash((key, context, namespace))  # here, where nothing has changed yet
        contains = _membership(resident)
        now = self._clock() if now is None else now
        if not math.isfinite(now):
            raise CacheValueError(f"now is {now!r}; seconds since the epoch are needed")
        parts = split(key)
        if namespace is None:
            namespace = parts[0] if parts else ""
        with self._lock:
            space = self._begin(namespace, now)
            missed = space.take(key, cost, contains, hit=hit)
            self._price.observe(self._requests, key, missed=missed)
            if not missed:
                return []
            found = self._history.follow(space.index, (namespace, context), key, cost)
            if parts:
                found.append((f"{parts[1]}{parts[2] + 1}", self._sibling + min(parts[2], VARIANTS - 1), cost))
            self._days.observe(namespace, key, cost)
            due = self._days.take(namespace)
            place = self._price.hits_lost * space.ledger.mean_cost
            trusted = self._weigh(space, key, found, due, place, contains)
            space.switch(self._min_gain)
            return space.fetch(trusted, place, self._allowance, now) if trusted and space.on and idle else []

    def evicted(self, key: Hashable, *, namespace: str | None = None) -> None:
        """Take notice that a key has left the cache.

        Nobody has to call this: what was fetched in vain is found out in time. With it, it is known at once.
        """
        if namespace is None:
            parts = split(key)
            namespace = parts[0] if parts else ""
        with self._lock:
            space = self._namespaces.get(namespace)
            if space is not None:
                space.ledger.gone(key)

    def stats(self) -> PrefetchReport:
        """Return what fetching ahead came to so far."""
        with self._lock:
            total = Count()
            total.add(self._dropped)
            for space in self._namespaces.values():
                total.add(space.ledger.total())
            return PrefetchReport(
                fetches=total.report(),
                namespaces={name: space.report(self._min_gain) for name, space in self._namespaces.items()},
                dropped=self._dropped_namespaces,
                hits_lost=self._price.hits_lost,
            )

    def _begin(self, name: str, now: float) -> Namespace:
        """Return the namespace of a request that is made now."""
        self._requests += 1
        if self._days.turn(now):
            for other in self._namespaces.values():
                other.forecasts.end_slot()
        space = self._namespaces.get(name)
        if space is None:
            space = Namespace(self._predictors, stake=self._stake, most=self._max_outstanding)
            self._namespaces[name] = space
            if len(self._namespaces) > self._max_namespaces:
                _, oldest = self._namespaces.popitem(last=False)
                self._dropped.add(oldest.ledger.close())
                self._dropped_namespaces += 1
        else:
            self._namespaces.move_to_end(name)
        return space

    def _weigh(
        self,
        space: Namespace,
        key: Any,
        found: list[Candidate],
        due: list[Candidate],
        place: float,
        contains: Callable[[Any], bool],
    ) -> list[Candidate]:
        """Return what is trusted of what was found to follow and what is due at this time of day."""
        weigh, request, hits_lost = space.forecasts.weigh, space.requests, self._price.hits_lost
        trusted = weigh(key, request, found, contains, hits_lost=hits_lost, place=place)
        if due:
            timed = [(wanted, self._timed + bucket, cost) for wanted, bucket, cost in due]
            trusted += weigh(key, request, timed, contains, hits_lost=hits_lost, place=place, until_slot_ends=True)
        return trusted


def _membership(resident: Resident) -> Callable[[Any], bool]:
    # Not isinstance(resident, Container), which takes three times as long.
    contains: Callable[[Any], bool] | None = getattr(resident, "__contains__", None)
    if contains is not None:
        return contains
    if not callable(resident):
        raise TypeError(f"resident is {type(resident).__name__}; a container or a function is needed")
    return resident
