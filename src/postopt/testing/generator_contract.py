"""What every generator promises, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from postopt.errors import PostRejectedError
from postopt.generation.base import Generator
from postopt.testing.laws import require, run_here
from postopt.types import Brief, Completion, Prompt


class GeneratorContract:
    """The laws of `postopt.generation.Generator`, as tests.

    Subclass it and say how to make yours::

        class TestMine(GeneratorContract):
            def make(self):
                return MyGenerator(...)

    Works under pytest, under unittest with `unittest.TestCase` as second base, and inside a running loop (a notebook);
    a broken law is an AssertionError that names it. `make` is called once a test, inside a running event loop; what it
    returns has to answer up to `calls` prompts, and is closed with `aclose()` if it has that. The laws speak of
    answers: a generator that rejects the brief with PostRejectedError keeps them all, so give it in `brief` one that
    it can answer.
    """

    calls = 4
    """Most prompts that one test sends."""

    patience = 10.0
    """Seconds after which a call counts as hanging."""

    def make(self) -> Generator:
        """Return a new generator."""
        raise NotImplementedError("a GeneratorContract needs make(): return a new generator")

    def brief(self) -> Brief:
        """Return a brief that the generator can answer; with at least one fact, or a law says nothing."""
        return Brief(topic="fresh bread", audience="early risers", facts={"price": "$3.50"})

    def prompt(self, variant: int = 0) -> Prompt:
        """Return the prompt of one variant; override it for generators that read `Prompt.text`."""
        return Prompt(brief=self.brief(), variant=variant, text="Write one short post about fresh bread for $3.50.")

    def test_name_is_a_text(self) -> None:
        """Traces, metrics and cache keys need a name that is not empty."""

        async def law(generator: Generator) -> None:
            name: object = generator.name
            require(isinstance(name, str) and name != "", "name is a text that is not empty")

        self._check(law)

    def test_answers_with_text(self) -> None:
        """An answer is a Completion with a text that is not empty; anything else is raised."""

        async def law(generator: Generator) -> None:
            await _answer(generator, self.prompt())

        self._check(law)

    def test_says_who_answered(self) -> None:
        """Generator, tier and model are named, attempts and cost are possible."""

        async def law(generator: Generator) -> None:
            completion = await _answer(generator, self.prompt())
            if completion is not None:
                trace = completion.trace
                require(bool(completion.generator and trace.tier and trace.model), "a completion says who answered")
                require(trace.attempts >= 1 and trace.cost_usd >= 0, "attempts count from 1 and cost from 0")

        self._check(law)

    def test_keeps_facts_or_rejects(self) -> None:
        """Every fact appears unchanged in the text, or the call raises PostRejectedError."""

        async def law(generator: Generator) -> None:
            prompt = self.prompt()
            completion = await _answer(generator, prompt)
            if completion is not None:
                lost = [name for name, value in prompt.brief.facts.items() if value not in completion.text]
                require(not lost, f"facts appear unchanged: {', '.join(lost)}")

        self._check(law)

    def test_prompt_is_left_alone(self) -> None:
        """The generator does not change what it was given."""

        async def law(generator: Generator) -> None:
            prompt = self.prompt()
            before = repr(prompt)
            await _answer(generator, prompt)
            require(repr(prompt) == before, "the prompt is left as it was")

        self._check(law)

    def test_concurrent_calls(self) -> None:
        """Calls may overlap: each ends with an answer of its own."""

        async def law(generator: Generator) -> None:
            await asyncio.gather(*(_answer(generator, self.prompt(variant)) for variant in range(self.calls)))

        self._check(law)

    def test_cancellation_propagates(self) -> None:
        """A cancelled call ends as cancelled, not as an answer or an error, and the next one is answered."""

        async def law(generator: Generator) -> None:
            call = asyncio.ensure_future(_answer(generator, self.prompt()))
            await asyncio.sleep(0)  # let it begin
            if call.cancel():  # False: it has answered already, without ever waiting
                await asyncio.wait({call})
                require(call.cancelled(), "a cancelled call ends as cancelled")
            await _answer(generator, self.prompt(1))

        self._check(law)

    def _check(self, law: Callable[[Generator], Awaitable[None]]) -> None:
        async def check() -> None:
            generator = self.make()
            try:
                async with asyncio.timeout(self.patience):
                    await law(generator)
            except TimeoutError:
                raise AssertionError(f"broken law: a call ends; {self.patience} s were not enough") from None
            finally:
                aclose = getattr(generator, "aclose", None)
                if aclose is not None:
                    await aclose()

        run_here(check())


async def _answer(generator: Generator, prompt: Prompt) -> Completion | None:
    """Return the generator's answer, or None if it rejects the brief."""
    try:
        completion = await generator.generate(prompt)
    except PostRejectedError:
        return None
    answer: object = completion
    require(isinstance(answer, Completion), "an answer is a Completion")
    text: object = completion.text
    require(isinstance(text, str) and text != "", "the text of a completion is not empty")
    return completion
