"""A limit on the time that one call takes."""

from __future__ import annotations

from postopt.errors import DeadlineExceededError, GenerationError, ProviderTimeoutError
from postopt.generation.base import Generator
from postopt.generation.wrappers.order import Wrapper
from postopt.resilience.checks import check_positive
from postopt.resilience.deadline import remaining
from postopt.resilience.timeout import Timeout
from postopt.types import Completion, Prompt


class Timed(Wrapper):
    """Cuts a call off after so many seconds, or at the caller's deadline if that comes first.

    Args:
        generator: who is asked.
        seconds: how long a call may take (30 is arbitrary).
        telling_seconds: a call that the caller's deadline cuts off tells against whoever was asked only if it had at
            least so long; else the caller was in a hurry (1 is arbitrary).

    Raises:
        ValueError: `seconds` or `telling_seconds` is no finite number above 0.
    """

    def __init__(self, generator: Generator, seconds: float = 30.0, *, telling_seconds: float = 1.0) -> None:
        super().__init__(generator)
        self.keeps_deadline = True
        self._seconds = check_positive("seconds", seconds, "seconds")
        self._telling_seconds = check_positive("telling_seconds", telling_seconds, "seconds")
        self._generate = generator.generate
        self._timeout = Timeout()

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer in time.

        Raises:
            ProviderTimeoutError: there was no answer in time.
            DeadlineExceededError: the caller's deadline came before a call could tell anything.
            GenerationError: as the generator.
        """
        left = remaining()
        limit = self._seconds if left is None or left > self._seconds else left
        try:
            return await self._timeout.acall(limit, self._generate, prompt)
        except TimeoutError as error:
            late: GenerationError
            if limit < self._seconds and limit < self._telling_seconds:
                late = DeadlineExceededError(f"{self.name}: the deadline left {max(limit, 0.0):.3g} s")
            else:
                late = ProviderTimeoutError(f"no answer within {limit:.3g} s", provider=self.name)
            if limit > 0:
                late.unsettled_usd = self.max_cost(prompt) or 0.0
            else:
                late.attempts = 0
            raise late from error
