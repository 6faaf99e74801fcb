"""Asking for the variants of a brief until each has its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from postopt.errors import GenerationError, PostRejectedError
from postopt.generation.asker import Asker
from postopt.generation.drafts import Drafts
from postopt.generation.publishing import Publisher
from postopt.scheduling.ordered import map_ordered
from postopt.types import Brief, Posts

ROUNDS = 4
"""How often a generator that repeats itself is asked for another variant; the number is arbitrary."""


class Rounds:
    """Asks for n variants, then for others in place of those that repeated a text, `ROUNDS` times at most.

    Args:
        ask: who answers.
        publish: who is told of each verdict.
    """

    def __init__(self, ask: Asker, publish: Publisher) -> None:
        self._ask = ask
        self._publish = publish

    async def write(self, brief: Brief, n: int, limit: int) -> tuple[Posts, GenerationError | None]:
        """Return the posts of a brief, asked for `limit` at a time, and the first error that says nothing about it."""
        drafts = Drafts(brief, n)
        if conflicts := drafts.conflicts():
            for variant in range(n):
                self._publish(drafts.reject(variant, conflicts), "conflict")
            return drafts.posts(), None
        repeated: Sequence[int] = ()
        first, last = 0, n
        for _ in range(ROUNDS):
            repeated = await self._round(drafts, range(first, last), limit)
            if not repeated:
                break
            first, last = last, last + len(repeated)
        for variant in repeated:
            reason = f"The generator repeats itself: {ROUNDS} variants in turn gave texts that are written already."
            self._publish(drafts.reject(variant, (reason,)), "repeated")
        return drafts.posts(), drafts.outage

    async def _round(self, drafts: Drafts, variants: Sequence[int], limit: int) -> list[int]:
        """Ask for variants, sort the answers in their order, and return those that repeated a text."""
        ask = partial(self._ask, drafts.brief)
        if limit == 1 or len(variants) == 1:
            answers = [await ask(variant) for variant in variants]
        else:
            answers = [answer async for answer in map_ordered(ask, variants, limit=limit)]
        repeated = []
        for variant, (answer, seconds) in zip(variants, answers, strict=True):
            if isinstance(answer, GenerationError):
                code = "refused" if isinstance(answer, PostRejectedError) else "no_text"
                self._publish(drafts.fail(variant, answer), code)
            elif drafts.repeats(answer):
                repeated.append(variant)
            else:
                self._publish(drafts.accept(variant, answer, seconds), "broken")
        return repeated
