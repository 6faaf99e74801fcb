"""How a store reaches its database from one event loop of one process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from postopt.caching.database.rows import BusyError, Rows, UselessConnectionError
from postopt.errors import StoreError

T = TypeVar("T")

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.064
"""Seconds before the next attempt at a busy database: at first, and in the end, doubling in between; arbitrary."""


OPENING_SECONDS = 5.0
"""Longest that connecting may take, if the calls that wait for it have no more; arbitrary."""


class Attachment:
    """Rows, and the locks and tasks that go with them, as long as one event loop of one process lasts.

    Laws:
        - A call ends within the seconds that it has, also if the database answers nothing, not even to the attempt to
          leave it alone: what is still going on then ends by itself, in a task of its own.
        - A database that is busy is asked again as long as there is time.
        - When the loop ends (`asyncio.run` returns), so does this, as if it had been closed.

    Attributes:
        met: whether the database has ever answered.
        forgetting: held while deletions are made durable.
        flushing: held while rows are written, so that of two rows of one name the newer one is written last.
        full: set when enough rows wait for a batch.
        flusher: the task that writes behind.

    Args:
        rows: used by this alone.
        meet: told the epoch, and when the tables were made, whenever they were looked at.
        depart: what to do before the connections are closed.
        seconds: that the calls under way have then, and as many again closing the connections.
    """

    def __init__(
        self,
        rows: Rows,
        meet: Callable[[int, float], None],
        depart: Callable[[Attachment], Awaitable[None]],
        seconds: float,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self.met = False
        self.forgetting = asyncio.Lock()
        self.flushing = asyncio.Lock()
        self.full = asyncio.Event()
        self.flusher: asyncio.Task[None] | None = None
        self._rows = rows
        self._meet = meet
        self._depart = depart
        self._seconds = seconds
        self._opening: asyncio.Task[None] | None = None
        self._opened = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._lifetime = self._last()
        self._left = False
        self._leaving = asyncio.Lock()
        # It begins without waiting. A loop closes the generators that have begun before it ends, and waits for them.
        with suppress(StopIteration):
            self._lifetime.__anext__().send(None)

    async def call(self, work: Callable[[Rows], Awaitable[T]], seconds: float) -> T:
        """Return what `work` gives.

        Raises:
            StoreError: `work` raised it, or did not end within `seconds`.
        """
        task = self.loop.create_task(self._attempt(work, seconds))
        self._keep(task)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            # Cancelled twice, as at the end of a loop, it would leave the closing of its connection behind.
            if not task.cancelling():
                task.cancel()
        if not task.done():
            raise StoreError(f"the database did not answer within {seconds} s")
        return task.result()

    async def aclose(self) -> None:
        """Depart, then close the connections; doing it again has no effect."""
        await self._leave()
        await self._lifetime.aclose()

    async def _attempt(self, work: Callable[[Rows], Awaitable[T]], seconds: float) -> T:
        end = self.loop.time() + seconds
        pause = FIRST_PAUSE
        useless = False
        while True:
            try:
                await self._open()
                return await work(self._rows)
            except StoreError as error:
                # Whatever it was: the tables may be others now.
                self._opened = False
                again = isinstance(error, BusyError) or (isinstance(error, UselessConnectionError) and not useless)
                if not again or self.loop.time() + pause >= end:
                    raise
                useless = useless or not isinstance(error, BusyError)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _open(self) -> None:
        """Connect, unless that is done; whoever gives up waiting does not stop it, or it might never come about."""
        if self._opened:
            return
        if self._opening is None or self._opening.done():
            self._opening = self.loop.create_task(self._meet_rows())
            self._keep(self._opening)
        opening = self._opening
        await asyncio.wait({opening})
        if opening.cancelled():
            raise StoreError("the connections were closed")
        opening.result()

    async def _meet_rows(self) -> None:
        seconds = max(self._seconds, OPENING_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                found = await self._rows.open()
        except TimeoutError as error:
            raise StoreError(f"the database could not be opened within {seconds} s") from error
        self._meet(*found)
        self.met = self._opened = True

    def _keep(self, task: asyncio.Task[T]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._drop)

    def _drop(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has left: nobody else will look at it

    async def _last(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            if not self._left:
                await self._leave()

    async def _leave(self) -> None:
        async with self._leaving:
            if not self._left:
                try:
                    await self._depart(self)
                finally:
                    await self._close()
                self._left = True

    async def _close(self) -> None:
        for task in (self.flusher, self._opening):
            if task is not None:
                task.cancel()
        if self._tasks:  # a connection in use would not be closed
            await asyncio.wait(self._tasks, timeout=self._seconds)
        closing = self.loop.create_task(self._rows.close())
        self._keep(closing)
        await asyncio.wait({closing}, timeout=self._seconds)
        closing.cancel()
