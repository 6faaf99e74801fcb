"""Entries as rows of a database, and what is asked of a database that keeps them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Protocol

from postopt.caching.base import Key
from postopt.errors import StoreError

NAME_BYTES = 255
"""Longest key that stands in a table as it is (PostgreSQL indexes up to 2,700 bytes; 255 is arbitrary)."""

KEY_GROUPS = 2**16
TAG_GROUPS = 2**20
"""Groups that keys and tags fall into. What was invalidated is remembered by group, so that it takes bounded room
however many tags there ever were. The price: an entry is forgotten with probability n / TAG_GROUPS for each of its
tags if n other tags were invalidated since it was set, and with n / KEY_GROUPS if n keys were deleted while it waited
to be written."""

_SEAL = 8  # bytes


@dataclass(frozen=True, slots=True)
class Row:
    """What a database keeps of an entry, or that it is to keep none.

    Attributes:
        name: of the key, see `row_name`.
        data: the entry as bytes, see `seal`; None if the key holds nothing any more.
        epoch: how many invalidations the database had seen, as far as this process knew, when the entry was set.
        groups: those of the key and of all tags.
        ends_at: from when on nobody returns the entry.
        priority: of the entry; lower ones go first if there is no room.
        written_at: when it was set; of one priority the oldest go first.
    """

    name: bytes
    data: bytes | None
    epoch: int
    groups: tuple[int, ...] = ()
    ends_at: float = 0.0
    priority: int = 0
    written_at: float = 0.0


class BusyError(StoreError):
    """The database is locked, or the connection was lost: worth trying again at once."""


class UselessConnectionError(StoreError):
    """The connection knows the file as it was, read-only or damaged: worth trying once more, by another connection."""


class Rows(Protocol):
    """A table of rows that several processes share, through the connections of one event loop.

    The database counts invalidations: the count is its epoch. It begins with the microsecond in which the tables were
    made, so that what was set when there were others is older than all that these know of. A row holds as long as none
    of its groups was invalidated at a later epoch than its own. Each method is one transaction, and of two transactions
    the one that commits later sees what the other did; so no row that was set before an invalidation is written after
    it.

    All raise StoreError: BusyError or UselessConnectionError if another attempt may succeed. A cancelled call did all
    or nothing.
    """

    async def open(self) -> tuple[int, float]:
        """Connect, and make the tables if there are none; return the epoch, and when they were made.

        Done again, it looks again. Only what is called after that takes tables that are others than before.
        """
        ...

    async def read(self, name: bytes) -> tuple[int, bytes | None, int]:
        """Return the database's epoch, then the row's data and epoch; None and 0 if there is no such row."""
        ...

    async def invalidated(self, groups: Collection[int]) -> int:
        """Return the last epoch at which one of `groups` was invalidated, 0 if none ever was."""
        ...

    async def write(self, rows: Sequence[Row]) -> tuple[int, int]:
        """Replace the rows of these names; return the epoch, and how many were written.

        The others were without data, or do not hold any more: their names then hold nothing, unless what they hold
        was written after that.
        """
        ...

    async def forget(self, names: Collection[bytes], groups: Collection[int]) -> int:
        """Delete the rows of these names, invalidate these groups; return the new epoch."""
        ...

    async def cull(self, now: float, incoming: int) -> int:
        """Delete some rows that have ended, and some more if `incoming` bytes find no room; return how many."""
        ...

    async def close(self) -> None:
        """Let go of all connections; doing it again has no effect."""
        ...


def row_name(key: Key) -> bytes:
    """Return the bytes that stand for a key in a table: the key, or its digest if it is long; the first says which."""
    data = key.encode("utf-8", "surrogatepass")
    return b"=" + data if len(data) < NAME_BYTES else b"#" + sha256(data).digest()


def seal(name: bytes, data: bytes) -> bytes:
    """Return data that says whose it is: a damaged index can lead from one name to another one's row."""
    return blake2b(name, digest_size=_SEAL).digest() + data


def unseal(name: bytes, sealed: bytes) -> bytes | None:
    """Return the data, or None if it is not of this name."""
    return sealed[_SEAL:] if sealed[:_SEAL] == blake2b(name, digest_size=_SEAL).digest() else None


def key_group(name: bytes) -> int:
    """Return the group of a key: 0 to KEY_GROUPS - 1."""
    return _number(name) % KEY_GROUPS


def tag_group(tag: str) -> int:
    """Return the group of a tag: KEY_GROUPS to KEY_GROUPS + TAG_GROUPS - 1."""
    return KEY_GROUPS + _number(tag.encode("utf-8", "surrogatepass")) % TAG_GROUPS


def _number(data: bytes) -> int:
    return int.from_bytes(sha256(data).digest()[:8], "little")
