import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.scheduling.ordered import map_ordered


class Desk:
    """Counts what has been read and finished, and finishes an item when it is told to."""

    def __init__(self):
        self.read = 0
        self.at_work = 0
        self.most_at_work = 0
        self.gates = {}

    def items(self, n):
        for item in range(n):
            self.read += 1
            yield item

    async def work(self, item):
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            await self.gates.setdefault(item, asyncio.Event()).wait()
        finally:
            self.at_work -= 1
        return item

    async def work_for(self, item, turns):
        self.at_work += 1
        for _ in range(turns):
            await asyncio.sleep(0)
        self.at_work -= 1
        return item


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def collect(results, seen):
    async for item in results:
        seen.append(item)


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_results_keep_the_order_of_the_items():
    async def main():
        desk = Desk()
        turns = [5, 0, 3, 0, 0, 7, 1]
        return [item async for item in map_ordered(lambda i: desk.work_for(i, turns[i]), range(7), limit=3)]

    assert asyncio.run(main()) == list(range(7))


@given(st.lists(st.integers(0, 4), max_size=20), st.integers(1, 5), st.lists(st.integers(0, 4), max_size=20))
def test_no_more_is_read_than_the_limit_beyond_what_was_handed_out(work, limit, pauses):
    async def main():
        desk = Desk()
        handed_out = 0
        results = map_ordered(lambda i: desk.work_for(i, work[i]), desk.items(len(work)), limit=limit)
        async with aclosing(results):
            async for item in results:
                assert item == handed_out
                handed_out += 1
                assert desk.read - handed_out <= limit
                for _ in range(pauses[item] if item < len(pauses) else 0):
                    await asyncio.sleep(0)
                    assert desk.read - handed_out <= limit
                    assert desk.at_work <= limit
        assert handed_out == len(work)
        assert not others()

    asyncio.run(main())


def test_a_stalled_consumer_stops_the_reading():
    async def main():
        desk = Desk()
        async with aclosing(map_ordered(lambda i: desk.work_for(i, 0), desk.items(10**9), limit=4)) as results:
            await anext(results)
            await settle()
            return desk.read

    assert asyncio.run(main()) == 5


def test_a_result_does_not_wait_for_further_items():
    async def main():
        never = asyncio.Event()

        async def source():
            yield 1
            await never.wait()
            yield 2

        desk = Desk()
        async with aclosing(map_ordered(lambda i: desk.work_for(i, 0), source(), limit=8)) as results:
            return await anext(results)

    assert asyncio.run(main()) == 1


def test_closing_early_ends_every_task():
    async def main():
        desk = Desk()
        desk.gates[0] = asyncio.Event()
        desk.gates[0].set()
        results = map_ordered(desk.work, desk.items(100), limit=4)
        assert await anext(results) == 0
        await settle()
        assert desk.at_work == 4
        await results.aclose()
        assert desk.at_work == 0
        assert not others()

    asyncio.run(main())


def test_cancelling_the_consumer_ends_every_task():
    async def main():
        desk = Desk()

        async def consume():
            async for _ in map_ordered(desk.work, desk.items(100), limit=4):
                pass

        consumer = asyncio.create_task(consume())
        await settle()
        assert desk.at_work == 4
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer
        assert desk.at_work == 0
        assert not others()

    asyncio.run(main())


def test_an_error_comes_after_all_earlier_results_and_ends_every_task():
    async def main():
        desk = Desk()

        async def work(item):
            if item == 2:
                raise ZeroDivisionError
            return await desk.work_for(item, 3) if item < 2 else await desk.work(item)

        seen = []
        with pytest.raises(ZeroDivisionError):
            await collect(map_ordered(work, desk.items(100), limit=4), seen)
        assert seen == [0, 1]
        assert not others()

    asyncio.run(main())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_error_of_the_source_comes_after_all_earlier_results(asynchronous):
    def broken():
        yield from (0, 1)
        raise ZeroDivisionError

    async def broken_async():
        for item in broken():
            yield item

    async def main():
        desk = Desk()
        seen = []
        source = broken_async() if asynchronous else broken()
        with pytest.raises(ZeroDivisionError):
            await collect(map_ordered(lambda i: desk.work_for(i, 3), source, limit=8), seen)
        assert seen == [0, 1]
        assert not others()

    asyncio.run(main())


def test_the_source_is_read_in_one_task():
    async def main():
        tasks = set()

        async def source():
            for item in range(5):
                tasks.add(asyncio.current_task())
                yield item

        desk = Desk()
        items = [item async for item in map_ordered(lambda i: desk.work_for(i, 0), source(), limit=2)]
        return items, len(tasks)

    assert asyncio.run(main()) == (list(range(5)), 1)


def test_nothing_to_do():
    async def main():
        return [item async for item in map_ordered(Desk().work, [], limit=1)]

    assert asyncio.run(main()) == []


@pytest.mark.parametrize("limit", [0, -1, 1.5, None, True])
def test_a_limit_that_lets_nothing_through_is_refused(limit):
    async def same(item):
        return item

    with pytest.raises(ValueError, match="limit is "):
        asyncio.run(anext(map_ordered(same, [1], limit=limit)))
