"""Errors that are kept for a while, so that what failed is not tried again at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from postopt.caching.base import Key, check_ttl
from postopt.caching.flights.outcome import Outcome
from postopt.clock import Clock
from postopt.errors import CacheValueError, shown

MOST = 1024
"""Errors that are kept at most; the oldest go first."""


class Negatives:
    """Keeps errors of some classes.

    Args:
        ttls: for how many seconds each class of errors is kept; the first that an error is an instance of counts.
        clock: seconds.

    Attributes:
        raised: how often a kept error was raised.
    """

    def __init__(self, ttls: Mapping[type[Exception], float], clock: Clock) -> None:
        self.raised = 0
        for kind in ttls:
            if not _is_error_class(kind):
                raise CacheValueError(f"negative has {shown(kind)}; classes of Exception are needed")
        self._ttls = {kind: check_ttl(ttl) for kind, ttl in ttls.items()}
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[Outcome, float]] = OrderedDict()

    def keep(self, key: Key, error: Exception) -> None:
        """Keep an error, if it is of one of the classes."""
        ttl = next((ttl for kind, ttl in self._ttls.items() if isinstance(error, kind)), 0.0)
        if ttl > 0:
            self._kept[key] = Outcome(error=error).for_others(), self._clock() + ttl
            self._kept.move_to_end(key)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Forget the error of a key."""
        self._kept.pop(key, None)

    def check(self, key: Key) -> None:
        """Raise the error of a key, if one is kept: a copy, as whoever joins a computation that fails gets one."""
        kept = self._kept.get(key)
        if kept is None:
            return
        outcome, ends_at = kept
        if self._clock() < ends_at:
            self.raised += 1
            outcome.result()
        self.forget(key)


def _is_error_class(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)
