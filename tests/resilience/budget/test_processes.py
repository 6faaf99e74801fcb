"""One budget of many threads and processes, some of which die."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import closing

import pytest

from postopt.errors import BudgetExceededError
from postopt.resilience.budget import Budget
from postopt.resilience.ledger import Limits, Sums
from postopt.resilience.sqlite import SQLiteLedger

from .conftest import open_ledger

SHARED = ["sqlite", "redis"]


@pytest.mark.long
@pytest.mark.parametrize("kind", SHARED)
def test_four_processes_of_250_callers_spend_no_more_than_there_is(run, place, opened, spenders, kind):
    where = place(kind)
    started = spenders(4, kind, where, 1.0, 0.002, 250, 3, 0.0015)
    for spender in started:
        assert spender.hear() == "ready"
    for spender in started:
        spender.go()
    admitted = sum(spender.hear() for spender in started)
    opened.append(open_ledger(kind, where, seconds=60))
    report = run(Budget(usd_total=1.0, ledger=opened[0], wall_clock=lambda: 0.0).report())
    assert report.spent_total == pytest.approx(admitted * 0.0015)
    assert report.reserved_today == 0
    assert report.spent_total <= 1.0
    assert 500 <= admitted <= 666  # all of it was used, but for what the last ones could not reserve


@pytest.mark.long
@pytest.mark.parametrize("kind", SHARED)
def test_what_a_killed_process_had_reserved_stays_counted(run, place, opened, spenders, kind):
    where = place(kind)
    spender, other = (
        spenders(1, kind, where, 1.0, 0.1, 6, 1, "never")[0],
        spenders(1, kind, where, 1.0, 0.1, 9, 1, 0.1)[0],
    )
    for each in (spender, other):
        assert each.hear() == "ready"
    spender.go()
    assert spender.hear() == 6
    spender.kill()
    other.go()
    other.hear()
    opened.append(open_ledger(kind, where, seconds=60))
    money = Budget(usd_total=1.0, ledger=opened[0], wall_clock=lambda: 86_400.0)
    report = run(money.report())
    assert (report.spent_total, report.unsettled, report.remaining) == pytest.approx((0.4, 0.6, 0.0))


@pytest.mark.long
@pytest.mark.parametrize("kind", SHARED)
def test_processes_killed_in_the_midst_leave_sums_that_add_up(run, place, opened, spenders, kind):
    where = place(kind)
    started = spenders(3, kind, where, 1e6, 0.001, 4, 10**9, 0.0005)
    for spender in started:
        assert spender.hear() == "ready"
        spender.go()
    opened.append(open_ledger(kind, where, seconds=60))
    ledger = opened[0]

    async def spend_so_much(nano):
        while (await ledger.sums(0)).total_spent < nano:
            pass

    for turn, spender in enumerate(started, 1):
        run(spend_so_much(turn * 20_000_000))
        spender.kill()
    sums = run(ledger.sums(0))
    # Of each of the 12 callers, one reservation at most is left, and nothing is there by half.
    assert sums.day_held == sums.total_held <= 12 * 1_000_000
    assert sums.day_held % 1_000_000 == 0
    assert sums.day_spent == sums.total_spent
    assert sums.total_spent % 500_000 == 0


@pytest.mark.parametrize("kind", ["memory", *SHARED])
def test_eight_threads_with_loops_of_their_own_share_one_object(place, kind):
    ledger = open_ledger(kind, place(kind), **({} if kind == "memory" else {"seconds": 60}))
    money = Budget(usd_total=0.1, ledger=ledger, wall_clock=lambda: 0.0)
    admitted = []

    async def call():
        try:
            async with money.hold(0.001) as reservation:
                await reservation.settle(0.0005)
                admitted.append(1)
        except BudgetExceededError:
            pass

    async def many():
        try:
            await asyncio.gather(*(call() for _ in range(40)))
            return await money.report()
        finally:
            if kind != "memory":
                await ledger.aclose()

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = asyncio.run(many())
    assert report.spent_total == pytest.approx(len(admitted) * 0.0005)
    assert report.spent_total <= 0.1
    assert len(admitted) >= 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_child_of_a_fork_spends_from_the_same_file(tmp_path):
    ledger, limits = SQLiteLedger(tmp_path / "money.db", seconds=30), Limits(total=100)

    async def spend(times):
        return [isinstance(await ledger.reserve(0, 1, limits), int) for _ in range(times)]

    assert all(asyncio.run(spend(10)))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if all(asyncio.run(spend(20))) else 2
        finally:
            os._exit(code)
    assert all(asyncio.run(spend(30)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asyncio.run(ledger.sums(0)) == Sums(day_held=60, total_held=60)
    ledger.close()
    with closing(SQLiteLedger(tmp_path / "money.db")) as again:
        assert asyncio.run(again.sums(0)).total_held == 60
