"""Waiting takes no time in a scripted loop, and happens in the same order in every run."""

import asyncio
import threading

from postopt.testing import run_scripted


def test_an_hour_passes_at_once():
    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.wait({asyncio.create_task(asyncio.Event().wait())}, timeout=3600)
        return loop.time()

    assert run_scripted(main()) == 3600


def test_who_waits_less_comes_first():
    async def main():
        order = []
        loop = asyncio.get_running_loop()
        for seconds in (3, 1, 2):
            loop.call_later(seconds, order.append, seconds)
        await asyncio.wait({loop.create_future()}, timeout=5)
        return order

    assert run_scripted(main()) == [1, 2, 3]


def test_time_stands_still_while_there_is_work():
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(100):
            await asyncio.sleep(0)
        return loop.time()

    assert run_scripted(main()) == 0


def test_a_computation_can_take_time():
    async def main():
        loop = asyncio.get_running_loop()
        loop.advance(2.5)
        return loop.time()

    assert run_scripted(main()) == 2.5


def test_a_thread_can_wake_it():
    async def main():
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set_result, "woken")).start()
        return await woken

    assert run_scripted(main()) == "woken"
