import asyncio
import gc
import threading

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from postopt.errors import OverloadedError, ShedError
from postopt.resilience.adaptive import AdaptiveLimit
from postopt.resilience.bulkhead import Bulkhead, output_tokens
from postopt.resilience.deadline import within
from postopt.testing import ScriptedClock
from postopt.testing.loop import run_scripted
from postopt.trace import Trace
from postopt.types import Completion, Usage


async def turns(number=5):
    for _ in range(number):
        await asyncio.sleep(0)


class Calls:
    """Calls through a bulkhead that end when told to."""

    def __init__(self, bulkhead):
        self.bulkhead = bulkhead
        self.begun = []
        self.gates = {}

    async def _work(self, name):
        self.begun.append(name)
        await self.gates[name].wait()
        return name

    def start(self, name):
        self.gates[name] = asyncio.Event()
        return asyncio.create_task(self.bulkhead.acall(self._work, name))


class TestTheLimit:
    def test_of_calls_under_way_holds_and_the_rest_goes_in_order(self):
        async def main():
            calls = Calls(Bulkhead(2))
            tasks = [calls.start(name) for name in range(5)]
            await turns()
            assert calls.begun == [0, 1]
            assert (calls.bulkhead.in_flight, calls.bulkhead.waiting, calls.bulkhead.limit) == (2, 3, 2)
            for name in (1, 0, 2, 3, 4):
                calls.gates[name].set()
                await turns()
            assert calls.begun == [0, 1, 2, 3, 4]
            assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4]
            assert (calls.bulkhead.in_flight, calls.bulkhead.waiting) == (0, 0)

        asyncio.run(main())

    def test_is_kept_by_the_context_manager_too(self):
        async def main():
            bulkhead = Bulkhead(1)
            async with bulkhead as entered:
                assert entered is bulkhead
                task = asyncio.create_task(bulkhead.__aenter__())
                await turns()
                assert not task.done()
            await task
            assert bulkhead.in_flight == 1

        asyncio.run(main())

    @pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError(), KeyboardInterrupt()], ids=repr)
    def test_gets_its_place_back_however_a_call_ends(self, error):
        async def fail():
            raise error

        async def main():
            for limit in (1, AdaptiveLimit()):
                bulkhead = Bulkhead(limit)
                with pytest.raises(type(error)):
                    await bulkhead.acall(fail)
                assert bulkhead.in_flight == 0

        asyncio.run(main())

    def test_nobody_gets_past_those_who_wait(self):
        async def main():
            calls = Calls(Bulkhead(1))
            tasks = [calls.start(name) for name in range(2)]
            await turns()
            calls.gates[0].set()
            await asyncio.sleep(0)  # the place is free, and 1 has it, but does not know yet
            await asyncio.sleep(0)
            tasks.append(calls.start(2))
            await turns()
            assert calls.begun == [0, 1]
            for gate in calls.gates.values():
                gate.set()
            await asyncio.gather(*tasks)

        asyncio.run(main())


class TestWaiting:
    def test_is_for_so_many_only(self):
        async def main():
            calls = Calls(Bulkhead(1, max_waiting=1))
            tasks = [calls.start(name) for name in range(3)]
            await turns()
            with pytest.raises(ShedError, match="1 calls are under way, and 1 others wait"):
                await tasks[2]
            calls.gates[0].set()
            calls.gates[1].set()
            assert await asyncio.gather(*tasks[:2]) == [0, 1]

        asyncio.run(main())

    def test_may_be_for_nobody(self):
        async def main():
            bulkhead = Bulkhead(1, max_waiting=0)
            async with bulkhead:
                with pytest.raises(ShedError):
                    await bulkhead.acall(turns)
            await bulkhead.acall(turns)

        asyncio.run(main())

    def test_ends_with_the_longest_wait(self):
        async def main():
            bulkhead = Bulkhead(1, max_wait_seconds=5)
            async with bulkhead:
                with pytest.raises(ShedError, match="no room came within 5 s"):
                    await bulkhead.acall(turns)
                assert bulkhead.waiting == 0
            return asyncio.get_running_loop().time()

        assert run_scripted(main()) == 5

    def test_ends_with_the_deadline_and_without_time_never_begins(self):
        async def main():
            loop = asyncio.get_running_loop()
            bulkhead = Bulkhead(1)
            async with bulkhead:
                with within(2, clock=loop.time), pytest.raises(ShedError):
                    await bulkhead.acall(turns)
                assert loop.time() == 2
                with within(0, clock=loop.time), pytest.raises(ShedError, match="no time to wait"):
                    await bulkhead.acall(turns)
            with within(0, clock=loop.time):
                await bulkhead.acall(turns)  # it does not wait, and what it does is its own matter
            return bulkhead.waiting, bulkhead.in_flight

        assert run_scripted(main()) == (0, 0)

    def test_that_is_cancelled_takes_no_place(self):
        async def main():
            calls = Calls(Bulkhead(1))
            tasks = [calls.start(name) for name in range(3)]
            await turns()
            tasks[1].cancel()
            await turns()
            calls.gates[0].set()
            await turns()
            assert calls.begun == [0, 2]
            calls.gates[2].set()
            await turns()
            assert calls.bulkhead.in_flight == 0

        asyncio.run(main())

    @pytest.mark.parametrize("after", range(6))
    def test_that_is_cancelled_as_its_turn_comes_passes_it_on(self, after):
        async def main():
            calls = Calls(Bulkhead(1))
            tasks = [calls.start(name) for name in range(3)]
            await turns()
            calls.gates[0].set()
            await turns(after)
            tasks[1].cancel()
            await turns()
            calls.gates[2].set()
            await asyncio.gather(tasks[0], tasks[2])
            assert (calls.bulkhead.in_flight, calls.bulkhead.waiting) == (0, 0)

        asyncio.run(main())


class AnyOrder(RuleBasedStateMachine):
    """A bulkhead against a model: whatever begins, ends and is cancelled, in whatever order."""

    LIMIT, MAX_WAITING = 2, 3

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.number = 0
        self.tasks = {}
        self.running, self.waiting = [], []
        self.calls = self._in_loop(self._make)

    def _make(self):
        return Calls(Bulkhead(self.LIMIT, max_waiting=self.MAX_WAITING))

    def _in_loop(self, function, *arguments):
        async def main():
            result = function(*arguments)
            await turns(8)
            return result

        return self.loop.run_until_complete(main())

    def _advance(self):
        while self.waiting and len(self.running) < self.LIMIT:
            self.running.append(self.waiting.pop(0))

    def _start(self, count):
        names = range(self.number, self.number + count)
        self.number += count
        return {name: self.calls.start(name) for name in names}

    @rule(count=st.integers(1, 4))
    def begin(self, count):
        self.tasks |= self._in_loop(self._start, count)
        for name in range(self.number - count, self.number):
            if len(self.running) < self.LIMIT:
                self.running.append(name)
            elif len(self.waiting) < self.MAX_WAITING:
                self.waiting.append(name)
            else:
                assert isinstance(self.tasks.pop(name).exception(), ShedError)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), cancel=st.booleans())
    def end(self, data, cancel):
        name = data.draw(st.sampled_from(self.running))
        self.running.remove(name)
        self._in_loop(self.tasks.pop(name).cancel if cancel else self.calls.gates[name].set)
        self._advance()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), at_once=st.booleans())
    def cancel_waiting(self, data, at_once):
        name = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(name)
        if at_once and self.running:  # its turn, or another's, comes in the same moment
            ended = self.running.pop(0)
            self.tasks.pop(ended).cancel()
        self._in_loop(self.tasks.pop(name).cancel)
        self._advance()

    @invariant()
    def agrees(self):
        bulkhead = self.calls.bulkhead
        assert (bulkhead.in_flight, bulkhead.waiting) == (len(self.running), len(self.waiting))
        assert set(self.running) <= set(self.calls.begun)
        assert not set(self.waiting) & set(self.calls.begun)

    def teardown(self):
        for task in self.tasks.values():
            task.cancel()
        self._in_loop(lambda: None)
        assert self.calls.bulkhead.in_flight == 0
        self.loop.close()


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=20)
TestAnyOrder = AnyOrder.TestCase


class TestEverywhere:
    def test_loops_of_eight_threads_share_one_limit(self):
        bulkhead = Bulkhead(3)
        lock, now, most = threading.Lock(), [0], [0]

        async def work():
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            await turns(3)
            with lock:
                now[0] -= 1

        async def many():
            await asyncio.gather(*(bulkhead.acall(work) for _ in range(50)))

        threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert most[0] <= 3
        assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)

    def test_a_loop_that_is_closed_under_those_who_wait_holds_up_nobody(self):
        bulkhead = Bulkhead(1)
        loop = asyncio.new_event_loop()
        holder = loop.create_task(bulkhead.__aenter__())
        waiter = loop.create_task(bulkhead.__aenter__())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        waiter._log_destroy_pending = False
        assert bulkhead.waiting == 1

        async def main():
            await bulkhead.__aexit__(None, None, None)  # the holder's place
            async with bulkhead:
                return bulkhead.in_flight, bulkhead.waiting

        assert asyncio.run(main()) == (1, 0)
        del holder, waiter
        gc.collect()


def completion(tokens):
    return Completion(text="x", generator="g", trace=Trace(tier="remote", model="m"), usage=Usage(output_tokens=tokens))


class TestAnAdaptiveLimit:
    def test_hears_what_calls_take_and_how_long_their_answers_are(self):
        heard = []

        class Recorder(AdaptiveLimit):
            def record(self, seconds, tokens, in_flight, ok=True):
                heard.append((seconds, tokens, in_flight, ok))

        async def main():
            clock = ScriptedClock()
            bulkhead = Bulkhead(Recorder(), clock=clock)

            async def answer():
                clock.advance(2)
                return completion(50)

            async def other():
                async with bulkhead:
                    await bulkhead.acall(answer)

            async def fail():
                clock.advance(1)
                raise OverloadedError("full")

            async def crash():
                raise KeyError("a bug")

            await bulkhead.acall(answer)
            await other()
            with pytest.raises(OverloadedError):
                await bulkhead.acall(fail)
            with pytest.raises(KeyError):
                await bulkhead.acall(crash)
            bulkhead.record(3.0, 7, 1, True)

        asyncio.run(main())
        assert heard == [(2, 50, 1, True), (2, 50, 2, True), (1, 0, 1, False), (3.0, 7, 1, True)]

    def test_lets_more_go_at_once_when_it_grows_and_no_others_when_it_falls(self):
        async def main():
            adaptive = AdaptiveLimit(initial=4, most=100)
            calls = Calls(Bulkhead(adaptive))
            assert calls.bulkhead.limit == 2  # it looks at half of it first
            tasks = [calls.start(name) for name in range(8)]
            await turns()
            assert len(calls.begun) == 2
            for _ in range(20):
                calls.bulkhead.record(1.0, 10, 2)
            await turns()
            assert len(calls.begun) == calls.bulkhead.limit == 4
            for _ in range(100):
                calls.bulkhead.record(1.0, 10, 4, False)
            assert calls.bulkhead.limit == 1
            assert calls.bulkhead.in_flight == 4
            for gate in calls.gates.values():
                gate.set()
            await asyncio.gather(*tasks)

        asyncio.run(main())

    def test_a_fixed_one_does_not_care(self):
        bulkhead = Bulkhead(3)
        bulkhead.record(1.0, 1, 1, False)
        assert bulkhead.limit == 3

    @pytest.mark.parametrize("tokens", [lambda answer: answer["usage"], lambda answer: "many", lambda answer: None])
    def test_a_count_that_fails_loses_no_answer(self, tokens):
        async def answer():
            return "paid for"

        limit = Bulkhead(AdaptiveLimit(), tokens=tokens)
        assert asyncio.run(limit.acall(answer)) == "paid for"
        assert limit.in_flight == 0

    def test_counts_the_tokens_of_completions(self):
        assert (output_tokens(completion(7)), output_tokens("text")) == (7, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 1.5},
        {"limit": True},
        {"limit": None},
        {"limit": 1, "max_waiting": -1},
        {"limit": 1, "max_wait_seconds": float("nan")},
        {"limit": 1, "tokens": 3},
        {"limit": 1, "clock": "now"},
    ],
)
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        Bulkhead(**wrong)
