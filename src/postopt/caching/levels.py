"""One level of a tiered cache, whose failures are misses: counted, reported, and never anybody's error."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Literal, Protocol, TypeVar, runtime_checkable

from postopt.caching.base import Entry, Key, Store
from postopt.caching.cooldown import Breaker, Cooldown
from postopt.errors import CacheValueError

T = TypeVar("T")

MOST_OWED = 100_000
"""Keys that a level is owed: one that was away while more were changed may serve the first of them as they were."""

_log = logging.getLogger("postopt.caching")


@runtime_checkable
class Near(Protocol):
    """A level in memory, which need not be awaited; `MemoryStore` and `CompressedStore` are two."""

    def entry_nowait(self, key: Key) -> Entry | None:
        """Return the entry, or None."""
        ...

    def peek_nowait(self, key: Key) -> Entry | None:
        """Do the same, and count neither a hit nor a miss."""
        ...

    def set_entry_nowait(self, key: Key, entry: Entry) -> bool:
        """Keep the entry, and say whether it was kept."""
        ...

    def delete_nowait(self, key: Key) -> bool:
        """Forget the entry, and say whether there was one."""
        ...

    def invalidate_tag_nowait(self, tag: str) -> int:
        """Forget all entries with this tag, and say how many those were."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


@runtime_checkable
class Tagged(Protocol):
    """A level that forgets all entries with a tag at once."""

    async def invalidate_tag(self, tag: str) -> None:
        """Forget all entries that have this tag now."""
        ...


@runtime_checkable
class Fenced(Protocol):
    """A level that refuses what was made under a lease (`Leases`) once a later one has written; `RedisStore` is one."""

    fenced: Literal[True]

    async def set(self, key: Key, entry: Entry, *, fence: int | None = None) -> None:
        """Keep the entry, unless what is there was written with a later token than `fence`."""
        ...


class Level:
    """Calls one store, each call within a deadline.

    A call that raises, hangs or returns what is no entry counts in `faults` by its kind, and is logged by type the
    first time and at each doubling. After three in a row the store is left alone for a second (`Cooldown`), so that a
    dead one costs nothing. What the store says of values that it cannot keep (CacheValueError) is no fault.

    What the store failed to take over is owed to it: keys that were set or deleted, and tags. For those it is not asked
    until it has caught up, which it does by and by once it answers again.

    Args:
        store: what is called.
        number: counted from 1, for the name.
        deadline: seconds that a call may take.

    Attributes:
        name: number and class of the store.
        store: as given.
        near: the store, if it is in memory.
        hits: entries that were found here and served.
        faults: calls that failed, by the name of the error.
        refused: values that the store cannot keep.
        forgotten: keys that it was owed, but that there were too many of (`MOST_OWED`).
    """

    def __init__(self, store: Store, number: int, deadline: float) -> None:
        self.name = f"L{number} {type(store).__name__}"
        self.store = store
        self.near = store if isinstance(store, Near) else None
        self.hits = self.refused = self.forgotten = 0
        self.faults: Counter[str] = Counter()
        self._takes_tags = isinstance(store, Tagged | Near)
        self._deadline = deadline
        self._breaker: Breaker = Cooldown()
        self._changes = 0
        self._changing: Counter[Key] = Counter()  # calls under way
        self._owed: OrderedDict[Key, int] = OrderedDict()  # and by which change
        self._owed_tags: set[str] = set()
        self._catching_up: asyncio.Task[None] | None = None

    # In memory

    def get_nowait(self, key: Key) -> Entry | None:
        """Return what a level in memory holds."""
        if self.near is None:
            return None
        try:
            return self._checked(self.near.entry_nowait(key))
        except Exception as error:  # noqa: BLE001 - a store that fails must not fail its callers
            self._fault(error)
            return None

    def peek_nowait(self, key: Key) -> Entry | None:
        """Do the same for somebody who has asked before."""
        return self._checked(self._near_call(lambda near: near.peek_nowait(key)))

    def set_nowait(self, key: Key, entry: Entry) -> None:
        """Let a level in memory keep an entry."""
        self._near_call(lambda near: near.set_entry_nowait(key, entry))

    def delete_nowait(self, key: Key) -> None:
        """Let a level in memory forget a key."""
        self._near_call(lambda near: near.delete_nowait(key))

    def invalidate_tag_nowait(self, tag: str) -> None:
        """Let a level in memory forget the entries with a tag."""
        self._near_call(lambda near: near.invalidate_tag_nowait(tag))

    def clear_nowait(self) -> None:
        """Let a level in memory forget everything."""
        self._near_call(lambda near: near.clear())

    # Elsewhere

    async def get(self, key: Key) -> Entry | None:
        """Return what the store holds, or None."""
        if self._is_behind(key):
            return None
        found, done = await self._call(self.store.get(key))
        if done:
            self._begin_to_catch_up()
        entry = self._checked(found)
        if entry is not None and (self._is_behind(key) or not self._owed_tags.isdisjoint(entry.tags)):
            return None
        return entry

    async def set(self, key: Key, entry: Entry, fence: int | None = None) -> None:
        """Let the store keep an entry, if it takes its tags; with `fence`, unless a later lease has written."""
        if entry.tags and not self._takes_tags:
            await self.delete(key)  # an older one, without tags, may be there
            return
        if fence is not None and isinstance(self.store, Fenced):
            await self._settle(key, self.store.set(key, entry, fence=fence))
        else:
            await self._settle(key, self.store.set(key, entry))

    async def delete(self, key: Key) -> None:
        """Let the store forget a key."""
        await self._settle(key, self.store.delete(key))

    async def invalidate_tag(self, tag: str) -> None:
        """Let the store forget the entries with a tag; one that takes no tags holds none."""
        if isinstance(self.store, Tagged):
            self._owed_tags.add(tag)
            _, done = await self._call(self.store.invalidate_tag(tag))
            if done:
                self._owed_tags.discard(tag)

    @property
    def owed(self) -> int:
        """How many changes it has not taken over yet."""
        return len(self._owed) + len(self._owed_tags)

    async def aclose(self) -> None:
        """Close the store, if it can be closed."""
        if self._catching_up is not None:
            self._catching_up.cancel()
        if aclose := getattr(self.store, "aclose", None):
            await self._call(aclose())

    async def _settle(self, key: Key, call: Awaitable[None]) -> None:
        """Let the store take over a change of a key, now or later."""
        self._changes += 1
        change, done = self._changes, False
        self._changing[key] += 1
        try:
            _, done = await self._call(call)
        finally:
            self._changing[key] -= 1
            if not self._changing[key]:
                del self._changing[key]
            if not done:  # it failed or was cancelled: perhaps it happened, perhaps not, perhaps it is still to come
                self._owe(key)
        if done:
            if self._owed.get(key, change) < change:
                del self._owed[key]
            self._begin_to_catch_up()

    def _owe(self, key: Key) -> None:
        self._changes += 1
        self._owed[key] = self._changes
        self._owed.move_to_end(key)
        if len(self._owed) > MOST_OWED:
            self._owed.popitem(last=False)
            self.forgotten += 1

    def _is_behind(self, key: Key) -> bool:
        return key in self._owed or key in self._changing

    def _begin_to_catch_up(self) -> None:
        if (self._owed or self._owed_tags) and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = asyncio.ensure_future(self._catch_up())

    async def _catch_up(self) -> None:
        """Let the store forget what it is owed."""
        for tag in list(self._owed_tags):
            await self.invalidate_tag(tag)
        for key, change in list(self._owed.items()):
            if key not in self._changing and self._owed.get(key) == change:
                _, done = await self._call(self.store.delete(key))
                if not done:
                    return
                if self._owed.get(key) == change:
                    del self._owed[key]

    async def _call(self, call: Awaitable[T]) -> tuple[T | None, bool]:
        """Return what the call gives, and whether it did what it should."""
        try:
            return await self._breaker.acall(self._timed, call), True
        except CacheValueError:
            self.refused += 1
            return None, True  # it holds no older one either
        except Exception as error:  # noqa: BLE001 - a store that fails must not fail its callers
            self._fault(error)
            return None, False
        finally:
            if isinstance(call, Coroutine):
                call.close()  # without effect on one that has ended; one that was refused has not begun

    async def _timed(self, call: Awaitable[T]) -> T:
        async with asyncio.timeout(self._deadline):
            return await call

    def _near_call(self, call: Callable[[Near], T]) -> T | None:
        if self.near is None:
            return None
        try:
            return call(self.near)
        except CacheValueError:
            self.refused += 1
        except Exception as error:  # noqa: BLE001 - a store that fails must not fail its callers
            self._fault(error)
        return None

    def _checked(self, found: object) -> Entry | None:
        if found is None or isinstance(found, Entry):
            return found
        self._fault(TypeError(f"a store returned a {type(found).__name__} for an entry"))
        return None

    def _fault(self, error: Exception) -> None:
        name = type(error).__name__
        self.faults[name] += 1
        times = self.faults[name]
        if times & (times - 1) == 0:  # a power of two
            # The type only: a message may quote a key or a value.
            _log.warning("%s fails: %s (%d times)", self.name, name, times)
