"""Time that only passes forwards, of any clock."""

from __future__ import annotations

import math

from postopt.clock import Clock


class Elapsed:
    """Seconds that a clock has run forwards.

    Nothing decides by what a clock says, only by how far it has gone on between two readings. A clock that is put back
    stands still for that one reading; one that says NaN or infinity stands still until it says a number again. So no
    jump makes a wait longer than it was to be from that moment on, but a jump forwards counts as time that has passed.

    Attributes:
        last: what the clock has said when it was asked last.
        offset: what the clock says when no time has passed; less each time that it is put back.

    Args:
        clock: monotonic, or whatever the host passes.
    """

    __slots__ = ("_clock", "last", "offset")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last = 0.0
        self.offset = 0.0
        started = clock()
        if math.isfinite(started):
            self.last = self.offset = started

    def __call__(self) -> float:
        """Return the seconds that have passed since this was made."""
        now = self._clock()
        if math.isfinite(now):
            if now < self.last:
                self.offset += now - self.last
            self.last = now
        return self.last - self.offset
