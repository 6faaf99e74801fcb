"""A mapping that forgets what was not written lately."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Holds the last `size` keys written, and at most twice as many.

    Two dicts: the younger is written to, and when it is full it takes the place of the older. Nothing is moved one by
    one, so every call is as quick as a dict's. Not thread-safe.
    """

    __slots__ = ("_older", "_size", "_younger")

    def __init__(self, size: int) -> None:
        self._size = size
        self._younger: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value last put, or None if there is none any more."""
        found = self._younger.get(key)
        return self._older.get(key) if found is None else found

    def put(self, key: K, value: V) -> None:
        """Keep `value`, which must not be None."""
        self._younger[key] = value
        if len(self._younger) > self._size:
            self._older, self._younger = self._younger, {}

    def pop(self, key: K) -> V | None:
        """Return the value last put and forget it; None if there is none any more."""
        older = self._older.pop(key, None)
        return self._younger.pop(key, older)
