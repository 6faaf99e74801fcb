"""What was learned, as bytes that are equal for equal histories."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from postopt.errors import ReplayError, shown
from postopt.learning.canonical import canonical, parsed

FORMAT = "postopt learning snapshot"
VERSION = 1


class Snapshot(NamedTuple):
    """What was learned.

    Attributes:
        learned: sums over all reports that were learned from; revenue in millionths of a US dollar.
        learners: name -> state as canonical JSON.
    """

    learned: Mapping[str, int]
    learners: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Return it as canonical JSON."""
        learners = ",".join(f"{canonical(name)}:{self.learners[name]}" for name in sorted(self.learners))
        head = canonical({"format": FORMAT, "learned": dict(self.learned)})
        return f'{head[:-1]},"learners":{{{learners}}},"version":{VERSION}}}'.encode()

    @classmethod
    def from_bytes(cls, data: bytes | str) -> Snapshot:
        """Return the snapshot that `to_bytes` wrote.

        Raises:
            ReplayError: it is none, or of another version.
        """
        try:
            value = parsed(data)
        except (TypeError, ValueError, RecursionError) as error:
            raise ReplayError(f"the snapshot is damaged: {shown(data)}") from error
        if not isinstance(value, dict) or (value.get("format"), value.get("version")) != (FORMAT, VERSION):
            raise ReplayError(f"it is no snapshot of version {VERSION} of a learning loop: {shown(data)}")
        learned, learners = value.get("learned"), value.get("learners")
        if not isinstance(learned, dict) or not _are_counts(learned.values()) or not isinstance(learners, dict):
            raise ReplayError(f"the snapshot is damaged: {shown(data)}")
        return cls(learned, {name: canonical(state) for name, state in learners.items()})


def keep(connection: sqlite3.Connection, step: int, now: float | None, snapshot: Snapshot, most: int) -> None:
    """Keep the snapshot of a step, and of the earlier ones the last `most`."""
    text = snapshot.to_bytes().decode()
    connection.execute("INSERT OR REPLACE INTO learning_snapshots VALUES (?, ?, ?)", (step, now, text))
    connection.execute("DELETE FROM learning_snapshots WHERE step < ?", (step - most,))


def kept(connection: sqlite3.Connection) -> list[tuple[int, float | None]]:
    """Return (step, its time) of all snapshots that are kept, the oldest first."""
    return list(connection.execute("SELECT step, now FROM learning_snapshots ORDER BY step"))


def read(connection: sqlite3.Connection, step: int | None) -> Snapshot | None:
    """Return the snapshot of a step, or the last one; None if it is not kept."""
    query = "SELECT body FROM learning_snapshots WHERE step = coalesce(?, step) ORDER BY step DESC LIMIT 1"
    found = connection.execute(query, (step,)).fetchone()
    return None if found is None else Snapshot.from_bytes(found[0])


def _are_counts(values: Iterable[object]) -> bool:
    return all(type(value) is int for value in values)
