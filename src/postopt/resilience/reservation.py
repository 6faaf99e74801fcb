"""Money set aside for a call, and its way to the ledger and back."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

from postopt.errors import LedgerError, shown
from postopt.resilience.ledger import MOST, NANO, Ledger, Limits, MemoryLedger, Sums
from postopt.resilience.locks import new_lock

_OWED = 10_000
"""Settlements kept while the ledger is away (arbitrary); one that is dropped leaves its reservation counted in full."""


MOST_USD = MOST // NANO


class Reservation:
    """Money set aside for one call."""

    __slots__ = ("_account", "_amount", "_number", "_settled")

    def __init__(self, account: Account, number: int, amount: int) -> None:
        self._account = account
        self._number = number
        self._amount = amount
        self._settled = False

    @property
    def usd(self) -> float:
        """How much is set aside, in US dollars."""
        return self._amount / NANO

    async def settle(self, usd: float | None) -> None:
        """Record what the call cost instead; None if nobody knows, and then what was set aside counts as spent.

        If the ledger cannot be reached, it is told before the next reservation; until then this one stays. It is told
        even if this is cancelled. Settling again has no effect.

        Raises:
            ValueError: `usd` is negative, NaN, too large or no number; the reservation stays.
        """
        if self._account.memory is not None:
            self.settle_nowait(usd)
        elif not self._settled:
            await self._account.settle(self._number, self._spend(usd))

    def settle_nowait(self, usd: float | None) -> None:
        """Do what `settle` does without awaiting, where the ledger is in memory.

        Raises:
            TypeError: the ledger is not in memory.
        """
        memory = self._account.memory or self._account.in_memory("settle")
        if self._settled:
            return
        if usd.__class__ is float and 0.0 < usd <= MOST_USD:  # as it almost always is: the same, without the calls
            spent = int(usd * NANO + 0.5) or 1
            if spent > self._amount:
                self._account.count_overrun(spent - self._amount)
            self._settled = True
        else:
            spent = self._spend(usd)
        memory.settle_now(self._number, spent)

    async def release(self) -> None:
        """Give all of it back: the call was not made."""
        await self.settle(0.0)

    def _spend(self, usd: float | None) -> int:
        spent = self._amount if usd is None else nano("usd", usd)
        self._settled = True
        if spent > self._amount:
            self._account.count_overrun(spent - self._amount)
        return spent


class Account:
    """A ledger as one budget uses it: nothing held is lost by a cancellation, no settlement by an outage.

    Attributes:
        ledger: where the sums are.
        memory: the ledger, if it is one in memory, or None.
        overrun: nano-dollars that settlements were above their reservations.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.memory = ledger if isinstance(ledger, MemoryLedger) else None
        self.overrun = 0
        self._lock = new_lock()
        self._owed: deque[tuple[int, int]] = deque(maxlen=_OWED)  # number of the reservation, spent
        self._tasks: set[asyncio.Future[Any]] = set()  # Any: they are kept, not asked; nobody else refers to them

    @property
    def unwritten(self) -> int:
        """How many settlements the ledger has not taken yet."""
        return len(self._owed)

    def in_memory(self, method: str) -> MemoryLedger:
        """Return the ledger in memory; raises TypeError if it is another."""
        if self.memory is None:
            raise TypeError(f"the ledger is not in memory; use `await {method}(...)`")
        return self.memory

    async def reserve(self, day: int, amount: int, limits: Limits) -> int | Sums:
        """Do what the ledger's `reserve` does; if this is cancelled, what is held by then is given back."""
        await self._settle_owed()
        answer = asyncio.ensure_future(self.ledger.reserve(day, amount, limits))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            self._tasks.add(answer)
            answer.add_done_callback(self._give_back)
            raise

    async def settle(self, number: int, spent: int) -> None:
        """Settle now or, if the ledger is away, before the next reservation; even if this is cancelled."""
        await asyncio.shield(self._start(number, spent))

    def count_overrun(self, excess: int) -> None:
        """Take note that a call cost so much more than was set aside for it."""
        with self._lock:
            self.overrun += excess

    def _give_back(self, answer: asyncio.Future[int | Sums]) -> None:
        """Settle at nothing what was held for somebody who has gone."""
        self._tasks.discard(answer)
        if not answer.cancelled() and answer.exception() is None and isinstance(held := answer.result(), int):
            self._start(held, 0)

    def _start(self, number: int, spent: int) -> asyncio.Task[None]:
        task = asyncio.ensure_future(self._settle_or_owe(number, spent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _settle_or_owe(self, number: int, spent: int) -> None:
        with suppress(LedgerError):  # it is owed then
            await self._settle(number, spent)

    async def _settle(self, number: int, spent: int) -> None:
        try:
            await self.ledger.settle(number, spent)
        except BaseException:  # the loop may end, too
            self._owed.append((number, spent))
            raise

    async def _settle_owed(self) -> None:
        for _ in range(len(self._owed)):
            try:
                number, spent = self._owed.popleft()
            except IndexError:  # pragma: no cover - another thread has settled the rest
                return
            await self._settle(number, spent)


def nano(name: str, usd: float) -> int:
    """Return US dollars in nano-dollars, to the nearest; at least one for what is more than zero.

    Raises:
        ValueError: negative, NaN, more than `MOST`, or no number.
    """
    # A float in range, which is what almost always comes, is told in one look; NaN is in no range.
    if usd.__class__ is not float or not 0.0 <= usd <= MOST_USD:
        _check_usd(name, usd)
    return int(usd * NANO + 0.5) or int(usd > 0)


def _check_usd(name: str, usd: object) -> None:
    if not isinstance(usd, int | float) or isinstance(usd, bool) or not 0 <= usd <= MOST_USD:
        raise ValueError(f"{name} is {shown(usd)}; US dollars, zero or more and {MOST_USD} at most, are needed")
