"""Leases that are asked for in the event loop in which the levels of the cache live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from postopt.caching.base import Key
from postopt.caching.lease import Leases
from postopt.caching.portal import Portal
from postopt.errors import StoreError

T = TypeVar("T")


class LeasesAtHome:
    """The `Leases` of a host, for callers in any event loop.

    Args:
        leases: those of the host.
        portal: the way home.
        seconds: how long a call may take there, beyond the seconds that it asks for.
    """

    def __init__(self, leases: Leases, portal: Portal, *, seconds: float) -> None:
        self._leases = leases
        self._portal = portal
        self._seconds = seconds

    async def acquire(self, key: Key, seconds: float) -> int | None:
        """See `Leases`."""
        return await self._call(lambda: self._leases.acquire(key, seconds), self._seconds)

    async def release(self, key: Key, token: int) -> None:
        """See `Leases`."""
        await self._call(lambda: self._leases.release(key, token), self._seconds)

    async def wait(self, key: Key, seconds: float) -> None:
        """See `Leases`."""
        await self._call(lambda: self._leases.wait(key, seconds), self._seconds + seconds)

    async def aclose(self) -> None:
        """See `Leases`."""
        await self._call(self._leases.aclose, self._seconds)

    async def _call(self, call: Callable[[], Awaitable[T]], seconds: float) -> T:
        async def at_home() -> T:
            return await call()

        try:
            return await self._portal.run(at_home, seconds)
        except TimeoutError as error:
            raise StoreError("the event loop in which the leases are used does not answer") from error
