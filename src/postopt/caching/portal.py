"""The one event loop in which the levels of a cache live that have to be awaited, whoever calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar, cast

from postopt.errors import StoreError

T = TypeVar("T")

_ENDED = "the event loop in which the store is used has ended"


class Portal:
    """Runs coroutines in one event loop, for tasks of any loop and for threads that do not await.

    That loop, the home, is the first one in which a call awaits, for as long as it runs; then the next one that does.
    If a thread comes first, it is one of the portal's own, in a daemon thread that ends with `close`. So stores that
    serve one event loop at a time need not know of others.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget loop and thread: in the child of a fork, neither runs."""
        self.home: asyncio.AbstractEventLoop | None = None
        self._own: _LoopThread | None = None
        self._lock = threading.Lock()

    async def run(self, function: Callable[[], Coroutine[Any, Any, T]], patience: float) -> T:
        """Return what `await function()` gives at home.

        Raises:
            TimeoutError: home is another loop, and took longer than `patience` seconds.
            StoreError: home ended meanwhile.
        """
        here = asyncio.get_running_loop()
        if self.home is not here and self._settle(here) is not here:
            future = asyncio.wrap_future(self.spawn(function))
            try:
                async with asyncio.timeout(patience):
                    return await future
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise StoreError(_ENDED) from None
        return await function()

    def call(self, function: Callable[[], Coroutine[Any, Any, T]], patience: float) -> T:
        """Return what `await function()` gives at home; blocks this thread.

        Raises:
            TimeoutError: it took longer than `patience` seconds, or home is the loop that this thread runs, which would
                wait for itself.
        """
        with self._lock:
            if self.home is None or not self.home.is_running():
                self._own = self._own or _LoopThread()
                self.home = self._own.loop
        if _runs_here(self.home):
            raise TimeoutError
        future = self.spawn(function)
        try:
            return future.result(patience)
        except CancelledError:  # home has ended
            raise TimeoutError from None
        finally:
            future.cancel()  # without effect on one that is done

    def spawn(self, function: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Let `function` run at home, which there has to be."""
        coroutine = function()
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, cast("asyncio.AbstractEventLoop", self.home))
        except (RuntimeError, AttributeError):  # it was closed just now, perhaps with the portal
            coroutine.close()
            failed: Future[T] = Future()
            failed.set_exception(StoreError(_ENDED))
            return failed

    def close(self) -> None:
        """End the thread, if there is one; blocks until its tasks have ended."""
        with self._lock:
            own, self._own = self._own, None
            if own is not None and self.home is own.loop:
                self.home = None
        if own is not None:
            own.close()

    def _settle(self, here: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
        """Return the home; this is it if there is none that runs."""
        with self._lock:
            if self.home is None or not self.home.is_running():
                self.home = here
            return self.home


class _LoopThread:
    """An event loop in a daemon thread.

    anyio.from_thread.start_blocking_portal does nearly this; but dropped without being left, as happens in the child of
    a fork, it waits for its thread, which is not there.
    """

    def __init__(self) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(started),), name="postopt-cache", daemon=True
        )
        self._thread.start()
        self.loop = started.result()

    def close(self) -> None:
        """End the loop and its tasks."""
        with suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        self._stopped = asyncio.Event()
        started.set_result(asyncio.get_running_loop())
        await self._stopped.wait()


def _runs_here(loop: asyncio.AbstractEventLoop | None) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
