"""A turn of a queue as a block of code."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from postopt.scheduling.slots import Slot

if TYPE_CHECKING:
    from postopt.scheduling.priority import PriorityQueue


class Turn:
    """A turn as a block: it waits for its turn, and ends it however the block ends. For one block at a time."""

    __slots__ = ("_deadline", "_expected_seconds", "_priority", "_queue", "_slot", "_tenant")

    def __init__(
        self,
        queue: PriorityQueue,
        priority: int,
        tenant: str,
        deadline: float | None,
        expected_seconds: float | None,
    ) -> None:
        self._queue = queue
        self._priority = priority
        self._tenant = tenant
        self._deadline = deadline
        self._expected_seconds = expected_seconds
        self._slot: Slot | None = None

    async def __aenter__(self) -> None:
        slot = None
        if self._deadline is None or self._deadline > 0:
            slot = self._queue.enter_nowait(self._priority)
        if slot is None:
            slot = await self._queue.enter(
                priority=self._priority,
                tenant=self._tenant,
                deadline=self._deadline,
                expected_seconds=self._expected_seconds,
            )
        if self._slot is not None:
            self._queue.leave(slot)
            raise RuntimeError("the turn is being had already; each block needs a turn of its own")
        self._slot = slot

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            self._queue.leave(slot)
