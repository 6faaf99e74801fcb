"""What stands before one provider: its breaker, and its limits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any

from postopt.errors import CircuitOpenError, RateLimitError
from postopt.generation.base import Chunk, Generator
from postopt.generation.prompt import estimate_tokens, render
from postopt.generation.wrappers.order import Wrapper
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.bulkhead import Bulkhead
from postopt.resilience.limiter import RateLimiter
from postopt.types import Completion, Prompt

_OUTPUT_TOKENS = 256
"""What an answer is thought to have where the prompt sets no limit; arbitrary, and settled at what it had."""


class Guarded(Wrapper):
    """Leaves a provider alone while its calls fail, and keeps to the rate and the number of calls that it takes.

    An open circuit refuses before a call waits for its rate, and again after it has. A rate limit that the provider
    tells of (`RateLimitError.retry_after`) holds up all calls that come after.

    Attributes:
        breaker: counts how the calls end. Each provider, and each replica of one, needs its own.

    Args:
        generator: who is asked.
        breaker: `CircuitBreaker(generator.name)` if None.
        limiter: keeps to a rate of requests and tokens.
        bulkhead: keeps to a number of calls at a time.
    """

    def __init__(
        self,
        generator: Generator,
        breaker: CircuitBreaker | None = None,
        *,
        limiter: RateLimiter | None = None,
        bulkhead: Bulkhead | None = None,
    ) -> None:
        super().__init__(generator)
        self.breaker = CircuitBreaker(generator.name) if breaker is None else breaker
        self._acall = self.breaker.acall
        self._generate: Callable[[Prompt], Awaitable[Completion]] = generator.generate
        if bulkhead is not None:
            self._generate = partial(self._generate_in_place, bulkhead)
        if limiter is not None:
            self._generate = partial(self._generate_at_rate, limiter, self._generate)

    # Not `async`: what the breaker returns is awaited as it is, and a frame less on the way of every call.
    def generate(self, prompt: Prompt) -> Coroutine[Any, Any, Completion]:
        """Answer, unless the provider is to be left alone.

        Raises:
            CircuitOpenError: the last calls failed.
            ThrottledError: the rate would have the call wait too long.
            ShedError: there are too many calls.
            GenerationError: as the generator.
        """
        return self._acall(self._generate, prompt)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Answer piece by piece, where the generator can; an error counts whenever it comes.

        This keeps to no rate and no number of calls. It raises what `generate` raises.
        """
        stream = self.breaker.aiterate(self._inner[0].stream, prompt)  # type: ignore[attr-defined]  # where it has one
        async with aclosing(stream):
            async for chunk in stream:
                yield chunk

    async def _generate_in_place(self, bulkhead: Bulkhead, prompt: Prompt) -> Completion:
        return await bulkhead.acall(self._inner[0].generate, prompt)

    async def _generate_at_rate(
        self, limiter: RateLimiter, generate: Callable[[Prompt], Awaitable[Completion]], prompt: Prompt
    ) -> Completion:
        permit = await limiter.acquire(_tokens(prompt))
        if self.breaker.state in ("open", "forced_open"):
            await permit.settle(0)
            raise CircuitOpenError(
                f"{self.name}: the circuit opened while the call waited", retry_after=self.breaker.retry_after
            )
        try:
            completion = await generate(prompt)
        except RateLimitError as error:
            if error.retry_after is not None:
                limiter.pause(error.retry_after)
            raise
        await permit.settle(completion.usage.input_tokens + completion.usage.output_tokens)
        return completion


def _tokens(prompt: Prompt) -> int:
    return sum(map(estimate_tokens, render(prompt))) + (prompt.max_tokens or _OUTPUT_TOKENS)
