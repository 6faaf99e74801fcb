"""Sharing of calls that are under way."""

from __future__ import annotations

from postopt.caching.coalescing import Coalescer
from postopt.caching.keys import cache_key
from postopt.generation.base import Generator
from postopt.generation.wrappers.kept import from_cache, plain
from postopt.generation.wrappers.order import Wrapper
from postopt.types import Completion, Prompt


class Coalesced(Wrapper):
    """Lets calls with equal prompts that are under way at the same time share one (`Coalescer`).

    Nothing is kept. Whoever gets the answer to another one's call sees that it cost nothing.

    Args:
        generator: who is asked.
        coalescer: shares with other generators that answer alike; one of its own unless given.
    """

    def __init__(self, generator: Generator, coalescer: Coalescer | None = None) -> None:
        super().__init__(generator)
        self.keeps_deadline = False  # it may wait for somebody else's call, who has more time
        self._generator = generator
        self._coalescer = Coalescer() if coalescer is None else coalescer

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer, or wait for the answer that is on its way; raises what the generator raises."""
        made: list[Completion] = []

        async def make() -> Completion:
            completion = await self._generator.generate(prompt)
            made.append(completion)
            return completion

        completion = await self._coalescer.run(cache_key(prompt, generator=self.name), make)
        return completion if made else from_cache(plain(completion))
