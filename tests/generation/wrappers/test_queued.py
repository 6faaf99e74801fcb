"""Calls wait for their turn, and know how long they did."""

import asyncio

import pytest

from postopt.errors import OverloadedError, ShedError
from postopt.generation.wrappers import Queued
from postopt.resilience.deadline import within
from postopt.scheduling.priority import PriorityQueue
from postopt.testing import GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Prompt


def prompt(priority=4, tenant=""):
    return Prompt(brief=Brief(topic="fresh bread", priority=priority), tenant=tenant)


def one_at_a_time(clock):
    return PriorityQueue(concurrency=1, clock=clock)


class TestQueued(GeneratorContract):
    def make(self):
        return Queued(ScriptedGenerator(["Bread for $3.50"] * 4))


class Slow:
    """Takes a second for each answer."""

    name = "slow"

    def __init__(self):
        self.order = []

    async def generate(self, prompt):
        self.order.append(prompt.brief.priority)
        await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=1.0)
        return await ScriptedGenerator(["Bread!"], name=self.name).generate(prompt)


def test_a_free_turn_leaves_no_trace():
    async def main():
        return (await Queued(ScriptedGenerator(["Bread!"])).generate(prompt())).trace

    assert run_scripted(main()).waits == ()


def test_who_waits_does_so_by_priority_and_tells_how_long():
    async def main():
        clock = asyncio.get_running_loop().time
        slow = Slow()
        generator = Queued(slow, one_at_a_time(clock), clock=clock)
        answers = await asyncio.gather(*(generator.generate(prompt(priority)) for priority in (4, 7, 0)))
        assert slow.order == [4, 0, 7]
        return [answer.trace.waits for answer in answers]

    assert run_scripted(main()) == [(), (("queue", 2.0),), (("queue", 1.0),)]


def test_a_call_without_time_is_refused():
    async def main():
        clock = asyncio.get_running_loop().time
        scripted = ScriptedGenerator([])
        with within(0, clock=clock), pytest.raises(ShedError):
            await Queued(scripted, one_at_a_time(clock)).generate(prompt())
        assert scripted.prompts == []

    run_scripted(main())


@pytest.mark.parametrize("waits", [False, True])
def test_a_failed_or_cancelled_call_gives_its_turn_on(waits):
    async def main():
        clock = asyncio.get_running_loop().time
        hold = asyncio.Event()
        scripted = ScriptedGenerator([OverloadedError("busy"), OverloadedError("busy"), "Bread!"], hold=hold)
        generator = Queued(scripted, one_at_a_time(clock))
        calls = [asyncio.create_task(generator.generate(prompt())) for _ in range(4)]
        await asyncio.sleep(0)
        calls[2 if waits else 0].cancel()
        hold.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        kinds = [type(result).__name__ for result in results]
        assert kinds.count("CancelledError") == 1
        assert kinds.count("Completion") == 1

    run_scripted(main())


def test_its_own_queue_is_closed_with_it_and_another_is_not():
    async def main():
        queue = PriorityQueue(concurrency=1)
        theirs, ours = Queued(ScriptedGenerator(["Bread!"]), queue), Queued(ScriptedGenerator(["Bread!"]))
        await theirs.aclose()
        await ours.aclose()
        assert (await theirs.generate(prompt())).text == "Bread!"
        with pytest.raises(ShedError, match="closed"):
            await ours.generate(prompt())

    run_scripted(main())
