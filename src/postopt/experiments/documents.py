"""Small JSON documents with their history, in an experiment store: the SQL of it.

`ExperimentStore` says what it promises.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from postopt.errors import shown

_LAST = """
SELECT key, value FROM documents WHERE number IN
(SELECT max(number) FROM documents WHERE kind = ? GROUP BY key) ORDER BY key
"""


class Document(NamedTuple):
    """One version of a document: plain JSON, and when it was put, in seconds since the epoch."""

    value: Any  # what JSON can hold
    at: float


def put(connection: sqlite3.Connection, kind: str, key: str, value: str, at: float) -> None:
    """Add a version, unless it is the same as the last one."""
    query = "SELECT value FROM documents WHERE kind = ? AND key = ? ORDER BY number DESC LIMIT 1"
    if connection.execute(query, (kind, key)).fetchone() != (value,):
        connection.execute("INSERT INTO documents (kind, key, value, at) VALUES (?, ?, ?, ?)", (kind, key, value, at))


def get(connection: sqlite3.Connection, kind: str, key: str) -> Any:
    """Return the last version's value, or None."""
    query = "SELECT value FROM documents WHERE kind = ? AND key = ? ORDER BY number DESC LIMIT 1"
    found = connection.execute(query, (kind, key)).fetchone()
    return None if found is None else json.loads(found[0])


def history(connection: sqlite3.Connection, kind: str, key: str) -> list[Document]:
    """Return all versions, the oldest first."""
    query = "SELECT value, at FROM documents WHERE kind = ? AND key = ? ORDER BY number"
    return [Document(json.loads(value), at) for value, at in connection.execute(query, (kind, key))]


def last_of_all(connection: sqlite3.Connection, kind: str) -> dict[str, Any]:
    """Return the last version of each document of a kind, in order of their keys."""
    return {key: json.loads(value) for key, value in connection.execute(_LAST, (kind,))}


def as_json(name: str, value: object) -> str:
    """Return a value as JSON that is the same for equal values.

    Raises:
        ValueError: it is no plain JSON.
    """
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} is {shown(value)}; plain JSON is needed") from error
    return text
