"""One call that may be sent twice: what ends it first counts, the other send is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

from postopt.clock import Clock
from postopt.resilience.balancing.course import GOES_ON, Course
from postopt.resilience.balancing.hedging import Hedging
from postopt.resilience.balancing.member import Member, T
from postopt.resilience.balancing.pool import Pool
from postopt.resilience.outcome import Outcome, of_error, of_result

R = TypeVar("R")


class Race(Generic[T, R]):
    """The sends of one call, each in a task of its own.

    The first answer ends the call, and so does the first error after which nobody else is asked. If both are there in
    the same turn of the event loop, the error counts. Which of the two came first is then an accident, and a refusal
    is never walked round; so it is with a prompt that is too long or a deadline, as none of them would have been asked
    of another replica.

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
        outcome = _outcome(task)
        if outcome.kind != "success" or member.watched:
            self._pool.note(member, ticket, outcome.kind, outcome.retry_after)

    def _hedge(self) -> None:
        self._may_hedge = False
        with self._pool.lock:
            paid = self._hedging.take_hedge()
        if paid and not self._send():
            with self._pool.lock:
                self._hedging.return_hedge()

    def _take(self, done: set[asyncio.Task[R]]) -> asyncio.Task[R] | None:
        """Return a task that settles the call, or ask somebody else in place of those that failed."""
        ended = [(task, *self._running.pop(task)) for task in list(self._running) if task in done]
        outcomes = [(task, member, _outcome(task, self._seconds(began))) for task, member, began in ended]
        decisive = max(outcomes, key=lambda end: _weight(end[2]))  # of equals, whoever was asked first
        settled, _, outcome = decisive
        settles = outcome.kind not in GOES_ON
        if settles:  # it comes last, so that an error that ends the call carries what all the others have cost
            outcomes.remove(decisive)
            outcomes.append(decisive)
        again = 0
        for task, member, outcome in outcomes:
            if outcome.kind == "success":
                self._take_latency(outcome.seconds)
                if task is not settled:
                    self._course.note(member, replace(outcome, kind="slow"))
            else:
                again += self._course.take(member, outcome)
        if settles:
            return settled
        for _ in range(again):  # once all of them are known not to be asked again
            self._send()
        return None

    def _seconds(self, began: float) -> float:
        return max(0.0, self._clock() - began)

    def _take_latency(self, seconds: float) -> None:
        with self._pool.lock:
            self._hedging.take_latency(seconds)

    async def _abandon(self, *, won: bool) -> None:
        """Cancel what still runs, and wait until it has ended."""
        for task, (member, began) in self._running.items():
            task.cancel()
            seconds = self._seconds(began)
            if won:
                self._take_latency(seconds)
            self._course.note(member, Outcome(kind="cancelled", seconds=seconds))
        if self._running:
            await asyncio.wait(self._running)


def _outcome(task: asyncio.Task[R], seconds: float = 0.0) -> Outcome:
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    return of_result(task.result(), seconds=seconds) if error is None else of_error(error, seconds=seconds)


def _weight(outcome: Outcome) -> int:
    """Return what an end decides about its call: 0 for nothing, most for an error after which nobody else is asked."""
    return 0 if outcome.kind in GOES_ON else 1 if outcome.kind == "success" else 2


async def _ask(call: Callable[[T], Awaitable[R]], replica: T) -> R:
    return await call(replica)
