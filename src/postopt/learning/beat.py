"""Repeating something at a beat, never two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from postopt.errors import PostoptError

T = TypeVar("T")


async def repeat(action: Callable[[], Awaitable[object]], every: float) -> None:
    """Do it now and at each multiple of `every` seconds from now, until cancelled or an error.

    What takes longer than `every` is followed by the next multiple: nothing drifts, and nothing is made up for.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await action()
        due += every * ((loop.time() - due) // every + 1)
        await asyncio.sleep(due - loop.time())


async def to_its_end(function: Callable[[], T]) -> T:
    """Return what a function returns that runs in a thread; being cancelled waits for its end, and then counts."""
    thread = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        while not thread.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([thread])
        thread.exception()  # else asyncio would say that nobody took it
        raise


@contextmanager
def left_to_the_next_time() -> Iterator[None]:
    """Let an error pass that may be gone the next time."""
    try:
        yield
    except PostoptError as error:
        if not error.retryable:
            raise
