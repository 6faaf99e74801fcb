"""What fetching ahead came to, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from postopt.stats import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What was fetched ahead. Money is in the unit of the costs that were passed in.

    Attributes:
        issued: keys that were returned: useful + wasted + pending.
        useful: of these, asked for while they were in the cache.
        wasted: of these, gone before anybody asked.
        pending: of these, neither yet.
        precision: useful of useful and wasted, Wilson's interval at 95 %; None if there are none.
        spent: what was issued cost.
        saved: what the requests that found it would have cost.
        lost: what was wasted cost.
    """

    issued: int
    useful: int
    wasted: int
    pending: int
    precision: Interval | None
    spent: float
    saved: float
    lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceReport:
    """One namespace.

    Attributes:
        requests: calls of `observe`.
        misses: requests that the cache alone would have missed: its misses, and the hits on what was fetched ahead.
        missed_cost: what they cost, or would have cost.
        on: whether it fetches.
        why: the reason, in words.
        fetches: what it fetched.
        predictors: the same by predictor: "successor", "sibling", "time_of_day".
        records: by predictor, the share of its recent predictions that came true, whether anything was fetched for
            them or not, Wilson's interval at 95 %; None if there are none. Most are made to be looked at only.
    """

    requests: int
    misses: int
    missed_cost: float
    on: bool
    why: str
    fetches: FetchReport
    predictors: Mapping[str, FetchReport]
    records: Mapping[str, Interval | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchReport:
    """All namespaces.

    Attributes:
        fetches: of all namespaces ever.
        namespaces: by name, the least recently used first.
        dropped: namespaces that made room for others; what was pending there counts as wasted.
        hits_lost: hits that the cache is taken to lose for each entry that is fetched and never used.
    """

    fetches: FetchReport
    namespaces: Mapping[str, NamespaceReport]
    dropped: int
    hits_lost: float
