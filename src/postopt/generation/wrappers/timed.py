"""A limit on the time that one call takes."""

from __future__ import annotations

from postopt._checks import check_positive
from postopt.errors import DeadlineExceededError, GenerationError, ProviderTimeoutError
from postopt.generation.base import Generator
from postopt.generation.wrappers.costs import tell_unknown_cost
from postopt.generation.wrappers.order import Wrapper
from postopt.resilience.deadline import remaining
from postopt.resilience.timeout import Timeout, TimeUpError
from postopt.types import Completion, Prompt


class Timed(Wrapper):
    """Cuts a call off after so many seconds, or at the caller's deadline if that comes first.

    A call ends by its cancellation: one that puts that off is waited for (`Timeout`).

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
            ProviderTimeoutError: there was no answer within `seconds`.
            DeadlineExceededError: there was none before the caller's deadline.
            GenerationError: as the generator.
        """
        left = remaining()
        hurried = left is not None and left <= self._seconds
        limit = left if left is not None and hurried else self._seconds
        try:
            return await self._timeout.acall(limit, self._generate, prompt)
        except TimeUpError as error:
            raise self._late(limit, prompt, hurried=hurried) from error
        except Exception as error:
            tell_unknown_cost(error, self._bound, prompt)
            raise

    def _late(self, limit: float, prompt: Prompt, *, hurried: bool) -> GenerationError:
        late: GenerationError
        if hurried:
            late = DeadlineExceededError(f"{self.name} gave no answer in the {max(limit, 0.0):.3g} s that were left")
            if limit >= self._telling_seconds:
                late.at_fault = "provider"
        else:
            late = ProviderTimeoutError(f"no answer within {limit:.3g} s", provider=self.name)
        if limit > 0:
            tell_unknown_cost(late, self._bound, prompt)
        else:
            late.attempts = 0
        return late
