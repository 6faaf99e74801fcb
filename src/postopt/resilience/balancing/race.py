"""One call that may be sent twice: the first answer counts, the other send is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from postopt.clock import Clock
from postopt.resilience.balancing.course import GOES_ON, Course, outcome_of
from postopt.resilience.balancing.hedging import Hedging
from postopt.resilience.balancing.member import Member, T
from postopt.resilience.balancing.pool import Pool
from postopt.resilience.outcome import Outcome

R = TypeVar("R")


class Race(Generic[T, R]):
    """The sends of one call, each in a task of its own.

    Args:
        pool: who can be asked.
        hedging: when a second send is due, and whether there is budget for it; guarded by the pool's lock.
        call: asks a replica.
        key: the call's key, or None.
        course: what is tried and may be tried.
        clock: monotonic, for latencies.
    """

    def __init__(
        self,
        pool: Pool[T],
        hedging: Hedging,
        call: Callable[[T], Awaitable[R]],
        *,
        key: str | bytes | None,
        course: Course[T],
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._hedging = hedging
        self._call = call
        self._key = key
        self._course = course
        self._clock = clock
        self._running: dict[asyncio.Task[R], tuple[Member[T], float]] = {}
        self._may_hedge = True

    async def run(self) -> R:
        """Return the first answer, or raise what the call raises; no send of it is left when this ends."""
        won = False
        try:
            self._send()
            with self._pool.lock:
                self._hedging.take_send()
            while self._running:
                patience = self._hedging.delay if self._may_hedge else None
                done, _ = await asyncio.wait(self._running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    self._hedge()
                elif (settled := self._take(done)) is not None:
                    won = not settled.cancelled() and settled.exception() is None
                    return settled.result()
            raise self._course.verdict()
        finally:
            await self._abandon(won=won)

    def _send(self) -> bool:
        """Send the call to somebody who does not have it yet; return whether there is one."""
        busy = [member for member, _ in self._running.values()]
        taken = self._pool.take(self._key, [*self._course.tried, *busy])
        if taken is None:
            return False
        member, ticket = taken
        task = asyncio.create_task(_ask(self._call, member.replica))
        self._running[task] = member, self._clock()
        # A callback, not a `finally` in the task: one that is cancelled before its first step has no `finally`. It was
        # added first, so the place is free before whoever waits for the task goes on.
        task.add_done_callback(partial(self._end, member, ticket, member.flights))
        return True

    def _end(self, member: Member[T], ticket: int, flights: list[None], task: asyncio.Task[R]) -> None:
        flights.pop()
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            outcome = outcome_of(error)
            self._pool.note(member, ticket, outcome.kind, outcome.retry_after)
        elif member.watched:
            self._pool.note(member, ticket, "success")

    def _hedge(self) -> None:
        self._may_hedge = False
        with self._pool.lock:
            paid = self._hedging.take_hedge()
        if paid and not self._send():
            with self._pool.lock:
                self._hedging.return_hedge()

    def _take(self, done: set[asyncio.Task[R]]) -> asyncio.Task[R] | None:
        """Return a task that settles the call, or ask somebody else in place of those that failed."""
        # Answers first, then in the order in which they were sent.
        for task in sorted((task for task in self._running if task in done), key=_failed):
            if task.cancelled():
                return task
            member, began = self._running.pop(task)
            error = task.exception()
            if error is None:
                self._take_latency(began)
                return task
            outcome = outcome_of(error)
            if self._course.take(member, outcome):
                self._send()
            elif outcome.kind not in GOES_ON:
                return task
        return None

    def _take_latency(self, began: float) -> None:
        seconds = self._clock() - began
        with self._pool.lock:
            self._hedging.take_latency(seconds)

    async def _abandon(self, *, won: bool) -> None:
        """Cancel what still runs, and wait until it has ended."""
        for task, (member, began) in self._running.items():
            task.cancel()
            if won:
                self._take_latency(began)
                self._course.note(member, Outcome(kind="cancelled"))
        if self._running:
            await asyncio.wait(self._running)


def _failed(task: asyncio.Task[R]) -> bool:
    return not task.cancelled() and task.exception() is not None


async def _ask(call: Callable[[T], Awaitable[R]], replica: T) -> R:
    return await call(replica)
