"""A task that waits, in whichever event loop, until somebody in whichever thread wakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, Self, TypeAlias

from postopt.scheduling.slots import Slot

Reason: TypeAlias = Literal["full", "displaced", "deadline", "closed"]
"""Why a queue refuses a call: no room, no room any more, no time, no more turns at all."""


class Waiter:
    """A task that waits.

    Its future says only that it is time to look; what there is to see is elsewhere, and changes under a lock. So it
    makes no difference whether a cancellation comes just before or just after the news.
    """

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> bool:
        """Wake the task; say whether it can be: its loop may have been closed without cancelling it."""
        try:
            if asyncio.get_running_loop() is self.loop:
                self._resolve()
                return True
        except RuntimeError:  # called where no loop runs, by a finalizer perhaps
            pass
        try:
            self.loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:
            return False
        return True

    def _resolve(self) -> None:
        if not self.future.done():  # its task may have been cancelled
            self.future.set_result(None)


class QueuedWaiter(Waiter):
    """A task that waits for its turn.

    Attributes:
        lane: 0 to 7.
        tenant: whose it is.
        since: when it came.
        latest: when its turn has to begin for it to make its deadline; None without one.
        slot: what it was given.
        refusal: why it was given none, or "".
    """

    __slots__ = ("_timer", "lane", "latest", "refusal", "since", "slot", "tenant")

    def __init__(self, lane: int, tenant: str, since: float) -> None:
        super().__init__()
        self.lane = lane
        self.tenant = tenant
        self.since = since
        self.latest: float | None = None
        self.slot: Slot | None = None
        self.refusal = ""
        self._timer: asyncio.TimerHandle | None = None

    def call_later(self, seconds: float, callback: Callable[[Self], object]) -> None:
        """Call `callback(self)` in the waiter's own loop, unless it has got what it waits for by then."""
        self._timer = self.loop.call_later(seconds, callback, self)

    def stop_timer(self) -> None:
        """Do not call it."""
        if self._timer is not None:
            self._timer.cancel()
