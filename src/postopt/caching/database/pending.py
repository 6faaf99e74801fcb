"""What was set or deleted and is not in the database yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TypeAlias

from postopt.caching.database.rows import Row
from postopt.errors import StoreError

ROW_BYTES = 400
GROUP_BYTES = 40
"""Memory that a waiting row or deletion takes beside its name and data, and each group of a row: measured (311 and 40
bytes in CPython 3.11), rounded up."""

Target: TypeAlias = bytes | int | None
"""What a deletion is about: the row of a name, a group, or everything (None)."""


class Pending:
    """A bounded buffer of rows to write, of which the newest of each name counts, and of deletions to make durable.

    Rows wait in the order in which their names came. One that was taken in stays until it is written or replaced; one
    that finds no room is refused. Deletions cannot be refused, because whoever asked for one must never see
    again what it deleted. They have as much room as the rows, and when that is used up, all together become the
    deletion of everything.

    Args:
        max_bytes: most bytes of rows: data, names, and what Python needs for them; and as many of deletions.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.row_bytes = 0
        self._rows: dict[bytes, Row] = {}
        # Each with the number of the request, so that a deletion that became durable settles none that came later.
        self._deletions: dict[Target, int] = {}
        self._deletion_bytes = 0
        self._requests = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __bool__(self) -> bool:
        return bool(self._rows or self._deletions)

    @property
    def total_bytes(self) -> int:
        """Memory that rows and deletions take."""
        return self.row_bytes + self._deletion_bytes

    def get(self, name: bytes) -> Row | None:
        """Return the row that waits under this name."""
        return self._rows.get(name)

    def put(self, row: Row) -> None:
        """Take a row in, in place of an older one.

        Raises:
            StoreError: there is no room; an older row of that name has lost its data.
        """
        old = self._rows.get(row.name)
        used = self.row_bytes - (_size(old) if old else 0)
        if used + _size(row) <= self.max_bytes:
            self._rows[row.name] = row
            self.row_bytes = used + _size(row)
            return
        if old:
            nothing = self._rows[row.name] = Row(row.name, None, row.epoch, row.groups)
            self.row_bytes = used + _size(nothing)
        raise StoreError(
            f"{self.row_bytes} bytes wait for the database and there is no room for {_size(row)} more",
            hint="the database takes less than is set, or nothing: see stats(); max_pending is the bound",
        )

    def batch(self, rows: int, data_bytes: int) -> list[Row]:
        """Return the rows that have waited longest: as many as fit both limits, at least one if any waits."""
        chosen: list[Row] = []
        size = 0
        for row in islice(self._rows.values(), rows):
            size += _size(row)
            if chosen and size > data_bytes:
                break
            chosen.append(row)
        return chosen

    def written(self, rows: Iterable[Row]) -> None:
        """Let go of rows that are durable; newer ones that came meanwhile wait on, behind all others."""
        for row in rows:
            newest = self._rows.pop(row.name, None)
            if newest is row:
                self.row_bytes -= _size(row)
            elif newest is not None:
                self._rows[row.name] = newest

    def clear(self) -> int:
        """Let go of all rows, not of deletions; return how many there were."""
        count = len(self._rows)
        self._rows.clear()
        self.row_bytes = 0
        return count

    def forget(self, target: bytes | int) -> None:
        """Remember a deletion until it is durable; a row that waits under this name is gone at once."""
        if isinstance(target, bytes) and target in self._rows:
            self.row_bytes -= _size(self._rows.pop(target))
        self._requests += 1
        if None in self._deletions:
            self._deletions[None] = self._requests
            return
        if target not in self._deletions:
            self._deletion_bytes += _deletion_size(target)
        self._deletions[target] = self._requests
        if self._deletion_bytes > self.max_bytes:
            self._deletions = {None: self._requests}
            self._deletion_bytes = _deletion_size(None)

    def deletions(self) -> Mapping[Target, int]:
        """Return the deletions that are not durable, as they stand now."""
        return dict(self._deletions)

    def forgotten(self, deletions: Mapping[Target, int]) -> None:
        """Let go of deletions that are durable, but not of those that were asked for again meanwhile."""
        for target, request in deletions.items():
            if self._deletions.get(target) == request:
                del self._deletions[target]
                self._deletion_bytes -= _deletion_size(target)

    def hides(self, name: bytes, groups: Iterable[int] = ()) -> bool:
        """Say whether a deletion that is not durable forbids to serve the row of this name, or of these groups."""
        deletions = self._deletions
        return bool(deletions) and (None in deletions or name in deletions or any(g in deletions for g in groups))


def _size(row: Row) -> int:
    return ROW_BYTES + GROUP_BYTES * len(row.groups) + len(row.name) + len(row.data or b"")


def _deletion_size(target: Target) -> int:
    return ROW_BYTES + (len(target) if isinstance(target, bytes) else 0)
