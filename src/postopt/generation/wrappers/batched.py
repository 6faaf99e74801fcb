"""Many prompts in few calls."""

from __future__ import annotations

from typing import cast

from postopt.generation.base import BatchGenerator, Generator
from postopt.generation.prompt import estimate_tokens, render
from postopt.generation.wrappers.order import Wrapper
from postopt.resilience.deadline import remaining
from postopt.scheduling.batching import MicroBatcher
from postopt.types import Completion, Prompt


class Batched(Wrapper):
    """Makes a generator of one that answers many prompts at once: it is sent those that came while it was busy.

    Args:
        generator: who is asked.
        max_size: most prompts at once.
        max_tokens: most tokens of prompts at once, as estimated, or None.
        concurrency: most calls at once.
    """

    def __init__(
        self, generator: BatchGenerator, *, max_size: int = 32, max_tokens: int | None = None, concurrency: int = 1
    ) -> None:
        super().__init__(cast("Generator", generator))  # of which it only uses the name, and closes it
        self._batcher: MicroBatcher[Prompt, Completion] = MicroBatcher(
            generator.generate_batch,
            max_size=max_size,
            max_tokens=max_tokens,
            tokens_of=_tokens if max_tokens is not None else None,
            concurrency=concurrency,
        )

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer in the next batch.

        Raises:
            ShedError: the answer would come after the deadline, or too many wait.
            GenerationError: as the generator, for this prompt alone.
        """
        return await self._batcher.submit(prompt, priority=prompt.brief.priority, deadline=remaining())

    async def aclose(self) -> None:
        """Let what is under way end, then close the generator."""
        await self._batcher.aclose()
        await super().aclose()


def _tokens(prompt: Prompt) -> int:
    return sum(map(estimate_tokens, render(prompt)))
