"""For callers that do not await: one event loop in a thread of its own, shared by the whole process.

The thread starts at the first use, never at import, and ends with the process. It works from inside a running loop
too (a notebook), which is then blocked like any caller. A child made by `os.fork` gets a thread of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextvars import Context
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, TypeVarTuple, Unpack, cast

import anyio
from anyio.from_thread import BlockingPortal

from postopt import writer
from postopt.clock import Clock
from postopt.generation.base import Generator
from postopt.generation.choosing import FeedbackSink, Further, ModelSource, PromptSource, new_unit
from postopt.generation.judging import PostPredictor, PostScorer, TextEnhancer
from postopt.generation.publishing import EventSink
from postopt.types import Brief, Posts

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Seconds that work still running at exit has to end after it was cancelled; arbitrary.
_EXIT_SECONDS = 5.0


def run(function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
    """Return what `await function(*args)` gives, or raise what it raises.

    Context variables are the caller's. If the caller is interrupted (KeyboardInterrupt), the work is cancelled and
    has ended before the interrupt goes on.

    Raises:
        RuntimeError: called from the shared loop itself, which would wait for itself.
    """
    portal = _shared_portal()
    work = _Work(function, args)
    try:
        return _value(portal.blocking.call(work.run))
    except BaseException:
        if portal is _portal:  # else the loop has ended with its process
            portal.blocking.call(work.stop)
        raise


def iterate(items: AsyncIterable[T]) -> Iterator[T]:
    """Yield what `async for` over `items` would, each item made only when it is asked for.

    One task of the shared loop makes all items, so that time limits and task groups inside `items` stay whole. When
    the caller stops early, is interrupted or drops the iterator, `items` is cancelled and closed first.

    Raises:
        RuntimeError: called from the shared loop itself, which would wait for itself.
    """
    portal = _shared_portal()
    asked: asyncio.Queue[None] = asyncio.Queue()
    given: asyncio.Queue[T | _End] = asyncio.Queue()
    work = _Work(_feed, (items, asked, given))
    ended: Future[_Exit | None] | None = None
    try:
        ended = portal.blocking.start_task_soon(work.run)
        while not isinstance(item := portal.blocking.call(_next, asked, given), _End):
            yield item
    finally:
        if portal is _portal:  # else the loop ended with its process, or is the parent's of a fork
            portal.blocking.call(work.stop)
            if ended is not None:
                _value(ended.result())


class PostWriter:
    """`postopt.writer.PostWriter` for callers that do not await: the same arguments, laws and errors."""

    def __init__(  # noqa: PLR0913 - as the writer's own
        self,
        generator: Generator,
        *,
        prompts: PromptSource | None = None,
        selector: ModelSource | None = None,
        scorer: PostScorer | None = None,
        predictor: PostPredictor | None = None,
        enhancer: TextEnhancer | None = None,
        learning: FeedbackSink | None = None,
        events: EventSink | None = None,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        concurrency: int = 8,
        new_unit: Callable[[], str] = new_unit,
    ) -> None:
        self._writer = writer.PostWriter(
            generator,
            prompts=prompts,
            selector=selector,
            scorer=scorer,
            predictor=predictor,
            enhancer=enhancer,
            learning=learning,
            events=events,
            clock=clock,
            wall_clock=wall_clock,
            concurrency=concurrency,
            new_unit=new_unit,
        )

    @property
    def failed_events(self) -> int:
        """How many events the sink did not take."""
        return self._writer.failed_events

    @property
    def failed_choices(self) -> int:
        """How often a prompt could not be chosen, or the choice not written down."""
        return self._writer.failed_choices

    @property
    def failed_judgements(self) -> int:
        """How many reports and predictions could not be made."""
        return self._writer.failed_judgements

    def write(self, brief: Brief, n: int = 3, *, deadline: float | None = None) -> Posts:
        """Write up to `n` posts within `deadline` seconds."""
        return run(partial(self._writer.write, deadline=deadline), brief, n)

    def write_many(
        self, briefs: Iterable[Brief] | AsyncIterable[Brief], n: int = 1, *, deadline: float | None = None
    ) -> Iterator[Posts]:
        """Yield the posts of each brief; `briefs` is read in the shared loop, which waits while it is."""
        return iterate(self._writer.write_many(briefs, n, deadline=deadline))

    def feedback(self, post_id: str, *, impressions: int, clicks: int, **further: Unpack[Further]) -> bool:
        """Bring back what readers did with a post; `further` as `postopt.writer.PostWriter.feedback` has them."""
        return run(partial(self._writer.feedback, impressions=impressions, clicks=clicks, **further), post_id)

    def close(self) -> None:
        """Close the generator, if it can be closed."""
        run(self._writer.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _End:
    """Says that no item follows."""


async def _feed(items: AsyncIterable[T], asked: asyncio.Queue[None], given: asyncio.Queue[T | _End]) -> None:
    """Give one item of `items` each time it is asked for, then close `items` and say so, however it ended."""
    iterator: AsyncIterator[T] | None = None
    try:
        iterator = aiter(items)
        while True:
            await asked.get()
            try:
                given.put_nowait(await anext(iterator))
            except StopAsyncIteration:
                return
    finally:
        aclose = getattr(iterator, "aclose", None)
        try:
            if aclose is not None:
                with anyio.CancelScope(shield=True):
                    await aclose()
        finally:
            given.put_nowait(_End())


async def _next(asked: asyncio.Queue[None], given: asyncio.Queue[T | _End]) -> T | _End:
    asked.put_nowait(None)
    return await given.get()


class _Work(Generic[T]):
    """One call in the shared loop, which can be stopped from the moment it exists.

    The future that anyio returns cannot: an interrupt may come before the caller has it.
    """

    def __init__(self, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args
        self._stopped = False
        self._begun: tuple[anyio.CancelScope, anyio.Event] | None = None

    async def run(self) -> T | _Exit | None:
        """Return what the call gives; what would end the shared loop, and with it all work there, is not raised."""
        if self._stopped:
            return None
        scope, ended = self._begun = anyio.CancelScope(), anyio.Event()
        try:
            with scope:
                return await self._function(*self._args)
        except (KeyboardInterrupt, SystemExit) as error:
            return _Exit(error)
        finally:
            ended.set()
        return None  # it was stopped

    async def stop(self) -> None:
        """Cancel the call and wait until it is over; without effect on one that is."""
        self._stopped = True
        if self._begun is not None:
            scope, ended = self._begun
            scope.cancel()
            await ended.wait()


class _Exit:
    """A KeyboardInterrupt or SystemExit on its way to the caller's thread."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _value(outcome: T | _Exit | None) -> T:
    if isinstance(outcome, _Exit):
        raise outcome.error
    return cast("T", outcome)  # None stands for a stopped call, whose caller is no longer there


class _Portal:
    """An event loop in a daemon thread; `blocking` is the way in.

    anyio.from_thread.start_blocking_portal does nearly this, but is a context manager whose end waits for the thread:
    the child of a fork, which has no such thread, would wait for ever.
    """

    def __init__(self) -> None:
        started: Future[BlockingPortal] = Future()
        self._thread = threading.Thread(
            target=Context().run, args=(_serve, started), name="postopt-blocking", daemon=True
        )
        self._thread.start()
        self.blocking = started.result()

    def close(self) -> None:
        self.blocking.call(self.blocking.stop, True)  # noqa: FBT003 - anyio's: cancel what still runs
        self._thread.join(_EXIT_SECONDS)


def _serve(started: Future[BlockingPortal]) -> None:
    async def serve() -> None:
        async with BlockingPortal() as blocking:
            started.set_result(blocking)
            await blocking.sleep_until_stopped()

    try:
        anyio.run(serve)
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


_portal: _Portal | None = None
_lock = threading.Lock()


def _shared_portal() -> _Portal:
    global _portal  # noqa: PLW0603 - one a process is the point
    with _lock:
        if _portal is None:
            _portal = _Portal()
            atexit.register(_close)
        return _portal


def _close() -> None:
    global _portal
    portal, _portal = _portal, None
    if portal is not None:
        portal.close()


def _forget_after_fork() -> None:
    global _portal, _lock
    # The thread stayed in the parent, and another thread may have held the lock.
    _portal, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forget_after_fork)
