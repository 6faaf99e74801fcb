"""Another process that spends from a ledger: tells "ready", waits for a line, and says how many calls were admitted.

    spender.py KIND WHERE LIMIT USD CALLERS CALLS [SETTLED]

Each of so many tasks makes so many calls; each reserves USD, and settles SETTLED, or nothing at all if it is "never".
"""

from __future__ import annotations

import asyncio
import json
import sys

from postopt.errors import BudgetExceededError
from postopt.resilience.budget import Budget


def say(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def ledger(kind, where):
    if kind == "sqlite":
        from postopt.resilience.sqlite import SQLiteLedger

        return SQLiteLedger(where, seconds=60)
    from postopt.resilience.remote.ledger import RedisLedger

    return RedisLedger(where, seconds=60)


async def main(kind, where, limit, usd, callers, calls, settled):
    budget = Budget(usd_total=float(limit), ledger=ledger(kind, where), wall_clock=lambda: 0.0)
    admitted = 0
    await budget.report()
    say("ready")
    sys.stdin.readline()

    async def call():
        nonlocal admitted
        for _ in range(int(calls)):
            try:
                reservation = await budget.reserve(float(usd))
            except BudgetExceededError:
                return
            admitted += 1
            if settled != "never":
                await reservation.settle(float(settled))

    await asyncio.gather(*(call() for _ in range(int(callers))))
    say(admitted)
    sys.stdin.readline()


asyncio.run(main(*sys.argv[1:]))
