"""One question to a generator, within the caller's deadline."""

from __future__ import annotations

from postopt.clock import Clock
from postopt.errors import DeadlineExceededError, GenerationError
from postopt.generation.base import Generator
from postopt.resilience.deadline import remaining
from postopt.resilience.timeout import Timeout
from postopt.types import Brief, Completion, Prompt


class Asker:
    """Asks a generator for variants of briefs, and measures how long that takes.

    Args:
        generator: who is asked.
        clock: monotonic seconds.
    """

    def __init__(self, generator: Generator, clock: Clock) -> None:
        self._generator = generator
        self._clock = clock
        self._timeout = Timeout()

    async def __call__(self, brief: Brief, variant: int) -> tuple[Completion | GenerationError, float]:
        """Return the answer, or the error that stands for it, and the seconds it took."""
        started = self._clock()
        answer: Completion | GenerationError
        try:
            answer = await self._answer(Prompt(brief=brief, variant=variant))
        except GenerationError as error:
            answer = error
        return answer, self._clock() - started

    async def _answer(self, prompt: Prompt) -> Completion:
        left = remaining()
        if left is None:
            return await self._generator.generate(prompt)
        try:
            return await self._timeout.acall(left, self._generator.generate, prompt)
        except TimeoutError as error:
            raise DeadlineExceededError(f"{self._generator.name} gave no answer before the deadline") from error
