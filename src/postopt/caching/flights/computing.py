"""Running what a caller wants computed, so that whatever becomes of it can be told to others first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from postopt.caching.flights.caller import TaskCaller, ThreadCaller, current
from postopt.caching.flights.outcome import Outcome


async def compute_in_task(caller: TaskCaller, compute: Callable[[], Awaitable[object]]) -> Outcome:
    """Return how `await compute()` ended, in a task whose code is part of the caller's run."""
    current.set(caller)
    try:
        return Outcome(await compute())
    except BaseException as error:  # noqa: BLE001 - an exit would end the loop before anybody is told
        return Outcome(error=error)


def compute_here(caller: ThreadCaller, compute: Callable[[], object]) -> Outcome:
    """Return how `compute()` ended, whose code is part of the caller's run meanwhile."""
    token = current.set(caller)
    try:
        return Outcome(compute())
    except BaseException as error:  # noqa: BLE001 - it goes on when the others have been told
        return Outcome(error=error)
    finally:
        current.reset(token)


def outcome_of(task: asyncio.Task[Outcome]) -> Outcome:
    """Return how the computation of a task ended that is done."""
    try:
        return task.result()
    except BaseException as error:  # noqa: BLE001 - it was cancelled or interrupted before its first step
        return Outcome(error=error)
