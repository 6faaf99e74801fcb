"""An event bus inside one process: typed, bounded, and never the reason why a post is late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Self, TypeVar, get_args

from postopt.errors import EventBusClosedError
from postopt.events.inbox import Inbox, Policy
from postopt.events.records import Event
from postopt.events.subscription import Subscription

E = TypeVar("E", bound=Event)


class EventBus:
    """Hands each published event to every subscriber of its type, each at the subscriber's own pace.

    Laws:
        - Events reach one subscriber one at a time and in the order of publication.
        - Each subscriber has a queue of its own; a slow one delays no other.
        - A handler's error is counted and logged by its type; it reaches neither publisher nor other subscribers.
        - Per subscriber, accepted = delivered + failed + dropped + coalesced + pending, at every moment.
        - A publisher that is cancelled while it waits has reached each subscriber entirely or not at all.
        - A handler may publish, subscribe and unsubscribe. It never waits for itself: where a queue could get room
          only after the handler returns (it publishes to its own full queue, or two handlers to each other's), the
          event is dropped for that subscriber and counted.

    A bus belongs to one event loop and its thread at a time. Other threads publish with
    `loop.call_soon_threadsafe(bus.publish_nowait, event)`. Handlers run in tasks that exist only while something is
    waiting, in the context variables of the code that subscribed. A handler that blocks, blocks the loop.

    Args:
        close_timeout: seconds that `aclose` gives to handlers at work (5 is arbitrary).
    """

    def __init__(self, *, close_timeout: float = 5.0) -> None:
        self._close_timeout = close_timeout
        self._inboxes: dict[Inbox, None] = {}  # a set that keeps its order
        self._routes: dict[type[Event], tuple[Inbox, ...]] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def subscribe(
        self,
        event_type: type[E],
        handler: Callable[[E], Awaitable[object] | object],
        *,
        maxsize: int = 1024,
        policy: Policy = "drop_oldest",
        key: Callable[[E], Hashable] = type,
    ) -> Subscription:
        """Call `handler` with every event of `event_type` or a subtype that is published from now on.

        Args:
            event_type: `Event` for everything.
            handler: a function or coroutine function; what it returns is ignored.
            maxsize: most events waiting, the one being handled not counted (1024 is arbitrary).
            policy: what happens to an event that finds `maxsize` others waiting. "block": `publish` waits for room,
                `publish_nowait` drops it; "drop_oldest": it takes the place of the oldest; "drop_new": it is dropped;
                "coalesce": as "drop_oldest", but first an event replaces one that waits with the same key, in its
                place. Only "block" can make a publisher wait.
            key: what makes two events the same for "coalesce"; the type, unless given.

        Raises:
            ValueError: `maxsize` is less than 1 or `policy` unknown.
            EventBusClosedError: the bus is closed.
        """
        if maxsize < 1:
            raise ValueError(f"maxsize is {maxsize!r}; at least 1 is needed")
        if policy not in get_args(Policy):
            raise ValueError(f"policy is {policy!r}; allowed: {', '.join(get_args(Policy))}")
        self._refuse_if_closed()
        inbox = Inbox(event_type, handler, policy, maxsize, key, self._forget)
        self._inboxes[inbox] = None
        self._routes.clear()
        return Subscription(inbox)

    async def publish(self, event: Event) -> None:
        """Give `event` to all its subscribers; wait only for those of policy "block" that have no room.

        All others have it before the first wait. To wait no longer than so many seconds, use `asyncio.timeout`.

        Raises:
            EventBusClosedError: the bus is closed, or was closed while this waited for room.
        """
        full: list[Inbox] | None = None
        # The same loop stands in publish_nowait: a call would cost as much as the rest of it.
        try:
            inboxes = self._routes[event.__class__]
        except KeyError:
            inboxes = self._find(event.__class__)
        for inbox in inboxes:
            if len(inbox.queue) < inbox.room:
                inbox.queue.append(event)
                if not inbox.running:
                    inbox.start()
            elif inbox.policy == "block" and not inbox.closed:
                full = [*(full or ()), inbox]
            else:
                inbox.offer(event)
        if full:
            await self._publish_when_room(event, full)

    def publish_nowait(self, event: Event) -> None:
        """Give `event` to all its subscribers without waiting; a full "block" subscriber loses it, and counts it.

        Without a running event loop the events wait for the next publication, or `drain`, in one.

        Raises:
            EventBusClosedError: the bus is closed.
        """
        try:
            inboxes = self._routes[event.__class__]
        except KeyError:
            inboxes = self._find(event.__class__)
        for inbox in inboxes:
            if len(inbox.queue) < inbox.room:
                inbox.queue.append(event)
                if not inbox.running:
                    inbox.start()
            else:
                inbox.offer(event)

    async def drain(self) -> None:
        """Wait until every published event is done with, those published meanwhile included.

        Cancelling this wait changes nothing for the events.

        Raises:
            RuntimeError: called from a handler, which would wait for itself.
        """
        self._refuse_handler("drain")
        while busy := self._busy():
            await asyncio.wait(busy)

    async def aclose(self) -> None:
        """Drain, then refuse all further events; doing it again has no effect.

        Handlers have `close_timeout` seconds to finish. Those that have not are cancelled and get as long again to
        clean up; what still waits for them is dropped and counted. If this call is cancelled, the bus is closed all
        the same, without the waiting.

        Raises:
            RuntimeError: called from a handler, which would wait for itself.
        """
        self._refuse_handler("aclose")
        stuck: set[asyncio.Task[None]] = set()
        try:
            async with asyncio.timeout(self._close_timeout):
                await self.drain()
        except TimeoutError:
            stuck = self._busy()
        finally:
            self._shut()
        if stuck:
            await asyncio.wait(stuck, timeout=self._close_timeout)

    def _shut(self) -> None:
        self._closed = True
        self._routes.clear()
        for inbox in list(self._inboxes):
            inbox.close()
            if inbox.task is not None:
                inbox.task.cancel()

    async def _publish_when_room(self, event: Event, full: list[Inbox]) -> None:
        publisher = self._current()
        waits: list[tuple[Inbox, asyncio.Future[bool]]] = []
        for inbox in full:
            if publisher is not None and _deadlocks(publisher, inbox):
                inbox.offer(event)
            else:
                waits.append((inbox, inbox.wait(event)))
        if publisher is not None:
            publisher.waits_for = [inbox for inbox, _ in waits]
        try:
            accepted = [await future for _, future in waits]
        finally:
            if publisher is not None:
                publisher.waits_for = ()
            for inbox, future in waits:
                inbox.withdraw(future)
        if not all(accepted):
            self._refuse_if_closed()

    def _busy(self) -> set[asyncio.Task[None]]:
        """Return the delivering tasks, having started those that had no loop to start in."""
        for inbox in self._inboxes:
            inbox.start()
        return {inbox.task for inbox in self._inboxes if inbox.task is not None and not inbox.task.done()}

    def _current(self) -> Inbox | None:
        """Return the inbox whose handler is calling, if one is."""
        task = asyncio.current_task()
        return next((inbox for inbox in self._inboxes if inbox.task is task), None)

    def _find(self, event_type: type[Event]) -> tuple[Inbox, ...]:
        self._refuse_if_closed()
        if not issubclass(event_type, Event):
            raise TypeError(f"{event_type.__name__} is no Event")
        found = self._routes[event_type] = tuple(
            inbox for inbox in self._inboxes if issubclass(event_type, inbox.event_type)
        )
        return found

    def _forget(self, inbox: Inbox) -> None:
        self._inboxes.pop(inbox, None)
        self._routes.clear()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise EventBusClosedError("the event bus is closed")

    def _refuse_handler(self, method: str) -> None:
        if self._current() is not None:
            raise RuntimeError(f"{method}() was called from a handler of the same bus and would wait for itself")


def _deadlocks(publisher: Inbox, target: Inbox) -> bool:
    """Tell whether `target` can get room only after `publisher`'s handler has returned."""
    return target is publisher or any(_deadlocks(publisher, waited_for) for waited_for in target.waits_for)
