"""A level in memory that keeps values compressed: a third of the bytes for some microseconds.

A value is kept as one byte that says its kind and how it was compressed, two for the number of the dictionary, four
for its size, and what became of it. Values below 200 bytes, and those that do not shrink, are kept as they are.
"""

from __future__ import annotations

import struct
import sys
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from postopt.caching.base import Entry, Key, check_tags, check_ttl
from postopt.caching.codec import MIN_COMPRESSED, Codec, Compressor
from postopt.caching.dictionary import Dictionaries, installed_library
from postopt.caching.eviction import Policy
from postopt.caching.memory import MemoryStore
from postopt.clock import Clock
from postopt.errors import CacheValueError, CorruptDataError, MissingDependencyError, shown

LARGE = 64 * 1024
"""Bytes from which on LZ4 compresses, where it is installed, and no dictionary is trained: such values repeat enough of
themselves."""

_HEADER = struct.Struct("<BHI")
_PLAIN, _LIBRARY, _LZ4 = 0, 1, 2


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="postopt-train", daemon=True).start()


@dataclass(frozen=True, slots=True)
class CompressedStats:
    """What a compressed store holds, and what became of the rest.

    Attributes:
        entries: how many it holds.
        bytes: of compressed values and dictionaries.
        max_bytes: the bound of that.
        dictionary_bytes: of dictionaries alone.
        hits, misses, hit_ratio, evicted, refused, ended, cost_wasted: as in `MemoryStats`.
        unreadable: as in `CompressedStore`.
    """

    entries: int
    bytes: int
    max_bytes: int
    dictionary_bytes: int
    hits: int
    misses: int
    hit_ratio: float
    evicted: int
    refused: int
    ended: int
    unreadable: int
    cost_wasted: float


class CompressedStore:
    """Keeps values compressed, in this process, until there is no room.

    A `Store` of what `Codec` can encode, and the same without awaiting. With zstandard installed, posts of 1 KB take a
    third of their bytes, thanks to a dictionary that is trained on the store's own values once there are some hundred,
    and again when they have changed so much that it no longer fits; else zlib does what it can. Any thread may call any
    method.

    Attributes:
        unreadable: misses because the dictionary of a value had been dropped: hardly any, and only while threads write.

    Args:
        max_bytes: bytes of compressed values and dictionaries in all. On top, each thread that reads or writes holds
            contexts of about three times the dictionary, and samples take ten times a dictionary until it is trained.
        policy: as in `MemoryStore`; weights are compressed bytes.
        codec: turns values into bytes and back.
        level: of zstandard, 1 (quick) to 19 (small); reading takes as long at each.
        clock: seconds since the epoch.
        on_evict: told of each entry that leaves for want of room, as in `MemoryStore`.
        start: runs a training of some tenths of a second; in a thread of its own unless given.

    Raises:
        CacheValueError: a limit or the level is out of range.
    """

    def __init__(
        self,
        *,
        max_bytes: int = 64 * 2**20,
        policy: Policy | None = None,
        codec: Codec | None = None,
        level: int = 9,
        clock: Clock = time.time,
        on_evict: Callable[[Any, Entry], None] | None = None,
        start: Callable[[Callable[[], None]], object] = _in_thread,
    ) -> None:
        if type(level) is not int or not 1 <= level <= 19:
            raise CacheValueError(f"level is {shown(level)}; an int from 1 to 19 is needed")
        self.max_bytes = max_bytes
        self._codec = codec or Codec()
        self._clock = clock
        self._store = MemoryStore(max_bytes=max_bytes, policy=policy, clock=clock)
        self.on_evict = on_evict
        self._dictionaries = Dictionaries(installed_library(level), max_bytes // 32, start)
        self._lz4 = _installed_lz4()
        self.unreadable = 0

    @property
    def on_evict(self) -> Callable[[Any, Entry], None] | None:
        """Told of each entry that leaves for want of room, as in `MemoryStore`."""
        return self._on_evict

    @on_evict.setter
    def on_evict(self, on_evict: Callable[[Any, Entry], None] | None) -> None:
        self._on_evict = on_evict
        self._store.on_evict = None if on_evict is None else self._evicted

    # Without awaiting

    def get_nowait(self, key: Key, default: Any = None) -> Any:
        """Return the value of `key` if it is there and fresh, else the default."""
        packed = self._store.get_nowait(key)
        if packed is None:
            return default
        try:
            return self._unpack(packed)
        except ValueError:
            self._give_up(key)
            return default

    def set_nowait(
        self,
        key: Key,
        value: Any,
        *,
        cost: float = 1.0,
        priority: int = 0,
        ttl: float | None = None,
        tags: Collection[str] = (),
    ) -> bool:
        """Keep `value` in place of an older one, and say whether it was kept; arguments as in `MemoryStore`.

        Raises:
            CacheValueError: the value cannot be encoded, or a number is negative, NaN or out of range.
        """
        entry = Entry(
            value=value,
            cost=cost,
            priority=priority,
            tags=check_tags(tags),
            expires_at=self._clock() + check_ttl(ttl),
        )
        return self.set_entry_nowait(key, entry)

    def delete_nowait(self, key: Key) -> bool:
        """Forget `key`, and say whether it was there."""
        return self._store.delete_nowait(key)

    def entry_nowait(self, key: Key) -> Entry | None:
        """Return all that is known of `key`, also while it is stale, or None."""
        return self._unpacked(key, self._store.entry_nowait(key))

    def peek_nowait(self, key: Key) -> Entry | None:
        """Do the same, and count neither a hit nor a miss."""
        return self._unpacked(key, self._store.peek_nowait(key))

    def set_entry_nowait(self, key: Key, entry: Entry) -> bool:
        """Keep an entry in place of an older one, and say whether it was kept.

        Raises:
            CacheValueError: the value cannot be encoded; there is none of that key then.
        """
        try:
            packed = self._pack(entry.value)
        except CacheValueError:
            self._store.delete_nowait(key)
            raise
        kept = self._store.set_entry_nowait(key, entry.holding(packed, weight=sys.getsizeof(packed)))
        if self._dictionaries.is_trained:
            self._adopt_dictionary()
        return kept

    def invalidate_tag_nowait(self, tag: str) -> int:
        """Forget all entries with this tag, and say how many those were."""
        return self._store.invalidate_tag_nowait(tag)

    # As every Store

    async def get(self, key: Key) -> Entry | None:
        """Return the entry of `key`, or None."""
        return self.entry_nowait(key)

    async def set(self, key: Key, entry: Entry) -> None:
        """Keep an entry, if there is room for it."""
        self.set_entry_nowait(key, entry)

    async def delete(self, key: Key) -> None:
        """Forget `key`."""
        self._store.delete_nowait(key)

    async def invalidate_tag(self, tag: str) -> None:
        """Forget all entries with this tag."""
        self._store.invalidate_tag_nowait(tag)

    # Memory

    def clear(self) -> None:
        """Forget everything but the dictionaries."""
        self._store.clear()

    def shrink(self, to_bytes: int) -> int:
        """Give up the least valuable entries until their compressed bytes are `to_bytes`; return what that freed."""
        return self._store.shrink(to_bytes)

    def stats(self) -> CompressedStats:
        """Return what the store holds, and what has happened so far."""
        held, dictionaries = self._store.stats(), self._dictionaries.weight
        return CompressedStats(
            entries=held.entries,
            bytes=held.bytes + dictionaries,
            max_bytes=self.max_bytes,
            dictionary_bytes=dictionaries,
            hits=held.hits,
            misses=held.misses,
            hit_ratio=held.hit_ratio,
            evicted=held.evicted,
            refused=held.refused,
            ended=held.ended,
            unreadable=self.unreadable,
            cost_wasted=held.cost_wasted,
        )

    def __len__(self) -> int:
        return len(self._store)

    def _unpacked(self, key: Key, entry: Entry | None) -> Entry | None:
        if entry is None:
            return None
        try:
            return entry.holding(self._unpack(entry.value))
        except ValueError:
            self._give_up(key)
            return None

    def _pack(self, value: Any) -> bytes:
        kind, plain = self._codec.plain(value)
        if len(plain) < MIN_COMPRESSED:
            return bytes((kind << 2 | _PLAIN,)) + plain
        if self._lz4 is not None and len(plain) >= LARGE:
            packed = _HEADER.pack(kind << 2 | _LZ4, 0, len(plain)) + self._lz4.compress(plain)
        else:
            number, compressor = self._dictionaries.current
            packed = _HEADER.pack(kind << 2 | _LIBRARY, number, len(plain)) + compressor.compress(plain)
            if len(plain) < LARGE:
                self._dictionaries.observe(plain, len(packed))
        return packed if len(packed) <= len(plain) else bytes((kind << 2 | _PLAIN,)) + plain

    def _unpack(self, packed: bytes) -> Any:
        """Return the value; raises ValueError if these bytes are none that `_pack` made."""
        kind, how = packed[0] >> 2, packed[0] & 3
        if how == _PLAIN:
            return self._codec.value_of(kind, packed[1:])
        _, number, size = _HEADER.unpack_from(packed)
        compressor = self._lz4 if how == _LZ4 else self._dictionaries.compressor(number)
        if compressor is None:
            raise CorruptDataError("what this entry was compressed with is there no more")
        return self._codec.value_of(kind, compressor.decompress(packed[_HEADER.size :], size))

    def _evicted(self, key: Key, packed: Entry) -> None:
        if self._on_evict is not None:
            with suppress(ValueError):  # its dictionary is gone
                self._on_evict(key, packed.holding(self._unpack(packed.value)))

    def _give_up(self, key: Key) -> None:
        self.unreadable += 1
        self._store.delete_nowait(key)

    def _adopt_dictionary(self) -> None:
        """Let entries and dictionaries share the room."""
        held = self._store.values_nowait()
        self._dictionaries.adopt(_HEADER.unpack_from(packed)[1] for packed in held if packed[0] & 3 == _LIBRARY)
        self._store.limit(self.max_bytes - self._dictionaries.weight)


def _installed_lz4() -> Compressor | None:
    try:
        # Only whoever has a compressed level needs the library.
        from postopt.caching.lz4 import LZ4  # noqa: PLC0415
    except MissingDependencyError:
        return None
    return LZ4()
