"""Values that are being made anew while an older one is served."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from postopt.caching.base import Key
from postopt.clock import Clock

REST_SECONDS = 1.0
MOST_REST_SECONDS = 60.0
"""How long a value is left alone for which an attempt was in vain: at first, and at most; each time twice as long."""

MOST_RESTING = 4096
"""Keys that are left alone; arbitrary."""


class Refreshes:
    """Lets one caller at a time make a value anew, and nobody for a while after that was in vain.

    Args:
        timer: monotonic seconds.
    """

    def __init__(self, timer: Clock) -> None:
        self._timer = timer
        self.reset()

    def reset(self) -> None:
        """Forget what goes on: in the child of a fork, nothing does."""
        self._lock = threading.Lock()
        self._running: dict[Key, asyncio.Task[bool] | None] = {}  # None where a thread does it
        self._resting: OrderedDict[Key, tuple[float, float]] = OrderedDict()  # until when, and for how long

    def begin(self, key: Key) -> bool:
        """Say whether the caller shall make the value anew; if so, `end` follows."""
        with self._lock:
            if key in self._running and not _is_lost(self._running[key]):
                return False
            until, _ = self._resting.get(key, (-math.inf, 0.0))
            if until > self._timer():
                return False
            self._running[key] = None
            return True

    def end(self, key: Key, *, well: bool) -> None:
        """Take note of how an attempt ended."""
        with self._lock:
            self._running.pop(key, None)
            _, rest = self._resting.pop(key, (-math.inf, 0.0))
            if not well:
                rest = min(max(2 * rest, REST_SECONDS), MOST_REST_SECONDS)
                self._resting[key] = self._timer() + rest, rest
                if len(self._resting) > MOST_RESTING:
                    self._resting.popitem(last=False)

    def start(self, key: Key, attempt: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Make an attempt, after `begin`, in a task of its own; it says whether it ended well."""
        task = asyncio.ensure_future(attempt())
        self._running[key] = task
        task.add_done_callback(partial(self._ended, key))

    async def aclose(self) -> None:
        """Cancel what goes on, and wait for it as far as it goes on here."""
        here = asyncio.get_running_loop()
        await asyncio.gather(*(task for task in self.cancel() if task.get_loop() is here), return_exceptions=True)

    def cancel(self) -> list[asyncio.Task[bool]]:
        """Cancel what goes on, from any thread, and return what that is."""
        with self._lock:
            tasks = [task for task in self._running.values() if task is not None]
        for task in tasks:
            with suppress(RuntimeError):  # its loop is closed
                task.get_loop().call_soon_threadsafe(task.cancel)
        return tasks

    def _ended(self, key: Key, task: asyncio.Task[bool]) -> None:
        self.end(key, well=not task.cancelled() and task.exception() is None and task.result())


def _is_lost(task: asyncio.Task[bool] | None) -> bool:
    return task is not None and task.get_loop().is_closed()
