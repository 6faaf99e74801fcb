"""What retries, limits, bulkheads and budgets cost over a bare await, where nothing fails and nobody waits.

    python benchmarks/test_resilience.py

Bare: `await call()` in a loop, with a coroutine function that returns at once. The others do the same through one
object, which all calls share. Both sides take turns in one process; every round gives one ratio, and the median of the
ratios is shown with its quartiles. Where tenacity, stamina and aiolimiter are installed, they are shown beside ours;
`asyncio.Semaphore` is what one would write instead of a bulkhead.

The ledgers that processes share are timed one reservation with its settlement after the other, and 200 at a time.
"""

import asyncio
import logging
import platform
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns

from postopt.resilience.adaptive import AdaptiveLimit
from postopt.resilience.budget import Budget
from postopt.resilience.bulkhead import Bulkhead
from postopt.resilience.limiter import RateLimiter
from postopt.resilience.retry import Retry
from postopt.resilience.sqlite import SQLiteLedger

CALLS = 500
ROUNDS = 200
ENOUGH = 1e12


async def call():
    return None


async def bare():
    for _ in range(CALLS):
        await call()


def retried():
    retry = Retry()

    async def run():
        for _ in range(CALLS):
            await retry.acall(call)

    return run


def retried_and_counted():
    retry = Retry()

    async def run():
        for _ in range(CALLS):
            await retry.acall_counted(call)

    return run


def retried_by_tenacity():
    from tenacity import AsyncRetrying, stop_after_attempt, wait_random_exponential

    retry = AsyncRetrying(stop=stop_after_attempt(3), wait=wait_random_exponential(max=10))

    async def run():
        for _ in range(CALLS):
            await retry(call)

    return run


def retried_by_stamina():
    import stamina

    logging.getLogger("stamina").disabled = True
    wrapped = stamina.retry(on=ValueError, attempts=3)(call)

    async def run():
        for _ in range(CALLS):
            await wrapped()

    return run


def bulkhead(limit):
    through = Bulkhead(limit)

    async def run():
        for _ in range(CALLS):
            await through.acall(call)

    return run


def bulkhead_as_context():
    through = Bulkhead(10)

    async def run():
        for _ in range(CALLS):
            async with through:
                await call()

    return run


def semaphore():
    through = asyncio.Semaphore(10)

    async def run():
        for _ in range(CALLS):
            async with through:
                await call()

    return run


def limited():
    limit = RateLimiter(requests_per_minute=ENOUGH)

    async def run():
        for _ in range(CALLS):
            await limit.acquire()
            await call()

    return run


def limited_in_tokens():
    limit = RateLimiter(requests_per_minute=ENOUGH, tokens_per_minute=ENOUGH)

    async def run():
        for _ in range(CALLS):
            permit = await limit.acquire(500)
            await call()
            permit.settle_nowait(300)

    return run


def limited_by_aiolimiter():
    from aiolimiter import AsyncLimiter

    limit = AsyncLimiter(ENOUGH, 60)

    async def run():
        for _ in range(CALLS):
            async with limit:
                await call()

    return run


def budgeted():
    budget = Budget(usd_per_day=1e6, usd_total=1e6)

    async def run():
        for _ in range(CALLS):
            reservation = await budget.reserve(0.002)
            await call()
            await reservation.settle(0.001)

    return run


def budgeted_without_awaiting():
    budget = Budget(usd_per_day=1e6, usd_total=1e6)

    async def run():
        for _ in range(CALLS):
            reservation = budget.reserve_nowait(0.002)
            await call()
            reservation.settle_nowait(0.001)

    return run


def all_of_them():
    retry, through, budget = Retry(), Bulkhead(10), Budget(usd_per_day=1e6)
    limit = RateLimiter(requests_per_minute=ENOUGH, tokens_per_minute=ENOUGH)

    async def run():
        for _ in range(CALLS):
            reservation = budget.reserve_nowait(0.002)
            permit = limit.try_acquire(500)
            await retry.acall(through.acall, call)
            permit.settle_nowait(300)
            reservation.settle_nowait(0.001)

    return run


ROWS = [
    ("Retry.acall", retried),
    ("Retry.acall_counted", retried_and_counted),
    ("tenacity", retried_by_tenacity),
    ("stamina", retried_by_stamina),
    ("Bulkhead.acall, fixed", lambda: bulkhead(10)),
    ("Bulkhead.acall, adaptive", lambda: bulkhead(AdaptiveLimit())),
    ("async with Bulkhead", bulkhead_as_context),
    ("asyncio.Semaphore", semaphore),
    ("RateLimiter, requests", limited),
    ("RateLimiter, both, settled", limited_in_tokens),
    ("aiolimiter", limited_by_aiolimiter),
    ("Budget, awaited", budgeted),
    ("Budget, not awaited", budgeted_without_awaiting),
    ("all four, nested", all_of_them),
]


async def timed(run):
    start = perf_counter_ns()
    await run()
    return (perf_counter_ns() - start) / CALLS


async def take_turns(run, rounds):
    """Return quartiles of the ratio to a bare await, and the nanoseconds that one call takes."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            mine = await timed(run)
            pairs.append((mine, await timed(bare)))
        else:
            base = await timed(bare)
            pairs.append((await timed(run), base))
    return quantiles([mine / base for mine, base in pairs], n=4), median(mine for mine, _ in pairs)


def test_calls_that_succeed():
    print(f"\nPython {platform.python_version()}, {ROUNDS} rounds of {CALLS} calls; ratio to a bare await")
    for name in ("tenacity", "stamina", "aiolimiter"):
        with suppress(PackageNotFoundError):
            print(f"{name} {version(name)}", end="  ")
    print(f"\n{'':28}{'median':>8}{'quartiles':>16}{'ns':>8}")
    for name, make in ROWS:
        try:
            run = make()
        except ImportError:
            continue
        slow = name in ("tenacity", "stamina")
        (low, middle, high), nanoseconds = asyncio.run(take_turns(run, ROUNDS // 10 if slow else ROUNDS))
        print(f"{name:28}{middle:8.1f}{low:9.1f}-{high:<6.1f}{nanoseconds:8.0f}")


async def spend(ledger):
    """Return the microseconds of a reservation and its settlement, alone and of 200 at a time."""
    budget = Budget(usd_total=1e6, ledger=ledger)

    async def one():
        reservation = await budget.reserve(0.002)
        await reservation.settle(0.001)

    await one()
    alone = []
    for _ in range(200):
        start = perf_counter_ns()
        await one()
        alone.append((perf_counter_ns() - start) / 1e3)
    together = []
    for _ in range(5):
        start = perf_counter_ns()
        await asyncio.gather(*(one() for _ in range(200)))
        together.append((perf_counter_ns() - start) / 200e3)
    await ledger.aclose()
    return median(alone), median(together)


def test_ledgers_that_processes_share():
    with tempfile.TemporaryDirectory() as folder:
        alone, together = asyncio.run(spend(SQLiteLedger(Path(folder) / "money.db")))
        print(f"\nSQLite {sqlite3.sqlite_version}: {alone:.0f} us alone, {together:.0f} us of 200 at a time")
        if (program := shutil.which("redis-server")) is None:
            return
        from postopt.resilience.remote.ledger import RedisLedger
        from postopt.resilience.remote.redis import connect

        path = f"{folder}/redis"
        server = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", path, "--save", ""], stdout=subprocess.PIPE, text=True
        )
        try:
            next(line for line in server.stdout if "eady to accept connections" in line)
            with connect(f"unix://{path}", seconds=5) as client:
                pings = []
                for _ in range(1000):
                    start = perf_counter_ns()
                    client.ping()
                    pings.append((perf_counter_ns() - start) / 1e3)
            alone, together = asyncio.run(spend(RedisLedger(f"unix://{path}")))
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        print(f"Redis: {alone:.0f} us alone, {together:.0f} us of 200 at a time; a PING takes {median(pings):.0f} us")


if __name__ == "__main__":
    test_calls_that_succeed()
    test_ledgers_that_processes_share()
