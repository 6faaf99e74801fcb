"""What a tiered cache asks of its levels, and what it notes of each."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from postopt.caching.base import Entry, Key, Store
from postopt.caching.owed import Owed
from postopt.errors import CacheValueError

S = TypeVar("S")

_log = logging.getLogger("postopt.caching")


@runtime_checkable
class Near(Protocol):
    """A level in memory, which need not be awaited; `MemoryStore` and `CompressedStore` are two."""

    on_evict: Callable[[Any, Entry], None] | None
    """Told of what leaves for want of room."""

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
    """A level that can invalidate by tag."""

    async def invalidate_tag(self, tag: str) -> None:
        """Forget all entries with this tag."""
        ...


@runtime_checkable
class Fenced(Protocol):
    """A level that refuses what was made under a lease (`Leases`) once a later one has written; `RedisStore` is one."""

    fenced: Literal[True]

    async def set(self, key: Key, entry: Entry, *, fence: int | None = None) -> None:
        """Keep the entry, unless what is there was written with a later token than `fence`."""
        ...


class Level(Generic[S]):
    """One store of a tiered cache.

    What the store failed to take over is owed to it: keys that were set or deleted, and tags. For those it is not asked
    until it has caught up.

    Args:
        store: what is called.
        number: counted from 1, for the name.

    Attributes:
        name: number and class of the store.
        store: as given.
        hits: entries that were found here and served.
        refused: values that the store cannot keep.
        faults: calls that failed, by the name of the error.
        owed: changes that the store has not taken over.
    """

    def __init__(self, store: S, number: int) -> None:
        self.name = f"L{number} {type(store).__name__}"
        self.store = store
        self.hits = self.refused = 0
        self.faults: Counter[str] = Counter()
        self.owed = Owed()

    def _checked(self, found: object) -> Entry | None:
        if found is None or isinstance(found, Entry):
            return found
        self._fault(TypeError(f"a store returned a {type(found).__name__} for an entry"))
        return None

    def _fault(self, error: Exception) -> None:
        """Count a call that failed; log the type of the error the first time, and at each doubling."""
        name = type(error).__name__
        self.faults[name] += 1
        times = self.faults[name]
        if times & (times - 1) == 0:  # a power of two
            # The type only: a message may quote a key or a value.
            _log.warning("%s fails: %s (%d times)", self.name, name, times)


def check_store(store: Any) -> Store:
    """Return what has the methods of a `Store`; raises CacheValueError for anything else."""
    methods = [getattr(store, name, None) for name in ("get", "set", "delete")]
    if inspect.isclass(store) or not all(map(callable, methods)):
        shown = store.__name__ if inspect.isclass(store) else type(store).__name__
        raise CacheValueError(
            f"a level is {'the class' if inspect.isclass(store) else 'a'} {shown}; an object with get, set and delete "
            "is needed, such as MemoryStore()"
        )
    checked: Store = store
    return checked
