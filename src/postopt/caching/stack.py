"""The levels of a tiered cache, kept consistent: what was set or deleted is so in all of them."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeAlias

from postopt.caching.base import Entry, Key, Store
from postopt.caching.changes import Changes
from postopt.caching.far_level import Change, FarLevel
from postopt.caching.lately import Lately
from postopt.caching.levels import Near, check_store
from postopt.caching.near_level import NearLevel
from postopt.caching.portal import Portal
from postopt.clock import Clock
from postopt.errors import CacheValueError

HIGH = 4
"""Priorities from here on move up at the first hit."""

REMEMBERED = 4096
"""Keys of which is known that they had a hit below."""

Begun: TypeAlias = list[tuple[FarLevel, Change]]
"""Changes of one key that levels outside of memory are still to take over."""


class Stack:
    """Levels, the quickest first.

    Laws:
        - What is set goes to the first level in memory and to all levels that are not; the other levels in memory get
          what the one above gives up, if they find it worth the room.
        - What is found below moves up to the levels in memory at its second hit there, or at once if its priority is
          `HIGH`; unless it, one of its tags or everything was changed while it was on its way.
        - What was set, deleted or invalidated is not served as it was before from any level, from the first step of the
          call on: a level that has not followed, or failed to, is not asked for that key until it has.
        - A level that fails is a level that has nothing.

    Attributes:
        levels, near, far: all of them, those in memory, and the others.
        changes: what has changed while somebody was away.
        patience: seconds after which a thread that waits for the levels gives up.

    Levels outside of the process that tell of others' changes (`watch`) are listened to. Any thread may use levels in
    memory.

    Raises:
        CacheValueError: there is no level, or one that is no store.
    """

    def __init__(self, stores: Sequence[Store], portal: Portal, *, deadline: float, clock: Clock, timer: Clock) -> None:
        if not stores:
            raise CacheValueError("a cache needs at least one level, such as MemoryStore()")
        self.levels = [
            NearLevel(store, number)
            if isinstance(store, Near)
            else FarLevel(store, number, deadline=deadline, portal=portal, timer=timer)
            for number, store in enumerate(map(check_store, stores), 1)
        ]
        self.near = [level for level in self.levels if isinstance(level, NearLevel)]
        self.far = [level for level in self.levels if isinstance(level, FarLevel)]
        self.changes = Changes()
        self.patience = deadline * (len(self.far) + 1)
        self._clock = clock
        self._lock = threading.RLock()  # under which levels in memory change
        self._hit_below: OrderedDict[Key, None] = OrderedDict()
        self._lately = Lately(timer)
        for upper, lower in zip(self.near, self.near[1:], strict=False):
            upper.store.on_evict = partial(self._demote, upper, lower, upper.store.on_evict)
        self._watches = False
        for level in self.far:
            if watch := getattr(level.store, "watch", None):
                watch(self)
                self._watches = True

    # Reading

    def get_near(self, key: Key) -> Entry | None:
        """Return what a level in memory holds."""
        return self._find_near(key, NearLevel.get_nowait)

    def look_again_near(self, key: Key) -> Entry | None:
        """Do the same after `get_near`; levels count no second miss."""
        return self._find_near(key, NearLevel.peek_nowait)

    async def get(self, key: Key) -> Entry | None:
        """Return what the quickest level that has it holds."""
        entry = self.get_near(key)
        return await self._get_far(key) if entry is None else entry

    async def look_again(self, key: Key) -> Entry | None:
        """Do the same after `get_near`."""
        entry = self.look_again_near(key)
        return await self._get_far(key) if entry is None else entry

    # Changing

    async def set(self, key: Key, entry: Entry) -> None:
        """Keep an entry in place of an older one."""
        await self.finish_set(self.begin_set(key, entry) or [], entry)

    def begin_set(self, key: Key, entry: Entry, *, unless_since: int | None = None) -> Begun | None:
        """Keep an entry in memory, and return what `finish_set` or `abandon` ends.

        Nothing happens, and None is returned, if the key, one of the tags or everything was changed since then.
        """
        with self._lock:
            if unless_since is not None and self.changes.since(unless_since, key, entry.tags):
                return None
            self.changes.note([key])
            for level in self.near[1:]:
                level.delete_nowait(key)
            if self.near:
                self.near[0].set_nowait(key, entry)
            return [(level, level.begin(key, entry.tags)) for level in self.far]

    async def finish_set(self, begun: Begun, entry: Entry, fence: int | None = None) -> None:
        """Keep the entry in the levels that are not in memory."""
        try:
            await _at_once([level.set(change, entry, fence) for level, change in begun])
        finally:
            self.abandon(begun)

    async def delete(self, key: Key) -> None:
        """Forget a key in all levels."""
        with self._lock:
            self.invalidate([key])
            begun = [(level, level.begin(key)) for level in self.far]
        try:
            await _at_once([level.delete(change) for level, change in begun])
        finally:
            self.abandon(begun)

    def abandon(self, begun: Begun) -> None:
        """Leave off; what a level has not taken over, it is owed. No effect on what was finished."""
        for level, change in begun:
            level.end(change)

    async def invalidate_tag_everywhere(self, tag: str) -> None:
        """Forget the entries with a tag in all levels."""
        with self._lock:
            self.invalidate_tag(tag)
            begun = [(level, level.begin_tag(tag)) for level in self.far]
        await _at_once([level.invalidate_tag(tag, number) for level, number in begun])

    # As a Listener of levels that tell of others' changes: what is in memory is copies.

    def invalidate(self, keys: Collection[Key]) -> None:
        """Forget keys in memory."""
        with self._lock:
            self.changes.note(keys)
            for key in keys:
                self._lately.note(key)
                for level in self.near:
                    level.delete_nowait(key)

    def invalidate_tag(self, tag: str) -> None:
        """Forget the entries with a tag in memory."""
        with self._lock:
            self.changes.note(tag=tag)
            self._lately.note_tag(tag)
            for level in self.near:
                level.invalidate_tag_nowait(tag)

    def invalidate_all(self) -> None:
        """Forget everything in memory."""
        with self._lock:
            self.changes.note(everything=True)
            self._lately.note_all()
            for level in self.near:
                level.clear_nowait()

    def forget_watched(self) -> None:
        """In the child of a fork: nobody tells of others' changes before the first call, so copies are not trusted."""
        self._lock = threading.RLock()  # a thread of the parent may have held it
        if self._watches:
            self.invalidate_all()

    async def aclose(self) -> None:
        """Close all levels, whatever one of them says."""
        for level in self.levels:
            await level.aclose()

    def _find_near(self, key: Key, get: Callable[[NearLevel, Key], Entry | None]) -> Entry | None:
        for number, level in enumerate(self.near):
            if number == 0:
                entry = get(level, key)
                if entry is not None and self._clock() < entry.ends_at:
                    level.hits += 1
                    return entry
            else:
                with self.changes.watch() as now:
                    entry = get(level, key)
                    if entry is not None and self._clock() < entry.ends_at:
                        level.hits += 1
                        self._promote(key, entry, number, now)
                        return entry
        return None

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

    def _promote(self, key: Key, entry: Entry, below: int, then: int) -> None:
        """Move an entry up to the first `below` levels in memory, if it is time."""
        with self._lock:
            if entry.priority < HIGH:
                if key not in self._hit_below:
                    self._hit_below[key] = None
                    if len(self._hit_below) > REMEMBERED:
                        self._hit_below.popitem(last=False)
                    return
                del self._hit_below[key]
            if not self.changes.since(then, key, entry.tags):
                for level in self.near[:below]:
                    level.set_nowait(key, entry)

    def _demote(
        self, upper: NearLevel, lower: NearLevel, told: Callable[[Any, Entry], None] | None, key: Any, entry: Entry
    ) -> None:
        """Let a level have what the one above gave up, unless there is or may have been something newer."""
        with self._lock:
            newer = upper.peek_nowait(key) is not None or lower.peek_nowait(key) is not None
            if not newer and not self._lately.covers(key, entry.tags):
                lower.set_nowait(key, entry)
        if told is not None:
            told(key, entry)


async def _at_once(calls: Sequence[Awaitable[None]]) -> None:
    if len(calls) == 1:
        await calls[0]
    elif calls:
        await asyncio.gather(*calls)
