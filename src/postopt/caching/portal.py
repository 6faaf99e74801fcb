"""A way to levels that have to be awaited, for threads that do not await."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Portal:
    """Runs coroutines for threads: in the event loop that the cache is used in, or in one of its own.

    That one runs in a thread, which starts when it is first needed and ends with `close`.

    Args:
        patience: seconds that a loop of somebody else may take; it may stop, and then would take for ever.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """Forget loop and thread: in the child of a fork, neither runs."""
        self._home: asyncio.AbstractEventLoop | None = None
        self._own: _LoopThread | None = None
        self._lock = threading.Lock()

    def came_from_here(self) -> None:
        """Take note that the running event loop is one in which the cache is used."""
        self._home = asyncio.get_running_loop()

    def call(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what `await function()` gives; blocks this thread.

        Raises:
            TimeoutError: the event loop, or the function, took longer than `patience`.
        """
        home = self._home
        if home is not None and home.is_running() and not _runs_here(home):
            future = asyncio.run_coroutine_threadsafe(function(), home)
        else:
            with self._lock:
                if self._own is None:
                    self._own = _LoopThread()
                future = asyncio.run_coroutine_threadsafe(function(), self._own.loop)
        try:
            return future.result(self._patience)
        finally:
            future.cancel()  # without effect on one that is done

    def close(self) -> None:
        """End the thread, if there is one; blocks until its tasks have ended."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()


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
        self.loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        self._stopped = asyncio.Event()
        started.set_result(asyncio.get_running_loop())
        await self._stopped.wait()


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
