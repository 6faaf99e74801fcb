"""Trying again."""

from __future__ import annotations

from dataclasses import replace

from postopt.generation.base import Generator
from postopt.generation.wrappers.order import Wrapper, call_of
from postopt.resilience.retry import Retry
from postopt.types import Completion, Prompt


class Retried(Wrapper):
    """Asks again where the error is one that may pass; the answer's trace says how often, and how long it waited.

    Args:
        generator: who is asked.
        retry: how often, after which waits, and out of which budget; `Retry()` if None.
    """

    def __init__(self, generator: Generator, retry: Retry | None = None) -> None:
        super().__init__(generator)
        self._generate = call_of(generator)
        self._retry = Retry() if retry is None else retry

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return what all attempts can cost together."""
        once = self._bound(prompt)
        return None if once is None else once * self._retry.attempts

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer, of whichever attempt succeeds; raises what the last one raises."""
        completion, tries = await self._retry.acall_counted(self._generate, prompt)
        if not tries.errors:
            return completion
        trace = completion.trace
        trace = replace(
            trace,
            attempts=trace.attempts + tries.attempts - 1,
            retries=trace.retries + tries.attempts - 1,
            waits=(*trace.waits, ("retry", tries.waited)),
            cost_usd=trace.cost_usd + tries.cost_usd,
            unsettled_usd=trace.unsettled_usd + tries.unsettled_usd,
        )
        return replace(completion, trace=trace)
