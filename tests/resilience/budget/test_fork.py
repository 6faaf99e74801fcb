"""A fork in the midst of everything leaves a child that can go on."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from postopt.resilience.budget import Budget
from postopt.resilience.bulkhead import Bulkhead
from postopt.resilience.limiter import RateLimiter
from postopt.resilience.retry import RetryBudget

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def test_locks_are_free_and_sums_whole_in_the_child_whatever_other_threads_were_doing():
    budget, limit, retries, through = (
        Budget(usd_total=1e6),
        RateLimiter(requests_per_minute=1e12, tokens_per_minute=1e12),
        RetryBudget(),
        Bulkhead(1000),
    )

    def use():
        budget.reserve_nowait(0.01).settle_nowait(0.01)
        limit.try_acquire(10).settle_nowait(5)
        retries.deposit()
        assert through._enter_now()
        through._leave()

    def go_on():
        while not stop.is_set():
            use()

    def child():
        signal.alarm(20)  # ends one that hangs
        use()
        report = asyncio.run(budget.report())
        # What threads that are not here had reserved is still held; all else is settled, and adds up.
        assert round(report.spent_total * 100) / 100 == pytest.approx(report.spent_total)
        assert report.reserved_today <= 0.04 + 1e-9

    stop = threading.Event()
    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    child()
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
