"""A level of a tiered cache that has to be awaited: in another process, on a disk, on another machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from postopt.caching.base import Entry, Key, Store
from postopt.caching.cooldown import Breaker, Cooldown
from postopt.caching.levels import Fenced, Level, Near, Tagged
from postopt.caching.portal import Portal
from postopt.clock import Clock
from postopt.errors import CacheValueError, StoreError

T = TypeVar("T")

CLOSING_SECONDS = 30.0
"""How long a level may take to close: it may have to write what waited."""


class Change:
    """A key that is being set or deleted.

    Attributes:
        key: the key.
        tags: those of the entry that is set.
        done: whether the store has taken it over.
        in_order: whether no other change that matters went on meanwhile: of two, nobody knows which came last.
        ended: whether nobody is about it any more.
        call: what the store does, which may go on when its caller has given up.
    """

    __slots__ = ("call", "done", "ended", "in_order", "key", "tags")

    def __init__(self, key: Key, tags: tuple[str, ...]) -> None:
        self.key = key
        self.tags = tags
        self.done = self.ended = False
        self.in_order = True
        self.call: asyncio.Task[Any] | None = None


class FarLevel(Level[Store]):
    """Calls a store, each call within a deadline, in the event loop that `portal` has for it.

    A call that raises, hangs or returns what is no entry counts in `faults`. After three in a row the store is left
    alone for a second (`Cooldown`), so that a dead one costs nothing. What the store says of values that it cannot keep
    (CacheValueError) is no fault.

    From `begin` to the end of a change, the store is not asked for its key. A change that failed, or that went on
    beside another one, leaves open what the store holds: the key is owed to it, and deleted once it answers again.

    Any thread may `begin` and `end` changes.
    """

    def __init__(self, store: Store, number: int, *, deadline: float, portal: Portal, timer: Clock) -> None:
        super().__init__(store, number)
        self._takes_tags = isinstance(store, Tagged | Near)
        self._deadline = deadline
        self._portal = portal
        self._breaker: Breaker = Cooldown(clock=timer)
        self._lock = threading.Lock()
        self._changing: dict[Key, list[Change]] = {}
        self._calls: set[asyncio.Task[Any]] = set()  # asyncio itself does not hold them
        self._catching_up: Future[None] | None = None
        self._catching_up_in: asyncio.AbstractEventLoop | None = None

    async def get(self, key: Key) -> Entry | None:
        """Return what the store holds, or None."""
        if self._is_behind(key):
            return None
        found, done = await self._call(lambda: self.store.get(key))
        if done:
            self._begin_to_catch_up()
        entry = self._checked(found)
        return None if entry is None or self._is_behind(key, entry.tags) else entry

    def begin(self, key: Key, tags: tuple[str, ...] = ()) -> Change:
        """Take note that a key is about to be set or deleted; `end` it whatever becomes of it."""
        change = Change(key, tags)
        with self._lock:
            others = self._changing.setdefault(key, [])
            for other in others:
                other.in_order = change.in_order = False
            others.append(change)
        return change

    def end(self, change: Change) -> None:
        """Take note that nobody is about a change any more; doing it again has no effect."""
        call = change.call
        if call is not None and not call.done() and not change.done:
            with suppress(RuntimeError):  # its loop is closed
                call.get_loop().call_soon_threadsafe(call.add_done_callback, partial(self._end_late, change))
                return
        self._end(change)

    async def set(self, change: Change, entry: Entry, fence: int | None = None) -> None:
        """Let the store keep an entry, if it takes its tags; with `fence`, unless a later lease has written."""
        key, store = change.key, self.store
        if entry.tags and not self._takes_tags:
            await self.delete(change)  # an older one, without tags, may be there
        elif fence is not None and isinstance(store, Fenced):
            await self._carry_out(change, lambda: store.set(key, entry, fence=fence))
        else:
            await self._carry_out(change, lambda: store.set(key, entry))

    async def delete(self, change: Change) -> None:
        """Let the store forget a key."""
        await self._carry_out(change, lambda: self.store.delete(change.key))

    def begin_tag(self, tag: str) -> int:
        """Take note that a tag is about to be invalidated, and return the number of that change."""
        with self._lock:
            for changes in self._changing.values():
                for change in changes:
                    change.in_order = change.in_order and tag not in change.tags
            return self.owed.add_tag(tag)

    async def invalidate_tag(self, tag: str, number: int) -> None:
        """Let the store forget the entries with a tag; one that takes no tags holds none."""
        store, done = self.store, True
        if isinstance(store, Tagged):
            _, done = await self._call(lambda: store.invalidate_tag(tag))
        if done:
            with self._lock:
                self.owed.settle_tag(tag, number)

    async def aclose(self) -> None:
        """Close the store, if it can be closed, whatever became of its calls."""
        if self._catching_up is not None:
            self._catching_up.cancel()
        aclose = getattr(self.store, "aclose", None)
        if aclose is not None:
            try:
                await self._portal.run(partial(self._timed, aclose, CLOSING_SECONDS), CLOSING_SECONDS)
            except Exception as error:  # noqa: BLE001 - the others are still to be closed
                self._fault(error)

    async def _carry_out(self, change: Change, call: Callable[[], Awaitable[None]]) -> None:
        _, change.done = await self._call(call, change)
        if change.done:
            self._begin_to_catch_up()

    def _end_late(self, change: Change, task: asyncio.Task[Any]) -> None:
        change.done = not task.cancelled() and task.exception() is None
        self._end(change)

    def _end(self, change: Change) -> None:
        with self._lock:
            if change.ended:
                return
            change.ended = True
            others = self._changing[change.key]
            others.remove(change)
            if not others:
                del self._changing[change.key]
            if change.done and change.in_order:
                # It replaced whatever was in doubt before.
                self.owed.keys.pop(change.key, None)
            else:
                self.owed.add(change.key)

    def _is_behind(self, key: Key, tags: tuple[str, ...] = ()) -> bool:
        with self._lock:
            return key in self._changing or (bool(self.owed) and self.owed.covers(key, tags))

    def _begin_to_catch_up(self) -> None:
        if not (self.owed.keys or self.owed.tags):
            return
        running = self._catching_up is not None and not self._catching_up.done()
        if not running or self._catching_up_in is not self._portal.home:
            self._catching_up, self._catching_up_in = self._portal.spawn(self._catch_up), self._portal.home

    async def _catch_up(self) -> None:
        """Let the store forget what it is owed."""
        with self._lock:
            tags, keys = list(self.owed.tags.items()), list(self.owed.keys.items())
        for tag, number in tags:
            await self.invalidate_tag(tag, number)
        for key, number in keys:
            if key not in self._changing:
                _, done = await self._call(lambda key=key: self.store.delete(key))  # type: ignore[misc]  # a default
                if not done:
                    return
                with self._lock:
                    self.owed.settle(key, number)

    async def _call(self, call: Callable[[], Awaitable[T]], change: Change | None = None) -> tuple[T | None, bool]:
        """Return what the call gives, and whether it did what it should."""
        try:
            work = partial(self._breaker.acall, self._timed, call, self._deadline, change)
            return await self._portal.run(work, self._deadline), True
        except CacheValueError:
            self.refused += 1
            return None, True  # it holds no older one either
        except Exception as error:  # noqa: BLE001 - a store that fails must not fail its callers
            self._fault(error)
            return None, False

    async def _timed(self, call: Callable[[], Awaitable[T]], seconds: float, change: Change | None = None) -> T:
        """Return what a call gives; after so many seconds it is cancelled, and not waited for if it does not care.

        If the caller is cancelled, a change goes on by itself: half of it may be done already.
        """
        task, loop = asyncio.ensure_future(_begin(call)), asyncio.get_running_loop()
        end = loop.time() + seconds
        self._calls.add(task)
        task.add_done_callback(self._forget_call)
        if change is not None:
            change.call = task
        try:
            await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            if change is None:
                task.cancel()
            else:
                loop.call_at(end, task.cancel)
            raise
        if not task.done():
            task.cancel()
            raise TimeoutError
        if task.cancelled():
            raise StoreError("the store cancelled its own call")
        return task.result()

    def _forget_call(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # else asyncio reports that nobody looked


async def _begin(call: Callable[[], Awaitable[T]]) -> T:
    return await call()
