"""Time that passes when the test says so."""

from __future__ import annotations


class ScriptedClock:
    """A `Clock` that stands still until it is moved."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, zero or more."""
        if not seconds >= 0:
            raise ValueError(
                f"seconds is {seconds!r}; time passes forwards, use set() for a wall clock that is put back"
            )
        self._now += seconds

    def set(self, now: float) -> None:
        """Put the clock to `now`, later or earlier, as happens to wall clocks."""
        self._now = now
