"""One question to a generator, within the caller's deadline."""

from __future__ import annotations

from dataclasses import replace

from postopt.clock import Clock
from postopt.errors import DeadlineExceededError, GenerationError, PostRejectedError
from postopt.generation.base import Generator
from postopt.generation.choosing import Chooser
from postopt.generation.judging import TextEnhancer
from postopt.resilience.deadline import remaining
from postopt.resilience.timeout import Timeout, TimeUpError
from postopt.types import Brief, Completion, Prompt


class Asker:
    """Asks a generator for variants of briefs, and measures how long that takes.

    Args:
        generator: who is asked.
        chooser: with which prompt, and which model.
        clock: monotonic seconds.
        enhancer: who repairs each text, or None.
        reported: whether a report will say of each post what forbids publishing it.
    """

    def __init__(
        self,
        generator: Generator,
        chooser: Chooser,
        clock: Clock,
        enhancer: TextEnhancer | None = None,
        *,
        reported: bool = False,
    ) -> None:
        self._generator = generator
        self._chooser = chooser
        self._clock = clock
        self._enhancer = enhancer
        self._reported = reported
        # One that does is not cut off: it answers at the last moment, and that may be a moment late.
        self._keeps_deadline = getattr(generator, "keeps_deadline", False)
        self._timeout = Timeout()

    async def __call__(self, brief: Brief, variant: int) -> tuple[Completion | GenerationError, float]:
        """Return the answer, or the error that stands for it, and the seconds it took."""
        started = self._clock()
        answer: Completion | GenerationError
        try:
            prompt, chosen = self._chooser.prompt(brief, variant)
            answer = await self._answer(prompt)
            trace = chosen.mark(answer.trace)
            if trace is not answer.trace:  # where nobody chooses, a hit is not copied
                answer = replace(answer, trace=trace)
            if self._enhancer is not None:
                answer = await self._enhanced(self._enhancer, answer, brief)
        except GenerationError as error:
            answer = error
        return answer, self._clock() - started

    async def _enhanced(self, enhancer: TextEnhancer, answer: Completion, brief: Brief) -> Completion:
        """Return the answer with its text repaired, or as it is if there is no time for that.

        Raises:
            PostRejectedError: it may not be published even so, and nobody would say that of the post.
        """
        try:
            left = remaining()
            if left is None:
                enhanced = await enhancer.enhance(answer.text, brief)
            else:
                enhanced = await self._timeout.acall(left, enhancer.enhance, answer.text, brief)
        except (TimeUpError, DeadlineExceededError):
            return replace(answer, trace=answer.trace.noted("not enhanced: no time left"))
        cost = answer.trace.cost_usd + enhanced.cost_usd
        if enhanced.left and not self._reported:
            error = PostRejectedError((f"It may not be published: {', '.join(enhanced.left)}.",))
            error.cost_usd = cost
            raise error
        trace = answer.trace
        if enhanced.rules:
            trace = trace.noted(f"enhanced: {', '.join(enhanced.rules)}")
        trace = replace(trace, cost_usd=cost)
        return replace(answer, text=enhanced.text, trace=trace)

    async def _answer(self, prompt: Prompt) -> Completion:
        left = remaining()
        if left is None or self._keeps_deadline:
            return await self._generator.generate(prompt)
        try:
            return await self._timeout.acall(left, self._generator.generate, prompt)
        except TimeUpError as error:
            raise DeadlineExceededError(f"{self._generator.name} gave no answer before the deadline") from error
