"""What sharing a run costs, and what becomes of the others when the leader fails or is cancelled.

    python benchmarks/test_cache_coalescing.py

Cost: `await flights.run(key, compute)` on a key that nobody else holds, against `await compute()`; all sides take turns
in one process, every round gives one ratio, and the median of the ratios is shown with its quartiles. Most of it is
the task of its own that lets a run survive its caller, so a bare task and `asyncio.shield`, which makes one too, are
shown beside it. The waiters are 10,000 tasks for one key, against 10,000 tasks that await a shielded task: the time
from the start of the first to the end of the last.

Stampede: 50 callers of one key at the same time, whose body takes 50 ms. How often it ran; how often if the first run
raises, and how many callers got that error; how often if the first caller is cancelled, and how many others were
cancelled with it; and how many callers had no outcome after 3 s. In threads nobody can be cancelled. The peers are
shown where they are installed.
"""

import asyncio
import platform
import threading
from functools import partial
from importlib import import_module
from importlib.metadata import version
from itertools import count
from statistics import quantiles
from time import perf_counter_ns, sleep

from postopt.caching.coalescing import Coalescer

ROUNDS = 300
CALLS = 50
WAITERS = 10_000
CALLERS = 50
BODY_SECONDS = 0.05
PATIENCE_SECONDS = 3.0


class BodyError(Exception):
    pass


# What it costs.


async def at_once():
    return 1


async def after_a_turn():
    await asyncio.sleep(0)
    return 1


async def repeat(call):
    start = perf_counter_ns()
    for _ in range(CALLS):
        await call()
    return perf_counter_ns() - start


def repeat_here(call):
    start = perf_counter_ns()
    for _ in range(CALLS):
        call()
    return perf_counter_ns() - start


async def in_a_task(compute):
    return await asyncio.create_task(compute())


async def shielded(compute):
    return await asyncio.shield(compute())


async def many(call):
    start = perf_counter_ns()
    await asyncio.gather(*(call() for _ in range(WAITERS)))
    return perf_counter_ns() - start


async def wait_for(task):
    return await asyncio.shield(task)


def show(name, base, sides):
    ratios = [side / one for side, one in zip(sides, base, strict=True)]
    low, middle, high = quantiles(ratios, n=4)
    print(f"{name:44}{middle:9.1f}{f'{low:.1f}-{high:.1f}':>16}{quantiles(sides, n=4)[1] / CALLS / 1000:10.2f}")


async def compare_calls(compute):
    flights = Coalescer()
    rows = {
        "bare await": compute,
        "a task": partial(in_a_task, compute),
        "asyncio.shield": partial(shielded, compute),
        "Coalescer.run": partial(flights.run, "key", compute),
    }
    taken = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, call in rows.items():
            taken[name].append(await repeat(call))
    for name, sides in taken.items():
        show(f"{compute.__name__}: {name}", taken["bare await"], sides)


def compare_calls_here():
    flights = Coalescer()
    rows = {"bare call": int, "Coalescer.run_sync": partial(flights.run_sync, "key", int)}
    taken = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, call in rows.items():
            taken[name].append(repeat_here(call))
    for name, sides in taken.items():
        show(f"in a thread: {name}", taken["bare call"], sides)


async def compare_waiters():
    flights, ratios, sides = Coalescer(), [], []
    for _ in range(9):
        task = asyncio.create_task(after_a_turn())
        base = await many(partial(wait_for, task))
        sides.append(await many(partial(flights.run, "key", after_a_turn)))
        ratios.append(sides[-1] / base)
    assert flights.runs == 9
    low, middle, high = quantiles(ratios, n=4)
    each = quantiles(sides, n=4)[1] / WAITERS / 1000
    print(f"\n{WAITERS} waiters: {middle:.2f} times a shielded task ({low:.2f}-{high:.2f}), {each:.1f} us each")


def test_cost():
    print(
        f"\nPython {platform.python_version()}, {ROUNDS} rounds of {CALLS} calls; ratio to the bare call, microseconds"
    )
    print(f"{'':44}{'median':>9}{'quartiles':>16}{'us':>10}")
    asyncio.run(compare_calls(at_once))
    asyncio.run(compare_calls(after_a_turn))
    compare_calls_here()
    asyncio.run(compare_waiters())


# What becomes of the others.


class Body:
    """A body that counts its runs; `fails` says whether the first one raises."""

    def __init__(self, *, fails):
        self.runs = 0
        self.fails = fails

    def _begin(self):
        self.runs += 1
        return self.fails and self.runs == 1

    def here(self):
        fails = self._begin()
        sleep(BODY_SECONDS)
        if fails:
            raise BodyError
        return "value"

    async def later(self):
        fails = self._begin()
        await asyncio.sleep(BODY_SECONDS)
        if fails:
            raise BodyError
        return "value"


def ours_in_tasks(body, on_error="share"):
    return partial(Coalescer(on_error=on_error).run, "key", body.later)


def ours_in_threads(body, on_error="share"):
    return partial(Coalescer(on_error=on_error).run_sync, "key", body.here)


def cachetools_in_threads(body):
    cachetools = import_module("cachetools")
    return cachetools.cached(cachetools.LRUCache(100), condition=threading.Condition())(body.here)


def cachebox_in_threads(body):
    cachebox = import_module("cachebox")
    return cachebox.cached(cachebox.LRUCache(100))(body.here)


def cachebox_in_tasks(body):
    cachebox = import_module("cachebox")

    async def call():
        return await body.later()

    return cachebox.cached(cachebox.LRUCache(100))(call)


names = map("key {}".format, count())  # cashews and aiocache keep one store for the process


def cashews_in_tasks(body):
    cashews = import_module("cashews")
    cashews.cache.setup("mem://")

    async def call():
        return await body.later()

    return cashews.cache(ttl="1m", key=next(names), lock=True)(call)


def aiocache_in_tasks(body, decorator):
    aiocache = import_module("aiocache")
    key = next(names)

    async def call():
        return await body.later()

    return getattr(aiocache, decorator)(key_builder=lambda *_: key)(call)


async def in_tasks(make, body, *, cancel):
    """Return how many other callers were cancelled, got the error, and hang."""
    call = make(body)
    callers = [asyncio.ensure_future(call()) for _ in range(CALLERS)]
    await asyncio.sleep(BODY_SECONDS / 5)
    if cancel:
        callers[0].cancel()
    done, hung = await asyncio.wait(callers, timeout=PATIENCE_SECONDS)
    cancelled = sum(caller.cancelled() for caller in done) - cancel
    errors = sum(isinstance(caller.exception(), BodyError) for caller in done if not caller.cancelled())
    for caller in hung:
        caller.cancel()
    return cancelled, errors, len(hung)


def in_threads(make, body):
    call, errors, start = make(body), [], threading.Barrier(CALLERS)

    def run():
        start.wait()  # on a busy machine it takes longer to start them all than the body takes
        try:
            call()
        except BodyError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return 0, len(errors), sum(thread.is_alive() for thread in threads)


SUBJECTS = [
    ("postopt", "tasks", ours_in_tasks),
    ("postopt", "tasks, on_error=retry", partial(ours_in_tasks, on_error="retry")),
    ("postopt", "threads", ours_in_threads),
    ("postopt", "threads, on_error=retry", partial(ours_in_threads, on_error="retry")),
    ("cachetools", "threads, condition=", cachetools_in_threads),
    ("cachebox", "threads", cachebox_in_threads),
    ("cachebox", "tasks", cachebox_in_tasks),
    ("cashews", "tasks, lock=True", cashews_in_tasks),
    ("aiocache", "tasks, cached", partial(aiocache_in_tasks, decorator="cached")),
    ("aiocache", "tasks, cached_stampede", partial(aiocache_in_tasks, decorator="cached_stampede")),
]


def stampede(where, make):
    """Return the cells of a row: runs; runs and errors; runs and others that were cancelled; callers that hang."""
    cells, hung = [], 0
    for fails, cancel in ((False, False), (True, False), (False, True)):
        body = Body(fails=fails)
        if where.startswith("tasks"):
            cancelled, errors, hanging = asyncio.run(in_tasks(make, body, cancel=cancel))
        elif cancel:
            cells.append("-")
            continue
        else:
            cancelled, errors, hanging = in_threads(make, body)
        hung += hanging
        cells.append(f"{body.runs}" + (f", {errors}" if fails else f", {cancelled}" if cancel else ""))
    return (*cells, hung)


def test_stampede():
    print(f"\n{CALLERS} callers: runs; runs, errors if the first raises; runs, others cancelled if the first caller is")
    print(f"{'':46}{'well':>6}{'raises':>10}{'cancelled':>12}{'hung':>6}")
    for name, where, make in SUBJECTS:
        try:
            shown = f"{name} {version(name)}: {where}"
            row = stampede(where, make)
        except ImportError:
            continue
        print(f"{shown:46}{row[0]:>6}{row[1]:>10}{row[2]:>12}{row[3]:>6}")


if __name__ == "__main__":
    test_cost()
    test_stampede()
