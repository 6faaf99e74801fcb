"""The breaker of a cache level that has no better one: after failures in a row, leave it alone for a while."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, TypeVarTuple

from postopt.clock import Clock
from postopt.errors import CacheValueError, StoreError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Breaker(Protocol):
    """Lets calls through, or refuses them because the last ones failed."""

    async def acall(self, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
        """Return `await function(*args)`, or raise what it raises, or an error of its own in place of calling it."""
        ...


class Cooldown:
    """Refuses calls for some seconds after failures in a row, then lets one through at a time until one succeeds.

    A call that is cancelled, or that raises CacheValueError, says nothing about the level: it counts neither way. Calls
    that were let through before the refusing began change nothing by ending during it.

    Args:
        failures: how many in a row are too many (3 is arbitrary).
        seconds: how long calls are refused then (1 is arbitrary).
        clock: monotonic.

    Raises:
        CacheValueError: fewer than one failure, or negative seconds.
    """

    def __init__(self, *, failures: int = 3, seconds: float = 1.0, clock: Clock = time.monotonic) -> None:
        if failures < 1 or not seconds >= 0:
            raise CacheValueError(f"failures is {failures!r}, seconds {seconds!r}; at least 1 and 0 are needed")
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._refuses_until: float | None = None
        self._probing = False

    async def acall(self, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
        """Return `await function(*args)`.

        Raises:
            StoreError: the call was refused; `function` was not called.
        """
        probe = self._enter()
        try:
            result = await function(*args)
        except CacheValueError:
            raise
        except Exception:
            self._take_failure(probe=probe)
            raise
        else:
            self._take_success(probe=probe)
            return result
        finally:
            if probe:
                self._probing = False

    def _enter(self) -> bool:
        """Let a call through, or raise; say whether it is the one that probes."""
        if self._refuses_until is None:
            return False
        if self._probing or self._clock() < self._refuses_until:
            raise StoreError(f"refused, because {self._limit} calls in a row failed; one is tried every few moments")
        self._probing = True
        return True

    def _take_failure(self, *, probe: bool) -> None:
        self._failures += 1
        if probe or (self._refuses_until is None and self._failures >= self._limit):
            self._refuses_until = self._clock() + self._seconds

    def _take_success(self, *, probe: bool) -> None:
        if probe or self._refuses_until is None:
            self._refuses_until = None
            self._failures = 0
