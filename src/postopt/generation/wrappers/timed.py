"""A limit on the time that one call takes."""

from __future__ import annotations

from postopt.errors import DeadlineExceededError, ProviderTimeoutError, shown
from postopt.generation.base import Generator
from postopt.generation.wrappers.order import Wrapper
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
        ValueError: `seconds` or `telling_seconds` is NaN, or no positive number.
    """

    def __init__(self, generator: Generator, seconds: float = 30.0, *, telling_seconds: float = 1.0) -> None:
        for name, value in (("seconds", seconds), ("telling_seconds", telling_seconds)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"{name} is {shown(value)}; more than 0 seconds are needed")
        super().__init__(generator)
        self.keeps_deadline = True
        self._seconds = seconds
        self._telling_seconds = telling_seconds
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
            if limit < self._seconds and limit < self._telling_seconds:
                raise DeadlineExceededError(f"{self.name}: the deadline left {max(limit, 0.0):.3g} s") from error
            raise ProviderTimeoutError(f"no answer within {limit:.3g} s", provider=self.name) from error
