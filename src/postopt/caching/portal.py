"""The one event loop in which the levels of a cache live that have to be awaited, whoever calls."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Generic, TypeVar

from postopt.clock import Clock

T = TypeVar("T")

_LOOK_SECONDS = 0.05
"""How often whoever waits for another loop looks whether it was closed; arbitrary."""


class Portal:
    """Runs coroutines in one event loop, for tasks of any loop and for threads that do not await.

    That loop, the home, is the first one in which a call awaits, for as long as it runs; then the next one that does.
    If a thread comes first, it is one of the portal's own, in a daemon thread that ends with `close`. So stores that
    serve one event loop at a time need not know of others.

    What was on its way when the home ends is done again in the next one: a call of a store does the same twice.

    Args:
        timer: monotonic seconds, of the real time for which a thread waits.
    """

    def __init__(self, timer: Clock = time.monotonic) -> None:
        self._timer = timer
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
        """
        here = asyncio.get_running_loop()
        end = here.time() + patience
        while self.home is not here and (home := self._settle(here)) is not here:
            errand = _Errand(function, home)
            future = asyncio.wrap_future(errand.future)
            try:
                while not (future.done() or home.is_closed()) and here.time() < end:
                    await asyncio.wait({future}, timeout=min(_LOOK_SECONDS, end - here.time()))
            finally:
                if not future.done():
                    errand.give_up()
            if future.done() and not future.cancelled():
                return future.result()
            if here.time() >= end:
                raise TimeoutError
        return await function()

    def call(self, function: Callable[[], Coroutine[Any, Any, T]], patience: float) -> T:
        """Return what `await function()` gives at home; blocks this thread.

        Raises:
            TimeoutError: it took longer than `patience` seconds, or home is the loop that this thread runs, which would
                wait for itself.
        """
        end = self._timer() + patience
        while True:
            home = self._settle_in_thread()
            if _runs_here(home):
                raise TimeoutError
            errand = _Errand(function, home)
            while not (errand.future.done() or home.is_closed()) and self._timer() < end:
                wait([errand.future], timeout=min(_LOOK_SECONDS, end - self._timer()))
            if errand.future.done() and not errand.future.cancelled():
                return errand.future.result()
            errand.give_up()
            if self._timer() >= end:
                raise TimeoutError

    def spawn(self, function: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Let `function` run at home, where there is one."""
        return _Errand(function, self.home or asyncio.get_running_loop()).future

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

    def _settle_in_thread(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self.home is None or not self.home.is_running():
                self._own = self._own or _LoopThread()
                self.home = self._own.loop
            return self.home


class _Errand(Generic[T]):
    """A call on its way to an event loop; its future is cancelled if that ends.

    A loop that is closed without a look at what it was sent tells nobody. Hence `_LOOK_SECONDS`. One that only stopped
    may be in the midst of `asyncio.run`, which stops it before it cancels what is left.
    """

    def __init__(self, function: Callable[[], Coroutine[Any, Any, T]], home: asyncio.AbstractEventLoop) -> None:
        self._coroutine = function()
        self._home = home
        try:
            self.future = asyncio.run_coroutine_threadsafe(self._coroutine, home)
        except RuntimeError:  # it was closed just now
            self._coroutine.close()
            self.future = Future()
            self.future.cancel()

    def give_up(self) -> None:
        """Wait no longer; it is cancelled if it can be."""
        if self._home.is_closed():
            with suppress(RuntimeError):  # what it waits for belongs to that loop
                self._coroutine.close()
        else:
            self.future.cancel()


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
