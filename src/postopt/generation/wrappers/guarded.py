"""What stands before one provider: its breaker, and its limits."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from postopt.clock import Clock
from postopt.errors import CallRejectedError, RateLimitError
from postopt.generation.base import Chunk, Generator
from postopt.generation.prompt import estimate_tokens, render
from postopt.generation.wrappers.order import Wrapper, call_of
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.bulkhead import Bulkhead
from postopt.resilience.limiter import RateLimiter
from postopt.types import Completion, Prompt

_OUTPUT_TOKENS = 256
"""What an answer is thought to have where the prompt sets no limit; arbitrary, and settled at what it had."""

_WAIT = 0.001
"""Seconds that are no wait yet, but the time of passing by; arbitrary."""


class Guarded(Wrapper):
    """Leaves a provider alone while its calls fail, and keeps to the rate and the number of calls that it takes.

    An open circuit refuses before a call waits for its rate, and the breaker admits it once it may go, or not. A rate
    limit that the provider tells of (`RateLimitError.retry_after`) holds up all calls that come after. Waits are in
    the answer's trace.

    Attributes:
        breaker: counts how the calls end. Each provider, and each replica of one, needs its own.

    Args:
        generator: who is asked.
        breaker: `CircuitBreaker(generator.name)` if None.
        limiter: keeps to a rate of requests and tokens.
        bulkhead: keeps to a number of calls at a time.
        clock: monotonic seconds, for the trace.
    """

    def __init__(
        self,
        generator: Generator,
        breaker: CircuitBreaker | None = None,
        *,
        limiter: RateLimiter | None = None,
        bulkhead: Bulkhead | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(generator)
        self.breaker = CircuitBreaker(generator.name) if breaker is None else breaker
        self._call = call_of(generator)
        self._bulkhead = bulkhead
        self._limiter = limiter
        self._clock = clock
        self._acall = self.breaker.acall
        self._protected = self._call if bulkhead is None else self._call_in_place

    # Not `async`: what the breaker returns is awaited as it is, and a frame less on the way of every call.
    def generate(self, prompt: Prompt) -> Coroutine[Any, Any, Completion]:
        """Answer, unless the provider is to be left alone.

        Raises:
            CircuitOpenError: the last calls failed.
            ThrottledError: the rate would have the call wait too long.
            ShedError: there are too many calls.
            GenerationError: as the generator.
        """
        if self._limiter is None:
            return self._acall(self._protected, prompt)
        return self._call_at_rate(self._limiter, prompt)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Answer piece by piece, where the generator can; an error counts whenever it comes.

        This keeps to no rate and no number of calls. It raises what `generate` raises.
        """
        stream = self.breaker.aiterate(self._inner[0].stream, prompt)  # type: ignore[attr-defined]  # where it has one
        async with aclosing(stream):
            async for chunk in stream:
                yield chunk

    async def _call_at_rate(self, limiter: RateLimiter, prompt: Prompt) -> Completion:
        self.breaker.check()
        began = self._clock()
        permit = await limiter.acquire(_tokens(prompt))
        waited = self._clock() - began
        try:
            completion = await self._acall(self._protected, prompt)
        except CallRejectedError:
            await permit.settle(0)
            raise
        except RateLimitError as error:
            if error.retry_after is not None:
                await limiter.retry_after(error.retry_after)
            raise
        await permit.settle(completion.usage.input_tokens + completion.usage.output_tokens)
        return _waited(completion, "rate limit", waited)

    async def _call_in_place(self, prompt: Prompt) -> Completion:
        assert self._bulkhead is not None  # noqa: S101 - the constructor sees to it
        began = self._clock()
        placed = began

        async def call() -> Completion:
            nonlocal placed
            placed = self._clock()
            return await self._call(prompt)

        return _waited(await self._bulkhead.acall(call), "bulkhead", placed - began)


def _waited(completion: Completion, where: str, seconds: float) -> Completion:
    """Return an answer whose trace tells of a wait, if there was one worth the name."""
    if seconds < _WAIT:
        return completion
    trace = completion.trace
    return replace(completion, trace=replace(trace, waits=((where, seconds), *trace.waits)))


def _tokens(prompt: Prompt) -> int:
    return sum(map(estimate_tokens, render(prompt))) + (prompt.max_tokens or _OUTPUT_TOKENS)
