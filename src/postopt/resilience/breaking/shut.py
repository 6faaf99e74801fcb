"""Why a call is refused."""

from __future__ import annotations

import math

from postopt.errors import CircuitOpenError


class Shut:
    """A circuit that is open or forced open: it refuses without a lock for as long as the clock is within its time.

    Attributes:
        since: what the clock said when that was known; if it says less, it was put back, and the lock is needed.
        until: when it may be over, by the same clock; infinite if only the host ends it.
    """

    __slots__ = ("_name", "_said", "since", "until")

    def __init__(self, name: str, since: float, until: float) -> None:
        self._name = name
        self.since = since
        self.until = until
        self._said = (-1, "")  # tenths of a second and their message: to make one takes as long as all the rest

    def error(self, now: float) -> CircuitOpenError:
        """Return the error for a call that comes `now`, which is before `until`."""
        if self.until == math.inf:
            return forced(self._name)
        seconds = self.until - now
        tenths = int(seconds * 10)
        known, message = self._said
        if tenths != known:
            message = f"circuit {self._name!r} is open; a call is let through in {tenths / 10} s"
            self._said = tenths, message
        # Without its __init__, which takes three times as long as this and would only attach a hint.
        error = CircuitOpenError.__new__(CircuitOpenError, message)
        error.retry_after = seconds
        return error


def forced(name: str) -> CircuitOpenError:
    """Return the error of a circuit that the host has opened."""
    return CircuitOpenError(f"circuit {name!r} is forced open until the host resets it")


def tried(name: str, seconds: float) -> CircuitOpenError:
    """Return the error of a circuit that other calls, or other processes, are trying."""
    return CircuitOpenError(
        f"circuit {name!r} is half open and being tried; a call is let through in {seconds:.1f} s at the latest",
        retry_after=seconds,
    )
