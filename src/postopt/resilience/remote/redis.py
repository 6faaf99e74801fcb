"""Connections to a Redis that processes share: one client a process for threads, one an event loop for tasks."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from postopt._optional import needs

with needs("redis"):
    import redis
    import redis.asyncio
    from redis.exceptions import RedisError

__all__ = ["LoopClients", "RedisError", "connect", "shown_url"]


def connect(url: str, *, seconds: float) -> redis.Redis:
    """Return a client for threads; each command, and connecting, ends within about `seconds` or raises RedisError."""
    return redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds)


def shown_url(url: str) -> str:
    """Return the address as errors and reprs may show it: without what opens it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class LoopClients:
    """One client for each event loop that asks, because a connection belongs to the loop that opened it.

    Args:
        url: the Redis, as redis-py reads it: "redis://host:6379/0", "rediss://...", "unix:///path".
        seconds: after which a command, or connecting, is given up with RedisError.
    """

    def __init__(self, url: str, *, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    def here(self) -> redis.asyncio.Redis:
        """Return the running loop's client."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = redis.asyncio.Redis.from_url(
                self._url, socket_timeout=self._seconds, socket_connect_timeout=self._seconds
            )
            self._clients[loop] = client
        return client

    async def aclose(self) -> None:
        """Close the running loop's connections; those of other loops are theirs to close."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def __repr__(self) -> str:
        return f"LoopClients({shown_url(self._url)!r})"
