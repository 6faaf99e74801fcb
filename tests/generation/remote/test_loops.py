import asyncio

from postopt.generation.remote.loops import EachLoop


class Things:
    def __init__(self):
        self.made = []
        self.closed = []
        self.abandoned = []
        self.each = EachLoop(self.make, self.close, self.abandoned.append)

    def make(self):
        self.made.append(object())
        return self.made[-1]

    async def close(self, thing):
        await asyncio.sleep(0)
        self.closed.append(thing)


def test_one_for_each_loop_closed_with_it():
    things = Things()

    async def use():
        return {await things.each.get() for _ in range(3)}

    for number in (1, 2):
        assert asyncio.run(use()) == {things.made[-1]}
        assert len(things.made) == len(things.closed) == number


def test_concurrent_first_uses_share_one():
    things = Things()

    async def use():
        return len(set(await asyncio.gather(*(things.each.get() for _ in range(10)))))

    assert asyncio.run(use()) == 1


def test_after_closing_there_is_another():
    things = Things()

    async def use():
        first = await things.each.get()
        await things.each.aclose()
        await things.each.aclose()
        assert things.closed == [first]
        assert await things.each.get() is not first

    asyncio.run(use())
    assert len(things.closed) == 2


def test_what_closed_loops_left_behind_is_abandoned_at_the_next_use():
    things = Things()
    for _ in range(5):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(things.each.get())
        loop.close()
        assert things.abandoned == things.made[:-1]
    asyncio.run(things.each.aclose())
    assert (things.abandoned, things.closed) == (things.made, [])


def test_a_loop_that_is_gone_is_no_trouble():
    things = Things()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(things.each.get())

    async def close():
        await things.each.get()
        await things.each.aclose()

    asyncio.run(close())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert len(things.closed) == 2
