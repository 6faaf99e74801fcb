import asyncio
import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt import blocking
from postopt.errors import GenerationError, PostRejectedError
from postopt.events.records import PostRejected, PostWritten
from postopt.generation.rounds import ROUNDS
from postopt.types import Brief, Completion, Trace
from postopt.writer import PostWriter

BRIEF = Brief(topic="Fresh bread", facts={"price": "€5"})


class Script:
    """A generator that answers each variant as it is told: with a text, or by raising an error."""

    name = "script"

    def __init__(self, answer, turns=lambda prompt: 0):
        self.answer = answer
        self.turns = turns
        self.asked = []
        self.at_work = 0
        self.most_at_work = 0
        self.closed = False

    async def generate(self, prompt):
        self.asked.append(prompt.variant)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            for _ in range(self.turns(prompt)):
                await asyncio.sleep(0)
            text = self.answer(prompt)
        finally:
            self.at_work -= 1
        if isinstance(text, Exception):
            raise text
        return Completion(text=text, generator=self.name, trace=Trace(tier="local", model="m1"), seed=7)

    async def aclose(self):
        self.closed = True


class Sink:
    def __init__(self, error=None):
        self.events = []
        self.error = error

    def publish_nowait(self, event):
        self.events.append(event)
        if self.error:
            raise self.error


def numbered(prompt):
    return f"Bread {prompt.variant} for €5"


def write(answer, n=3, brief=BRIEF, **options):
    return asyncio.run(PostWriter(Script(answer), **options).write(brief, n))


def write_many(generator, briefs, n=1, **options):
    async def main():
        return [posts async for posts in PostWriter(generator, **options).write_many(briefs, n)]

    return asyncio.run(main())


class TestWrite:
    def test_posts_come_in_the_order_of_their_variants(self):
        script = Script(numbered, turns=lambda prompt: 5 - prompt.variant)
        posts = asyncio.run(PostWriter(script).write(BRIEF, 5))
        assert [post.text for post in posts] == [f"Bread {i} for €5" for i in range(5)]
        assert [post.index for post in posts] == list(range(5))
        assert posts.rejections == ()

    def test_a_post_says_who_wrote_it_and_how_long_it_took(self):
        ticks = iter([10.0, 12.5])
        (post,) = asyncio.run(PostWriter(Script(numbered), clock=lambda: next(ticks)).write(BRIEF, 1))
        assert (post.generator, post.seed, post.brief) == ("script", 7, BRIEF)
        assert post.trace == Trace(tier="local", model="m1", seconds=2.5)

    def test_a_text_that_breaks_the_brief_is_a_rejection_and_the_others_stay(self):
        posts = write(lambda prompt: "Bread, free" if prompt.variant == 1 else numbered(prompt))
        assert [post.index for post in posts] == [0, 2]
        (rejection,) = posts.rejections
        assert rejection.variant == 1
        assert rejection.reasons == ('The fact "price" does not appear unchanged and on its own: "€5".',)

    def test_a_brief_that_no_post_can_keep_is_not_sent_to_the_generator(self):
        script = Script(numbered)
        brief = Brief(topic="Bread", facts={"price": "€5"}, forbidden=["€5"])
        posts = asyncio.run(PostWriter(script).write(brief, 2))
        assert len(posts) == 0
        assert [rejection.variant for rejection in posts.rejections] == [0, 1]
        assert script.asked == []

    def test_a_repeated_text_is_asked_for_again_with_an_unused_variant(self):
        script = Script(lambda prompt: numbered(prompt) if prompt.variant != 1 else "Bread  0\nfor €5")
        posts = asyncio.run(PostWriter(script).write(BRIEF, 3))
        assert [post.index for post in posts] == [0, 2, 3]
        assert script.asked == [0, 1, 2, 3]

    def test_a_generator_that_only_repeats_itself_is_not_asked_for_ever(self):
        script = Script(lambda prompt: "Bread for €5")
        posts = asyncio.run(PostWriter(script).write(BRIEF, 3))
        assert [post.index for post in posts] == [0]
        assert len(posts.rejections) == 2
        assert "repeats itself" in posts.rejections[0].reasons[0]
        assert len(script.asked) == 3 + 2 * (ROUNDS - 1)

    def test_a_replacement_that_is_refused_says_what_it_replaced(self):
        posts = write(lambda prompt: "Bread for €5" if prompt.variant < 2 else PostRejectedError(("No more.",)), 2)
        assert [post.index for post in posts] == [0]
        (rejection,) = posts.rejections
        assert rejection.variant == 2
        assert rejection.reasons == ("No more.", "It was asked for in place of a variant that repeated another.")

    def test_a_refusal_is_a_rejection_with_the_generators_reasons(self):
        posts = write(lambda prompt: PostRejectedError(("No room.", "No time.")))
        assert len(posts) == 0
        assert [rejection.reasons for rejection in posts.rejections] == [("No room.", "No time.")] * 3

    def test_an_outage_of_some_variants_keeps_the_others(self):
        posts = write(lambda prompt: numbered(prompt) if prompt.variant else GenerationError("time-out"))
        assert [post.index for post in posts] == [1, 2]
        assert posts.rejections[0].reasons == ("No text came out: time-out",)

    def test_an_outage_of_all_variants_is_raised(self):
        error = GenerationError("time-out")
        with pytest.raises(GenerationError) as caught:
            write(lambda prompt: PostRejectedError(("no",)) if prompt.variant else error)
        assert caught.value is error

    def test_an_error_that_no_generator_should_raise_is_not_hidden(self):
        with pytest.raises(ZeroDivisionError):
            write(lambda prompt: ZeroDivisionError() if prompt.variant == 1 else numbered(prompt))

    def test_calls_at_one_time_are_limited(self):
        script = Script(numbered, turns=lambda prompt: 3)
        asyncio.run(PostWriter(script, concurrency=4).write(BRIEF, 20))
        assert script.most_at_work == 4

    def test_cancelling_cancels_the_generator(self):
        async def main():
            script = Script(numbered, turns=lambda prompt: 10**9)
            writing = asyncio.create_task(PostWriter(script).write(BRIEF, 3))
            for _ in range(10):
                await asyncio.sleep(0)
            assert script.at_work == 3
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            return script.at_work, asyncio.all_tasks() - {asyncio.current_task()}

        assert asyncio.run(main()) == (0, set())

    @pytest.mark.parametrize("n", [0, -1])
    def test_fewer_than_one_post_cannot_be_asked_for(self, n):
        with pytest.raises(ValueError, match=f"n is {n}"):
            write(numbered, n)

    def test_no_concurrency_at_all_is_refused(self):
        with pytest.raises(ValueError, match="concurrency is 0"):
            PostWriter(Script(numbered), concurrency=0)

    @given(
        st.lists(st.sampled_from(["Bread €5", "Jam €5", "Jam", "", "refuse", "outage"]), min_size=1, max_size=30),
        st.integers(1, 6),
        st.integers(1, 4),
    )
    def test_each_variant_asked_for_ends_as_a_distinct_post_or_a_rejection(self, answers, n, concurrency):
        def answer(prompt):
            text = answers[prompt.variant % len(answers)]
            if text == "refuse":
                return PostRejectedError(("no",))
            return GenerationError("down") if text == "outage" else text

        try:
            posts = write(answer, n, concurrency=concurrency)
        except GenerationError:
            assert "outage" in answers
            return
        assert len(posts) + len(posts.rejections) == n
        assert len({post.text for post in posts}) == len(posts)
        assert all("€5" in post.text for post in posts)
        one_by_one = write(answer, n, concurrency=1)
        assert [post.id for post in posts] == [post.id for post in one_by_one]


class TestIds:
    def test_the_same_post_has_the_same_id_in_every_run(self):
        (post,) = write(numbered, 1)
        (again,) = write(numbered, 1)
        assert post.id == again.id == "fc9348ae76d543eaeeb1f27c820b7377"

    def test_the_order_of_facts_does_not_change_the_id(self):
        one = Brief(topic="Bread", facts={"a": "€5", "b": "0"})
        other = Brief(topic="Bread", facts={"b": "0", "a": "€5"})
        assert write(numbered, 1, one)[0].id == write(numbered, 1, other)[0].id

    def test_whatever_makes_the_post_changes_the_id(self):
        other_topic = Brief(topic="Stale bread", facts={"price": "€5"})
        ids = {post.id for post in write(numbered, 3)}
        ids |= {write(numbered, 1, other_topic)[0].id, write(lambda prompt: "Jam €5", 1)[0].id}
        assert len(ids) == 5


class TestWriteMany:
    def test_posts_come_in_the_order_of_the_briefs(self):
        briefs = [Brief(topic=f"Bread {i}") for i in range(20)]
        script = Script(lambda prompt: prompt.brief.topic, turns=lambda prompt: int(prompt.brief.topic[6:]) * 7 % 5)
        written = write_many(script, iter(briefs))
        assert [posts.brief for posts in written] == briefs
        assert 1 < script.most_at_work <= 8

    def test_briefs_may_come_from_an_async_iterable(self):
        async def source():
            yield BRIEF
            yield BRIEF

        assert [len(posts) for posts in write_many(Script(numbered), source(), n=2)] == [2, 2]

    def test_the_calls_at_one_time_are_limited_whatever_n(self):
        script = Script(numbered, turns=lambda prompt: 3)
        write_many(script, [BRIEF] * 10, n=5, concurrency=3)
        assert script.most_at_work == 3

    def test_one_refused_brief_does_not_stop_the_others(self):
        def answer(prompt):
            return PostRejectedError(("no",)) if prompt.brief.topic == "b" else "Bread"

        written = write_many(Script(answer), [Brief(topic=topic) for topic in "abc"])
        assert [len(posts) for posts in written] == [1, 0, 1]
        assert written[1].rejections[0].reasons == ("no",)

    def test_an_outage_is_delivered_without_losing_the_rest(self):
        def answer(prompt):
            return GenerationError("time-out") if prompt.brief.topic == "b" else "Bread"

        written = write_many(Script(answer), [Brief(topic=topic) for topic in "abc"])
        assert [len(posts) for posts in written] == [1, 0, 1]
        assert written[1].rejections[0].reasons == ("No text came out: time-out",)

    def test_closing_early_leaves_no_task_behind(self):
        async def main():
            script = Script(numbered, turns=lambda prompt: 2)
            stream = PostWriter(script).write_many(iter(lambda: BRIEF, None))
            assert len(await anext(stream)) == 1
            await stream.aclose()
            return script.at_work, asyncio.all_tasks() - {asyncio.current_task()}

        assert asyncio.run(main()) == (0, set())

    def test_memory_is_bounded_by_the_concurrency(self):
        alive = weakref.WeakSet()
        most = 0

        class Text(str):
            __slots__ = ("__weakref__",)

        def answer(prompt):
            text = Text(f"Bread {len(alive)}")
            alive.add(text)
            return text

        async def main():
            nonlocal most
            briefs = (Brief(topic="Bread") for _ in range(2000))
            async for _ in PostWriter(Script(answer), concurrency=4).write_many(briefs):
                most = max(most, len(alive))

        gc.disable()
        try:
            asyncio.run(main())
        finally:
            gc.enable()
        assert most <= 6  # four at work or waiting, the one in hand, and the one just replaced


class TestEvents:
    def test_posts_and_rejections_are_told_without_any_text(self):
        def answer(prompt):
            return "Bread, secret" if prompt.variant else "Bread €5"

        sink = Sink()
        posts = write(answer, 2, events=sink, clock=iter(range(9)).__next__, wall_clock=lambda: 99.0)
        written, rejected = sink.events
        assert written == PostWritten(
            at=99.0, post_id=posts[0].id, generator="script", tier="local", model="m1", seconds=1
        )
        assert rejected == PostRejected(at=99.0, generator="script", variant=1, reason_codes=("broken",))

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (lambda prompt: PostRejectedError(("no",)) if prompt.variant else "Bread €5", "refused"),
            (lambda prompt: GenerationError("down") if prompt.variant else "Bread €5", "no_text"),
            (lambda prompt: "Bread €5", "repeated"),
        ],
    )
    def test_a_code_says_why(self, answer, code):
        sink = Sink()
        write(answer, 2, events=sink)
        assert sink.events[-1].reason_codes == (code,)

    def test_a_conflict_is_told_too(self):
        sink = Sink()
        write(numbered, 1, Brief(topic="b", facts={"a": "12"}, max_length=1), events=sink)
        assert sink.events[0].reason_codes == ("conflict",)

    def test_a_sink_that_fails_never_fails_a_post(self):
        async def main():
            writer = PostWriter(Script(numbered), events=Sink(OSError("disk")))
            return len(await writer.write(BRIEF, 3)), writer.failed_events

        assert asyncio.run(main()) == (3, 3)


class TestClosing:
    def test_leaving_the_writer_closes_its_generator(self):
        script = Script(numbered)

        async def main():
            async with PostWriter(script) as writer:
                assert await writer.write(BRIEF, 1)
                assert not script.closed

        asyncio.run(main())
        assert script.closed

    def test_a_generator_that_cannot_be_closed_needs_no_closing(self):
        class Plain:
            name = "plain"

            async def generate(self, prompt):
                return Completion(text="Bread €5", generator="plain", trace=Trace(tier="local", model="m"))

        async def main():
            async with PostWriter(Plain()) as writer:
                return await writer.write(BRIEF, 1)

        assert len(asyncio.run(main())) == 1


class TestBlocking:
    """The same writer for callers that do not await."""

    def test_it_writes_the_same_posts(self):
        script = Script(numbered)
        with blocking.PostWriter(script, clock=lambda: 0.0) as writer:
            posts = writer.write(BRIEF, 2)
            streamed = list(writer.write_many([BRIEF, BRIEF], 2))
        assert list(posts) == list(write(numbered, 2, clock=lambda: 0.0))
        assert [list(each) for each in streamed] == [list(posts), list(posts)]
        assert script.closed

    def test_it_works_inside_a_running_loop(self):
        async def cell():
            return blocking.PostWriter(Script(numbered)).write(BRIEF, 2)

        assert len(asyncio.run(cell())) == 2

    def test_stopping_early_ends_what_was_at_work(self):
        script = Script(numbered, turns=lambda prompt: 2)
        for posts in blocking.PostWriter(script).write_many(iter(lambda: BRIEF, None)):
            assert len(posts) == 1
            break
        gc.collect()  # where dropping the iterator does not close it at once
        assert script.at_work == 0

    def test_an_outage_reaches_the_caller(self):
        writer = blocking.PostWriter(Script(lambda prompt: GenerationError("down")), events=Sink(OSError()))
        with pytest.raises(GenerationError, match="down"):
            writer.write(BRIEF, 1)
        assert writer.failed_events == 1
