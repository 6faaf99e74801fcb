"""The slots of a queue: who holds one may run."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

from postopt.scheduling.checks import check_number


class Limit(Protocol):
    """How many may run at once; it may change at any time.

    Attributes:
        limit: 0 or more; less counts as 0.
    """

    limit: int


class FixedLimit:
    """A limit that does not change."""

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        self.limit = limit


class Slot:
    """The right to run, which one caller holds at a time.

    Attributes:
        home: where it waits while nobody holds it.
        held: whether somebody holds it.
        timed: whether its turns are timed. One slot in eight is: a mean needs no more, and a clock costs as much as all
            the rest of an uncontended turn.
        since: when the present turn began, if it is timed; infinity if that is not known.
        turns: how many have ended. Its holder alone counts, so that no lock is needed.
    """

    __slots__ = ("held", "home", "since", "timed", "turns")

    def __init__(self, home: deque[Slot], *, timed: bool) -> None:
        self.home = home
        self.held = False
        self.timed = timed
        self.since = 0.0
        self.turns = 0


class Pool:
    """Slots of one kind.

    Taking one (`free.popleft`) and putting it back (`free.append`) are single steps, which threads may do without a
    lock; all else is done under the lock of the queue.

    Attributes:
        free: those that nobody holds; the one that was free longest is next, so that all are used alike.
        size: how many there are.
        turns: how many have ended on slots that are gone.
    """

    def __init__(self) -> None:
        self.free: deque[Slot] = deque()
        self.size = 0
        self.turns = 0
        self._all: dict[Slot, None] = {}  # a set that keeps its order, so that a run can be replayed

    def resize(self, size: int) -> None:
        """Make slots up to `size`, or take free ones away; held ones can be taken away once they are back."""
        while self.size < size:
            slot = Slot(self.free, timed=self.size % 8 == 0)
            self._all[slot] = None
            self.size += 1
            self.free.append(slot)
        while self.size > size:
            try:
                slot = self.free.popleft()
            except IndexError:
                return
            del self._all[slot]
            self.turns += slot.turns
            self.size -= 1
            if slot.timed:
                self._time_another()

    def _time_another(self) -> None:
        slot = next((slot for slot in self._all if not slot.timed), None)
        if slot is not None:
            slot.since = math.inf  # it may be held
            slot.timed = True

    def ended(self) -> int:
        """Return how many turns have ended."""
        return self.turns + sum(slot.turns for slot in self._all)


def check_concurrency(concurrency: int | Limit) -> Limit:
    """Return a number, or an object with a changing `limit`, as the latter.

    Raises:
        ValueError: it is neither, or less than 1.
    """
    if hasattr(concurrency, "limit"):
        return concurrency
    check_number("concurrency", concurrency, least=1, whole=True)
    return FixedLimit(concurrency)
