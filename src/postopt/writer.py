"""From a brief to posts that keep it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Self

from postopt.clock import Clock
from postopt.errors import GenerationError, PostRejectedError, shown
from postopt.generation.asker import Asker
from postopt.generation.base import Generator
from postopt.generation.drafts import Drafts
from postopt.generation.publishing import EventSink, Publisher
from postopt.resilience.deadline import within
from postopt.scheduling.ordered import map_ordered
from postopt.types import Brief, Posts

ROUNDS = 4
"""How often a generator that repeats itself is asked for another variant; the number is arbitrary."""


class PostWriter:
    """Writes posts with a generator and lets through only those that keep their brief.

    Of n variants asked for, each ends as a post or as a rejection with its reasons; no two posts of one brief have
    the same text. A post's `index` is the variant that was asked for. With a generator that answers
    alike for the same variant and seed, posts and ids are the same in every run, whatever the concurrency.

    Args:
        generator: who writes. Leaving `async with writer:` closes it, if it has an `aclose`.
        events: told of each post and each rejection, without any text; its errors are counted in `failed_events`.
        clock: monotonic seconds, for `trace.seconds`.
        wall_clock: seconds since the epoch, for events.
        concurrency: most calls of the generator at one time, for each `write` or `write_many`.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        events: EventSink | None = None,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        concurrency: int = 8,
    ) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise ValueError(f"concurrency is {shown(concurrency)}; an int, 1 or more, is needed")
        self.generator = generator
        self._publish = Publisher(events, generator.name, wall_clock)
        self._clock = clock
        self._concurrency = concurrency
        self._ask = Asker(generator, clock)

    @property
    def failed_events(self) -> int:
        """How many events the sink did not take."""
        return self._publish.failed

    async def write(self, brief: Brief, n: int = 3, *, deadline: float | None = None) -> Posts:
        """Write up to `n` posts, in the order of their variants.

        A variant that the generator refuses or fails to write, that breaks the brief, or that repeats another four
        times over is a rejection; the others are kept. So is one that is not there `deadline` seconds from now, unless
        templates stand behind it (`Fallback`).

        Raises:
            GenerationError: nothing was written; the generator is out of order or of time, or declines (RefusedError).
            ValueError: `n` is below 1, or `deadline` negative or NaN.
        """
        with within(deadline, clock=self._clock):
            posts, outage = await self._write(brief, n, self._concurrency)
        if outage is not None and not posts:
            raise outage
        return posts

    async def write_many(
        self, briefs: Iterable[Brief] | AsyncIterable[Brief], n: int = 1, *, deadline: float | None = None
    ) -> AsyncGenerator[Posts, None]:
        """Yield the posts of each brief, in the order of the briefs, which are read only as far as needed.

        Each brief has `deadline` seconds from when its turn comes.

        An outage ends as rejections of the briefs it befell; the others go on. Any other error of the generator, or
        of `briefs`, ends the stream after the posts of all briefs before it. Closing the stream early, or cancelling
        it, cancels what is at work and waits for its end.

        Raises:
            ValueError: `n` is below 1, or `deadline` negative or NaN.
        """

        async def write(brief: Brief) -> tuple[Posts, GenerationError | None]:
            with within(deadline, clock=self._clock):
                # Variants of one brief one after the other: the calls at one time are the briefs at one time.
                return await self._write(brief, n, limit=1)

        async with aclosing(map_ordered(write, briefs, limit=self._concurrency)) as results:
            async for posts, _ in results:
                yield posts

    async def aclose(self) -> None:
        """Close the generator, if it can be closed."""
        if aclose := getattr(self.generator, "aclose", None):
            await aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _write(self, brief: Brief, n: int, limit: int) -> tuple[Posts, GenerationError | None]:
        """Return the posts of a brief, and the first error that says nothing about the brief."""
        if type(n) is not int or n < 1:
            raise ValueError(f"n is {shown(n)}; an int, 1 or more, is needed")
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
