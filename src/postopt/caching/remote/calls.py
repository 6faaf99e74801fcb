"""Calls to a store in Redis: those under way, and what became of the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Self

from postopt.caching.remote.batches import TripError


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStats:
    """What a store has done so far. Each call is one hit, miss, timeout, error or refusal, or a write that was done.

    Attributes:
        hits: reads that returned an entry.
        misses: reads that returned None.
        unreadable: misses because what Redis holds is no entry, damaged, or of another version.
        fenced: writes that were dropped because somebody with a later token had written.
        timeouts: calls that had no answer by their deadline.
        errors: calls that failed otherwise.
        refused: calls that the breaker refused.
        batches: trips to Redis.
        keys: reads and writes that travelled in them; a key that was read twice in one trip counts once.
    """

    hits: int
    misses: int
    unreadable: int
    fenced: int
    timeouts: int
    errors: int
    refused: int
    batches: int
    keys: int

    @classmethod
    def of(cls, counts: Counter[str]) -> Self:
        """Return the counts of these names."""
        return cls(**{field.name: counts[field.name] for field in fields(cls)})


class Calls:
    """The calls under way, and how those ended that got no answer."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._running = 0
        self._idle: asyncio.Event | None = None

    def __enter__(self) -> None:
        self._running += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        self._running -= 1
        if isinstance(error, TripError):
            self._counts[error.failure] += 1
        if self._idle is not None and not self._running:
            self._idle.set()

    async def end(self, seconds: float) -> None:
        """Return when no call is under way, and after `seconds` at the latest."""
        self._idle = asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._running:
                    self._idle.clear()
                    await self._idle.wait()
