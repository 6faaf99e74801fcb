"""Threads and loops in whatever order the machine runs them: nobody hangs, and all that is promised is kept.

Each episode draws what its callers do from a seed; how they interleave is left to the machine. Callers come from
threads and from tasks in loops, on a few keys of one or two coalescers. Their runs give a value, fail, are cancelled
from within, or call for other keys: awaiting, gathering, in a thread, or blocking their loop. Some callers are
cancelled, and some loops end with everything still in the air.
"""

import asyncio
from collections import Counter
from random import Random

import pytest

from postopt.caching.coalescing import Coalescer
from postopt.caching.flights.flight import blocked
from postopt.errors import ReentrantError, StoreError

pytestmark = pytest.mark.long

ENDS = {"value": 5, "error": 3, "cancelled": 1, "await": 3, "gather": 1, "thread": 1, "block": 1}
LEAVES = ("value", "error", "cancelled")


class Episode:
    """What the callers of one episode share, and what came of it."""

    def __init__(self, seed):
        chance = Random(seed)
        policies = ("share", "retry", "stale")
        self.coalescers = [Coalescer(on_error=chance.choice(policies)) for _ in range(chance.randint(1, 2))]
        self.keys = "abcd"[: chance.randint(1, 4)]
        self.threads = [
            (chance.choice((self.in_threads, self.in_loops)), Random(chance.random()))
            for _ in range(chance.randint(1, 6))
        ]
        self.told = []

    def draw(self, chance, depth):
        """Draw whom to call for what: a coalescer, its number and a key, options, and how the run ends."""
        number, key = chance.randrange(len(self.coalescers)), chance.choice(self.keys)
        options = {"stale": ("stale", key)} if chance.random() < 0.5 else {}
        end = chance.choices(*zip(*ENDS.items(), strict=True))[0] if depth < 3 else chance.choice(LEAVES)
        return self.coalescers[number], (number, key), options, end, Random(chance.random())

    async def call(self, chance, depth=0):
        coalescer, name, options, end, its = self.draw(chance, depth)

        async def compute():
            for _ in range(its.randint(0, 3)):
                await asyncio.sleep(0)
            if end == "await":
                await self.call(its, depth + 1)
            elif end == "gather":
                await asyncio.gather(*(self.call(its, depth + 1) for _ in range(2)))
            elif end == "thread":
                await asyncio.to_thread(self.call_here, its, depth + 1)
            elif end == "block":
                self.call_here(its, depth + 1)
            return give(end, name)

        return check(await coalescer.run(name[1], compute, **options), name)

    def call_here(self, chance, depth=0):
        coalescer, name, options, end, its = self.draw(chance, depth)

        def compute():
            if end not in LEAVES:
                self.call_here(its, depth + 1)
            return give(end, name)

        return check(coalescer.run_sync(name[1], compute, **options), name)

    def in_threads(self, chance):
        for _ in range(chance.randint(1, 8)):
            try:
                self.told.append(type(self.call_here(Random(chance.random()))))
            except (StoreError, ReentrantError, asyncio.CancelledError) as error:
                self.told.append(type(error))

    def in_loops(self, chance):
        for _ in range(chance.randint(1, 3)):
            asyncio.run(self.in_tasks(chance))

    async def in_tasks(self, chance):
        callers = []
        for _ in range(chance.randint(1, 12)):
            callers.append(asyncio.create_task(self.call(Random(chance.random()))))
            for _ in range(chance.randint(0, 2)):
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                chance.choice(callers).cancel()
        if chance.random() < 0.7:  # else the end of the loop cancels them
            self.told += map(type, await asyncio.gather(*callers, return_exceptions=True))


def give(end, name):
    if end == "error":
        raise StoreError(f"{name}")
    if end == "cancelled":
        raise asyncio.CancelledError
    return name


def check(value, name):
    assert value in (name, ("stale", name[1]))
    return value


@pytest.mark.usefixtures("busy_switching")
@pytest.mark.parametrize("block", range(4))
def test_whatever_the_order(thread, block):
    told = Counter()
    for seed in range(100 * block, 100 * (block + 1)):
        episode = Episode(seed)
        for each in [thread(what, chance) for what, chance in episode.threads]:
            assert each.outcome() is None, seed
        for coalescer in episode.coalescers:
            assert len(coalescer) == 0, seed
            assert coalescer.failed + coalescer.abandoned <= coalescer.runs, seed
        assert not blocked, seed
        told.update(episode.told)
    assert set(told) == {tuple, StoreError, ReentrantError, asyncio.CancelledError}
