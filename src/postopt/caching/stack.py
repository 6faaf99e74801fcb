"""The levels of a tiered cache, kept consistent: what was set or deleted is so in all of them."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from postopt.caching.base import Entry, Key, Store
from postopt.caching.changes import Changes
from postopt.caching.levels import Level
from postopt.clock import Clock
from postopt.errors import CacheValueError

HIGH = 4
"""Priorities from here on move up at the first hit."""

REMEMBERED = 4096
"""Keys of which is known that they had a hit below."""


class Stack:
    """Levels, the quickest first.

    Laws:
        - What is set goes to the first level in memory and to all levels that are not; the other levels in memory get
          what the one above gives up, if they find it worth the room.
        - What is found below moves up to the levels in memory at its second hit there, or at once if its priority is
          `HIGH`; unless it, one of its tags or everything was changed while it was on its way.
        - What was set, deleted or invalidated is not served as it was before from any level: a level that failed to
          follow is not asked for that key until it has.
        - A level that fails is a level that has nothing.

    Levels outside of the process that tell of others' changes (`watch`) are listened to.
    """

    def __init__(self, stores: Sequence[Store], *, deadline: float, clock: Clock) -> None:
        if not stores:
            raise CacheValueError("a cache needs at least one level")
        self.levels = [Level(store, number, deadline) for number, store in enumerate(stores, 1)]
        self.near = [level for level in self.levels if level.near is not None]
        self.far = [level for level in self.levels if level.near is None]
        self.changes = Changes()
        self._clock = clock
        self._lock = threading.RLock()  # under which levels in memory change
        self._hit_below: OrderedDict[Key, None] = OrderedDict()
        for upper, lower in zip(self.near, self.near[1:], strict=False):
            if getattr(upper.store, "on_evict", self) is None:
                upper.store.on_evict = partial(self._demote, upper, lower)  # type: ignore[attr-defined]  # as looked up
        self._watches = False
        for level in self.far:
            if watch := getattr(level.store, "watch", None):
                watch(self)
                self._watches = True

    def get_near(self, key: Key) -> Entry | None:
        """Return what a level in memory holds."""
        return self._find_near(key, Level.get_nowait)

    def look_again_near(self, key: Key) -> Entry | None:
        """Do the same after `get_near`; levels count no second miss."""
        return self._find_near(key, Level.peek_nowait)

    def _find_near(self, key: Key, get: Callable[[Level, Key], Entry | None]) -> Entry | None:
        for number, level in enumerate(self.near):
            entry = get(level, key)
            if entry is not None and self._clock() < entry.ends_at:
                level.hits += 1
                if number:
                    with self.changes.watch() as now:
                        self._promote(key, entry, number, now)
                return entry
        return None

    async def get(self, key: Key) -> Entry | None:
        """Return what the quickest level that has it holds."""
        entry = self.get_near(key)
        return await self._get_far(key) if entry is None else entry

    async def look_again(self, key: Key) -> Entry | None:
        """Do the same after `get_near`."""
        entry = self.look_again_near(key)
        return await self._get_far(key) if entry is None else entry

    async def _get_far(self, key: Key) -> Entry | None:
        if not self.far:
            return None
        with self.changes.watch() as now:
            for level in self.far:
                entry = await level.get(key)
                if entry is not None and self._clock() < entry.ends_at:
                    if self.changes.since(now, key, entry.tags):
                        return None
                    level.hits += 1
                    self._promote(key, entry, len(self.near), now)
                    return entry
        return None

    def set_near(self, key: Key, entry: Entry) -> None:
        """Keep an entry in the first level in memory, and no older one in the others."""
        with self._lock:
            self.changes.note([key])
            for level in self.near[1:]:
                level.delete_nowait(key)
            if self.near:
                self.near[0].set_nowait(key, entry)

    async def set_far(self, key: Key, entry: Entry, fence: int | None = None) -> None:
        """Keep an entry, which is in memory already, in the levels that are not."""
        await self._each_far(partial(Level.set, key=key, entry=entry, fence=fence))

    async def delete(self, key: Key) -> None:
        """Forget a key in all levels."""
        self.invalidate([key])
        await self._each_far(partial(Level.delete, key=key))

    async def invalidate_tag_everywhere(self, tag: str) -> None:
        """Forget the entries with a tag in all levels."""
        self.invalidate_tag(tag)
        await self._each_far(partial(Level.invalidate_tag, tag=tag))

    # As a Listener of levels that tell of others' changes: what is in memory is copies.

    def invalidate(self, keys: Collection[Key]) -> None:
        """Forget keys in memory."""
        with self._lock:
            self.changes.note(keys)
            for level in self.near:
                for key in keys:
                    level.delete_nowait(key)

    def invalidate_tag(self, tag: str) -> None:
        """Forget the entries with a tag in memory."""
        with self._lock:
            self.changes.note(tag=tag)
            for level in self.near:
                level.invalidate_tag_nowait(tag)

    def invalidate_all(self) -> None:
        """Forget everything in memory."""
        with self._lock:
            self.changes.note(everything=True)
            for level in self.near:
                level.clear_nowait()

    def forget_watched(self) -> None:
        """In the child of a fork: nobody tells of others' changes before the first call, so copies are not trusted."""
        self._lock = threading.RLock()  # a thread of the parent may have held it
        if self._watches:
            self.invalidate_all()

    async def aclose(self) -> None:
        """Close all levels."""
        for level in self.levels:
            await level.aclose()

    def _promote(self, key: Key, entry: Entry, below: int, then: int) -> None:
        """Move an entry up to the first `below` levels in memory, if it is time."""
        if entry.priority < HIGH:
            with self._lock:
                if key not in self._hit_below:
                    self._hit_below[key] = None
                    if len(self._hit_below) > REMEMBERED:
                        self._hit_below.popitem(last=False)
                    return
                del self._hit_below[key]
        with self._lock:
            if not self.changes.since(then, key, entry.tags):
                for level in self.near[:below]:
                    level.set_nowait(key, entry)

    def _demote(self, upper: Level, lower: Level, key: Any, entry: Entry) -> None:
        """Let a level have what the one above gave up, unless that has it again."""
        with self._lock:
            if key not in upper.store:  # type: ignore[operator]  # a MemoryStore
                lower.set_nowait(key, entry)

    async def _each_far(self, call: Callable[[Level], Any]) -> None:
        if len(self.far) == 1:
            await call(self.far[0])
        elif self.far:
            await asyncio.gather(*(call(level) for level in self.far))
