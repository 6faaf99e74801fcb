"""Bounded concurrency over a stream, results in the order of the input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from postopt.scheduling.checks import check_number

T = TypeVar("T")
R = TypeVar("R")


async def map_ordered(
    function: Callable[[T], Coroutine[Any, Any, R]], items: Iterable[T] | AsyncIterable[T], *, limit: int
) -> AsyncGenerator[R, None]:
    """Yield `await function(item)` for each item, in the order of the items.

    At most `limit` items have been read whose results were not yet handed out, so memory is bounded however long
    the stream and however slow the consumer; a result is handed out as soon as it is next, without waiting for more
    items. Items are read in one task of their own.

    However this ends (exhausted, closed early, cancelled, or by an error of `function` or of `items`), every task it
    started has ended before. An error comes after the results of all items before it.

    Args:
        function: what to do with an item, in a task of its own.
        items: read lazily; an async iterable is not closed here, whoever made it does that.
        limit: most items at work or done and waiting, 1 or more.

    Raises:
        ValueError: `limit` is less than 1 or no int; with the first result that is asked for.
    """
    check_number("limit", limit, least=1, whole=True)
    slots = asyncio.Semaphore(limit)
    started: asyncio.Queue[asyncio.Task[R] | None] = asyncio.Queue()

    async def read() -> None:
        source = aiter(_asynchronous(items))
        try:
            while True:
                await slots.acquire()  # first: an item read without a slot would be one more than the limit
                started.put_nowait(asyncio.create_task(function(await anext(source))))
        except StopAsyncIteration:
            pass
        finally:
            started.put_nowait(None)

    reader = asyncio.create_task(read())
    try:
        while (task := await started.get()) is not None:
            result = await task
            slots.release()
            yield result
        await reader
    finally:
        await _end([reader, *_left(started)])


def _asynchronous(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterable[T]:
    return items if isinstance(items, AsyncIterable) else _each(items)


async def _each(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item


def _left(started: asyncio.Queue[asyncio.Task[R] | None]) -> list[asyncio.Task[R]]:
    tasks = (started.get_nowait() for _ in range(started.qsize()))
    return [task for task in tasks if task is not None]


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
