"""A bill that cannot pass its budget: reserve before a call, settle after it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from postopt._checks import check_callable
from postopt.clock import Clock
from postopt.errors import (
    AuthenticationError,
    BudgetExceededError,
    CallRejectedError,
    ContextLengthError,
    GenerationError,
    InvalidRequestError,
    OverloadedError,
    QuotaError,
    RateLimitError,
    UnknownPriceError,
    UnreachableError,
    shown,
)
from postopt.resilience.ledger import MOST, NANO, Ledger, Limits, MemoryLedger, Sums
from postopt.resilience.locks import new_lock
from postopt.resilience.reservation import MOST_USD, Account, Reservation, nano

OnUnknownPrice: TypeAlias = Literal["refuse", "allow"]

_DAY_SECONDS = 86_400

# Nothing was made that anybody would charge for.
_FREE = (
    CallRejectedError,
    AuthenticationError,
    QuotaError,
    RateLimitError,
    OverloadedError,
    UnreachableError,
    ContextLengthError,
    InvalidRequestError,
)


def charged(error: GenerationError) -> float | None:
    """Return the US dollars that a failed call cost or may have cost, by what it says; None if nobody knows.

    Nobody charges for a call that was not made, a refused key or a rate limit.
    """
    spent = error.cost_usd + error.unsettled_usd
    if 0 < spent <= MOST / NANO:
        return spent
    return 0.0 if isinstance(error, _FREE) or not error.attempts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReport:
    """What a budget has to say, in US dollars; amounts are the ledger's, counts those of this `Budget` object.

    Attributes:
        spent_today: settled for the UTC day.
        spent_total: settled since the ledger began.
        reserved_today: reserved today and not settled: under way, or lost in a crash.
        unsettled: reserved on other days and never settled. It counts as spent, since it may have been.
        remaining: what may still be reserved, or None without a limit.
        refused: reservations for which there was no room.
        unknown: calls whose price nobody knew, refused or allowed.
        overrun: what settlements were above their reservations, in all.
        unwritten: settlements that the ledger could not take yet; their reservations are still held.
    """

    spent_today: float
    spent_total: float
    reserved_today: float
    unsettled: float
    remaining: float | None
    refused: int
    unknown: int
    overrun: float
    unwritten: int


class Budget:
    """US dollars that may be spent: in a UTC day, in all, or both.

    Laws:
        - At no time, with any number of callers, is more spent and reserved than the limit, as long as each reservation
          is an upper bound of what its call costs (`Price.upper_bound`). A call that costs more is recorded in full;
          from then on nothing is admitted until there is room again.
        - What is reserved is settled once; settling or releasing again has no effect. What is never settled, because
          the process died, counts as spent on its day: the money may be gone.
        - A call counts for the UTC day on which it was reserved. If the wall clock is put back over midnight, calls
          count for the earlier day again, with what is left of that: whatever the clock does, no day's sum passes the
          limit.
        - If the ledger cannot be reached, everything is refused (LedgerError).
        - Amounts are counted in nano-dollars, rounded to the nearest; what is more than zero is one at least.

    Any number of tasks, event loops and threads may use one object; how far beyond the process it reaches is the
    ledger's matter: `MemoryLedger`, `SQLiteLedger`, `RedisLedger`. Processes that share one must agree on the limits.

    Args:
        usd_per_day: limit for each UTC day, zero or more, or None.
        usd_total: limit for all that the ledger ever counts, zero or more, or None.
        on_unknown_price: what becomes of a call whose price is None. "refuse": UnknownPriceError. "allow": it is
            admitted as long as anything is left, and counts what it is settled at.
        ledger: keeps the sums; `MemoryLedger()` if None.
        wall_clock: seconds since the epoch.

    Raises:
        ValueError: an argument cannot be used, or there is no limit at all.
    """

    def __init__(
        self,
        *,
        usd_per_day: float | None = None,
        usd_total: float | None = None,
        on_unknown_price: OnUnknownPrice = "refuse",
        ledger: Ledger | None = None,
        wall_clock: Clock = time.time,
    ) -> None:
        if usd_per_day is None and usd_total is None:
            raise ValueError("usd_per_day and usd_total are both None; a budget needs a limit")
        if on_unknown_price not in get_args(OnUnknownPrice):
            raise ValueError(f'on_unknown_price is {shown(on_unknown_price)}; allowed: "refuse", "allow"')
        check_callable("wall_clock", wall_clock, "returns seconds since the epoch")
        self._limits = Limits(
            day=None if usd_per_day is None else nano("usd_per_day", usd_per_day),
            total=None if usd_total is None else nano("usd_total", usd_total),
        )
        self.on_unknown_price = on_unknown_price
        self._account = Account(MemoryLedger() if ledger is None else ledger)
        self._wall_clock = wall_clock
        self._lock = new_lock()
        self._refused = 0
        self._unknown = 0

    @property
    def in_memory(self) -> bool:
        """Whether the ledger is in memory, so that nothing has to be awaited."""
        return self._account.memory is not None

    async def reserve(self, usd: float | None) -> Reservation:
        """Set so much aside for a call, at most so much as it can cost; None if nobody knows.

        If this is cancelled while the ledger is at work, what it held is given back.

        Raises:
            BudgetExceededError: there is not so much left; `retry_after` says when the day ends, if that helps.
            UnknownPriceError: `usd` is None and unknown prices are refused.
            LedgerError: the ledger cannot be reached.
            ValueError: `usd` is negative, NaN, too large or no number.
        """
        if self._account.memory is not None:
            return self.reserve_nowait(usd)
        amount = self._unknown_amount() if usd is None else nano("usd", usd)
        held = await self._account.reserve(self._today(), amount, self._limits)
        if isinstance(held, int):
            return Reservation(self._account, held, amount)
        raise self._refusal(held, amount, usd)

    def reserve_nowait(self, usd: float | None) -> Reservation:
        """Do what `reserve` does without awaiting, where the ledger is in memory.

        Raises:
            TypeError: the ledger is not in memory.
        """
        memory = self._account.memory or self._account.in_memory("reserve")
        if usd.__class__ is float and 0.0 < usd <= MOST_USD:  # as it almost always is: the same, without the calls
            amount = int(usd * NANO + 0.5) or 1
        else:
            amount = self._unknown_amount() if usd is None else nano("usd", usd)
        held = memory.reserve_now(int(self._wall_clock() // _DAY_SECONDS), amount, self._limits)
        if isinstance(held, int):
            return Reservation(self._account, held, amount)
        raise self._refusal(held, amount, usd)

    @asynccontextmanager
    async def hold(self, usd: float | None) -> AsyncIterator[Reservation]:
        """Reserve for a block, which settles; how it ends says what becomes of a reservation that it did not settle.

        A GenerationError settles it at what it says it cost, or as nothing where nobody charges (`charged`). After
        everything else, a cancellation among them, the whole of it counts as spent: the money may be gone.

        Raises:
            CallRejectedError: as `reserve` does.
        """
        reservation = await self.reserve(usd)
        spent: float | None = reservation.usd
        try:
            yield reservation
        except GenerationError as error:
            spent = charged(error)
            raise
        finally:
            await reservation.settle(spent)

    async def report(self) -> BudgetReport:
        """Return what is spent and left.

        Raises:
            LedgerError: the ledger cannot be reached.
        """
        return self._report(await self._account.ledger.sums(self._today()))

    def report_nowait(self) -> BudgetReport:
        """Return what is spent and left, where the ledger is in memory.

        Raises:
            TypeError: the ledger is not in memory.
        """
        return self._report(self._account.in_memory("report").sums_now(self._today()))

    @property
    def spent(self) -> float:
        """US dollars settled since the ledger began, where it is in memory; TypeError elsewhere."""
        return self.report_nowait().spent_total

    @property
    def remaining(self) -> float | None:
        """US dollars that may still be reserved, where the ledger is in memory; TypeError elsewhere."""
        return self.report_nowait().remaining

    def _today(self) -> int:
        return int(self._wall_clock() // _DAY_SECONDS)

    def _unknown_amount(self) -> int:
        """Return what a call of unknown price reserves, or raise."""
        with self._lock:
            self._unknown += 1
        if self.on_unknown_price == "refuse":
            raise UnknownPriceError(
                "nobody knows what the call would cost, and the budget refuses what it cannot count",
                hint='give the generator a Price, or the budget on_unknown_price="allow"',
            )
        return 1  # so that nothing is admitted once nothing is left

    def _refusal(self, sums: Sums, amount: int, usd: float | None) -> BudgetExceededError:
        with self._lock:
            self._refused += 1
        left = (sums.left(self._limits) or 0) / NANO
        could = "at a price nobody knows" if usd is None else f"and could cost ${amount / NANO:.9g}"
        return BudgetExceededError(
            f"the call would be made {could}; ${max(left, 0.0):.9g} of the budget is left",
            retry_after=self._next_day(sums, amount),
        )

    def _next_day(self, sums: Sums, amount: int) -> float | None:
        """Return the seconds until a new day brings room for so much, or None if it does not."""
        tomorrow = Sums(total_spent=sums.total_spent, total_held=sums.total_held)
        left = tomorrow.left(self._limits)
        return None if left is None or left < amount else _DAY_SECONDS - self._wall_clock() % _DAY_SECONDS

    def _report(self, sums: Sums) -> BudgetReport:
        left = sums.left(self._limits)
        return BudgetReport(
            spent_today=sums.day_spent / NANO,
            spent_total=sums.total_spent / NANO,
            reserved_today=sums.day_held / NANO,
            unsettled=(sums.total_held - sums.day_held) / NANO,
            remaining=None if left is None else left / NANO,
            refused=self._refused,
            unknown=self._unknown,
            overrun=self._account.overrun / NANO,
            unwritten=self._account.unwritten,
        )
