"""What a prefetcher knows about one namespace, and what it fetches there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from postopt.caching.prefetching.allowance import Allowance
from postopt.caching.prefetching.forecasts import HORIZON, Forecasts
from postopt.caching.prefetching.ledger import Fetch, Ledger
from postopt.caching.prefetching.report import NamespaceReport
from postopt.caching.prefetching.successors import Candidate, Index


class Namespace:
    """Learns from the requests of one namespace, and decides what may be fetched for it; not thread-safe.

    Attributes:
        index: the one that `Successors` keeps for this namespace.
        requests: how many were taken.
        on: whether it fetches.
    """

    __slots__ = ("_predictors", "forecasts", "index", "ledger", "on", "requests")

    def __init__(self, predictors: list[str], *, stake: float, most: int) -> None:
        """Begin with nothing; `predictors` names each bucket's, `stake` and `most` are the ledger's."""
        self._predictors = predictors
        self.forecasts = Forecasts(len(predictors))
        self.ledger = Ledger(predictors, stake=stake, most=most)
        self.index: Index = {}
        self.requests = 0
        self.on = False

    def take(self, key: Any, cost: float, contains: Callable[[Any], bool], *, hit: bool) -> bool:
        """Settle what was predicted and fetched for this request; return whether the cache alone would have missed."""
        self.requests += 1
        ledger, forecasts = self.ledger, self.forecasts
        used = ledger.asked(key, cost, hit=hit)
        missed = used is True or not hit
        forecasts.asked(key, missed=missed, used=used, contains=contains)
        forecasts.expire(self.requests)
        oldest = ledger.oldest(self.requests)
        if oldest is not None:
            if contains(oldest.key):
                ledger.still_there()
            else:
                ledger.gone(oldest.key)
        if missed:
            ledger.missed(cost)
            forecasts.missed()
        return missed

    def switch(self, min_gain: float) -> None:
        """Go on where trusted predictions foresee `min_gain` of the misses, and off below half of that."""
        gain = self.forecasts.gain
        self.on = gain >= min_gain / 2 if self.on else gain >= min_gain

    def fetch(self, trusted: list[Candidate], place: float, allowance: Allowance, now: float) -> list[Any]:
        """Return what to fetch of what is trusted, and account for it; a place in the cache is worth `place`."""
        ledger = self.ledger
        chosen: list[Any] = []
        for wanted, bucket, cost in trusted:
            if wanted in chosen:
                continue
            before = ledger.gone(wanted)  # if it was fetched before: it is not there any more
            if before is not None and before.request >= self.requests - HORIZON:
                self.forecasts.settle(before.bucket, came=False)  # or whoever predicts too early never learns it
            charge = cost + place
            if ledger.covers(charge) and allowance.take(cost, now):
                ledger.add(Fetch(wanted, cost, charge, self.requests, bucket))
                chosen.append(wanted)
        return chosen

    def report(self, min_gain: float) -> NamespaceReport:
        """Return the numbers as they are now."""
        ledger, forecasts = self.ledger, self.forecasts
        buckets: dict[str, list[int]] = {}
        for bucket, predictor in enumerate(self._predictors):
            buckets.setdefault(predictor, []).append(bucket)
        needed = min_gain / 2 if self.on else min_gain
        return NamespaceReport(
            requests=self.requests,
            misses=ledger.misses,
            missed_cost=ledger.missed_cost,
            on=self.on,
            why=f"trusted predictions foresee {forecasts.gain:.1%} of the misses; {needed:.1%} are needed",
            fetches=ledger.total().report(),
            predictors={predictor: count.report() for predictor, count in ledger.counts.items()},
            records={predictor: forecasts.record(numbers) for predictor, numbers in buckets.items()},
        )
