"""Where budgets keep their sums: whole nano-dollars, for each UTC day and for all time."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Protocol

from postopt.resilience.locks import new_lock

NANO = 1_000_000_000
"""Nano-dollars in a US dollar. Sums of integers are exact in any order; sums of floats are not."""

MOST = 2**53
"""The largest amount, some 9 million US dollars: up to here Redis' scripts count exactly."""

_DAYS = 400
"""Days that a ledger in memory tells apart (arbitrary); all older ones count as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be spent at most, in nano-dollars; None for no limit."""

    day: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What a ledger holds, in nano-dollars; "spent" is settled, "held" is reserved and not settled.

    Attributes:
        day_spent: on the day that was asked for.
        day_held: on that day.
        total_spent: on all days.
        total_held: on all days.
    """

    day_spent: int = 0
    day_held: int = 0
    total_spent: int = 0
    total_held: int = 0

    def left(self, limits: Limits) -> int | None:
        """Return how much more may be reserved, negative if that is too much already; None for no limit."""
        day = None if limits.day is None else limits.day - self.day_spent - self.day_held
        total = None if limits.total is None else limits.total - self.total_spent - self.total_held
        return min((room for room in (day, total) if room is not None), default=None)


class Ledger(Protocol):
    """Keeps the sums of one budget, whoever spends from it.

    Each call is atomic: of any number of reservations at a time, only those are admitted that are, together with all
    that was spent and held before, within the limits. A day is its number since 1970-01-01. An amount is `MOST` at
    most.

    Each call raises LedgerError if the sums cannot be reached or used; it may have been done all the same. Hence a
    reservation may be held of which nobody knows, which is safe, and `settle` may be repeated.
    """

    async def reserve(self, day: int, amount: int, limits: Limits) -> int | Sums:
        """Hold an amount and return its number, or hold nothing and return the sums that leave no room for it."""
        ...

    async def settle(self, number: int, spent: int) -> None:
        """Let go of what is held under this number and count `spent` on its day instead, once however often called."""
        ...

    async def sums(self, day: int) -> Sums:
        """Return what is spent and held."""
        ...


class MemoryLedger:
    """The sums of one process, for all its tasks and threads; the child of a fork goes on with a copy.

    It tells the last 400 days apart. Those before have one sum, so that no day's can pass its limit unseen; only a
    clock that is put back so far finds out.

    `reserve_now`, `settle_now` and `sums_now` do the same without awaiting.
    """

    def __init__(self) -> None:
        lock = new_lock()
        # Called as they are, they cost less than half of `with`.
        self._acquire = lock.acquire
        self._release = lock.release
        self._number = 0
        self._days: dict[int, _Day] = {}
        self._older = _Day()
        self._older_until: float = -inf
        self._held: dict[int, tuple[_Day, int]] = {}
        self._used = 0  # spent and held, on all days

    def reserve_now(self, day: int, amount: int, limits: Limits) -> int | Sums:
        """Hold an amount and return its number, or return the sums that leave no room for it."""
        self._acquire()
        try:
            today = self._days.get(day) or self._begin(day)
            if (limits.day is not None and today.used + amount > limits.day) or (
                limits.total is not None and self._used + amount > limits.total
            ):
                return self._sums(today)
            today.used += amount
            today.held += amount
            self._used += amount
            number = self._number = self._number + 1
            self._held[number] = today, amount
            return number
        finally:
            self._release()

    def settle_now(self, number: int, spent: int) -> None:
        """Let go of what is held under this number and count `spent` instead."""
        self._acquire()
        try:
            if number in self._held:
                day, amount = self._held.pop(number)
                day.held -= amount
                day.used += spent - amount
                self._used += spent - amount
        finally:
            self._release()

    def sums_now(self, day: int) -> Sums:
        """Return what is spent and held."""
        self._acquire()
        try:
            return self._sums(self._days.get(day) or (self._older if day <= self._older_until else _Day()))
        finally:
            self._release()

    async def reserve(self, day: int, amount: int, limits: Limits) -> int | Sums:
        """Do what `reserve_now` does."""
        return self.reserve_now(day, amount, limits)

    async def settle(self, number: int, spent: int) -> None:
        """Do what `settle_now` does."""
        self.settle_now(number, spent)

    async def sums(self, day: int) -> Sums:
        """Do what `sums_now` does."""
        return self.sums_now(day)

    def _begin(self, day: int) -> _Day:
        """Return the sums of a day that is not there yet, or those of the older ones if it is among them."""
        if day > self._older_until:
            self._days[day] = _Day()
            if len(self._days) > _DAYS:
                self._forget(min(self._days))
        return self._days.get(day, self._older)

    def _forget(self, day: int) -> None:
        oldest = self._days.pop(day)
        self._older_until = day
        self._older.used += oldest.used
        self._older.held += oldest.held
        for number, (held_on, amount) in self._held.items():
            if held_on is oldest:
                self._held[number] = self._older, amount

    def _sums(self, day: _Day) -> Sums:
        held = self._older.held + sum(each.held for each in self._days.values())
        return Sums(day_spent=day.used - day.held, day_held=day.held, total_spent=self._used - held, total_held=held)


class _Day:
    """What is spent and held on a day (`used`), and how much of it is held."""

    __slots__ = ("held", "used")

    def __init__(self) -> None:
        self.used = 0
        self.held = 0
