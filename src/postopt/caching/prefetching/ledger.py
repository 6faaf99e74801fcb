"""The money of one namespace's fetches ahead: what was spent, what came of it, and what may be risked."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from postopt.caching.prefetching.forecasts import HORIZON
from postopt.caching.prefetching.report import FetchReport
from postopt.stats import wilson_interval


class Fetch(NamedTuple):
    """An entry that is fetched ahead; `charge` is its cost and the price of the place it takes."""

    key: Any
    cost: float
    charge: float
    request: int
    bucket: int


@dataclass(slots=True)
class Count:
    """Fetches and their money."""

    issued: int = 0
    useful: int = 0
    wasted: int = 0
    spent: float = 0.0
    saved: float = 0.0
    lost: float = 0.0

    def add(self, other: Count) -> None:
        """Take the numbers of `other` as well."""
        self.issued += other.issued
        self.useful += other.useful
        self.wasted += other.wasted
        self.spent += other.spent
        self.saved += other.saved
        self.lost += other.lost

    def report(self) -> FetchReport:
        """Return the numbers as they are now."""
        settled = self.useful + self.wasted
        return FetchReport(
            issued=self.issued,
            useful=self.useful,
            wasted=self.wasted,
            pending=self.issued - settled,
            precision=wilson_interval(self.useful, settled) if settled else None,
            spent=self.spent,
            saved=self.saved,
            lost=self.lost,
        )


class Ledger:
    """What one namespace fetched ahead.

    Law: at every moment the charges of all fetches that were not asked for are no more than what the others saved,
    plus `stake` times the cost of all misses. It holds whatever the predictions come to, because `balance` is what is
    left of it, and nothing is fetched that it does not cover.

    A fetch that is not in the cache when it is looked at again is wasted. Every request looks at one that is older
    than `HORIZON` requests. Not thread-safe.

    Attributes:
        balance: what may be risked.
        counts: by predictor.
        misses: requests that the cache would have missed without any prefetching.
        missed_cost: what they cost, or would have cost.
    """

    __slots__ = ("_most", "_predictors", "_queue", "_stake", "_unused", "balance", "counts", "missed_cost", "misses")

    def __init__(self, predictors: Sequence[str], *, stake: float, most: int) -> None:
        self.balance = 0.0
        self.counts = {predictor: Count() for predictor in predictors}
        self.misses = 0
        self.missed_cost = 0.0
        self._predictors = predictors  # by bucket
        self._stake = stake
        self._most = most
        self._unused: dict[Any, Fetch] = {}
        self._queue: deque[Fetch] = deque()

    @property
    def mean_cost(self) -> float:
        """What a miss costs on average, after the first."""
        return self.missed_cost / self.misses

    def missed(self, cost: float) -> None:
        """Take a request that the cache would have missed."""
        self.misses += 1
        self.missed_cost += cost
        self.balance += self._stake * cost

    def asked(self, key: Any, cost: float, *, hit: bool) -> bool | None:
        """Take a request; return whether it found what was fetched for it, or None if nothing was."""
        fetch = self._unused.pop(key, None)
        if fetch is None:
            return None
        if not hit:
            self._waste(fetch)
            return False
        count = self.counts[self._predictors[fetch.bucket]]
        count.useful += 1
        count.saved += cost
        self.balance += fetch.charge + cost
        return True

    def covers(self, charge: float) -> bool:
        """Say whether a fetch of this charge may be risked."""
        return charge <= self.balance and len(self._unused) < self._most

    def add(self, fetch: Fetch) -> None:
        """Take a fetch that is covered, of a key that is not held."""
        self.balance -= fetch.charge
        self._unused[fetch.key] = fetch
        self._queue.append(fetch)
        count = self.counts[self._predictors[fetch.bucket]]
        count.issued += 1
        count.spent += fetch.cost

    def oldest(self, request: int) -> Fetch | None:
        """Return a fetch that it is time to look at, or None; `gone` or `still_there` has to follow."""
        while self._queue:
            fetch = self._queue[0]
            if self._unused.get(fetch.key) is not fetch:
                self._queue.popleft()
            elif fetch.request < request - HORIZON:
                return fetch
            else:
                break
        return None

    def still_there(self) -> None:
        """Put what `oldest` returned behind the others."""
        self._queue.rotate(-1)

    def gone(self, key: Any) -> Fetch | None:
        """Count the unused fetch of `key` as wasted, if there is one, and return it."""
        fetch = self._unused.pop(key, None)
        if fetch is not None:
            self._waste(fetch)
        return fetch

    def close(self) -> Count:
        """Count all that is unused as wasted, and return the sum over the predictors."""
        for key in list(self._unused):
            self.gone(key)
        return self.total()

    def total(self) -> Count:
        """Return the sum over the predictors."""
        total = Count()
        for count in self.counts.values():
            total.add(count)
        return total

    def _waste(self, fetch: Fetch) -> None:
        count = self.counts[self._predictors[fetch.bucket]]
        count.wasted += 1
        count.lost += fetch.cost
