"""Who waits for a key, who of them leads, and what has to end before that can.

Nothing here locks: `Coalescer` calls it under its lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

from postopt.caching.flights.outcome import Outcome

if TYPE_CHECKING:
    from postopt.caching.flights.caller import Caller

blocked: dict[int, Flight] = {}
"""By thread, the flight for which `run_sync` blocks it: no loop and no run in that thread goes on before it ends."""


class Flight:
    """The callers that hold one key at the same time.

    Attributes:
        key: theirs.
        callers: those that wait, in the order in which they came.
        leader: the one whose run they wait for; it may have left.
        outcome: what all of them are to be told.
    """

    __slots__ = ("callers", "key", "leader", "outcome")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.callers: OrderedDict[Caller, None] = OrderedDict()
        self.leader: Caller | None = None
        self.outcome: Outcome | None = None

    def take(self, caller: Caller) -> None:
        """Let `caller` wait here."""
        caller.flight = self
        if caller.part_of is not None:
            caller.part_of.waits.add(caller)
        self.callers[caller] = None

    def drop(self, caller: Caller) -> None:
        """Let `caller` wait no longer, if it does."""
        if caller.part_of is not None:
            caller.part_of.waits.discard(caller)
            caller.part_of = None  # runs that start one another must not hold all that came before
        self.callers.pop(caller, None)

    def elect(self) -> None:
        """Let the next caller lead: the first that can begin now, else the first that may be able to later."""
        self.leader = None
        for caller in self.callers:
            when = caller.can_begin()
            if when == "now":
                self.leader = caller
                return
            if when == "later" and self.leader is None:
                self.leader = caller

    def needs(self) -> Iterator[Flight]:
        """Yield every flight that has to end before this one can, itself first."""
        seen, unseen = {self}, [self]
        while unseen:
            flight = unseen.pop()
            if flight.outcome is not None:
                continue  # it has ended
            yield flight
            if flight.leader is not None:
                following = {caller.flight for caller in flight.leader.waits}
                held_up = blocked.get(flight.leader.thread)
                if held_up is not None:
                    following.add(held_up)
                unseen += following - seen
                seen |= following
