"""What a prefetcher keeps does not grow, and threads may share it."""

import gc
import threading
from collections import Counter

import pytest

from postopt.caching.prefetch import Prefetcher
from postopt.testing import ScriptedClock

pytestmark = pytest.mark.long

NOBODY = ()


class TestBounds:
    def test_a_million_requests_leave_no_more_than_half_a_million(self):
        """Random keys, contexts and namespaces without end, one in eight a miss: what is kept does not grow."""
        prefetcher = Prefetcher(max_keys=1000, max_namespaces=10, clock=ScriptedClock(1e9))
        state, now = 1, 1e9

        def ask(requests):
            nonlocal state, now
            for _ in range(requests):
                now += 10.0
                state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
                number = state >> 33
                prefetcher.observe(
                    number % 30_000,
                    hit=number % 8 > 0,
                    resident=NOBODY,
                    namespace=str(number % 11),
                    context=number % 20_011,
                    now=now,
                )
            gc.collect()
            return len(gc.get_objects())

        ask(250_000)
        half = ask(250_000)
        assert ask(500_000) < half + 2_000  # what is unbounded would add hundreds of thousands
        assert len(prefetcher.stats().namespaces) == 10

    def test_a_prefetcher_that_remembers_much_can_be_thrown_away(self, traces):
        """A chain of misses is as long as the memory: freeing it must not recurse."""
        prefetcher = Prefetcher(max_keys=100_000)
        for key in range(150_000):
            prefetcher.observe(key, hit=False, resident=NOBODY)
        del prefetcher
        gc.collect()

    def test_a_memory_of_one_miss_works(self, host, traces):
        assert host(10, Prefetcher(max_keys=1)).replay(traces.loop(2000, period=20)).issued == 0

    def test_a_memory_shorter_than_the_loop_finds_nothing(self, host, traces):
        requests = list(traces.loop(5000, period=300))
        assert host(10, Prefetcher(max_keys=299)).replay(requests).issued == 0
        assert host(10, Prefetcher(max_keys=301)).replay(requests).issued > 3000


class TestThreads:
    def test_share_one(self):
        prefetcher = Prefetcher()
        errors = []

        def run(thread):
            try:
                for number in range(4000):
                    keys = prefetcher.observe(
                        number % 200, hit=False, resident=NOBODY, namespace=str(thread % 2), context=thread
                    )
                    assert number % 200 not in keys
                    if number % 500 == 0:
                        prefetcher.stats()
                        prefetcher.evicted(number % 200, namespace=str(thread % 2))
            except BaseException as error:  # noqa: BLE001 - shown by the assertion
                errors.append(error)

        threads = [threading.Thread(target=run, args=(thread,)) for thread in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        reports = prefetcher.stats().namespaces
        assert Counter({name: report.requests for name, report in reports.items()}) == {"0": 12_000, "1": 12_000}
        for report in reports.values():
            assert report.fetches.useful + report.fetches.wasted + report.fetches.pending == report.fetches.issued
