"""Generators around a generator: answers that are kept, and calls that are shared."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from postopt import Brief, Completion, PostWriter, Prompt, TemplateGenerator, Trace, Usage
from postopt.caching.base import Entry
from postopt.caching.coalescing import Coalescer
from postopt.caching.codec import Codec
from postopt.caching.keys import cache_key
from postopt.caching.memory import MemoryStore
from postopt.caching.near import NearDuplicates
from postopt.caching.tiered import TieredCache
from postopt.errors import CacheValueError, GenerationError, OverloadedError, PostRejectedError
from postopt.generation.wrappers import Cached, Coalesced, Fallback
from postopt.testing import FaultyStore, GeneratorContract, ScriptedClock, ScriptedGenerator

BRIEF = Brief(topic="fresh bread")
ANSWER = Completion(
    text="Bread for $3.50",
    generator="remote",
    trace=Trace(tier="remote", model="m1", attempts=2, fallbacks=("slow",), cost_usd=0.01),
    usage=Usage(input_tokens=100, output_tokens=50),
    index=2**70,
    seed=2**80,
)


def prompt(variant=0, **fields):
    return Prompt(brief=BRIEF, variant=variant, text="Write.", **fields)


def cached(script, **settings):
    scripted = ScriptedGenerator(script)
    cache = TieredCache(MemoryStore())
    return scripted, cache, Cached(scripted, cache, **settings)


class TestCachedContract(GeneratorContract):
    def make(self):
        return Cached(TemplateGenerator(seed=1), TieredCache(MemoryStore()))


class TestCachedBytesContract(GeneratorContract):
    """Kept as bytes, in memory and elsewhere."""

    def make(self):
        stores = (MemoryStore(), FaultyStore(MemoryStore()))
        return Cached(TemplateGenerator(seed=1), TieredCache(*stores, codec=Codec()))


class TestCoalescedContract(GeneratorContract):
    def make(self):
        return Coalesced(TemplateGenerator(seed=1))


class TestCached:
    def test_a_hit_says_so_and_costs_nothing(self):
        async def use():
            _scripted, _, generator = cached([ANSWER])
            assert await generator.generate(prompt()) is ANSWER
            return await generator.generate(prompt())

        hit = asyncio.run(use())
        assert (hit.text, hit.generator, hit.index, hit.seed) == (ANSWER.text, "remote", 2**70, 2**80)
        assert hit.usage == Usage()
        assert hit.trace == Trace(tier="cache", model="m1", saved_usd=0.01, notes=("kept from tier remote",))

    def test_each_variant_has_an_answer_of_its_own(self):
        """A pool of answers, repeatable, and none of them "the" answer."""

        async def use():
            _scripted, _, generator = cached(["a", "b", "c"])
            first = [(await generator.generate(prompt(variant))).text for variant in range(3)]
            again = [(await generator.generate(prompt(variant))).text for variant in (2, 0, 1)]
            assert (first, again) == (["a", "b", "c"], ["c", "a", "b"])

        asyncio.run(use())

    def test_variants_beyond_the_pool_are_not_kept(self):
        async def use():
            _scripted, _cache, generator = cached(["a", "b", "c"], pool=1)
            texts = [(await generator.generate(prompt(variant))).text for variant in (0, 0, 1, 1)]
            assert texts == ["a", "a", "b", "c"]

        asyncio.run(use())

    @pytest.mark.parametrize(
        "other",
        [
            {"tenant": "b"},
            {"model": "m2"},
            {"temperature": 0.5},
            {"stop": (".",)},
            {"system": "Be brief."},
        ],
    )
    def test_what_can_change_the_answer_is_asked_anew(self, other):
        async def use():
            _scripted, _, generator = cached(["a", "b"])
            await generator.generate(prompt())
            assert (await generator.generate(prompt(**other))).text == "b"

        asyncio.run(use())

    def test_generators_that_share_a_cache_share_no_answer(self):
        async def use():
            cache = TieredCache(MemoryStore())
            first = Cached(ScriptedGenerator(["a"], name="first"), cache)
            second = Cached(ScriptedGenerator(["b"], name="second"), cache)
            third = Cached(ScriptedGenerator(["c"], name="first"), cache, extra={"revision": 2})
            assert [(await each.generate(prompt())).text for each in (first, second, third)] == ["a", "b", "c"]

        asyncio.run(use())

    def test_calls_at_the_same_time_are_one(self):
        async def use():
            scripted, _cache, generator = cached([ANSWER])
            answers = await asyncio.gather(*(generator.generate(prompt()) for _ in range(20)))
            assert len(scripted.prompts) == 1
            assert sum(answer.trace.cost_usd for answer in answers) == 0.01
            assert {answer.text for answer in answers} == {ANSWER.text}

        asyncio.run(use())

    def test_the_cache_weighs_money_and_waiting(self):
        async def use():
            _scripted, cache, generator = cached([ANSWER], usd_per_second=0.0)
            await generator.generate(prompt())
            await generator.generate(prompt())
            counters = cache.stats().counters
            assert (counters.cost_spent, counters.cost_saved) == (0.01, 0.01)

        asyncio.run(use())

    def test_priority_times_and_tags_reach_the_cache(self):
        async def use():
            store = MemoryStore(clock=lambda: 100.0)
            cache = TieredCache(store, clock=lambda: 100.0)
            generator = Cached(ScriptedGenerator(["a"]), cache, ttl=10, stale_ttl=5, tags=("bread",))
            await generator.generate(replace(prompt(), brief=replace(BRIEF, priority=1)))
            [(_, entry)] = store._shelf.living()
            assert (entry.priority, entry.tags, entry.expires_at, entry.stale_until) == (6, ("bread",), 110, 115)

        asyncio.run(use())

    def test_errors_are_not_kept(self):
        async def use():
            _scripted, _, generator = cached([GenerationError("no"), PostRejectedError(("long",)), "a"])
            with pytest.raises(GenerationError):
                await generator.generate(prompt())
            with pytest.raises(PostRejectedError):
                await generator.generate(prompt())
            assert (await generator.generate(prompt())).text == "a"

        asyncio.run(use())

    def test_a_prompt_without_a_key_is_an_error(self):
        async def use():
            _, _, generator = cached(["a"])
            with pytest.raises(CacheValueError):
                await generator.generate(prompt(temperature=float("nan")))

        asyncio.run(use())

    def test_closing_closes_the_generator_and_not_the_cache(self):
        class Closing(ScriptedGenerator):
            closed = False

            async def aclose(self):
                self.closed = True

        async def use():
            inner, store = Closing(["a"]), MemoryStore()
            generator = Cached(inner, TieredCache(store))
            await generator.generate(prompt())
            await generator.aclose()
            assert (inner.closed, len(store)) == (True, 1)
            inner = Closing([])
            await Coalesced(inner).aclose()
            assert inner.closed
            for plain in (Cached(ScriptedGenerator([]), TieredCache(store)), Coalesced(ScriptedGenerator([]))):
                await plain.aclose()

        asyncio.run(use())


class TestWhatIsNotKept:
    @pytest.mark.parametrize("bad", ["Bread for $3.00", "Cheap bread for $3.50", " \n"])
    def test_an_answer_that_breaks_its_brief(self, bad):
        brief = Brief(topic="bread", facts={"price": "$3.50"}, forbidden=("cheap",))

        async def use():
            scripted, _, generator = cached([bad, "Bread for $3.50"])
            writer = PostWriter(generator)
            written = [(await writer.write(brief, 1)) for _ in range(2)]
            assert len(scripted.prompts) <= 2
            assert written[-1][0].text == "Bread for $3.50"
            assert (await writer.write(brief, 1))[0].trace.tier == "cache"

        asyncio.run(use())

    @pytest.mark.parametrize("foreign", [5, None, "text", [], {}, {"text": 1}, {"text": "a", "generator": "g"}])
    def test_what_somebody_else_put_there_is_replaced(self, foreign):
        async def use():
            scripted, cache, generator = cached(["a"])
            await cache.set(cache_key(prompt(), generator=generator.name), Entry(value=foreign))
            assert (await generator.generate(prompt())).text == "a"
            assert (await generator.generate(prompt())).trace.tier == "cache"
            assert len(scripted.prompts) == 1

        asyncio.run(use())

    def test_what_comes_back_again_and_again_is_not_asked_for_for_ever(self):
        class Stubborn(MemoryStore):
            def entry_nowait(self, key):
                return Entry(value="garbage")

        async def use():
            generator = Cached(ScriptedGenerator(["a"]), TieredCache(Stubborn()))
            assert (await generator.generate(prompt())).text == "a"

        asyncio.run(use())


class TestArguments:
    @pytest.mark.parametrize(
        ("settings", "named"),
        [
            ({"pool": 0}, "pool"),
            ({"pool": "x"}, "pool"),
            ({"ttl": float("nan")}, "ttl"),
            ({"stale_ttl": -1}, "stale_ttl"),
            ({"usd_per_second": float("nan")}, "usd_per_second"),
            ({"tags": "bread"}, "tags"),
        ],
    )
    def test_what_cannot_be_used_is_refused_at_once(self, settings, named):
        with pytest.raises(CacheValueError, match=named):
            cached([], **settings)

    def test_a_store_is_no_cache(self):
        with pytest.raises(CacheValueError, match=r"TieredCache\(MemoryStore\(\)\)"):
            Cached(ScriptedGenerator([]), MemoryStore())


class TestOtherWords:
    """With `near`, a prompt in other words is answered, and only such a one."""

    def ask(self, *topics, facts=None):
        async def use():
            scripted, cache, _ = cached(["a", "b", "c", "d"])
            generator = Cached(scripted, cache, near=NearDuplicates())
            briefs = [Brief(topic=topic, facts=facts or {}) for topic in topics]
            return [(await generator.generate(Prompt(brief=brief))).text for brief in briefs]

        return asyncio.run(use())

    def test_the_same_in_other_words_is_the_same(self):
        assert self.ask("Our new sourdough bread", "our NEW  sourdough bread!", "Our new sourdough bread") == ["a"] * 3

    def test_something_else_is_not(self):
        assert self.ask("15 % off all bread", "50 % off all bread", "15 % off no bread") == ["a", "b", "c"]

    def test_what_it_found_cost_nothing(self):
        async def use():
            scripted, cache, _ = cached([ANSWER])
            generator = Cached(scripted, cache, near=NearDuplicates(), usd_per_second=0.0)
            await generator.generate(Prompt(brief=Brief(topic="Fresh bread")))
            hit = await generator.generate(Prompt(brief=Brief(topic="fresh  bread")))
            assert (hit.trace.cost_usd, hit.trace.saved_usd, hit.trace.tier) == (0.0, 0.01, "cache")
            assert cache.stats().counters.cost_spent == 0.01

        asyncio.run(use())

    def test_it_lives_no_longer_than_the_answer_to_the_first_words(self):
        async def use():
            clock = ScriptedClock(100.0)
            scripted, cache = ScriptedGenerator(["a", "b", "c"]), TieredCache(MemoryStore(clock=clock), clock=clock)
            generator = Cached(scripted, cache, ttl=10, tags=("bread",), near=NearDuplicates())

            async def texts():
                topics = ("Our fresh bread", "our fresh  bread!")
                return [(await generator.generate(Prompt(brief=Brief(topic=topic)))).text for topic in topics]

            assert await texts() == ["a", "a"]
            clock.advance(6)
            assert await texts() == ["a", "a"]
            clock.advance(6)
            assert await texts() == ["b", "b"]
            await cache.invalidate_tag("bread")
            assert await texts() == ["c", "c"]

        asyncio.run(use())

    def test_an_answer_that_breaks_its_brief_is_not_found(self):
        assert self.ask("Fresh bread", "fresh  bread", facts={"price": "$1"}) == ["a", "b"]

    def test_a_failure_to_look_costs_no_answer(self):
        class Broken(NearDuplicates):
            def find(self, text, *, context=None):
                raise RuntimeError("secret")

            def add(self, text, value, *, context=None):
                raise RuntimeError("secret")

        async def use():
            scripted, cache, _ = cached(["a"])
            generator = Cached(scripted, cache, near=Broken())
            assert (await generator.generate(prompt())).text == "a"
            assert (await generator.generate(prompt())).trace.tier == "cache"
            assert generator.near_failures == 2

        asyncio.run(use())


class TestCoalesced:
    def test_one_call_answers_all_and_one_pays(self):
        async def use():
            scripted = ScriptedGenerator([ANSWER], hold=asyncio.Event())
            generator = Coalesced(scripted)
            calls = [asyncio.ensure_future(generator.generate(prompt())) for _ in range(10)]
            await asyncio.sleep(0)
            scripted._hold.set()
            answers = await asyncio.gather(*calls)
            assert answers[0] is ANSWER
            assert sum(answer.trace.cost_usd for answer in answers) == 0.01
            assert all(answer.trace.saved_usd == 0.01 for answer in answers[1:])

        asyncio.run(use())

    def test_nothing_is_kept(self):
        async def use():
            generator = Coalesced(ScriptedGenerator(["a", "b"]), Coalescer())
            assert [(await generator.generate(prompt())).text for _ in range(2)] == ["a", "b"]

        asyncio.run(use())

    def test_other_variants_are_other_calls(self):
        async def use():
            generator = Coalesced(ScriptedGenerator(["a", "b"]))
            answers = await asyncio.gather(generator.generate(prompt(0)), generator.generate(prompt(1)))
            assert [answer.text for answer in answers] == ["a", "b"]

        asyncio.run(use())


class TestWriter:
    def test_posts_of_a_cached_generator_are_the_same_and_free(self):
        async def use():
            cache = TieredCache(MemoryStore())
            writer = PostWriter(Cached(TemplateGenerator(seed=1), cache))
            first, second = await writer.write(BRIEF, 3), await writer.write(BRIEF, 3)
            assert [post.text for post in first] == [post.text for post in second]
            assert [post.id for post in first] == [post.id for post in second]
            assert {post.trace.tier for post in first} == {"template"}
            assert {post.trace.tier for post in second} == {"cache"}
            assert len({post.text for post in first}) == 3

        asyncio.run(use())

    def test_a_cache_that_fails_never_costs_a_post(self):
        """Invariant 9, through the writer."""

        async def use(fault):
            remote = FaultyStore(MemoryStore(), fault)
            cache = TieredCache(MemoryStore(max_bytes=1), remote, deadline=0.01)
            posts = await PostWriter(Cached(TemplateGenerator(seed=1), cache)).write(BRIEF, 5)
            await cache.aclose()
            return [post.text for post in posts]

        expected = asyncio.run(use("ok"))
        assert len(expected) == 5
        for fault in ("error", "raise", "hang", "garbage"):
            assert asyncio.run(use(fault)) == expected


class TestStandIns:
    def test_what_templates_wrote_in_place_of_a_model_is_asked_again(self):
        async def main():
            big = ScriptedGenerator([OverloadedError("busy"), "Bread!"], name="big")
            generator = Cached(Fallback(big, TemplateGenerator()), TieredCache(MemoryStore()))
            first, second, third = [await generator.generate(prompt()) for _ in range(3)]
            assert (first.trace.source, second.text, third.text) == ("templates", "Bread!", "Bread!")
            assert third.trace.tier == "cache"

        asyncio.run(main())

    def test_another_providers_answer_is_kept(self):
        async def main():
            big = ScriptedGenerator([OverloadedError("busy")], name="big")
            generator = Cached(Fallback(big, ScriptedGenerator(["Bread!"])), TieredCache(MemoryStore()))
            assert [(await generator.generate(prompt())).trace.tier for _ in range(2)] == ["local", "cache"]

        asyncio.run(main())


def test_a_stale_answer_says_so():
    async def main():
        clock = ScriptedClock(100.0)
        cache = TieredCache(MemoryStore(clock=clock), clock=clock)
        scripted = ScriptedGenerator(["Bread!", OverloadedError("busy")])
        generator = Cached(scripted, cache, ttl=10, stale_ttl=60, clock=clock)
        await generator.generate(prompt())
        fresh = await generator.generate(prompt())
        clock.advance(11)
        stale = await generator.generate(prompt())
        await cache.aclose()
        return fresh.trace.source, stale.trace.source, stale.text

    assert asyncio.run(main()) == ("primary", "stale", "Bread!")
