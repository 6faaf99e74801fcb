"""What predictions came to, whether anything was fetched for them or not."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from postopt.caching.prefetching.successors import Candidate
from postopt.stats import Interval, wilson_interval

HORIZON = 256
"""Requests within which a prediction has to come true; 128 and 512 do as well (docs/design/0009)."""

MEMORY = 256
"""Predictions after which a bucket's counts are halved, so that it can change its mind; 64 to 1024 do as well."""

Z = 1.645
"""Standard errors below the rate at which its one-sided 95 % bound lies. A bound that is looked at again and again is
wrong more often than that; what it may cost is the ledger's to limit."""

MISSES = 4096
"""Misses after which the counts behind `gain` are halved; arbitrary."""


class Forecast:
    """A key that is expected: by bucket, the request at which that was said and what was missed then.

    `trusted` says whether one of the buckets is good enough to fetch for.
    """

    __slots__ = ("made", "trusted")

    def __init__(self, made: dict[int, tuple[int, Any]], trusted: bool) -> None:  # noqa: FBT001 - quicker by place
        self.made = made
        self.trusted = trusted


class Forecasts:
    """The open predictions of one namespace, and the record of each bucket of predictions.

    Nothing has to be fetched for a record: a prediction comes true if its key is asked for within `HORIZON` requests
    while the cache has no entry for it, or has one that was fetched ahead. For a key that was not fetched, what was
    missed at the moment of the prediction stands in: it entered the cache just then, so if it is gone, an entry
    fetched ahead would be gone as well. (Unless nothing that was missed is ever there: then it says nothing.)

    If a trusted bucket predicts what is predicted already, the prediction is its own from there on: the older one
    would have been of no use, right or wrong. Without this, looking further ahead would always seem to pay.

    At most `HORIZON` times the candidates of one request are open. Not thread-safe.

    Attributes:
        good: by bucket, predictions that came true; the counts are halved now and then.
        bad: by bucket, those that did not.
    """

    __slots__ = ("_dull", "_foreseen", "_likely", "_misses", "_open", "_queue", "_stored", "_timed", "bad", "good")

    def __init__(self, buckets: int) -> None:
        self.good = [0.0] * buckets
        self.bad = [0.0] * buckets
        self._likely = [0.0] * buckets  # lower bound of the rate at which the bucket's predictions come true
        self._dull = [False] * buckets  # whether that rate is known to be next to nothing
        self._stored = False
        self._foreseen = 0.0
        self._misses = 0.0
        self._open: dict[Any, Forecast] = {}
        # Request and keys, the oldest first; what has ended by itself is still among them.
        self._queue: deque[tuple[int, list[Any]]] = deque()
        self._timed: list[tuple[int, list[Any]]] = []

    @property
    def gain(self) -> float:
        """The share of misses that trusted predictions foresaw lately, fetched or not; low while there were few."""
        return self._foreseen / max(self._misses, 128)  # arbitrary: three misses say nothing

    def record(self, buckets: Iterable[int]) -> Interval | None:
        """Return the share of these buckets' predictions that came true lately."""
        good, n = 0.0, 0.0
        for bucket in buckets:
            good += self.good[bucket]
            n += self.good[bucket] + self.bad[bucket]
        return wilson_interval(good, n) if n >= 1 else None

    def missed(self) -> None:
        """Take a request that the cache alone would have missed."""
        self._misses += 1
        if self._misses >= MISSES:
            self._misses /= 2
            self._foreseen /= 2

    def weigh(
        self,
        trigger: Any,
        request: int,
        candidates: Iterable[Candidate],
        contains: Callable[[Any], bool],
        *,
        hits_lost: float,
        place: float,
        until_slot_ends: bool = False,
    ) -> list[Candidate]:
        """Write down what is predicted of keys that the cache does not have, and return what is trusted of it.

        A prediction is trusted if what it saves when it comes true exceeds what it loses when it does not, in money
        and in hits.

        Args:
            trigger: what was missed now.
            request: number of this request, from which `HORIZON` counts.
            candidates: what is predicted, of other keys than `trigger`.
            contains: says whether the cache has a key.
            hits_lost: hits that an entry costs which is fetched and never used.
            place: what these are worth.
            until_slot_ends: whether the predictions hold until `end_slot`.
        """
        rates, dull, known = self._likely, self._dull, self._open
        # What hardly ever comes true is looked at every fourth time, to save time. A multiplicative hash of the number
        # says when, so that requests which alternate are not always told apart in the same way.
        skip = (request * 0x9E3779B1 >> 16) % 4
        written: list[Any] = []
        now = (request, trigger)
        trusted: list[Candidate] = []
        for candidate in candidates:
            key, bucket, cost = candidate
            if key == trigger or (skip and dull[bucket]):
                continue
            rate = rates[bucket]
            loss = 1 - rate
            # In steps, because most predictions end at the first.
            trust = rate > 0.5 and rate * cost > loss * (cost + place) and rate > loss * hits_lost
            forecast = known.get(key)
            if forecast is not None and not trust and bucket in forecast.made:
                continue
            there = contains(key)
            if there and (forecast is None or not trust):
                continue
            if forecast is None:
                forecast = known[key] = Forecast({bucket: now}, trust)
            elif trust:
                forecast.made = {bucket: now}
                forecast.trusted = True
            else:
                forecast.made[bucket] = now
            written.append(key)
            if trust and not there:
                trusted.append(candidate)
        if written:
            (self._timed if until_slot_ends else self._queue).append((request, written))
        return trusted

    def asked(self, key: Any, *, missed: bool, used: bool | None, contains: Callable[[Any], bool]) -> None:
        """Take a request: the prediction of its key, if there is one, ends here.

        Args:
            key: what was asked for.
            missed: whether the cache alone would have missed it.
            used: whether what was fetched ahead was there, or None if nothing was.
            contains: says whether the cache has a key.
        """
        forecast = self._open.pop(key, None)
        if forecast is None or not missed:
            return
        if forecast.trusted:
            self._foreseen += 1
        for bucket, (_, trigger) in forecast.made.items():
            there = contains(trigger)
            self._stored = self._stored or there
            self.settle(bucket, came=there or not self._stored if used is None else used)

    def expire(self, request: int) -> None:
        """Count as failed what was predicted more than `HORIZON` requests ago."""
        queue, latest = self._queue, request - HORIZON
        while queue and queue[0][0] < latest:
            self._fail(*queue.popleft())

    def end_slot(self) -> None:
        """Count as failed what was predicted for a time of day that is over."""
        for request, keys in self._timed:
            self._fail(request, keys)
        self._timed.clear()

    def _fail(self, request: int, keys: list[Any]) -> None:
        """Count as failed what was predicted of these keys at `request` and is open still."""
        for key in keys:
            forecast = self._open.get(key)
            if forecast is None:
                continue
            for bucket in [bucket for bucket, (at, _) in forecast.made.items() if at == request]:
                del forecast.made[bucket]
                self.settle(bucket, came=False)
            if not forecast.made:
                del self._open[key]

    def settle(self, bucket: int, *, came: bool) -> None:
        """Take what one prediction of a bucket came to."""
        if came:
            self.good[bucket] += 1
        else:
            self.bad[bucket] += 1
        good, bad = self.good[bucket], self.bad[bucket]
        n = good + bad
        # The lower end of postopt.stats.wilson_interval at level 0.9, without its checks: this runs with every request.
        self._likely[bucket] = (good + Z * Z / 2 - Z * math.sqrt(good * bad / n + Z * Z / 4)) / (n + Z * Z)
        self._dull[bucket] = n >= 32 and 8 * good < n  # both arbitrary
        if n >= MEMORY:
            self.good[bucket] = good / 2
            self.bad[bucket] = bad / 2
