"""A limit on how many calls are under way at a time, so that one slow provider cannot sink everything."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple

from postopt._checks import check_amount, check_callable, check_count
from postopt.clock import Clock
from postopt.errors import OverloadedError, ProviderTimeoutError, RateLimitError, ShedError
from postopt.resilience import deadline
from postopt.resilience.adaptive import AdaptiveLimit
from postopt.resilience.locks import new_lock
from postopt.types import Completion

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_OVERLOADED = (OverloadedError, RateLimitError, ProviderTimeoutError)


def output_tokens(answer: object) -> int:
    """Return how many tokens an answer has, 0 if nobody knows."""
    return answer.usage.output_tokens if isinstance(answer, Completion) else 0


class Bulkhead:
    """Lets at most so many calls be under way; the others wait in the order in which they came.

    Laws:
        - At most `limit` calls are under way. Where an adaptive limit falls, those that are too many go on.
        - First come, first served; a call never overtakes one that waits. One that is cancelled while it waits, even in
          the moment in which its turn comes, takes no place.
        - At most `max_waiting` calls wait, none longer than `max_wait_seconds` or its deadline
          (`postopt.resilience.deadline`); those that cannot get ShedError.

    `async with bulkhead:` and `acall` may be used together, by any number of tasks, event loops and threads (each
    thread with a loop of its own). Only `acall` tells an adaptive limit what calls take; with `async with`, `record`
    does.

    Args:
        limit: how many, or an `AdaptiveLimit` that finds out; not one that another bulkhead has.
        max_waiting: most calls that wait, 0 or more (1024 is arbitrary).
        max_wait_seconds: longest wait, or None for none.
        tokens: says how long an answer is, for an adaptive limit; if it raises, the answer counts as none.
        clock: monotonic, for an adaptive limit.

    Raises:
        ValueError: an argument is out of range or none of its kind.
    """

    def __init__(
        self,
        limit: int | AdaptiveLimit,
        *,
        max_waiting: int = 1024,
        max_wait_seconds: float | None = None,
        tokens: Callable[[object], int] = output_tokens,
        clock: Clock = time.monotonic,
    ) -> None:
        self._adaptive = limit if isinstance(limit, AdaptiveLimit) else None
        self._limit = limit.limit if isinstance(limit, AdaptiveLimit) else check_count("limit", limit)
        self._max_waiting = check_count("max_waiting", max_waiting, least=0)
        self._max_wait = (
            inf if max_wait_seconds is None else check_amount("max_wait_seconds", max_wait_seconds, "seconds")
        )
        check_callable("tokens", tokens, "takes an answer and returns how many tokens it has")
        check_callable("clock", clock, "returns seconds")
        self._count_tokens = tokens
        self._clock = clock
        lock = new_lock()
        self._acquire = lock.acquire  # called as they are, they cost less than half of `with`
        self._release = lock.release
        self._in_flight = 0
        self._waiting: deque[_Waiter] = deque()

    @property
    def limit(self) -> int:
        """How many calls may be under way at a time."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._waiting)

    async def acall(self, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
        """Return `await function(*args)`, called when there is room.

        Raises:
            ShedError: there is no room, even to wait, or none came in time.
        """
        if self._adaptive is None:
            if not self._enter_now():
                await self._wait()
            try:
                return await function(*args)
            finally:
                self._leave()
        return await self._measured(function, *args)

    async def __aenter__(self) -> Self:
        if not self._enter_now():
            await self._wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def record(self, seconds: float, tokens: int, in_flight: int, ok: bool = True) -> None:  # noqa: FBT001, FBT002
        """Tell an adaptive limit what a call took (`AdaptiveLimit.record`); a fixed one does not care."""
        if self._adaptive is None:
            return
        self._acquire()
        try:
            self._adaptive.record(seconds, tokens, in_flight, ok)
            self._limit = self._adaptive.limit
            self._admit()
        finally:
            self._release()

    async def _measured(self, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
        if not self._enter_now():
            await self._wait()
        in_flight = self._in_flight
        begun = self._clock()
        try:
            answer = await function(*args)
        except _OVERLOADED:
            self.record(self._clock() - begun, 0, in_flight, ok=False)
            raise
        else:
            self.record(self._clock() - begun, self._tokens_of(answer), in_flight)
        finally:
            self._leave()
        return answer

    def _tokens_of(self, answer: object) -> int:
        tokens: object = 0
        with suppress(Exception):  # the answer may be paid for, and is not lost for a count
            tokens = self._count_tokens(answer)
        return tokens if isinstance(tokens, int) else 0

    def _enter_now(self) -> bool:
        self._acquire()
        try:
            if self._in_flight >= self._limit or self._waiting:
                return False
            self._in_flight += 1
            return True
        finally:
            self._release()

    async def _wait(self) -> None:
        """Wait for a place, and take it."""
        longest = self._longest_wait()
        waiter = _Waiter()
        self._join(waiter, longest)
        timer = waiter.loop.call_later(longest, waiter.wake) if longest < inf else None
        try:
            await waiter.turn
        except BaseException:
            self._give_up(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if not self._give_up_unless_admitted(waiter):
            raise ShedError(f"no room came within {longest:.3g} s: {self._limit} calls are under way")

    def _longest_wait(self) -> float:
        left = deadline.remaining()
        return self._max_wait if left is None else min(self._max_wait, left)

    def _join(self, waiter: _Waiter, longest: float) -> None:
        self._acquire()
        try:
            self._waiting.append(waiter)
            self._admit()  # room may have come since, or be kept by those whose loop is closed
            if waiter.admitted:
                return
            if len(self._waiting) > self._max_waiting or longest <= 0:
                self._waiting.remove(waiter)
                why = f"{len(self._waiting)} others wait" if longest > 0 else "there is no time to wait"
                raise ShedError(f"{self._in_flight} calls are under way, and {why}")
        finally:
            self._release()

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the queue or, if the turn has come, the place."""
        if self._give_up_unless_admitted(waiter):
            self._leave()

    def _give_up_unless_admitted(self, waiter: _Waiter) -> bool:
        self._acquire()
        try:
            if not waiter.admitted:
                self._waiting.remove(waiter)
            return waiter.admitted
        finally:
            self._release()

    def _leave(self) -> None:
        self._acquire()
        try:
            self._in_flight -= 1
            if self._waiting:
                self._admit()
        finally:
            self._release()

    def _admit(self) -> None:
        while self._waiting and self._in_flight < self._limit:
            waiter = self._waiting.popleft()
            waiter.admitted = True
            if waiter.call():  # else its loop has been closed, and nobody waits
                self._in_flight += 1


class _Waiter:
    """A call that waits, in its own loop."""

    __slots__ = ("admitted", "loop", "turn")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.turn = self.loop.create_future()
        self.admitted = False

    def call(self) -> bool:
        """Wake it, from whatever thread; return False if its loop is closed."""
        try:
            self.loop.call_soon_threadsafe(self.wake)
        except RuntimeError:
            return False
        return True

    def wake(self) -> None:
        if not self.turn.done():
            self.turn.set_result(None)
