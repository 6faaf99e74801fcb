"""Keys, values and what a hit leaves behind: the part of a memory store that every `get` runs through.

A hit takes no lock and promotes nothing: it adds one to a counter, which the eviction policy looks at when it has to
choose. Everything else happens under the lock of the store, in slots: small numbers that name an entry in the columns
of store and policy, from its `put` to its `remove`.

The same table is there in C (`_table.c`), because in Python a `get` with a counter and an end costs four times as much
as one of a dict, and an entry 200 bytes (docs/design/0008-table.md). It is compiled on installation; where that was not
possible, the one below does the same.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from contextlib import suppress
from typing import Any

from postopt.clock import Clock

MAX_HITS = 127
"""As many hits as a slot counts until somebody takes them; nobody needs to know more of an entry."""


class PythonTable:
    """A dict with expiry, whose hits are counted: `Table`, where it is not compiled.

    `get` may run in any thread at any time, beside one other call at most: callers hold a lock for those. It returns
    a value that was the key's at some moment of the call, and not past its end then; an entry that is being removed
    may be a miss already.

    Args:
        clock: seconds, compared with `expires_at`; read only for entries that end.

    Attributes:
        hits: lookups that found a value, ever; of several at the very same time, a Python without a global lock may
            count one.
        misses: lookups that found nothing, or nothing that lives; likewise.
    """

    __slots__ = ("_by_slot", "_clock", "_free", "_records", "hits", "misses")

    def __init__(self, clock: Clock) -> None:
        self.hits = self.misses = 0
        self._clock = clock
        self._records: dict[Hashable, _Record] = {}
        self._by_slot: list[_Record | None] = []
        self._free: list[int] = []

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of `key`, and count the hit; `default` if there is none that lives.

        Raises:
            TypeError: the key cannot be hashed.
        """
        record = self._records.get(key)
        value = record and record.value  # before its end is looked at: `remove` sets that first
        if record is None or (record.expires_at is not None and record.expires_at <= self._clock()):
            self.misses += 1
            return default
        record.hits += 1
        self.hits += 1
        return value

    def find(self, key: Hashable) -> int:
        """Return the slot of `key`, whether it lives or not, or -1; nothing is counted."""
        record = self._records.get(key)
        return -1 if record is None else record.slot

    def put(self, key: Hashable, value: Any, expires_at: float) -> int:
        """Take a key that is not there and return its slot: one that was removed, or the next higher."""
        self._records[key] = record = _Record(key, value, expires_at)  # first: comparing keys may do anything
        if self._free:
            record.slot = self._free.pop()
            self._by_slot[record.slot] = record
        else:
            record.slot = len(self._by_slot)
            self._by_slot.append(record)
        return record.slot

    def replace(self, slot: int, value: Any, expires_at: float) -> None:
        """Give the key of `slot` another value; hits stay."""
        old = self._record(slot)
        new = _Record(old.key, value, expires_at)  # whoever reads the old one sees value and end as they belong
        new.slot, new.hits, new.was_hit = slot, old.hits, old.was_hit
        self._records[old.key] = self._by_slot[slot] = new

    def remove(self, slot: int) -> None:
        """Forget the entry in `slot`, which is free then."""
        record = self._record(slot)
        self._by_slot[slot] = None
        self._free.append(slot)
        record.slot, record.expires_at = -1, -math.inf
        record.value = None
        # A key that is not found any more, because its hash has changed or comparing it raises, stays without an entry.
        with suppress(Exception):
            if self._records.get(record.key) is record:
                del self._records[record.key]

    def item(self, slot: int) -> tuple[Hashable, Any, float]:
        """Return key, value and end of the entry in `slot`."""
        record = self._record(slot)
        return record.key, record.value, math.inf if record.expires_at is None else record.expires_at

    def is_free(self, slot: int) -> bool:
        """Say whether no entry is in `slot`."""
        if slot < 0:  # which a list would count from its end
            raise IndexError(f"there is no slot {slot}")
        return self._by_slot[slot] is None

    def take_hits(self, slot: int) -> int:
        """Return how often the entry in `slot` was hit since the last call, `MAX_HITS` at most."""
        record = self._record(slot)
        hits = record.hits
        if hits:
            record.hits = 0
            record.was_hit = True
        return min(hits, MAX_HITS)

    def was_hit(self, slot: int) -> bool:
        """Say whether the entry in `slot` was ever hit, with this value or one that it replaced."""
        record = self._record(slot)
        return record.was_hit or record.hits > 0

    def _record(self, slot: int) -> _Record:
        record = self._by_slot[slot] if slot >= 0 else None
        if record is None:
            raise IndexError(f"slot {slot} is free")
        return record

    @property
    def slots(self) -> int:
        """How many slots there are, free ones included."""
        return len(self._by_slot)

    def __len__(self) -> int:
        return len(self._by_slot) - len(self._free)


class _Record:
    __slots__ = ("expires_at", "hits", "key", "slot", "value", "was_hit")

    def __init__(self, key: Hashable, value: Any, expires_at: float) -> None:
        self.key = key
        self.value = value
        self.expires_at = None if expires_at == math.inf else expires_at
        self.slot = -1
        self.hits = 0
        self.was_hit = False


try:
    from postopt.caching import _table
except ImportError:  # not compiled: no compiler, another implementation, or a build without a global lock
    Table = PythonTable
else:
    Table = _table.Table  # type: ignore[misc,assignment]  # the same methods
