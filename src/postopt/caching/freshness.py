"""When a value is old, and when it is better made anew before it is."""

from __future__ import annotations

import math
from random import Random

from postopt.caching.base import Entry
from postopt.errors import CacheValueError


class Freshness:
    """Decides ends and early refreshes.

    Args:
        jitter: share of a ttl, 0 to 1, by which it may be shorter, at random: what was made at once need not end at
            once.
        beta: how eagerly a value is made anew before it ends: 0 never, 1 as below, more is earlier.
        seed: decides what chance decides.
    """

    def __init__(self, *, jitter: float, beta: float, seed: int) -> None:
        if not 0 <= jitter < 1:
            raise CacheValueError(f"jitter is {jitter!r}; a share from 0 to less than 1 is needed")
        if not 0 <= beta < math.inf:
            raise CacheValueError(f"beta is {beta!r}; a number, zero or more, is needed")
        self._jitter = jitter
        self._beta = beta
        self._random = Random(seed).random  # noqa: S311 - a draw, not a secret

    def ends(self, now: float, ttl: float, stale_ttl: float) -> tuple[float, float]:
        """Return when a value that is made now stops being fresh, and until when it may be served stale."""
        expires_at = now + ttl * (1 - self._jitter * self._random() if self._jitter else 1)
        return expires_at, expires_at + stale_ttl if stale_ttl else -math.inf

    def is_due(self, entry: Entry, now: float) -> bool:
        """Say whether to make a value anew although it is fresh.

        Each caller decides by itself, the likelier the less time is left and the longer making it takes, so that one of
        them begins in time and hardly ever two (XFetch: A. Vattani, F. Chierichetti, K. Lowenstein, "Optimal
        probabilistic cache stampede prevention", PVLDB 8(8), 2015).
        """
        if not entry.compute_seconds or not self._beta or entry.expires_at == math.inf:
            return False
        return now - entry.compute_seconds * self._beta * math.log(1 - self._random()) >= entry.expires_at
