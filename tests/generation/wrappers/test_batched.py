"""Prompts that come while the generator is busy are answered together, each by itself."""

import asyncio

import pytest

from postopt.errors import ContextLengthError, OverloadedError, ShedError
from postopt.generation.wrappers import Batched
from postopt.testing import GeneratorContract, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace


class Scripted:
    """Answers batches; a prompt about stones is an error."""

    name = "local"

    def __init__(self, error=None):
        self.batches = []
        self.error = error
        self.closed = False

    async def generate_batch(self, prompts):
        self.batches.append(len(prompts))
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return [self.answer(prompt) for prompt in prompts]

    def answer(self, prompt):
        if prompt.brief.topic == "stones":
            return ContextLengthError("stones")
        return Completion(
            text=f"{prompt.brief.topic} for $3.50", generator=self.name, trace=Trace(tier="local", model="m")
        )

    async def aclose(self):
        self.closed = True


class TestBatched(GeneratorContract):
    def make(self):
        return Batched(Scripted())


def prompt(topic="bread"):
    return Prompt(brief=Brief(topic=topic))


def test_many_are_answered_in_few_calls():
    async def main():
        scripted = Scripted()
        generator = Batched(scripted, max_size=8)
        answers = await asyncio.gather(*(generator.generate(prompt(f"bread {number}")) for number in range(20)))
        assert [answer.text for answer in answers] == [f"bread {number} for $3.50" for number in range(20)]
        assert len(scripted.batches) <= 4
        assert max(scripted.batches) <= 8

    run_scripted(main())


def test_one_bad_prompt_fails_alone():
    async def main():
        generator = Batched(Scripted())
        topics = ["bread", "stones", "jam"]
        return await asyncio.gather(*(generator.generate(prompt(topic)) for topic in topics), return_exceptions=True)

    kinds = [type(answer).__name__ for answer in run_scripted(main())]
    assert kinds == ["Completion", "ContextLengthError", "Completion"]


def test_tokens_bound_a_batch():
    async def main():
        scripted = Scripted()
        generator = Batched(scripted, max_tokens=250)
        prompts = [Prompt(brief=Brief(topic="bread"), text="word " * 80) for _ in range(6)]  # 100 tokens each
        await asyncio.gather(*map(generator.generate, prompts))
        return max(scripted.batches)

    assert run_scripted(main()) == 2


def test_an_outage_reaches_all():
    async def main():
        generator = Batched(Scripted(OverloadedError("busy")))
        with pytest.raises(OverloadedError):
            await generator.generate(prompt())

    run_scripted(main())


def test_closing_closes_the_generator_and_refuses_more():
    async def main():
        scripted = Scripted()
        generator = Batched(scripted)
        await generator.aclose()
        assert scripted.closed
        with pytest.raises(ShedError):
            await generator.generate(prompt())

    run_scripted(main())
