"""The queue between an event bus and one handler."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import copy_context
from inspect import isawaitable
from itertools import repeat
from types import CoroutineType
from typing import Any, Literal, TypeAlias

from postopt.events.records import Event

Policy: TypeAlias = Literal["block", "drop_oldest", "drop_new", "coalesce"]
Key: TypeAlias = Callable[[Any], Hashable]
Handler: TypeAlias = Callable[[Any], Awaitable[object] | object]

_log = logging.getLogger("postopt.events")


class Inbox:
    """A subscriber's queue, its counters, and the task that feeds its handler while something is waiting.

    Only the bus and `Subscription` see it. The bus appends to `queue` by itself while it is shorter than `room`;
    everything else goes through `offer` and `wait`.
    """

    __slots__ = ("blocked", "closed", "coalesced", "context", "delivered", "dropped", "event_type", "failed", "forget",
                 "handler", "handling", "last_error", "maxsize", "policy", "queue", "room", "running", "task",
                 "waits_for")  # fmt: skip

    def __init__(
        self,
        event_type: type[Event],
        handler: Handler,
        policy: Policy,
        maxsize: int,
        key: Key,
        forget: Callable[[Inbox], None],
    ) -> None:
        self.event_type = event_type
        self.policy: Policy = policy
        self.maxsize = maxsize
        self.delivered = self.failed = self.dropped = self.coalesced = 0
        self.last_error: type[BaseException] | None = None
        self.closed = False
        self.handler = handler
        self.forget = forget
        # Handlers see the context variables of whoever subscribed, not those of whichever publisher came first.
        self.context = copy_context()
        self.queue: deque[Event] | _Latest = _Latest(key) if policy == "coalesce" else deque()
        # The bus appends by itself while the queue is shorter than this; 0 sends every event to `offer`.
        self.room = 0 if policy == "coalesce" else maxsize
        # Publishers that wait for room, in order; nobody waits while there is room.
        self.blocked: OrderedDict[asyncio.Future[bool], Event] = OrderedDict()
        self.task: asyncio.Task[None] | None = None
        self.running = False
        self.handling = False
        # Full inboxes that this one's handler is publishing to right now (see bus._deadlocks).
        self.waits_for: Sequence[Inbox] = ()

    @property
    def pending(self) -> int:
        """Events accepted and not done with: those waiting and the one being handled."""
        return len(self.queue) + self.handling

    def close(self) -> None:
        """Drop and count what is waiting, let go of publishers that wait; a handler at work may finish."""
        if self.closed:
            return
        self.closed = True
        self.room = 0
        self.dropped += len(self.queue)
        self.queue.clear()
        for accepted in self.blocked:
            if not accepted.done():
                accepted.set_result(False)
        self.blocked.clear()
        if not self.running:
            self.forget(self)

    def offer(self, event: Event) -> None:
        """Take or discard an event that cannot simply be appended; never waits."""
        if self.closed:
            return
        if self.policy == "coalesce":
            self._coalesce(event)
        else:
            if self.policy == "drop_oldest":
                self.queue.popleft()
                self.queue.append(event)
            self.dropped += 1
        self.start()  # a queue that filled up outside any loop is delivered from here on

    def _coalesce(self, event: Event) -> None:
        before = len(self.queue)
        try:
            self.queue.append(event)
        except Exception as error:  # noqa: BLE001 - the key is the subscriber's code and fails like its handler
            self._fail(error)
            return
        if len(self.queue) == before:
            self.coalesced += 1
        elif before == self.maxsize:
            self.queue.popleft()
            self.dropped += 1

    def wait(self, event: Event) -> asyncio.Future[bool]:
        """Queue a publisher for room; the future's value says whether the event was accepted in the end."""
        accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.blocked[accepted] = event
        self.start()
        return accepted

    def withdraw(self, accepted: asyncio.Future[bool]) -> None:
        """Forget a publisher that no longer waits."""
        self.blocked.pop(accepted, None)

    def start(self) -> None:
        """Start delivering, unless that is going on; without a running loop the events wait for one."""
        if self.running or not self.queue:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        # Set before the task exists: an eager task factory runs the first handler inside create_task.
        self.running = True
        self.task = loop.create_task(self._deliver(), context=self.context.copy())
        self.task.add_done_callback(self._ended)

    async def _deliver(self) -> None:
        """Feed the handler until nothing waits, one event at a time and in order."""
        self.task = asyncio.current_task()
        while self.queue:
            self.handling = True
            try:
                await self._deliver_waiting()
            finally:
                self.handling = False
            if self.queue:
                await asyncio.sleep(0)  # a handler that never waits must not starve the loop
        self.running = False

    async def _deliver_waiting(self) -> None:
        """Handle as many events as are waiting now."""
        popleft, blocked, handler = self.queue.popleft, self.blocked, self.handler
        for _ in repeat(None, len(self.queue)):
            event = popleft()
            if blocked:
                self._admit()
            try:
                result = handler(event)
                if result is not None and (type(result) is CoroutineType or isawaitable(result)):
                    await result
            except BaseException as error:
                self.handling = False
                self._fail(error)
                if _is_for_the_task(error):
                    raise
                self.handling = True
            else:
                # Until the next event nothing else runs, so nobody sees this one counted twice.
                self.delivered += 1
            if self.closed:
                return

    def _admit(self) -> None:
        """Give the place that became free to the first publisher that waits for one."""
        while self.blocked:
            accepted, event = self.blocked.popitem(last=False)
            if not accepted.done():  # a publisher that is being cancelled has not withdrawn yet
                self.queue.append(event)
                accepted.set_result(True)
                return

    def _fail(self, error: BaseException) -> None:
        self.failed += 1
        self.last_error = type(error)
        # The first failure, then at each doubling: a handler that always fails must not fill the log.
        if self.failed.bit_count() == 1:
            _log.warning(
                "%s on %s failed with %s (%d so far)",
                getattr(self.handler, "__qualname__", type(self.handler).__qualname__),
                self.event_type.__name__,
                type(error).__qualname__,
                self.failed,
            )

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self.task is task:
            self.task = None
            self.running = False  # it is still set if the task was cancelled
        if self.closed:
            self.forget(self)


class _Latest:
    """A queue that holds one event a key: the newest, in the place of the oldest."""

    __slots__ = ("_events", "_key")

    def __init__(self, key: Key) -> None:
        self._key = key
        self._events: OrderedDict[Hashable, Event] = OrderedDict()

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: Event) -> None:
        self._events[self._key(event)] = event

    def popleft(self) -> Event:
        return self._events.popitem(last=False)[1]

    def clear(self) -> None:
        self._events.clear()


def _is_for_the_task(error: BaseException) -> bool:
    """Tell an error of the handler from one that ends the delivering task: its cancellation, an interrupt."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return not isinstance(error, Exception)
