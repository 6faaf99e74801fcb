"""Making what is missing: once for all, kept as asked, made anew in time, and never a value from before a change."""

from __future__ import annotations

import asyncio
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from postopt.caching.base import Entry
from postopt.caching.codec import Codec
from postopt.caching.freshness import Freshness
from postopt.caching.memory import MemoryStore
from postopt.caching.negatives import MOST, Negatives
from postopt.caching.tiered import TieredCache
from postopt.errors import CacheValueError, GenerationError, PostRejectedError, ReentrantError
from postopt.testing import FaultyStore, ScriptedClock


def run(coroutine):
    return asyncio.run(coroutine)


class Source:
    """Makes values, numbered from 1; can be held, and can fail."""

    def __init__(self, timer=None, seconds=0.0):
        self.made = 0
        self.error = None
        self.hold = None
        self.timer = timer
        self.seconds = seconds

    async def __call__(self):
        self.made += 1
        number = self.made
        if self.hold is not None:
            await self.hold.wait()
        return self.finish(number)

    def sync(self):
        self.made += 1
        return self.finish(self.made)

    def finish(self, number):
        if self.timer is not None:
            self.timer.advance(self.seconds)
        if self.error is not None:
            raise self.error
        return number


async def until(condition):
    while not condition():  # noqa: ASYNC110 - of threads, too, which set no event of this loop
        await asyncio.sleep(0)


async def settle(cache):
    """Let refreshes that have begun end."""
    await asyncio.sleep(0)
    await asyncio.gather(*filter(None, list(cache._refreshes._running.values())), return_exceptions=True)


class TestOnce:
    def test_what_is_there_is_not_made(self, memory, remote, clock):
        async def use():
            cache, source = TieredCache(memory, remote, clock=clock), Source()
            assert await cache.get_or_compute("k", source) == 1
            assert await cache.get_or_compute("k", source) == 1
            assert source.made == 1
            assert (await remote.get("k")).value == 1

        run(use())

    @pytest.mark.parametrize("value", [None, 0, "", b"", [], False])
    def test_an_empty_value_is_a_value(self, memory, clock, value):
        async def use():
            cache, made = TieredCache(memory, clock=clock), []

            async def compute():
                made.append(value)
                return value

            assert await cache.get_or_compute("k", compute) == value
            assert await cache.get_or_compute("k", compute) == value
            assert len(made) == 1

        run(use())

    def test_many_callers_one_computation(self, memory, remote, clock):
        async def use():
            cache, source = TieredCache(memory, remote, clock=clock), Source()
            values = await asyncio.gather(*(cache.get_or_compute("k", source) for _ in range(1_000)))
            assert (set(values), source.made) == ({1}, 1)
            assert remote.calls.count("get") == 1
            report = cache.stats()
            assert (report.coalesced, report.counters.computed) == (999, 1)

        run(use())

    def test_tasks_and_threads_share_it(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            source.hold = asyncio.Event()
            task = asyncio.ensure_future(cache.get_or_compute("k", source))
            await asyncio.sleep(0)
            with ThreadPoolExecutor(4) as pool:
                threads = [pool.submit(cache.get_or_compute_sync, "k", source.sync) for _ in range(4)]
                await until(lambda: cache.stats().coalesced == 4)
                source.hold.set()
                values = [await asyncio.wrap_future(thread) for thread in threads]
            assert ([*values, await task], source.made) == ([1] * 5, 1)

        run(use())

    def test_a_caller_that_is_cancelled_takes_nothing_from_the_others(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            source.hold = asyncio.Event()
            first, second = (asyncio.ensure_future(cache.get_or_compute("k", source)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.sleep(0)
            source.hold.set()
            assert (await second, source.made) == (1, 1)
            assert first.cancelled()

        run(use())

    def test_an_error_reaches_all_and_is_not_kept(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            source.error = GenerationError("no")
            outcomes = await asyncio.gather(
                *(cache.get_or_compute("k", source) for _ in range(5)), return_exceptions=True
            )
            assert ([type(outcome) for outcome in outcomes], source.made) == ([GenerationError] * 5, 1)
            source.error = None
            assert await cache.get_or_compute("k", source) == 2

        run(use())

    def test_a_computation_that_asks_for_itself_is_an_error(self, memory, clock):
        async def use():
            cache = TieredCache(memory, clock=clock)

            async def compute():
                return await cache.get_or_compute("k", compute)

            with pytest.raises(ReentrantError):
                await cache.get_or_compute("k", compute)

        run(use())


class TestKeeping:
    def test_times_priority_tags_seconds_and_cost_are_those_asked_for(self, memory, clock):
        timer = ScriptedClock()

        async def use():
            cache = TieredCache(memory, clock=clock, timer=timer)
            source = Source(timer, 1.5)
            await cache.get_or_compute("k", source, ttl=10, stale_ttl=5, priority=3, tags=["a", "b"])
            entry = await memory.get("k")
            assert (entry.expires_at, entry.stale_until) == (1_010, 1_015)
            assert (entry.priority, entry.tags) == (3, ("a", "b"))
            assert (entry.compute_seconds, entry.cost) == (1.5, 1.5)

        run(use())

    @pytest.mark.parametrize("cost", [float("nan"), -1.0, None, "dear", ZeroDivisionError()], ids=repr)
    def test_a_value_whose_cost_cannot_be_told_is_returned_and_not_kept(self, memory, clock, cost):
        def cost_of(*_):
            if isinstance(cost, Exception):
                raise cost
            return cost

        async def use():
            cache, source = TieredCache(memory, clock=clock, cost_of=cost_of), Source()
            assert [await cache.get_or_compute("k", source) for _ in range(2)] == [1, 2]
            counters = cache.stats().counters
            assert (counters.computed, counters.unkept, counters.cost_spent) == (2, 2, 0.0)
            assert cache.get_or_compute_sync("k", source.sync) == 3

        run(use())

    def test_what_the_host_does_not_want_is_not_kept(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            values = [await cache.get_or_compute("k", source, keep=lambda value: value > 2) for _ in range(5)]
            assert values == [1, 2, 3, 3, 3]

        run(use())

    def test_the_cost_may_be_money(self, memory, clock):
        async def use():
            cache = TieredCache(memory, clock=clock, cost_of=lambda value, _: value / 10)
            await cache.get_or_compute("k", Source())
            await cache.get_or_compute("other", Source(), cost_of=lambda *_: 7.0)
            assert ((await memory.get("k")).cost, (await memory.get("other")).cost) == (0.1, 7.0)
            for _ in range(3):
                await cache.get_or_compute("k", Source())
            counters = cache.stats().counters
            assert (counters.cost_spent, counters.cost_saved) == (7.1, pytest.approx(0.3))

        run(use())

    @pytest.mark.parametrize(
        "wrong", [{"ttl": -1}, {"ttl": math.nan}, {"stale_ttl": -1}, {"priority": 8}, {"priority": True}, {"tags": "t"}]
    )
    def test_what_cannot_be_asked_for_is_refused_before_anything_is_made(self, memory, clock, wrong):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            with pytest.raises(CacheValueError):
                await cache.get_or_compute("k", source, **wrong)
            with pytest.raises(CacheValueError):
                cache.get_or_compute_sync("k", source.sync, **wrong)
            assert source.made == 0

        run(use())

    @pytest.mark.parametrize("change", ["set", "delete", "invalidate_tag"])
    def test_a_value_made_from_before_a_change_is_not_kept(self, memory, remote, behind, clock, change):
        async def use():
            cache, source = TieredCache(memory, remote, clock=clock), Source()
            source.hold = asyncio.Event()
            making = asyncio.ensure_future(cache.get_or_compute("k", source, tags=["t"]))
            await until(lambda: source.made)
            if change == "set":
                await cache.set("k", Entry(value="set"))
            elif change == "delete":
                await cache.delete("k")
            else:
                await cache.invalidate_tag("t")
            source.hold.set()
            assert await making == 1
            expected = "set" if change == "set" else None
            assert memory.get_nowait("k") == behind.get_nowait("k") == expected

        run(use())

    def test_a_value_that_no_level_can_keep_is_returned_all_the_same(self, memory, clock):
        async def use():
            cache = TieredCache(memory, codec=Codec(), clock=clock)
            value = object()

            async def compute():
                return value

            assert await cache.get_or_compute("k", compute) is value
            assert (len(memory), cache.stats().counters.unkept) == (0, 1)
            await cache.set("k", Entry(value="older"))
            with pytest.raises(CacheValueError):
                await cache.set("k", Entry(value=value))
            assert await cache.get("k") is None

        run(use())

    def test_with_a_codec_each_caller_has_a_value_of_its_own(self, memory, clock):
        async def use():
            cache = TieredCache(memory, codec=Codec(), clock=clock)

            async def compute():
                return ["bread"]

            first = await cache.get_or_compute("k", compute)
            first.append("changed")
            second = await cache.get_or_compute("k", compute)
            second.append("changed")
            assert (await cache.get("k")).value == ["bread"]

        run(use())

    @pytest.mark.parametrize("foreign", [b"", b"\x07x", b"\x00{", "text", 5])
    def test_what_another_codec_kept_is_a_miss(self, memory, clock, foreign):
        async def use():
            cache = TieredCache(memory, codec=Codec(), clock=clock)
            memory.set_nowait("k", foreign)
            assert await cache.get("k") is None
            assert cache.stats().counters.unreadable == 1

        run(use())


class TestStale:
    def test_a_stale_value_is_served_at_once_and_made_anew_meanwhile(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            plan = {"ttl": 10, "stale_ttl": 10}
            await cache.get_or_compute("k", source, **plan)
            clock.advance(15)
            assert [await cache.get_or_compute("k", source, **plan) for _ in range(3)] == [1, 1, 1]
            await settle(cache)
            assert (await cache.get_or_compute("k", source, **plan), source.made) == (2, 2)
            counters = cache.stats().counters
            assert (counters.stale_served, counters.refreshed) == (3, 1)
            assert cache._refreshes._running == {}

        run(use())

    def test_a_value_found_stale_below_is_too(self, memory, remote, behind, clock):
        async def use():
            cache, source = TieredCache(memory, remote, clock=clock), Source()
            await behind.set("k", Entry(value=0, expires_at=clock() - 1, stale_until=clock() + 9))
            assert await cache.get_or_compute("k", source, ttl=5) == 0
            await until(lambda: source.made)
            await settle(cache)
            assert await cache.get_or_compute("k", source, ttl=5) == 1

        run(use())

    def test_if_it_cannot_be_made_anew_it_is_served_until_its_end(self, memory, clock):
        async def use():
            timer = ScriptedClock(0.0)
            cache, source = TieredCache(memory, clock=clock, timer=timer), Source()
            plan = {"ttl": 10, "stale_ttl": 10}
            await cache.get_or_compute("k", source, **plan)
            source.error = GenerationError("no")
            clock.advance(15)
            failed = []
            for seconds in (0, 0.5, 0.5, 1, 1, 100):  # left alone for 1, 2 seconds, and so on
                timer.advance(seconds)
                assert await cache.get_or_compute("k", source, **plan) == 1
                await settle(cache)
                failed.append(cache.stats().counters.refresh_failed)
            assert failed == [1, 1, 2, 2, 3, 4]
            clock.advance(5)
            with pytest.raises(GenerationError):
                await cache.get_or_compute("k", source, **plan)

        run(use())

    def test_a_value_that_cannot_be_kept_is_not_made_again_and_again(self, memory, clock):
        async def use():
            timer = ScriptedClock(0.0)
            cache, source = TieredCache(memory, clock=clock, timer=timer), Source()
            plan = {"ttl": 10, "stale_ttl": 10}
            await cache.get_or_compute("k", source, **plan)
            clock.advance(15)
            for _ in range(10):
                assert await cache.get_or_compute("k", source, **plan, keep=lambda value: value != 2) == 1
                await settle(cache)
            assert source.made == 2
            timer.advance(1)
            await cache.get_or_compute("k", source, **plan)
            await settle(cache)
            assert await cache.get_or_compute("k", source, **plan) == 3

        run(use())

    def test_a_loop_that_was_closed_meanwhile_does_not_keep_it_stale(self, memory, clock):
        cache, source = TieredCache(memory, clock=clock), Source()
        plan = {"ttl": 10, "stale_ttl": 10}
        run(cache.get_or_compute("k", source, **plan))
        clock.advance(15)
        loop = asyncio.new_event_loop()
        source.hold = asyncio.Event()
        assert loop.run_until_complete(cache.get_or_compute("k", source, **plan)) == 1
        for _ in range(5):
            loop.run_until_complete(asyncio.sleep(0))
        (task,) = cache._refreshes._running.values()
        for other in asyncio.all_tasks(loop):
            other._log_destroy_pending = False  # as wanted here
        loop.close()
        assert not task.done()
        source.hold = None

        async def use():
            assert await cache.get_or_compute("k", source, **plan) == 1
            await settle(cache)
            assert await cache.get_or_compute("k", source, **plan) == source.made
            await cache.aclose()

        run(use())

    def test_closing_from_elsewhere_stops_making_anew(self, memory, clock):
        cache, source = TieredCache(memory, clock=clock), Source()
        plan = {"ttl": 10, "stale_ttl": 10}

        async def use(close):
            await cache.get_or_compute("k", source, **plan)
            clock.advance(15)
            source.hold = asyncio.Event()
            await cache.get_or_compute("k", source, **plan)
            (task,) = cache._refreshes._running.values()
            await asyncio.to_thread(close)
            await asyncio.wait({task})
            assert task.cancelled()

        run(use(cache.close))

    def test_closing_stops_making_anew(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            await cache.get_or_compute("k", source, ttl=1, stale_ttl=10)
            clock.advance(5)
            source.hold = asyncio.Event()
            await cache.get_or_compute("k", source, ttl=1, stale_ttl=10)
            async with asyncio.timeout(10):
                await cache.aclose()

        run(use())

    def test_a_value_that_takes_long_is_made_anew_before_its_end(self, memory, clock):
        timer = ScriptedClock()

        async def use():
            cache = TieredCache(memory, clock=clock, timer=timer)
            source = Source(timer, seconds=2.0)
            await cache.get_or_compute("k", source, ttl=60)
            for _ in range(59):
                clock.advance(1)
                assert await cache.get_or_compute("k", source, ttl=60) >= 1
                await settle(cache)
            assert (source.made, cache.stats().counters.stale_served) == (2, 0)

        run(use())


class TestFreshness:
    def test_early_refreshes_come_as_often_as_the_paper_says(self):
        """P(due) = exp(-(time left) / (beta x seconds))."""
        freshness = Freshness(jitter=0, beta=0.5, seed=1)
        entry = Entry(value=0, expires_at=100.0, compute_seconds=4.0)
        due = sum(freshness.is_due(entry, 97.0) for _ in range(20_000)) / 20_000
        assert due == pytest.approx(math.exp(-3 / 2), abs=0.01)

    @pytest.mark.parametrize(
        "entry",
        [Entry(value=0, expires_at=1.0), Entry(value=0, compute_seconds=5.0)],
        ids=["made in no time", "without an end"],
    )
    def test_some_values_never_are(self, entry):
        assert not Freshness(jitter=0, beta=100.0, seed=1).is_due(entry, 0.999)
        assert not Freshness(jitter=0, beta=0, seed=1).is_due(Entry(value=0, expires_at=1.0, compute_seconds=9), 0.999)

    def test_jitter_only_shortens(self):
        freshness = Freshness(jitter=0.25, beta=1, seed=1)
        ends = [freshness.ends(0.0, 100.0, 10.0) for _ in range(1_000)]
        lives = [expires_at for expires_at, _ in ends]
        assert 75 < min(lives) < 77
        assert 98 < max(lives) <= 100
        assert all(stale_until == expires_at + 10 for expires_at, stale_until in ends)
        assert Freshness(jitter=0, beta=1, seed=1).ends(5.0, math.inf, 0.0) == (math.inf, -math.inf)

    @pytest.mark.parametrize("wrong", [{"jitter": -0.1}, {"jitter": 1.0}, {"beta": -1.0}, {"beta": math.nan}])
    def test_settings_are_checked(self, memory, wrong):
        with pytest.raises(CacheValueError):
            TieredCache(memory, **wrong)


class TestNegatives:
    def test_an_error_of_a_kept_class_is_raised_again_without_trying(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock, negative={PostRejectedError: 30}), Source()
            source.error = PostRejectedError(("too long",))
            errors = []
            for _ in range(3):
                with pytest.raises(PostRejectedError) as caught:
                    await cache.get_or_compute("k", source)
                errors.append(caught.value)
            assert (source.made, cache.stats().counters.negative_hits) == (1, 2)
            assert all(error.reasons == ("too long",) for error in errors)
            assert len(set(map(id, errors))) == 3
            clock.advance(30)
            source.error = None
            assert await cache.get_or_compute("k", source) == 2

        run(use())

    def test_the_first_class_that_fits_counts(self, clock):
        negatives = Negatives({PostRejectedError: 0, GenerationError: 30}, clock)
        negatives.keep("k", PostRejectedError(("no",)))
        negatives.check("k")
        negatives.keep("k", GenerationError("no"))
        with pytest.raises(GenerationError):
            negatives.check("k")

    def test_other_errors_and_cancellations_are_not_kept(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock, negative={GenerationError: 30}), Source()
            source.hold = asyncio.Event()
            task = asyncio.ensure_future(cache.get_or_compute("k", source))
            await until(lambda: source.made)
            task.cancel()
            await asyncio.wait({task})
            source.hold = None
            source.error = ValueError("mine")
            with pytest.raises(ValueError, match="mine"):
                await cache.get_or_compute("k", source)
            source.error = None
            assert await cache.get_or_compute("k", source) == 3

        run(use())

    @pytest.mark.parametrize("change", ["set", "delete"])
    def test_a_change_forgets_them(self, memory, clock, change):
        async def use():
            cache, source = TieredCache(memory, clock=clock, negative={GenerationError: 30}), Source()
            source.error = GenerationError("no")
            with pytest.raises(GenerationError):
                await cache.get_or_compute("k", source)
            await (cache.set("k", Entry(value=1, expires_at=clock())) if change == "set" else cache.delete("k"))
            source.error = None
            assert await cache.get_or_compute("k", source) == 2

        run(use())

    def test_only_so_many_are_kept(self, clock):
        negatives = Negatives({ValueError: 30}, clock)
        for number in range(MOST + 1):
            negatives.keep(str(number), ValueError())
        negatives.check("0")
        with pytest.raises(ValueError):
            negatives.check("1")


class TestThreads:
    """The same for callers that do not await, in a program without an event loop and beside one."""

    def test_without_a_loop(self, memory, remote, behind, clock):
        cache, source = TieredCache(memory, remote, clock=clock), Source()
        assert cache.get_or_compute_sync("k", source.sync) == 1
        memory.clear()
        assert cache.get_or_compute_sync("k", source.sync) == 1
        assert (source.made, behind.get_nowait("k")) == (1, 1)
        assert "postopt-cache" in [thread.name for thread in threading.enumerate()]
        run(cache.aclose())
        assert "postopt-cache" not in [thread.name for thread in threading.enumerate()]

    def test_only_levels_in_memory_need_no_thread(self, memory, clock):
        cache, before = TieredCache(memory, clock=clock), threading.active_count()
        assert cache.get_or_compute_sync("k", Source().sync) == 1
        assert threading.active_count() == before

    def test_beside_a_loop(self, memory, remote, clock):
        async def use():
            cache, source = TieredCache(memory, remote, clock=clock), Source()
            await cache.get("other")  # the cache is at home here
            before = threading.active_count()
            assert await asyncio.to_thread(cache.get_or_compute_sync, "k", source.sync) == 1
            assert threading.active_count() <= before + 1
            assert (await remote.get("k")).value == 1

        run(use())

    def test_a_stale_value_is_made_anew_by_whoever_finds_it(self, memory, clock):
        cache, source = TieredCache(memory, clock=clock), Source()
        plan = {"ttl": 10, "stale_ttl": 10}
        cache.get_or_compute_sync("k", source.sync, **plan)
        clock.advance(15)
        assert cache.get_or_compute_sync("k", source.sync, **plan) == 2
        source.error = GenerationError("no")
        clock.advance(15)
        assert cache.get_or_compute_sync("k", source.sync, **plan) == 2
        counters = cache.stats().counters
        assert (counters.refresh_failed, counters.stale_served) == (1, 1)

    def test_others_get_the_stale_value_meanwhile(self, memory, clock):
        cache, source = TieredCache(memory, clock=clock), Source()
        plan = {"ttl": 10, "stale_ttl": 10}
        cache.get_or_compute_sync("k", source.sync, **plan)
        clock.advance(15)
        seen = []

        def compute():
            with ThreadPoolExecutor(1) as pool:
                seen.append(pool.submit(cache.get_or_compute_sync, "k", source.sync, **plan).result())
            return source.sync()

        assert cache.get_or_compute_sync("k", compute, **plan) == 2
        assert seen == [1]

    def test_a_stale_value_below_is_made_anew_or_served(self, memory, remote, behind, clock):
        timer = ScriptedClock(0.0)
        cache, source = TieredCache(memory, remote, clock=clock, timer=timer), Source()
        old = Entry(value=0, expires_at=clock() - 1, stale_until=clock() + 99)
        behind.set_entry_nowait("k", old)
        source.error = GenerationError("no")
        assert cache.get_or_compute_sync("k", source.sync) == 0
        source.error = None
        timer.advance(1)
        assert cache.get_or_compute_sync("k", source.sync, ttl=5) == 2
        run(cache.aclose())

    def test_a_loop_that_stands_still_does_not_hold_a_thread_for_ever(self, memory, remote, clock):
        cache = TieredCache(memory, remote, clock=clock, deadline=0.001, lease_seconds=0.01)

        async def use():
            await cache.get("other")
            thread = threading.Thread(target=lambda: values.append(cache.get_or_compute_sync("k", Source().sync)))
            values = []
            thread.start()
            thread.join(60)  # the loop does not run meanwhile
            assert values == [1]
            assert cache.stats().counters.overdue >= 1

        run(use())


class TestArguments:
    @pytest.mark.parametrize(
        ("stores", "settings", "named"),
        [
            ([], {}, "at least one level"),
            ([None], {}, "a NoneType"),
            ([MemoryStore], {}, "the class MemoryStore"),
            ([{}], {}, "a dict"),
            ([MemoryStore()], {"deadline": 0}, "deadline"),
            ([MemoryStore()], {"deadline": float("nan")}, "deadline"),
            ([MemoryStore()], {"deadline": "1"}, "deadline"),
            ([MemoryStore()], {"lease_seconds": -1}, "lease_seconds"),
            ([MemoryStore()], {"codec": "x"}, "codec"),
            ([MemoryStore()], {"negative": {"ValueError": 1}}, "negative"),
            ([MemoryStore()], {"negative": {KeyboardInterrupt: 1}}, "negative"),
            ([MemoryStore()], {"negative": {ValueError: -1}}, "ttl"),
            ([MemoryStore()], {"jitter": 1}, "jitter"),
            ([MemoryStore()], {"beta": float("nan")}, "beta"),
        ],
    )
    def test_what_cannot_be_used_is_refused_at_once(self, stores, settings, named):
        with pytest.raises(CacheValueError, match=named):
            TieredCache(*stores, **settings)

    @pytest.mark.parametrize("key", [None, 1, b"k", ("k",), ["k"]], ids=repr)
    def test_a_key_is_text(self, memory, key):
        async def use():
            cache = TieredCache(memory)
            for call in (
                lambda: cache.get(key),
                lambda: cache.set(key, Entry(value=1)),
                lambda: cache.delete(key),
                lambda: cache.get_or_compute(key, Source()),
            ):
                with pytest.raises(CacheValueError, match="a key is"):
                    await call()
            with pytest.raises(CacheValueError, match="a key is"):
                cache.get_or_compute_sync(key, Source().sync)

        run(use())

    def test_what_is_set_is_an_entry(self, memory):
        with pytest.raises(CacheValueError, match="no Entry"):
            run(TieredCache(memory).set("k", 5))

    @pytest.mark.parametrize(
        ("plan", "named"),
        [
            ({"ttl": -1}, "^ttl"),
            ({"stale_ttl": -1}, "stale_ttl"),
            ({"priority": 8}, "priority"),
            ({"tags": "t"}, "tags"),
        ],
    )
    def test_a_plan_that_cannot_be_kept(self, memory, plan, named):
        with pytest.raises(CacheValueError, match=named):
            run(TieredCache(memory).get_or_compute("k", Source(), **plan))


class TestReport:
    def test_numbers_add_up_in_every_form(self, memory, remote, clock):
        async def use():
            async with TieredCache(memory, remote, clock=clock) as cache:
                assert "nothing asked yet" in str(cache.stats())
                for _ in range(4):
                    await cache.get_or_compute("<k>", Source(), ttl=9)
                remote.fault = "error"
                await cache.delete("x")
                await cache.get("y")
                return cache.stats()

        report = run(use())
        data = report.to_dict()
        assert (data["counters"]["hits"], data["counters"]["misses"], data["counters"]["computed"]) == (3, 1, 1)
        text, page = str(report), report._repr_html_()
        for part in ("3 hits (60.0% of 5), 1 computed, 0 coalesced", "L1 MemoryStore: 3 served", "L2 FaultyStore",
                     "faults: StoreError 2", "1 changes owed", "max bytes 67,108,864"):  # fmt: skip
            assert part in text
            assert part.partition(":")[0] in page
        assert "<script" not in page

    def test_what_was_made_anew_is_shown_where_there_is_any(self, memory, clock):
        async def use():
            cache, source = TieredCache(memory, clock=clock), Source()
            await cache.get_or_compute("k", source, ttl=1, stale_ttl=9)
            clock.advance(5)
            await cache.get_or_compute("k", source, ttl=1, stale_ttl=9)
            await settle(cache)
            return str(cache.stats())

        assert "1 served stale, 1 made anew meanwhile, 0 times in vain" in run(use())

    def test_a_level_that_cannot_report_is_reported(self, clock):
        class Shy(FaultyStore):
            def stats(self):
                raise RuntimeError

        cache = TieredCache(Shy(MemoryStore(clock=clock)), clock=clock)
        assert cache.stats().levels[0].details == {"error": "RuntimeError"}
