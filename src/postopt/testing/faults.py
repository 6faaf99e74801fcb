"""Faults on schedule, around any generator."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from random import Random
from typing import Literal, Self, TypeAlias, get_args

from postopt.errors import GenerationError
from postopt.generation.base import Generator
from postopt.types import Completion, Prompt

Fault: TypeAlias = Literal["ok", "error", "hang", "empty", "garbage", "wrong_facts"]


class FaultPlan:
    """A generator that misbehaves as planned, call by call, and else passes calls on to another.

    The faults, each of which a caller has to survive:
        - "ok": none.
        - "error": a `GenerationError` with `retryable` set, as from an overloaded provider.
        - "hang": no answer until `release` (or cancellation); then the call goes through.
        - "empty": a completion with the text "", against the law.
        - "garbage": a completion of random characters.
        - "wrong_facts": the true completion, with each fact's value altered wherever it appears.

    Attributes:
        name: the wrapped generator's.
        played: the fault of each call so far, in order of the calls.

    Args:
        generator: who answers when nothing is planned.
        schedule: the faults of the first calls, in order; later calls pass through.
        seed: decides what the garbage looks like.
    """

    def __init__(self, generator: Generator, schedule: Iterable[Fault], *, seed: int = 0) -> None:
        self.name = generator.name
        self.played: list[Fault] = []
        self._generator = generator
        self._schedule = tuple(schedule)
        self._seed = seed
        self._hanging: list[Future[None]] = []
        self._released = False
        for fault in self._schedule:
            if fault not in get_args(Fault):
                raise ValueError(f"fault is {fault!r}; allowed: {', '.join(get_args(Fault))}")

    @classmethod
    def drawn(cls, generator: Generator, *, seed: int, calls: int, **shares: float) -> Self:
        """Plan `calls` calls at random: a fault named in `shares` hits each with that probability.

        The same seed and shares give the same schedule.
        """
        if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1:
            raise ValueError(f"shares are {shares!r}; probabilities that add up to at most 1 are needed")
        faults = [*shares, "ok"]
        weights = [*shares.values(), 1 - sum(shares.values())]
        schedule = Random(seed).choices(faults, weights, k=calls)  # noqa: S311 - a schedule, not a secret
        return cls(generator, schedule, seed=seed)  # type: ignore[arg-type]  # checked by the constructor

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
        if fault == "error":
            error = GenerationError(f"planned fault in call {call}")
            error.retryable = True
            raise error
        if fault == "hang":
            await self._hang()
        completion = await self._generator.generate(prompt)
        if fault == "empty":
            return replace(completion, text="")
        if fault == "garbage":
            return replace(completion, text=self._garbage(call))
        if fault == "wrong_facts":
            return replace(completion, text=_with_wrong_facts(completion.text, prompt))
        return completion

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
