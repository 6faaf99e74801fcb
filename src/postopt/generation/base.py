"""The seams between the library and whatever writes text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from postopt.errors import GenerationError
from postopt.trace import Trace
from postopt.types import Completion, Prompt, Usage


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of an answer. The texts of all chunks, joined, are the answer; the last one says how it ended.

    Attributes:
        text: what came; never empty but in the last chunk.
        finish_reason: why the answer ended, in the last chunk; "" in those before.
        usage: the tokens that the whole call used, in the last chunk.
        trace: who answered and what it cost, in the last chunk.
    """

    text: str
    finish_reason: str = ""
    usage: Usage | None = None
    trace: Trace | None = None


class StreamingGenerator(Protocol):
    """A generator that hands out its answer as it comes."""

    name: str

    def stream(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """Answer one prompt, piece by piece; nothing is sent before the first piece is asked for.

        Closing the iterator, or cancelling whoever waits for it, cancels the work. Nothing of the answer may be
        empty but its last chunk, and without a last chunk that has a `finish_reason` it is not whole.

        Raises:
            GenerationError: the answer did not come, or broke off; then `partial_text` is what had been handed out.
        """
        ...


class BatchGenerator(Protocol):
    """A generator for which many prompts at once cost less than one by one."""

    name: str

    async def generate_batch(self, prompts: Sequence[Prompt]) -> list[Completion | GenerationError]:
        """Answer each prompt, in their order: with a completion, or with the error that befell this one alone.

        Raises:
            GenerationError: something befell all of them.
        """
        ...
