"""The seam between a memory store and what decides who goes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from postopt.caching.base import PRIORITIES
from postopt.caching.entries import Entries

LEAST_COST = 1e-12
"""Stands for a cost of zero where a value is divided by weight, so that worthless entries still have an order."""


class Newcomer(NamedTuple):
    """An entry that asks for room."""

    key: Hashable
    weight: int
    cost: float
    priority: int


NOBODY = Newcomer(None, 0, math.inf, PRIORITIES - 1)
"""Stands for whoever asks for room when there is no newcomer: everything makes way for it."""


class Policy:
    """What a store asks when it is full. A policy overrides four methods and nothing else.

    All are called under the store's lock. A policy serves one store for good.

    Attributes:
        eager: whether `hit` is called at each hit. If not, hits take no lock and are counted; the policy takes the
            counts from `entries.take_hits` when it looks at an entry.
        entries: the slots; set by the store.
    """

    eager = False

    def __init__(self) -> None:
        self.entries: Entries

    def added(self, slot: int, newcomer: Newcomer) -> None:
        """Take note of an entry that has come to `slot`."""
        raise NotImplementedError

    def hit(self, slot: int) -> None:
        """Take note that the entry in `slot` was used or set again; for a policy that is not eager, the latter only."""

    def removed(self, slot: int) -> None:
        """Take note that the entry in `slot` is about to go, whatever the reason."""
        raise NotImplementedError

    def victims(self, newcomer: Newcomer, weight: int, count: int) -> list[int] | None:
        """Return the slots to give up for `newcomer`, at least so many bytes and entries; None to refuse it.

        The newcomer may be `NOBODY`, who is not refused.
        """
        raise NotImplementedError

    def _first(self, slots: Iterable[int], weight: int, count: int) -> list[int]:
        """Return as many of `slots`, from the first on, as make room; no more are asked for."""
        chosen: list[int] = []
        order = iter(slots)
        while weight > 0 or count > 0:
            slot = next(order)
            chosen.append(slot)
            weight -= self.entries.weights[slot]
            count -= 1
        return chosen
