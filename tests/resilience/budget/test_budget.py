"""What a budget promises whoever spends from it."""

from __future__ import annotations

import asyncio
import math
import pickle
from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.errors import (
    AuthenticationError,
    BudgetExceededError,
    CircuitOpenError,
    LedgerError,
    MalformedAnswerError,
    ProviderTimeoutError,
    RateLimitError,
    UnknownPriceError,
)
from postopt.resilience.budget import Budget
from postopt.resilience.ledger import MemoryLedger
from postopt.resilience.reservation import nano
from postopt.testing import ScriptedClock


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def clock():
    return ScriptedClock(at("2026-03-01T23:59:00"))


@pytest.fixture
def budget(make_ledger, clock):
    """Return a function that makes a budget upon one ledger."""
    return lambda **settings: Budget(ledger=make_ledger(), wall_clock=clock, **settings)


class TestTheLimit:
    def test_admits_what_fits_and_refuses_the_rest(self, run, budget):
        async def main():
            money = budget(usd_total=0.07)
            for _ in range(7):
                await (await money.reserve(0.01)).settle(0.01)
            with pytest.raises(BudgetExceededError, match=r"could cost \$0.01; \$0 of the budget is left"):
                await money.reserve(0.01)
            report = await money.report()
            assert (report.spent_total, report.remaining, report.refused) == (0.07, 0.0, 1)

        run(main())

    def test_what_a_call_did_not_need_is_there_for_others(self, run, budget):
        async def main():
            money = budget(usd_total=1.0)
            first = await money.reserve(0.9)
            with pytest.raises(BudgetExceededError):
                await money.reserve(0.2)
            await first.settle(0.3)
            second = await money.reserve(0.7)
            await second.release()
            assert (await money.report()).remaining == 0.7

        run(main())

    def test_a_call_that_cost_more_than_it_could_is_recorded_in_full_and_stops_the_rest(self, run, budget):
        async def main():
            money = budget(usd_total=1.0)
            await (await money.reserve(0.5)).settle(1.5)
            report = await money.report()
            assert (report.spent_total, report.remaining, report.overrun) == (1.5, -0.5, 1.0)
            for usd in (0.0, 0.01):
                with pytest.raises(BudgetExceededError):
                    await money.reserve(usd)

        run(main())

    def test_free_calls_go_until_it_is_overrun(self, run, budget):
        async def main():
            money = budget(usd_total=0.0)
            await (await money.reserve(0.0)).settle(0.0)
            with pytest.raises(BudgetExceededError):
                await money.reserve(1e-12)

        run(main())

    def test_holds_at_a_thousand_callers(self, run, budget):
        async def main():
            money = budget(usd_total=1.0)
            spent = []

            async def call():
                try:
                    async with money.hold(0.004) as reservation:
                        await asyncio.sleep(0)
                        await reservation.settle(0.003)
                        spent.append(0.003)
                except BudgetExceededError:
                    pass
                report = await money.report() if len(spent) % 50 == 0 else None
                assert report is None or report.spent_total + report.reserved_today <= 1.0 + 1e-12

            await asyncio.gather(*(call() for _ in range(1000)))
            report = await money.report()
            assert report.spent_total == pytest.approx(sum(spent))
            assert report.reserved_today == 0
            assert report.refused == 1000 - len(spent)
            assert 250 <= len(spent) <= 333

        run(main())


class TestDays:
    def test_end_at_midnight_utc(self, run, budget, clock):
        async def main():
            money = budget(usd_per_day=1.0, usd_total=1.5)
            await (await money.reserve(1.0)).settle(1.0)
            with pytest.raises(BudgetExceededError) as raised:
                await money.reserve(0.5)
            assert raised.value.retry_after == pytest.approx(60)
            with pytest.raises(BudgetExceededError) as raised:
                await money.reserve(0.6)
            assert raised.value.retry_after is None  # tomorrow has no room for it either
            clock.advance(60)
            await (await money.reserve(0.5)).settle(0.5)
            report = await money.report()
            assert (report.spent_today, report.spent_total) == (0.5, 1.5)

        run(main())

    def test_a_call_counts_for_the_day_it_was_reserved_on(self, run, budget, clock):
        async def main():
            money = budget(usd_per_day=1.0)
            reservation = await money.reserve(0.8)
            clock.advance(120)
            assert (await money.report()).unsettled == 0.8
            await reservation.settle(0.5)
            report = await money.report()
            assert (report.spent_today, report.spent_total, report.unsettled) == (0.0, 0.5, 0.0)

        run(main())

    def test_a_clock_that_is_put_back_gives_no_money_twice(self, run, budget, clock):
        async def main():
            money = budget(usd_per_day=1.0)
            spent = {}
            for seconds in (0, 90, 30, 86_400, -86_400, -90):
                clock.set(at("2026-03-01T23:59:00") + seconds)
                day = int(clock() // 86_400)
                for _ in range(3):
                    try:
                        await (await money.reserve(0.4)).settle(0.4)
                    except BudgetExceededError:
                        continue
                    spent[day] = spent.get(day, 0) + 0.4
            assert spent == dict.fromkeys(spent, 0.8)
            assert len(spent) == 3

        run(main())


class TestUnknownPrices:
    def test_are_refused(self, run, budget):
        async def main():
            money = budget(usd_total=1.0)
            with pytest.raises(UnknownPriceError, match="nobody knows"):
                await money.reserve(None)
            assert (await money.report()).unknown == 1

        run(main())

    def test_are_admitted_if_allowed_while_anything_is_left(self, run, budget):
        async def main():
            money = budget(usd_total=1.0, on_unknown_price="allow")
            await (await money.reserve(None)).settle(0.25)
            await (await money.reserve(None)).settle(None)
            report = await money.report()
            assert (report.unknown, report.spent_total) == (2, pytest.approx(0.25))
            await (await money.reserve(None)).settle(5.0)
            with pytest.raises(BudgetExceededError, match="price nobody knows"):
                await money.reserve(None)

        run(main())


class TestAReservation:
    def test_is_settled_once(self, run, budget):
        async def main():
            money = budget(usd_total=1.0)
            reservation = await money.reserve(0.5)
            assert reservation.usd == 0.5
            await reservation.settle(0.25)
            await reservation.settle(0.75)
            await reservation.release()
            report = await money.report()
            assert (report.spent_total, report.overrun, report.reserved_today) == (0.25, 0.0, 0.0)

        run(main())

    @pytest.mark.parametrize("usd", [-0.01, math.nan, math.inf, True, "1", 1e7, 10**400])
    def test_of_nonsense_is_refused_and_so_is_settling_it(self, run, budget, usd):
        async def main():
            money = budget(usd_total=1.0)
            with pytest.raises(ValueError, match="usd is"):
                await money.reserve(usd)
            reservation = await money.reserve(0.5)
            with pytest.raises(ValueError, match="usd is"):
                await reservation.settle(usd)
            assert (await money.report()).reserved_today == 0.5
            await reservation.settle(0.5)
            assert (await money.report()).spent_total == 0.5

        run(main())

    def test_that_nobody_settles_stays_counted(self, run, budget):
        async def main():
            money = budget(usd_total=1.0)
            await money.reserve(0.6)
            with pytest.raises(BudgetExceededError):
                await money.reserve(0.6)
            assert (await money.report()).reserved_today == 0.6

        run(main())


class TestHolding:
    @pytest.mark.parametrize(
        ("error", "spent"),
        [
            (CircuitOpenError("open"), 0.0),
            (RateLimitError("full"), 0.0),
            (AuthenticationError("no", cost_usd=0.1), 0.1),  # an attempt before it was charged
            (MalformedAnswerError("bad", cost_usd=0.2), 0.2),
            (MalformedAnswerError("bad", cost_usd=0.9), 0.9),
            (MalformedAnswerError("bad", cost_usd=math.nan), 0.5),
            (MalformedAnswerError("bad", cost_usd=math.inf), 0.5),
            (ProviderTimeoutError("slow"), 0.5),
            (asyncio.CancelledError(), 0.5),
            (KeyError("a bug"), 0.5),
        ],
        ids=repr,
    )
    def test_counts_what_an_error_says_and_everything_where_nobody_knows(self, run, budget, error, spent):
        async def main():
            money = budget(usd_total=1.0)
            with pytest.raises(type(error)):
                async with money.hold(0.5):
                    raise error
            report = await money.report()
            assert (report.spent_total, report.reserved_today) == (spent, 0.0)

        run(main())

    def test_counts_all_of_what_was_not_settled(self, run, budget):
        async def main():
            money = budget(usd_total=1.0)
            async with money.hold(0.5):
                pass
            async with money.hold(0.5) as reservation:
                await reservation.settle(0.125)
            assert (await money.report()).spent_total == 0.625

        run(main())


class Failing(MemoryLedger):
    """A ledger that is not one of ours in memory, fails when told to, and can be held up."""

    def __init__(self):
        super().__init__()
        self.gone = False
        self.gate = None

    async def reserve(self, day, amount, limits):
        self._check()
        answer = self.reserve_now(day, amount, limits)
        if self.gate is not None:
            await self.gate.wait()
        return answer

    async def settle(self, number, spent):
        self._check()
        if self.gate is not None:
            await self.gate.wait()
        self.settle_now(number, spent)

    def _check(self):
        if self.gone:
            raise LedgerError("gone")


class Remote:
    """A ledger without the methods that await nothing."""

    def __init__(self):
        self.inner = Failing()
        self.reserve, self.settle, self.sums = self.inner.reserve, self.inner.settle, self.inner.sums


class TestALedgerThatIsNotThere:
    @pytest.fixture
    def ledger(self):
        return Remote()

    @pytest.fixture
    def money(self, ledger):
        return Budget(usd_total=1.0, ledger=ledger, wall_clock=lambda: 0.0)

    def test_refuses_everything(self, money, ledger):
        ledger.inner.gone = True
        with pytest.raises(LedgerError) as raised:
            asyncio.run(money.reserve(0.1))
        assert not raised.value.retryable
        assert isinstance(pickle.loads(pickle.dumps(raised.value)), LedgerError)

    def test_hears_of_a_settlement_when_it_is_back_before_anything_else(self, money, ledger):
        async def main():
            reservation = await money.reserve(0.5)
            ledger.inner.gone = True
            await reservation.settle(0.9)  # the answer is there and paid for: no error takes it away
            with pytest.raises(LedgerError):
                await money.reserve(0.2)
            ledger.inner.gone = False
            report = await money.report()
            assert (report.unwritten, report.reserved_today) == (1, 0.5)
            with pytest.raises(BudgetExceededError):
                await money.reserve(0.2)
            report = await money.report()
            assert (report.unwritten, report.spent_total, report.reserved_today) == (0, 0.9, 0.0)

        asyncio.run(main())

    def test_gives_back_what_was_held_for_one_who_has_gone(self, money, ledger):
        async def main():
            ledger.inner.gate = asyncio.Event()
            task = asyncio.create_task(money.reserve(0.5))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await money.report()).reserved_today == 0.5
            ledger.inner.gate.set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert (await money.report()).reserved_today == 0.0

        asyncio.run(main())

    def test_one_who_has_gone_and_was_refused_changes_nothing(self, money, ledger):
        async def main():
            ledger.inner.gate = asyncio.Event()
            tasks = [asyncio.create_task(money.reserve(usd)) for usd in (0.9, 0.9)]
            for _ in range(3):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            ledger.inner.gate.set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert (await money.report()).reserved_today == 0.0

        asyncio.run(main())

    def test_settles_even_if_that_is_cancelled(self, money, ledger):
        async def main():
            reservation = await money.reserve(0.5)
            ledger.inner.gate = asyncio.Event()
            task = asyncio.create_task(reservation.settle(0.25))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            ledger.inner.gate.set()
            for _ in range(3):
                await asyncio.sleep(0)
            assert (await money.report()).spent_total == 0.25

        asyncio.run(main())

    def test_owes_what_the_end_of_a_loop_interrupts(self, money, ledger):
        async def interrupted():
            reservation = await money.reserve(0.5)
            ledger.inner.gate = asyncio.Event()
            task = asyncio.create_task(reservation.settle(0.25))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()

        asyncio.run(interrupted())
        ledger.inner.gate = None
        asyncio.run(money.reserve(0.1))
        report = asyncio.run(money.report())
        assert (report.spent_total, report.reserved_today, report.unwritten) == (0.25, 0.1, 0)

    def test_cannot_be_used_without_awaiting(self, money):
        reservation = asyncio.run(money.reserve(0.1))
        for call in (
            lambda: money.reserve_nowait(0.1),
            lambda: reservation.settle_nowait(0.1),
            money.report_nowait,
            lambda: money.spent,
            lambda: money.remaining,
        ):
            with pytest.raises(TypeError, match="not in memory"):
                call()


class TestInMemory:
    def test_nothing_needs_to_be_awaited(self):
        money = Budget(usd_per_day=1.0)
        reservation = money.reserve_nowait(0.5)
        reservation.settle_nowait(0.25)
        reservation.settle_nowait(0.5)
        assert (money.spent, money.remaining) == (0.25, 0.75)
        with pytest.raises(BudgetExceededError):
            money.reserve_nowait(0.8)
        with pytest.raises(UnknownPriceError):
            money.reserve_nowait(None)
        assert money.report_nowait() == asyncio.run(money.report())


class TestAmounts:
    @given(usd=st.floats(0, 9e6))
    def test_are_counted_to_the_nearest_nano_dollar(self, usd):
        assert abs(nano("usd", usd) / 1e9 - usd) <= max(1e-9, usd * 1e-15)

    @given(usd=st.floats(0, 9e6), more=st.floats(0, 1))
    def test_more_is_never_counted_as_less(self, usd, more):
        """So that what costs no more than its upper bound is never counted as more."""
        assert nano("usd", usd) <= nano("usd", usd + more)

    def test_what_is_more_than_nothing_counts(self):
        assert (nano("usd", 5e-324), nano("usd", 0.0), nano("usd", -0.0)) == (1, 0, 0)

    @pytest.mark.parametrize("cents", [1, 3, 7, 29, 57, 58, 99])
    def test_cents_are_exact(self, cents):
        assert nano("usd", cents / 100) == cents * 10_000_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"usd_total": -1},
        {"usd_per_day": math.nan},
        {"usd_per_day": True},
        {"usd_total": 1e10},
        {"on_unknown_price": "maybe", "usd_total": 1},
        {"wall_clock": 3, "usd_total": 1},
        {"usd_per_day": None, "usd_total": None},
    ],
)
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Budget(**wrong)
