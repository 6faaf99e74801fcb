"""Sharing of calls that are under way."""

from __future__ import annotations

from postopt.caching.coalescing import Coalescer
from postopt.generation.base import Generator
from postopt.generation.wrappers.kept import from_cache, may_lead, of_another, plain
from postopt.generation.wrappers.order import Wrapper, call_of
from postopt.types import Completion, Prompt


class Coalesced(Wrapper):
    """Lets calls with equal prompts that are under way at the same time share one (`Coalescer`).

    Nothing is kept. Whoever gets the answer to another one's call, or its error, sees that it cost nothing. A call has
    the deadline of whoever made it: who waited for one that its deadline ended, and has time left, makes another.

    Args:
        generator: who is asked.
        coalescer: shares with other generators that answer alike; one of its own unless given.
    """

    def __init__(self, generator: Generator, coalescer: Coalescer | None = None) -> None:
        super().__init__(generator)
        self.keeps_deadline = False  # it may wait for somebody else's call, who has more time
        self._call = call_of(generator)
        self._coalescer = Coalescer() if coalescer is None else coalescer

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer, or wait for the answer that is on its way; raises what the generator raises."""
        try:
            return await self._share(prompt)
        except _FollowerError as error:
            if not may_lead(error.cause):
                raise of_another(error.cause) from error.cause
        try:
            return await self._share(prompt)
        except _FollowerError as error:
            raise of_another(error.cause) from error.cause

    async def _share(self, prompt: Prompt) -> Completion:
        led = False

        # The prompt itself, not its digest, which takes ten times as long: nothing of this leaves the process.
        async def lead() -> Completion:
            nonlocal led
            led = True
            return await self._call(prompt)

        try:
            completion = await self._coalescer.run((self.name, prompt), lead)
        except Exception as error:
            if led:
                raise
            raise _FollowerError(error) from error
        return completion if led else from_cache(plain(completion))


class _FollowerError(Exception):
    """Another one's call, for which this one waited, ended with an error."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause
