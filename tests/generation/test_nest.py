"""The documented nest: posts keep coming, in time, for no more than was allowed."""

import asyncio

import pytest

from postopt import PostWriter
from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.errors import DeadlineExceededError, OverloadedError, QuotaError, RefusedError
from postopt.generation.nest import standard
from postopt.generation.templates import TemplateGenerator
from postopt.resilience.budget import Budget
from postopt.scheduling.priority import PriorityQueue
from postopt.testing import FaultPlan, GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Trace

BRIEF = Brief(topic="fresh bread", facts={"price": "$3.50"})


class Model:
    """Always answers the same way, or not at all."""

    def __init__(self, name, model, *, error=None, hangs=False, cost=0.25):
        self.name, self.model = name, model
        self.error, self.hangs, self.cost = error, hangs, cost
        self.calls = 0
        self.closed = False

    def max_cost(self, prompt):
        return 0.5

    async def generate(self, prompt):
        self.calls += 1
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.error:
            raise self.error("planned")
        return Completion(
            text=f"Bread {prompt.variant} for $3.50",
            generator=self.name,
            trace=Trace(tier="remote", model=self.model, cost_usd=self.cost),
        )

    async def aclose(self):
        self.closed = True


class TestStandard(GeneratorContract):
    def make(self):
        return standard([Model("a", "small"), Model("b", "small")], budget=Budget(usd_total=100))


def write(generator, *, n=1, deadline=None, brief=BRIEF, times=1):
    """Return the posts, and how long it took."""

    async def main():
        loop = asyncio.get_running_loop()
        async with PostWriter(generator, clock=loop.time) as writer:
            for _ in range(times):
                posts = await writer.write(brief, n, deadline=deadline)
            return posts, loop.time()

    return run_scripted(main())


class TestShape:
    def test_one_model_needs_no_balance(self):
        nest = standard(Model("a", "small"))
        assert repr(nest) == "Fallback(Coalesced(Queued(Budgeted(Retried(Guarded(Timed(a)))))), templates)"

    def test_replicas_are_balanced_and_models_stand_in_for_each_other(self):
        models = [Model("a", "big"), Model("b", "small"), Model("c", "big")]
        cache = TieredCache(MemoryStore())
        nest = standard(models, cache=cache, budget=Budget(usd_total=1), templates=TemplateGenerator(seed=3))
        assert repr(nest) == (
            "Fallback(Cached(Coalesced(Queued(Budgeted(Fallback("
            "Retried(Balanced(Guarded(Timed(a)), Guarded(Timed(c)))), Retried(Guarded(Timed(b))))))))"
            ", templates)"
        )
        assert nest.name == "big"

    def test_a_generator_without_a_model_is_one_of_its_own(self):
        nest = standard([ScriptedGenerator([], name="x"), ScriptedGenerator([], name="y")])
        assert "Budgeted(Fallback(Retried(Guarded(Timed(x))), Retried(Guarded(Timed(y)))))" in repr(nest)

    def test_no_model_is_an_error(self):
        with pytest.raises(ValueError, match="no generator was given"):
            standard([])

    @pytest.mark.parametrize("remote", ["small", [None], [Model("a", "m"), "b"]])
    def test_what_is_no_generator_is_refused(self, remote):
        with pytest.raises(ValueError, match="is no generator"):
            standard(remote)

    def test_one_given_twice_is_refused(self):
        model = Model("a", "small")
        with pytest.raises(ValueError, match="twice"):
            standard([model, model])

    @pytest.mark.parametrize("settings", [{"budget": 1.0}, {"queue": 5}, {"seconds": 0}])
    def test_settings_are_checked(self, settings):
        with pytest.raises(ValueError, match=r"is needed|are needed"):
            standard(Model("a", "small"), **settings)


class TestWhoAnswers:
    def test_the_model_if_it_can(self):
        posts, _ = write(standard(Model("a", "small")))
        assert (posts[0].trace.source, posts[0].trace.model) == ("primary", "small")

    def test_the_other_model_if_it_cannot(self):
        posts, _ = write(standard([Model("a", "big", error=QuotaError), Model("b", "small")]))
        assert (posts[0].trace.source, posts[0].trace.fallbacks) == ("other provider", ("a: quota",))

    def test_the_templates_if_none_can(self):
        posts, _ = write(standard(Model("a", "small", error=OverloadedError)), n=3)
        assert [post.trace.source for post in posts] == ["templates"] * 3

    def test_nobody_if_the_model_refuses(self):
        async def main():
            with pytest.raises(RefusedError):
                await PostWriter(standard(Model("a", "small", error=RefusedError))).write(BRIEF, 1)

        run_scripted(main())

    def test_the_templates_if_there_is_no_room(self):
        queue = PriorityQueue(concurrency=1, max_waiting=1)
        model = Model("a", "small", hangs=True)
        posts, _ = write(standard(model, queue=queue), n=4, deadline=2.0)
        assert {post.trace.source for post in posts} == {"templates"}
        assert any("shed" in post.trace.summary() for post in posts)

    def test_the_cache_the_second_time(self):
        model = Model("a", "small")
        posts, _ = write(standard(model, cache=TieredCache(MemoryStore())), times=2)
        assert (posts[0].trace.tier, posts[0].trace.saved_usd, model.calls) == ("cache", 0.25, 1)


class TestMoney:
    def test_when_it_is_used_up_the_templates_write(self):
        budget = Budget(usd_total=1.0)
        posts, _ = write(standard(Model("a", "small"), budget=budget), n=8)
        assert len(posts) == 8
        paid = [post for post in posts if post.trace.source == "primary"]
        assert budget.spent == sum(post.trace.cost_usd for post in paid) <= 1.0
        assert posts[-1].trace.fallbacks == ("a: budget exceeded",)

    @pytest.mark.parametrize("budget", [None, Budget(usd_total=1.0)])
    def test_a_brief_with_no_money_gets_templates(self, budget):
        brief = Brief(topic="fresh bread", budget=0)
        posts, _ = write(standard(Model("a", "small"), budget=budget), brief=brief)
        assert posts[0].trace.source == "templates"


class TestDeadlines:
    @pytest.mark.parametrize("models", [1, 2])
    def test_templates_answer_in_time_even_if_every_model_hangs(self, models):
        generator = standard([Model(f"m{number}", f"m{number}", hangs=True) for number in range(models)])
        posts, seconds = write(generator, n=3, deadline=2.0)
        assert [post.trace.source for post in posts] == ["templates"] * 3
        assert seconds <= 2.0

    def test_and_the_more_posts_than_are_written_at_once(self):
        posts, seconds = write(standard(Model("a", "small", hangs=True)), n=30, deadline=2.0)
        assert len(posts) == 30
        assert seconds <= 2.0

    def test_somebody_elses_slow_call_holds_up_nobody(self):
        async def main():
            loop = asyncio.get_running_loop()
            generator = standard(Model("a", "small", hangs=True))
            writer = PostWriter(generator, clock=loop.time)
            patient = asyncio.create_task(writer.write(BRIEF, 1))
            await asyncio.sleep(0)
            posts = await writer.write(BRIEF, 1, deadline=2.0)
            assert posts[0].trace.source == "templates"
            assert loop.time() <= 2.0
            await patient

        run_scripted(main())

    def test_a_model_that_hangs_every_time_is_left_alone_in_the_end(self):
        model = Model("a", "small", hangs=True)
        _, seconds = write(standard(model), deadline=2.0, times=10)
        assert model.calls < 10
        assert seconds < 10 * 1.5

    def test_without_templates_what_is_late_is_a_rejection(self):
        async def main():
            loop = asyncio.get_running_loop()
            plan = FaultPlan(ScriptedGenerator(["Bread for $3.50"] * 3, name="slow"), ["ok", "hang"])
            posts = await PostWriter(plan, clock=loop.time).write(BRIEF, 2, deadline=1.0)
            assert [post.index for post in posts] == [0]
            assert posts.rejections[0].reasons == ("No text came out: slow gave no answer before the deadline",)
            plan = FaultPlan(ScriptedGenerator([], name="slow"), ["hang"])
            with pytest.raises(DeadlineExceededError):
                await PostWriter(plan, clock=loop.time).write(BRIEF, 1, deadline=1.0)

        run_scripted(main())

    def test_each_brief_of_a_stream_has_its_own(self):
        async def main():
            loop = asyncio.get_running_loop()
            writer = PostWriter(standard(Model("a", "small", hangs=True)), clock=loop.time, concurrency=1)
            briefs = [Brief(topic=f"bread {number}") for number in range(3)]
            return [posts[0].trace.source async for posts in writer.write_many(briefs, deadline=1.0)]

        assert run_scripted(main()) == ["templates"] * 3

    @pytest.mark.parametrize("deadline", [-1, float("nan")])
    def test_what_is_no_time_is_refused(self, deadline):
        with pytest.raises(ValueError, match="seconds is"):
            write(TemplateGenerator(), deadline=deadline)


def test_closing_closes_every_model():
    models = [Model("a", "big"), Model("b", "small"), Model("c", "big")]
    write(standard(models))
    assert all(model.closed for model in models)
