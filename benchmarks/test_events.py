"""What an event bus costs over a bare await.

    python benchmarks/test_events.py

Bare: `await handler(event)` in a loop, no bus and no task. Bus: the same number of events published to one
subscriber in bursts of 1,000, until the last is delivered, so that starting the delivering task is spread over the
burst. Both sides take turns in one process; every round gives one ratio, and the median of the ratios is shown with
its quartiles. The handler decides the ratio, so four are shown: nothing at all (the most a bus can cost), an append,
and what a metric does with an event (a counter and an EWMA), as a coroutine function and as a plain one.
The last row is what one would write instead: an `asyncio.Queue` of the same size and a task that awaits the handler.
"""

import asyncio
import platform
from functools import partial
from statistics import quantiles
from time import perf_counter_ns

from postopt.events import EventBus, PostWritten
from postopt.stats import EWMA

BURST = 1_000
ROUNDS = 300
EVENT = PostWritten(at=0.0, post_id="p1", generator="templates", tier="template", model="en", seconds=0.01)


def coroutine_of(function):
    async def handler(event):
        function(event)

    return handler


async def nothing(event):
    pass


def metric():
    counts = {}
    seconds = EWMA(half_life=60.0)

    def handler(event):
        counts[event.generator] = counts.get(event.generator, 0) + 1
        seconds.update(event.seconds, event.at)

    return handler


async def bare(handler):
    start = perf_counter_ns()
    for _ in range(BURST):
        await handler(EVENT)
    return perf_counter_ns() - start


async def through_bus(bus, *, nowait):
    start = perf_counter_ns()
    if nowait:
        for _ in range(BURST):
            bus.publish_nowait(EVENT)
    else:
        for _ in range(BURST):
            await bus.publish(EVENT)
    await bus.drain()
    return perf_counter_ns() - start


async def through_queue(queue):
    start = perf_counter_ns()
    for _ in range(BURST):
        await queue.put(EVENT)
    await queue.join()
    return perf_counter_ns() - start


async def take_turns(other, bare_handler):
    """Return quartiles of the ratio, and median nanoseconds per event of both sides."""
    pairs = []
    for number in range(ROUNDS):
        if number % 2:
            mine = await other()
            pairs.append((mine, await bare(bare_handler)))
        else:
            base = await bare(bare_handler)
            pairs.append((await other(), base))
    sides = [quantiles(side, n=4)[1] / BURST for side in zip(*pairs, strict=True)]
    return quantiles([mine / base for mine, base in pairs], n=4), sides


async def compare(bare_handler, handler, *, nowait):
    async with EventBus() as bus:
        subscription = bus.subscribe(PostWritten, handler)
        result = await take_turns(partial(through_bus, bus, nowait=nowait), bare_handler)
        assert subscription.delivered == ROUNDS * BURST
    return result


async def compare_queue(handler):
    queue = asyncio.Queue(1024)

    async def consume():
        while True:
            await handler(await queue.get())
            queue.task_done()

    consumer = asyncio.ensure_future(consume())
    try:
        return await take_turns(partial(through_queue, queue), handler)
    finally:
        consumer.cancel()


def test_publish_and_deliver():
    seen = []
    append = coroutine_of(seen.append)
    rows = [
        ("nothing, coroutine", nothing, nothing),
        ("nothing, plain function", nothing, lambda _: None),
        ("append, coroutine", append, append),
        ("append, plain function", append, seen.append),
        ("metric, coroutine", coroutine_of(metric()), coroutine_of(metric())),
        ("metric, plain function", coroutine_of(metric()), metric()),
    ]
    print(f"\nPython {platform.python_version()}, {ROUNDS} rounds of {BURST} events; ratio to a bare await")
    print(f"{'handler':26}{'published by':16}{'median':>8}{'quartiles':>14}{'bare ns':>9}{'bus ns':>8}")
    for name, bare_handler, handler in rows:
        for nowait in (False, True):
            (low, middle, high), (mine, base) = asyncio.run(compare(bare_handler, handler, nowait=nowait))
            seen.clear()
            way = "publish_nowait" if nowait else "await publish"
            print(f"{name:26}{way:16}{middle:8.2f}{low:8.2f}-{high:.2f}{base:10.0f}{mine:8.0f}")
    (low, middle, high), (mine, base) = asyncio.run(compare_queue(nothing))
    print(f"{'nothing, coroutine':26}{'asyncio.Queue':16}{middle:8.2f}{low:8.2f}-{high:.2f}{base:10.0f}{mine:8.0f}")


if __name__ == "__main__":
    test_publish_and_deliver()
