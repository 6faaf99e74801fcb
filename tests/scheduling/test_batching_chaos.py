"""Bad items, cancellations and crashes at random: no innocent neighbour fails, and everybody is told something."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from postopt.errors import CutOffError
from postopt.scheduling.batching import MicroBatcher

ITEMS = 10_000


class BadItemError(Exception):
    pass


class Crash(BaseException):
    pass


@pytest.mark.parametrize("seed", range(3))
def test_no_neighbour_of_ten_thousand_fails(seed):
    random = Random(seed)
    bad = {number for number in range(ITEMS) if random.random() < 0.03}
    leaves = {number for number in range(ITEMS) if random.random() < 0.05} - bad
    crashes = 0

    async def run(items):
        nonlocal crashes
        for _ in range(random.randrange(4)):
            await asyncio.sleep(0)
        if len(items) > 1 and random.random() < 0.02:  # alone it would be the item's fault
            crashes += 1
            raise random.choice([Crash, asyncio.CancelledError])
        if not bad.isdisjoint(items):
            if random.random() < 0.5:
                raise BadItemError
            return [BadItemError() if item in bad else item for item in items]
        return items

    async def main():
        batcher = MicroBatcher(run, max_size=32, concurrency=2)
        tasks = []
        for number in range(ITEMS):
            tasks.append(asyncio.ensure_future(batcher.submit(number, priority=random.randrange(8))))
            if random.random() < 0.1:
                await asyncio.sleep(0)
            if number in leaves:
                tasks[random.randrange(number + 1) if random.random() < 0.5 else number].cancel()
        await asyncio.sleep(0)  # the last ones submit
        await batcher.aclose()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return results, batcher.report()

    results, report = asyncio.run(main())
    assert len(results) == ITEMS
    assert (report.waiting, report.running) == (0, 0)
    assert crashes > 0
    failed = {number for number, result in enumerate(results) if isinstance(result, BadItemError | CutOffError)}
    cancelled = {number for number, result in enumerate(results) if isinstance(result, asyncio.CancelledError)}
    assert failed == bad - cancelled
    assert all(results[number] == number for number in range(ITEMS) if number not in failed | cancelled)
    assert failed
    assert cancelled
