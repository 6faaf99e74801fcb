"""Counting without a lock."""

from __future__ import annotations

import itertools
from collections.abc import Callable


class Tally:
    """A count that any thread raises by one without a lock, and that is read under one.

    `next` of an `itertools.count` is one step of the interpreter: no two threads get the same number. It cannot be
    looked at without counting on, so the looks are counted, too, and taken off.

    Attributes:
        tick: `tick()` counts one and returns how many numbers were given before, looks included.
        looks: how many of the numbers were given to those who only looked.
    """

    __slots__ = ("looks", "tick")

    def __init__(self) -> None:
        self.tick: Callable[[], int] = itertools.count().__next__
        self.looks = 0

    def read(self) -> int:
        """Return how often it was raised; one reader at a time."""
        number = self.tick() - self.looks
        self.looks += 1
        return number
