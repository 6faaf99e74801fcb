"""Waiting for a turn."""

from __future__ import annotations

import time
from dataclasses import replace

from postopt.clock import Clock
from postopt.errors import shown
from postopt.generation.base import Generator
from postopt.generation.wrappers.order import Wrapper, call_of
from postopt.resilience.deadline import remaining
from postopt.scheduling.priority import PriorityQueue
from postopt.types import Completion, Prompt


class Queued(Wrapper):
    """Lets only so many calls run at once; who has to wait does so by the brief's priority, and the tenants in turn.

    A call that would not end before the caller's deadline is refused at once. The answer's trace says how long it
    waited.

    Args:
        generator: who is asked.
        queue: how many at once, and who is next; 64 at once if None (arbitrary). Shared by as many generators as use
            one resource, and closed by whoever made it.
        clock: monotonic seconds, for the trace.

    Raises:
        ValueError: `queue` is no PriorityQueue.
    """

    def __init__(
        self, generator: Generator, queue: PriorityQueue | None = None, *, clock: Clock = time.monotonic
    ) -> None:
        if queue is not None and not isinstance(queue, PriorityQueue):
            raise ValueError(f"queue is {shown(queue)}; a PriorityQueue, or None, is needed")
        super().__init__(generator)
        self._generate = call_of(generator)
        self._owns_queue = queue is None
        self._queue = PriorityQueue(concurrency=64) if queue is None else queue
        self._clock = clock

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer when there is room.

        Raises:
            ShedError: there is none, or not in time.
            GenerationError: as the generator.
        """
        left = remaining()
        slot = self._queue.enter_nowait(prompt.brief.priority) if left is None or left > 0 else None
        if slot is None:
            return await self._wait(prompt, left)
        try:
            return await self._generate(prompt)
        finally:
            self._queue.leave(slot)

    async def _wait(self, prompt: Prompt, left: float | None) -> Completion:
        started = self._clock()
        slot = await self._queue.enter(priority=prompt.brief.priority, tenant=prompt.tenant, deadline=left)
        waited = self._clock() - started
        try:
            completion = await self._generate(prompt)
        finally:
            self._queue.leave(slot)
        trace = completion.trace
        return replace(completion, trace=replace(trace, waits=(("queue", waited), *trace.waits)))

    async def aclose(self) -> None:
        """Let the calls end that have their turn, refuse the others, and close the generator."""
        if self._owns_queue:
            await self._queue.aclose()
        await super().aclose()
