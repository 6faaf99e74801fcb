"""A provider that fails is left alone, and one that has limits is kept within them."""

import asyncio

import pytest

from postopt.errors import CircuitOpenError, ContextLengthError, OverloadedError, RateLimitError, ThrottledError
from postopt.generation.base import Chunk
from postopt.generation.wrappers import Guarded
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.bulkhead import Bulkhead
from postopt.resilience.limiter import RateLimiter
from postopt.testing import GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace, Usage

PROMPT = Prompt(brief=Brief(topic="fresh bread"), text="Write. " * 4, max_tokens=93)  # some 100 tokens in all


class TestGuarded(GeneratorContract):
    def make(self):
        return Guarded(ScriptedGenerator(["Bread for $3.50"] * 4))


async def kinds(generator, calls):
    found = []
    for _ in range(calls):
        try:
            found.append((await generator.generate(PROMPT)).text)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(type(error))
    return found


def breaker(clock):
    return CircuitBreaker("big", failure_threshold=2, open_seconds=10, clock=clock)


class TestBreaker:
    def test_after_failures_nobody_is_asked_and_then_one(self):
        async def main():
            loop = asyncio.get_running_loop()
            scripted = ScriptedGenerator([OverloadedError("busy")] * 2 + ["Bread!"] * 2)
            generator = Guarded(scripted, breaker(loop.time))
            assert await kinds(generator, 4) == [OverloadedError] * 2 + [CircuitOpenError] * 2
            loop.advance(10)
            assert await kinds(generator, 2) == ["Bread!"] * 2
            assert len(scripted.prompts) == 4

        run_scripted(main())

    def test_what_is_the_prompts_fault_is_no_failure(self):
        async def main():
            scripted = ScriptedGenerator([ContextLengthError("long")] * 9 + ["Bread!"])
            return await kinds(Guarded(scripted, breaker(asyncio.get_running_loop().time)), 10)

        assert run_scripted(main()) == [ContextLengthError] * 9 + ["Bread!"]

    def test_streams_count_too(self):
        class Streaming:
            name = "big"

            async def generate(self, prompt):
                raise AssertionError

            async def stream(self, prompt):
                yield Chunk(text="Bre")
                raise OverloadedError("busy")

        async def main():
            generator = Guarded(Streaming(), breaker(asyncio.get_running_loop().time))
            for _ in range(2):
                stream = generator.stream(PROMPT)
                assert (await anext(stream)).text == "Bre"
                with pytest.raises(OverloadedError):
                    await anext(stream)
            with pytest.raises(CircuitOpenError):
                await anext(generator.stream(PROMPT))

        run_scripted(main())


class TestRate:
    @staticmethod
    def limited(script, **settings):
        clock = asyncio.get_running_loop().time
        limiter = RateLimiter(clock=clock, burst_seconds=0, **settings)
        return Guarded(ScriptedGenerator(script), breaker(clock), limiter=limiter), limiter, clock

    def test_calls_keep_to_it(self):
        async def main():
            generator, _, clock = self.limited(["Bread!"] * 3, requests_per_minute=60)
            assert await kinds(generator, 3) == ["Bread!"] * 3
            return clock()

        assert run_scripted(main()) == pytest.approx(2.0)

    def test_what_was_used_counts_not_what_was_thought(self):
        async def main():
            long = Completion(
                text="Bread!",
                generator="big",
                trace=Trace(tier="remote", model="m"),
                usage=Usage(input_tokens=500, output_tokens=500),
            )
            generator, _, clock = self.limited([long, "Bread!"], tokens_per_minute=6000)
            await kinds(generator, 2)
            return clock()

        assert run_scripted(main()) == pytest.approx(10.0, abs=0.1)  # 1,000 tokens at 100 a second

    def test_a_limit_that_the_provider_tells_of_holds_up_all(self):
        async def main():
            generator, _, clock = self.limited(
                [RateLimitError("slow", retry_after=7), "Bread!"], requests_per_minute=6e4
            )
            await kinds(generator, 2)
            return clock()

        assert run_scripted(main()) == pytest.approx(7.0, abs=0.1)

    def test_too_long_a_wait_is_refused(self):
        async def main():
            generator, _, _ = self.limited(["Bread!"], requests_per_minute=1, max_wait_seconds=5)
            return await kinds(generator, 2)

        assert run_scripted(main()) == ["Bread!", ThrottledError]

    def test_a_circuit_that_opens_meanwhile_is_heeded_and_the_tokens_come_back(self):
        async def main():
            generator, _, _ = self.limited(["Bread!"], requests_per_minute=60)
            assert await kinds(generator, 1) == ["Bread!"]
            waiting = asyncio.create_task(kinds(generator, 1))
            await asyncio.sleep(0)
            generator.breaker.force_open()
            return await waiting

        assert run_scripted(main()) == [CircuitOpenError]

    def test_half_open_one_call_goes_however_many_wait_for_their_rate(self):
        async def main():
            loop = asyncio.get_running_loop()
            hold = asyncio.Event()
            scripted = ScriptedGenerator([OverloadedError("busy")] * 2 + ["Bread!"] * 30, hold=hold)
            limiter = RateLimiter(requests_per_minute=1200, burst_seconds=0, clock=loop.time)
            generator = Guarded(
                scripted, CircuitBreaker("big", failure_threshold=2, open_seconds=0.1, clock=loop.time), limiter=limiter
            )
            calls = [asyncio.create_task(generator.generate(PROMPT)) for _ in range(14)]
            await asyncio.wait(calls, timeout=0.06)
            hold.set()  # two fail, and the circuit opens
            await asyncio.wait(calls, timeout=0.01)
            hold.clear()
            await asyncio.wait(calls, timeout=2.0)
            assert generator.breaker.state == "half_open"
            sent = len(scripted.prompts)
            hold.set()
            await asyncio.wait(calls)
            return sent

        assert run_scripted(main()) == 3

    def test_waits_are_told(self):
        async def main():
            generator, _, clock = self.limited(["Bread!"] * 2, requests_per_minute=60)
            generator._clock = clock
            return [(await generator.generate(PROMPT)).trace.waits for _ in range(2)]

        assert run_scripted(main()) == [(), (("rate limit", pytest.approx(1.0)),)]


def test_a_bulkhead_keeps_to_its_number():
    async def main():
        hold = asyncio.Event()
        scripted = ScriptedGenerator(["Bread!"] * 5, hold=hold)
        generator = Guarded(scripted, bulkhead=Bulkhead(2))
        calls = [asyncio.create_task(generator.generate(PROMPT)) for _ in range(5)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert scripted.in_flight == 2
        hold.set()
        await asyncio.gather(*calls)

    run_scripted(main())
