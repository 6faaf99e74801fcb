"""From a brief to posts that keep it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from typing import Self, Unpack

from postopt.clock import Clock
from postopt.errors import GenerationError, shown
from postopt.generation.asker import Asker
from postopt.generation.base import Generator
from postopt.generation.choosing import Chooser, FeedbackSink, Further, ModelSource, PromptSource, new_unit
from postopt.generation.judging import Judge, PostPredictor, PostScorer, TextEnhancer
from postopt.generation.publishing import EventSink, Publisher
from postopt.generation.rounds import Rounds
from postopt.resilience.deadline import within
from postopt.scheduling.ordered import map_ordered
from postopt.types import Brief, Posts


class PostWriter:
    """Writes posts with a generator and lets through only those that keep their brief.

    Of n variants asked for, each ends as a post or as a rejection with its reasons; no two posts of one brief have
    the same text. A post's `index` is the variant that was asked for. With a generator that answers
    alike for the same variant and seed, posts and ids are the same in every run, whatever the concurrency.

    Args:
        generator: who writes. Leaving `async with writer:` closes it, if it has an `aclose`.
        prompts: chooses the prompt of each post (`PromptOptimizer`), and learns from its readers.
        selector: chooses the model of each post (`ModelSelector`), and learns from its readers; the generator has to
            ask the model that a prompt names, as `Routed` does.
        scorer: says what is right and wrong with each post (`QualityScorer`), and which is best.
        predictor: says how each post may do (`EngagementPredictor`), and which is best if there is no scorer.
        enhancer: repairs each text before it is checked (`Enhancer`). One that may not be published even so is a
            rejection, unless there is a scorer: then its report says so.
        learning: takes the feedback instead of these two, to bring it to them in steps (`LearningLoop`).
        events: told of each post and each rejection, without any text; its errors are counted in `failed_events`.
        clock: monotonic seconds, for `trace.seconds`.
        wall_clock: seconds since the epoch, for events.
        concurrency: most calls of the generator at one time, for each `write` or `write_many`.
        new_unit: names each post before it is written; experiments assign these names.
    """

    def __init__(  # noqa: PLR0913 - the parts that a writer is composed of
        self,
        generator: Generator,
        *,
        prompts: PromptSource | None = None,
        selector: ModelSource | None = None,
        scorer: PostScorer | None = None,
        predictor: PostPredictor | None = None,
        enhancer: TextEnhancer | None = None,
        learning: FeedbackSink | None = None,
        events: EventSink | None = None,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        concurrency: int = 8,
        new_unit: Callable[[], str] = new_unit,
    ) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise ValueError(f"concurrency is {shown(concurrency)}; an int, 1 or more, is needed")
        self.generator = generator
        self._publish = Publisher(events, generator.name, wall_clock)
        self._clock = clock
        self._concurrency = concurrency
        self._chooser = Chooser(prompts, selector, learning, wall_clock=wall_clock, new_unit=new_unit)
        self._judge = Judge(scorer, predictor)
        self._rounds = Rounds(
            Asker(generator, self._chooser, clock, enhancer, reported=scorer is not None), self._publish
        )

    @property
    def failed_events(self) -> int:
        """How many events the sink did not take."""
        return self._publish.failed

    @property
    def failed_choices(self) -> int:
        """How often a prompt could not be chosen, or the choice not written down: such posts are in no experiment."""
        return self._chooser.failed

    @property
    def failed_judgements(self) -> int:
        """How many reports and predictions could not be made: such posts stand behind the others."""
        return self._judge.failed

    async def write(self, brief: Brief, n: int = 3, *, deadline: float | None = None) -> Posts:
        """Write up to `n` posts: the best first if somebody judges them, else in the order of their variants.

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

    async def feedback(self, post_id: str, *, impressions: int, clicks: int, **further: Unpack[Further]) -> bool:
        """Bring back what readers did with a post to who chose its prompt and model.

        Returns whether somebody takes it: False if nothing was decided for that post, or nobody knows it.

        A post is judged once: without `learning`, prompts and models learn from its first report, so report it when its
        numbers are final. A `LearningLoop` adds up the reports of its window.

        Args:
            post_id: `Post.id`.
            impressions: how often it was shown since the last report.
            clicks: how often it was clicked since then.
            further: `reactions`, `hides` and `revenue`, unless nobody counted them; `report_id`, so that a report that
                is sent twice counts once; `at`, when it was counted, unless that is now.

        Raises:
            OutcomeError: a count cannot be: negative, or more clicks than impressions.
        """
        return await self._chooser.areport(post_id, impressions, clicks, **further)

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
        posts, outage = await self._rounds.write(brief, n, limit)
        for post in posts:
            self._chooser.wrote(post)
        return self._judge(posts), outage
