"""Who is there, in a Redis: services keep themselves listed by leases, and whoever calls them reads the list."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

from postopt._checks import check_positive
from postopt.errors import shown
from postopt.resilience.discovery import Polled
from postopt.resilience.remote.redis import LoopClients, RedisError, shown_url

_registrations = count()

# The scripts read the time from Redis, so that no clock of another machine decides anything.
#
# KEYS: leases (a sorted set: who holds it, a space and the address; end of the lease in milliseconds).
_RENEW = """
local now = redis.call('TIME')
local ends = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2]
redis.call('ZADD', KEYS[1], ends, ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""
_LEAVE = """
redis.call('ZREM', KEYS[1], ARGV[1])
"""
_LIST = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class Registry:
    """The addresses of a service's instances, each listed for as long as its instance keeps saying that it lives.

        async with registry.registered("http://10.0.0.7:8000/v1"):   # in each instance
            await serve()

        async with registry.watch() as found:                        # in who calls them
            balancer = Balancer(found)

    Laws:
        - An instance that is killed, frozen or cut off is listed until its lease ends, `lease_seconds` after its last
          sign of life by the clock of Redis, and not longer. No other clock decides anything.
        - One that leaves in order is off the list at once; it never takes down another one, of the same process or of
          another, that is registered at the same address.
        - A Redis that fails is counted and tried again at the next sign of life; one that has lost its data is told
          anew. Neither disturbs the instance.

    One registry may be used from several event loops; `aclose` closes the running loop's connections.

    Attributes:
        failures: signs of life that did not reach Redis.

    Args:
        url: the Redis, as redis-py reads it.
        service: what the instances are instances of.
        prefix: of the keys.
        lease_seconds: how long an instance is listed after a sign of life, of which there are three in that time (15
            is arbitrary).
        timeout: seconds that a command, or connecting, may take (1 is arbitrary).

    Raises:
        ValueError: `service` is empty, or a time is not more than zero.
    """

    def __init__(
        self, url: str, service: str, *, prefix: str = "postopt", lease_seconds: float = 15.0, timeout: float = 1.0
    ) -> None:
        if not service or not isinstance(service, str):
            raise ValueError(f"service is {shown(service)}; a name is needed")
        self.failures = 0
        self._lease_seconds = check_positive("lease_seconds", lease_seconds, "seconds")
        self._url = url
        self._service = service
        self._key = f"{prefix}:registry:{service}:leases"
        self._clients = LoopClients(url, seconds=check_positive("timeout", timeout, "seconds"))
        self._timeout = timeout

    @asynccontextmanager
    async def registered(self, address: str) -> AsyncIterator[None]:
        """List `address` for as long as the block runs.

        The first sign of life is given before the block begins, the next ones by a task beside it.

        Raises:
            ValueError: `address` is empty or no text.
        """
        if not address or not isinstance(address, str):
            raise ValueError(f"address is {shown(address)}; a text is needed, such as 'http://10.0.0.7:8000/v1'")
        # One's own, whoever else registers the address, in this process too.
        lease = f"{socket.gethostname()}/{os.getpid()}/{next(_registrations)} {address}"
        beating: asyncio.Task[None] | None = None
        try:
            await self._renew(lease)
            beating = asyncio.create_task(self._beat(lease))
            yield
        finally:
            if beating is not None:
                beating.cancel()
                await asyncio.wait({beating})
            with suppress(RedisError, OSError):  # then the lease ends by itself
                await self._run(_LEAVE, lease)

    async def find(self) -> list[str]:
        """Return the addresses whose lease has not ended, in the order in which their leases end.

        Raises:
            RedisError: Redis cannot be reached, or fails.
        """
        leases = await self._run(_LIST)
        addresses = [lease.split(b" ", 1)[-1].decode("utf-8", "replace") for lease in reversed(leases)]
        return list(dict.fromkeys(addresses))[::-1]  # several leases of an address end with the last

    def watch(self, *, every_seconds: float = 1.0) -> Polled[str]:
        """Return a discovery of the addresses, asked for every `every_seconds` while it is open (1 is arbitrary).

        Raises:
            ValueError: `every_seconds` is not more than zero.
        """
        return Polled(self.find, every_seconds=every_seconds, timeout=2 * self._timeout)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._clients.aclose()

    async def _beat(self, lease: str) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            await self._renew(lease)

    async def _renew(self, lease: str) -> None:
        try:
            await self._run(_RENEW, lease, max(1, round(self._lease_seconds * 1000)))
        except (RedisError, OSError):
            self.failures += 1

    async def _run(self, script: str, *arguments: str | int) -> Any:
        return await self._clients.here().eval(script, 1, self._key, *arguments)

    def __repr__(self) -> str:
        return f"Registry({shown_url(self._url)!r}, {self._service!r})"
