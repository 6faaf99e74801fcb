"""The textbook's policy: the past is the future."""

from __future__ import annotations

from collections import OrderedDict

from postopt.caching.eviction.policy import Newcomer, Policy


class LRU(Policy):
    """Gives up the least recently used."""

    eager = True

    def __init__(self) -> None:
        super().__init__()
        self._order: OrderedDict[int, None] = OrderedDict()

    def added(self, slot: int, newcomer: Newcomer) -> None:  # noqa: ARG002 - the newcomer says nothing more
        """Put it last."""
        self._order[slot] = None

    def hit(self, slot: int) -> None:
        """Put it last."""
        self._order.move_to_end(slot)

    def removed(self, slot: int) -> None:
        """Forget it."""
        del self._order[slot]

    def victims(self, newcomer: Newcomer, weight: int, count: int) -> list[int]:  # noqa: ARG002 - all are let in
        """Return the first ones."""
        return self._first(self._order, weight, count)
