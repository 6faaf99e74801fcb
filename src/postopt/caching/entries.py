"""The entries of a memory store: the table that hits go through, and what is known of each beside its value."""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from typing import Any

from postopt.caching.table import Table
from postopt.clock import Clock


class Entries(Table):
    """A table with weight, cost and priority of each slot, in packed columns.

    Attributes:
        weights: bytes.
        costs: dollars or seconds.
        priorities: classes; `FREE` where a slot has no entry.
        bytes: sum of the weights.
    """

    __slots__ = ("bytes", "costs", "priorities", "weights")

    FREE = 255

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.weights = array("Q")
        self.costs = array("d")
        self.priorities = bytearray()
        self.bytes = 0

    def add(self, key: Hashable, value: Any, expires_at: float, *, weight: int, cost: float, priority: int) -> int:
        """Put a key that is not there and return its slot."""
        slot = self.put(key, value, expires_at)
        if slot == len(self.weights):
            self.weights.append(weight)
            self.costs.append(cost)
            self.priorities.append(priority)
        else:
            self.weights[slot] = weight
            self.costs[slot] = cost
            self.priorities[slot] = priority
        self.bytes += weight
        return slot

    def drop(self, slot: int) -> None:
        """Remove the entry in `slot`."""
        self.bytes -= self.weights[slot]
        self.priorities[slot] = self.FREE
        self.remove(slot)
