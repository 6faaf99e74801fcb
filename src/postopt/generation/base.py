"""The seam between the library and whatever writes text."""

from __future__ import annotations

from typing import Protocol

from postopt.types import Completion, Prompt


class Generator(Protocol):
    """Text in, text out. What surrounds a generator (a cache, a breaker, a queue) is a generator too.

    Attributes:
        name: how traces, metrics and cache keys call it.
    """

    name: str

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer one prompt.

        The text is never empty, and two prompts that differ in `variant` only may be answered differently.
        Cancelling the call cancels the work; it is neither a success nor a failure.

        Raises:
            GenerationError: no text came out; `retryable` says whether to try again.
            PostRejectedError: no text can keep this brief; trying again does not help.
        """
        ...
