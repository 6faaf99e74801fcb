"""Faults on schedule, around any generator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from random import Random
from typing import Any, Literal, Self, TypeAlias, get_args

from postopt.errors import (
    CutOffError,
    GenerationError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitError,
    RefusedError,
    TruncatedError,
    UnreachableError,
)
from postopt.generation.base import Generator
from postopt.types import Completion, Prompt

Fault: TypeAlias = Literal[
    "ok", "error", "hang", "empty", "garbage", "wrong_facts", "latency", "timeout", "unreachable", "rate_limit",
    "refused", "truncated", "cut",
]  # fmt: skip


class FaultPlan:
    """A generator that misbehaves as planned, call by call, and else passes calls on to another.

    The faults, each of which a caller has to survive:
        - "ok": none.
        - "error": a `GenerationError` with `retryable` set, as from an overloaded provider.
        - "hang": no answer until `release` (or cancellation); then the call goes through.
        - "empty": a completion with the text "", against the law.
        - "garbage": a completion of random characters.
        - "wrong_facts": the true completion, with each fact's value altered wherever it appears.
        - "latency": the true completion, after `latency` seconds.
        - "timeout", "unreachable", "rate_limit" (with `retry_after`), "refused": that error of a provider's, without a
          call of the other generator.
        - "truncated", "cut": that error, with the first half of the true text in `partial_text` and its cost.

    Attributes:
        name: the wrapped generator's.
        played: the fault of each call so far, in order of the calls.

    Args:
        generator: who answers when nothing is planned.
        schedule: the faults of the first calls, in order; later calls pass through.
        seed: decides what the garbage looks like.
        latency: seconds that a call with that fault waits (1 is arbitrary).
        retry_after: seconds that "rate_limit" asks for, or None.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        generator: Generator,
        schedule: Iterable[Fault],
        *,
        seed: int = 0,
        latency: float = 1.0,
        retry_after: float | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.name = generator.name
        self.played: list[Fault] = []
        self._generator = generator
        self._schedule = tuple(schedule)
        self._seed = seed
        self._latency = latency
        self._retry_after = retry_after
        self._sleep = sleep
        self._hanging: list[Future[None]] = []
        self._released = False
        for fault in self._schedule:
            if fault not in get_args(Fault):
                raise ValueError(f"fault is {fault!r}; allowed: {', '.join(get_args(Fault))}")

    @classmethod
    def drawn(
        cls,
        generator: Generator,
        *,
        seed: int,
        calls: int,
        latency_seconds: float = 1.0,
        retry_after: float | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        **shares: float,
    ) -> Self:
        """Plan `calls` calls at random: a fault named in `shares` hits each with that probability.

        The same seed and shares give the same schedule. `latency=0.5` is the share of the fault "latency";
        `latency_seconds` is how long each takes.

        Raises:
            ValueError: no such fault, or shares that are none.
        """
        if not all(0 <= share <= 1 for share in shares.values()) or sum(shares.values()) > 1:
            raise ValueError(f"shares are {shares!r}; probabilities that add up to at most 1 are needed")
        faults = [*shares, "ok"]
        weights = [*shares.values(), 1 - sum(shares.values())]
        schedule = Random(seed).choices(faults, weights, k=calls)  # noqa: S311 - a schedule, not a secret
        return cls(
            generator,
            schedule,  # type: ignore[arg-type]  # checked by the constructor
            seed=seed,
            latency=latency_seconds,
            retry_after=retry_after,
            sleep=sleep,
        )

    def release(self) -> None:
        """Let the calls that hang go on, and later ones not hang at all; any thread may call this."""
        self._released = True
        for call in self._hanging:
            if not call.done():  # a call that was cancelled is
                call.set_result(None)

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer, or fail as planned for this call."""
        call = len(self.played)
        fault: Fault = self._schedule[call] if call < len(self._schedule) else "ok"
        self.played.append(fault)
        if error := self._refusal(fault, call):
            raise error
        if fault == "hang":
            await self._hang()
        if fault == "latency":
            await self._sleep(self._latency)
        completion = await self._generator.generate(prompt)
        if fault == "empty":
            return replace(completion, text="")
        if fault == "garbage":
            return replace(completion, text=self._garbage(call))
        if fault == "wrong_facts":
            return replace(completion, text=_with_wrong_facts(completion.text, prompt))
        if fault in ("truncated", "cut"):
            half = completion.text[: len(completion.text) // 2]
            kind = TruncatedError if fault == "truncated" else CutOffError
            raise self._error(kind, call, phase="stream", partial_text=half, cost_usd=completion.trace.cost_usd)
        return completion

    def _refusal(self, fault: Fault, call: int) -> GenerationError | None:
        """Return the error of a call that the other generator never hears of."""
        if fault == "error":
            error = GenerationError(f"planned fault in call {call}")
            error.retryable = True
            return error
        if fault == "timeout":
            return self._error(ProviderTimeoutError, call, phase="first_token")
        if fault == "unreachable":
            return self._error(UnreachableError, call, phase="send")
        if fault == "rate_limit":
            return self._error(RateLimitError, call, status=429, retry_after=self._retry_after)
        return self._error(RefusedError, call) if fault == "refused" else None

    def _error(self, kind: type[ProviderError], call: int, **more: Any) -> ProviderError:
        return kind(f"planned fault in call {call}", provider=self.name, **more)

    async def _hang(self) -> None:
        released: Future[None] = Future()
        # Before the look at the flag: another thread may release in between.
        self._hanging.append(released)
        if not self._released:
            await asyncio.wrap_future(released)

    def _garbage(self, call: int) -> str:
        # Everything that can be encoded: controls, right-to-left marks, private use, beyond the basic plane.
        draw = Random(f"{self._seed}/{call}")  # noqa: S311 - noise, not a secret
        points = [draw.choice((0x00, 0x80, 0x0600, 0xE000, 0x1F600)) + draw.randrange(128) for _ in range(64)]
        return "".join(map(chr, points))


def _with_wrong_facts(text: str, prompt: Prompt) -> str:
    for value in prompt.brief.facts.values():
        text = text.replace(value, _altered(value))
    return text


def _altered(value: str) -> str:
    """Return another value of the same look: the first digit one higher, else the first character doubled."""
    for place, character in enumerate(value):
        if character in "0123456789":
            return f"{value[:place]}{(int(character) + 1) % 10}{value[place + 1 :]}"
    return value[0] + value
