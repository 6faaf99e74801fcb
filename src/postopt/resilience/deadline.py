"""One deadline for a call and all that is called for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from postopt.clock import Clock
from postopt.errors import DeadlineExceededError, shown

_LONGEST = 1e12
"""Seconds, 30,000 years: no more than that can be told from an int of any length."""

_MONOTONIC: Clock = time.monotonic

_current: ContextVar[tuple[float, Clock] | None] = ContextVar("postopt_deadline", default=None)


@contextmanager
def within(seconds: float | None, *, clock: Clock | None = None) -> Iterator[None]:
    """Give all that is called in this block, in its tasks too, at most so many seconds from now, or None for no limit.

    A deadline that is there already and comes earlier stays. Nothing is interrupted by this alone: each layer asks
    `remaining` before it waits or tries again, and those that wait for others cut them off (`Timed`, `Fallback`).

    Args:
        seconds: from now.
        clock: monotonic; if None, that of the deadline that is there already, or else `time.monotonic`.

    Raises:
        ValueError: `seconds` is negative or NaN.
    """
    if seconds is None:
        yield
        return
    _check_seconds(seconds)
    left = remaining()
    if left is not None and left <= seconds:
        yield
        return
    if clock is None:
        current = _current.get()
        clock = _MONOTONIC if current is None else current[1]
    token = _current.set((clock() + min(seconds, _LONGEST), clock))
    try:
        yield
    finally:
        _current.reset(token)


def remaining() -> float | None:
    """Return the seconds until the deadline, negative once it has passed, or None if there is none."""
    current = _current.get()
    if current is None:
        return None
    at, clock = current
    return at - clock()


def check(what: str = "the call") -> None:
    """Raise if the deadline has passed.

    Raises:
        DeadlineExceededError: there is no time left for `what`.
    """
    left = remaining()
    if left is not None and left <= 0:
        raise DeadlineExceededError(f"no time is left for {what}: the deadline passed {-left:.3f} s ago")


def _check_seconds(seconds: object) -> None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds >= 0:
        raise ValueError(f"seconds is {shown(seconds)}; zero or more seconds, or None, are needed")
