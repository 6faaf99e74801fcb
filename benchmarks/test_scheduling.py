"""What a turn and a batch cost, and how long an urgent call waits.

    python benchmarks/test_scheduling.py

Turn: `enter_nowait`, a bare await and `leave`, over the bare await, while a slot is free; the same as `async with`, and
with an `asyncio.Semaphore`. Urgent: seconds of one call after another in lane 0 while 16 times as many calls as there
are slots wait in lane 4, over the same calls while nobody waits; each takes 10 ms of real time. Batcher: microseconds
for each request above a bare await of the same shape, for 1,000 callers and for one, where `run` returns at once; the
barest batcher that there can be (a future a request, a task a batch, nothing else) is beside it, because the event loop
alone costs most of it. Sides take turns in one process; medians of rounds, and the lowest round.
"""

import asyncio
import platform
from collections import deque
from importlib.metadata import version
from statistics import median
from time import perf_counter_ns

import pytest

from postopt.scheduling.batching import MicroBatcher
from postopt.scheduling.priority import PriorityQueue

ROUNDS = 25


async def nothing(item=None):
    return item


async def same(items):
    return items


async def bare(count):
    for _ in range(count):
        await nothing()


async def turns(queue, count):
    for _ in range(count):
        slot = queue.enter_nowait(4)
        try:
            await nothing()
        finally:
            queue.leave(slot)


async def blocks(queue, count):
    for _ in range(count):
        async with queue.turn():
            await nothing()


async def semaphore(lock, count):
    for _ in range(count):
        async with lock:
            await nothing()


async def seconds(coroutine):
    start = perf_counter_ns()
    await coroutine
    return (perf_counter_ns() - start) / 1e9


class Barest:
    """A batcher without anything that is not needed for a batch."""

    def __init__(self, run, size):
        self.run, self.size, self.waiting, self.busy = run, size, deque(), False

    async def submit(self, item):
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((item, future))
        if not self.busy:
            self.busy = True
            self.task = asyncio.ensure_future(self.work())
        return await future

    async def work(self):
        while self.waiting:
            batch = [self.waiting.popleft() for _ in range(min(self.size, len(self.waiting)))]
            for (_, future), result in zip(batch, await self.run([item for item, _ in batch]), strict=True):
                if not future.done():
                    future.set_result(result)
        self.busy = False


async def many(submit, callers, each):
    async def caller():
        for number in range(each):
            await submit(number)

    return await seconds(asyncio.gather(*(caller() for _ in range(callers)))) / callers / each


def test_turn():
    async def main():
        queue, lock, count = PriorityQueue(concurrency=8), asyncio.Semaphore(8), 2_000
        rounds = []
        for _ in range(100):
            base = await seconds(bare(count))
            sides = (turns(queue, count), blocks(queue, count), semaphore(lock, count))
            rounds.append([await seconds(side) / base for side in sides])
        return [median(side) for side in zip(*rounds, strict=True)]

    turn, block, lock = asyncio.run(main())
    print(f"\nPython {platform.python_version()}; a turn and a bare await, over the bare await")
    print(f"enter_nowait, leave {turn:.2f}   async with turn() {block:.2f}   asyncio.Semaphore {lock:.2f}")


def test_urgent_call_behind_a_backlog():
    async def call(queue, priority):
        async with queue.turn(priority=priority):
            await asyncio.sleep(0.01)

    async def main(limit, reserved):
        queue = PriorityQueue(concurrency=limit, reserved=reserved)
        unloaded = [await seconds(call(queue, 0)) for _ in range(20)]
        backlog = [asyncio.ensure_future(call(queue, 4)) for _ in range(16 * limit)]
        urgent = [await seconds(call(queue, 0)) for _ in range(12)]
        assert not all(task.done() for task in backlog)
        await asyncio.gather(*backlog)
        return median(urgent) / median(unloaded), max(urgent) / median(unloaded)

    print("\nurgent latency behind a backlog of 16 x the slots, over unloaded: median, worst of 12")
    for limit, reserved in ((1, 0), (2, 0), (4, None), (8, None), (8, 0), (32, None)):
        middle, worst = asyncio.run(main(limit, reserved))
        kept = "default" if reserved is None else reserved
        print(f"concurrency {limit:3}  reserved {kept!s:8}{middle:6.2f}{worst:6.2f}")


def _print_batches(runner, name):
    async def main(callers, each, size):
        sides = (nothing, MicroBatcher(same, max_size=size).submit, Barest(same, size).submit)
        rounds = [[await many(side, callers, each) for side in sides] for _ in range(ROUNDS)]
        base, mine, barest = zip(*rounds, strict=True)
        low = min(base)
        ratio = median(one / other for one, other in zip(mine, barest, strict=True))
        print(
            f"{name:8}{callers:6} callers, max_size {size:4}: {1e6 * (median(mine) - median(base)):6.2f} us "
            f"(lowest {1e6 * (min(mine) - low):.2f}), barest {1e6 * (median(barest) - median(base)):.2f} us "
            f"(lowest {1e6 * (min(barest) - low):.2f}), ratio {ratio:.2f}"
        )

    for callers, each, size in ((1000, 20, 1000), (1000, 20, 128), (1, 2000, 32)):
        runner(main(callers, each, size))


def test_batcher():
    print("\nmicroseconds a request above a bare await")
    _print_batches(asyncio.run, "asyncio")


def test_batcher_uvloop():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    _print_batches(uvloop.run, "uvloop")


def test_batched():
    batched = pytest.importorskip("batched", reason="the package batched is not installed")

    async def main(callers, each):
        other = batched.aio.dynamically(same, batch_size=128, timeout_ms=1.0)
        mine = MicroBatcher(same, max_size=128).submit
        rounds = [(await many(mine, callers, each), await many(other, callers, each)) for _ in range(5)]
        ours, theirs = (1e6 * median(side) for side in zip(*rounds, strict=True))
        print(f"{callers:6} callers: {ours:8.2f} us, batched {version('batched')} {theirs:8.2f} us")

    for callers, each in ((1000, 5), (1, 50)):
        asyncio.run(main(callers, each))


if __name__ == "__main__":
    test_turn()
    test_urgent_call_behind_a_backlog()
    test_batcher()
    test_batcher_uvloop()
