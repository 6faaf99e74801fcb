"""Money that comes back with time."""

from __future__ import annotations

import math


class Allowance:
    """A token bucket: `most` at once, and as much again every `seconds`; not thread-safe.

    A clock that is put back gives nothing and takes nothing away.
    """

    __slots__ = ("_at", "_left", "_most", "_seconds")

    def __init__(self, most: float, *, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._left = most
        self._at = -math.inf

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` if that much is left, and say whether it was."""
        if self._most == math.inf:
            return True
        if now > self._at > -math.inf:
            self._left = min(self._most, self._left + self._most * ((now - self._at) / self._seconds))
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
