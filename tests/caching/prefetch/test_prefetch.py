"""What `Prefetcher` promises, whatever it is told."""

import math
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt import Brief, Prompt
from postopt.caching import cache_key
from postopt.caching.prefetch import Prefetcher
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock

NOBODY = ()


@pytest.fixture
def prefetcher():
    return Prefetcher(clock=ScriptedClock(1_800_000_000.0))


def settled(fetches):
    return fetches.useful + fetches.wasted + fetches.pending


class TestLaws:
    requests = st.lists(
        st.tuples(
            st.integers(0, 7),  # key
            st.booleans(),  # hit, true or not
            st.sets(st.integers(0, 7)),  # resident
            st.sampled_from([0.0, 0.5, 1.0, 40.0]),  # cost
            st.sampled_from(["a", "b"]),
            st.sampled_from([None, 1]),
            st.booleans(),  # idle
            st.sampled_from([0.0, 1.0, 299.0, 86_400.0, -1000.0]),  # seconds since the request before
        ),
        max_size=300,
    )

    @given(requests, st.sampled_from([0.0, 0.005, 50.0]), st.sampled_from([1, 3, 1000]))
    def test_hold_even_for_a_host_that_makes_no_sense(self, requests, stake, limit):
        prefetcher = Prefetcher(stake=stake, min_gain=0.0, max_keys=limit, max_outstanding=limit)
        now = 1e9
        for key, hit, resident, cost, namespace, context, idle, seconds in requests:
            now += seconds
            keys = prefetcher.observe(
                key, hit=hit, resident=resident, cost=cost, namespace=namespace, context=context, idle=idle, now=now
            )
            assert not set(keys) & (resident | {key})
            assert len(keys) == len(set(keys))
            assert idle or not keys
            for report in prefetcher.stats().namespaces.values():
                fetches = report.fetches
                assert settled(fetches) == fetches.issued
                assert 0 <= fetches.pending <= limit
                for predictor in report.predictors.values():
                    assert settled(predictor) == predictor.issued
        for report in prefetcher.stats().namespaces.values():
            fetches = report.fetches
            assert fetches.lost <= fetches.saved + stake * report.missed_cost + 1e-9

    def test_what_is_returned_is_neither_resident_nor_asked_for_nor_twice(self, host, traces):
        checked = host(50, Prefetcher()).replay(traces.loop(20_000, period=500, noise=0.1))  # asserts in `ask`
        assert checked.issued > 10_000

    def test_the_same_calls_give_the_same_answers(self, host, traces):
        def answers():
            cache = host(50, Prefetcher())
            return [cache.ask(key) for key in traces.successions(10_000, keys=400, share=0.8)]

        assert answers() == answers()
        assert any(answers())

    def test_money_is_reported_to_the_last_fetch(self, host, traces):
        cache = host(60, Prefetcher(), tell=True, cost_of=lambda key: 0.5 + key % 7)
        cache.replay(traces.successions(30_000, keys=700, share=0.85, change=9000))
        fetches = cache.prefetcher.stats().fetches
        assert cache.wasted > 100
        assert (fetches.issued, fetches.useful, fetches.wasted) == (cache.issued, cache.useful, cache.wasted)
        assert fetches.pending == sum(cache.cache.values())
        assert (fetches.spent, fetches.saved, fetches.lost) == (cache.spent, cache.saved, cache.lost)

    def test_without_a_word_about_evictions_all_waste_is_found_too_but_later(self, host, traces):
        told, silent = (host(60, Prefetcher(), tell=tell) for tell in (True, False))
        requests = list(traces.successions(30_000, keys=700, share=0.85))
        for cache in (told, silent):
            cache.replay(requests)
            cache.replay(range(10_000, 14_000))  # keys never seen before: nothing is fetched, what was there goes
            assert cache.prefetcher.stats().fetches.wasted == cache.wasted
            assert cache.prefetcher.stats().fetches.pending == 0

    def test_a_stake_of_nothing_fetches_nothing(self, host, traces):
        assert host(50, Prefetcher(stake=0.0)).replay(traces.loop(5000, period=200)).issued == 0


class TestLearning:
    def test_a_loop_that_does_not_fit_is_fetched_ahead(self, host, traces):
        requests = list(traces.loop(20_000, period=500))
        without, cache = host(50).replay(requests), host(50, Prefetcher()).replay(requests)
        assert without.misses == 20_000
        assert cache.misses < 1000
        assert cache.useful > 0.99 * cache.issued - 10

    def test_interleaved_loops_are_told_apart(self, host, traces):
        requests = list(traces.interleaved(40_000, periods=(300, 500)))
        without, cache = host(80).replay(requests), host(80, Prefetcher()).replay(requests)
        assert cache.misses < 0.2 * without.misses

    def test_what_users_ask_for_at_the_same_time_is_told_apart_by_context(self, host, traces):
        def misses(*, context):
            """Twenty users, each at a place of his own in the same loop, take turns at random."""
            cache = host(60, Prefetcher())
            for user, place in traces.interleaved(30_000, periods=(600,) * 20):
                cache.ask((place + 30 * user) % 600, context=user if context else None)
            return cache.misses

        assert misses(context=True) < 0.6 * misses(context=False)

    def test_variants_are_fetched_ahead_of_their_number_once_that_has_proven_right(self, host):
        cache = host(200, Prefetcher())
        keys = [
            cache_key(Prompt(brief=Brief(topic=f"topic {number}"), text="x", variant=variant, tenant="ana"))
            for number in range(400)
            for variant in range(4)
        ]
        cache.replay(keys)
        report = cache.prefetcher.stats().namespaces["ana"]
        sibling = report.predictors["sibling"]
        assert cache.misses < 0.5 * len(keys)
        assert sibling.useful > 800
        assert sibling.wasted + sibling.pending < 30  # it has learned that the fourth is the last

    def test_what_comes_at_the_same_time_each_day_is_fetched_before_it_comes(self, host):
        cache = host(90, Prefetcher())
        for day in range(30):
            start = 1e9 + day * 86_400
            for second in range(0, 40_000, 400):
                cache.ask((day, second), now=start + second)  # never again
            for second, job in enumerate(random.Random(day).sample(range(40), k=40)):
                cache.ask(job, now=start + 40_000 + second)
        predictors = cache.prefetcher.stats().namespaces[""].predictors
        assert predictors["time_of_day"].useful > 100
        assert predictors["time_of_day"].useful > 0.8 * predictors["time_of_day"].issued

    def test_keys_that_never_come_again_cost_nothing(self, host):
        assert host(50, Prefetcher()).replay(range(20_000)).issued == 0

    def test_a_host_that_is_busy_teaches_and_gets_nothing(self, host, traces):
        cache = host(50, Prefetcher())
        requests = list(traces.loop(3000, period=200))
        assert not any(cache.ask(key, idle=False) for key in requests)
        assert sum(len(cache.ask(key, idle=True)) for key in requests[:100]) > 50

    def test_nothing_is_fetched_where_little_can_be_gained(self, host, traces):
        requests = list(traces.pairs(40_000, share=0.9))
        assert host(100, Prefetcher(min_gain=0.6)).replay(requests).issued == 0
        assert host(100, Prefetcher(min_gain=0.2)).replay(requests).issued > 5000


class TestNamespaces:
    def test_learn_apart(self, host, traces):
        """What happens in one neither stops nor misleads the other; they share a cache, and so the price of a place."""
        requests = list(traces.loop(5000, period=300))
        noise = list(traces.successions(5000, keys=1000, share=0.0, seed=3))

        def answers(*, disturbed):
            prefetcher = Prefetcher()
            calm, loud = host(30, prefetcher), host(30, prefetcher)
            found = []
            for key, other in zip(requests, noise, strict=True):
                found.append(calm.ask(key, namespace="calm"))
                if disturbed:
                    loud.ask(other, namespace="loud")
            return sum(map(bool, found)), prefetcher.stats().namespaces

        alone, _ = answers(disturbed=False)
        beside, reports = answers(disturbed=True)
        assert alone > 4000
        assert beside > 0.95 * alone
        assert reports["calm"].on
        assert not reports["loud"].on
        assert reports["loud"].fetches.issued == 0

    def test_never_get_keys_of_others(self, prefetcher):
        seen = {"a": set(), "b": set()}
        for number in range(6000):
            name = "ab"[number % 2]
            key = f"{name}{number // 2 % 100}"
            seen[name] |= set(prefetcher.observe(key, hit=False, resident=NOBODY, namespace=name))
        assert all(key.startswith(name) for name, keys in seen.items() for key in keys)
        assert all(seen.values())

    def test_are_the_tenants_of_cache_keys(self, prefetcher):
        prompt = Prompt(brief=Brief(topic="bread"), text="x", tenant="a/b")
        prefetcher.observe(cache_key(prompt), hit=False, resident=NOBODY)
        prefetcher.observe("a/b/c/d", hit=False, resident=NOBODY)
        prefetcher.observe("given", hit=False, resident=NOBODY, namespace="c")
        assert list(prefetcher.stats().namespaces) == ["a%2Fb", "", "c"]

    def test_the_least_recently_used_is_dropped_and_its_money_is_not(self, host, traces):
        prefetcher = Prefetcher(max_namespaces=2)
        cache = host(50, prefetcher)
        for name in ("a", "b", "c"):
            for key in traces.loop(2000, period=200):
                cache.ask((name, key), namespace=name)
        report = prefetcher.stats()
        assert list(report.namespaces) == ["b", "c"]
        assert report.dropped == 1
        assert report.fetches.issued == cache.issued
        assert settled(report.fetches) == cache.issued
        assert report.fetches.useful == cache.useful


class TestBudget:
    def test_is_all_that_is_spent_in_its_time(self, host, traces):
        clock = ScriptedClock(1e9)
        cache = host(50, Prefetcher(budget=100.0, budget_seconds=3600.0, clock=clock))
        requests = list(traces.loop(4000, period=200))
        assert cache.replay(requests).spent == 100.0
        clock.advance(1800)
        assert cache.replay(requests).spent == 150.0
        clock.set(0.0)  # a clock that is put back gives nothing
        assert cache.replay(requests).spent == 150.0
        clock.advance(36)
        assert cache.replay(requests).spent == 151.0

    def test_of_nothing_fetches_nothing(self, host, traces):
        assert host(50, Prefetcher(budget=0.0)).replay(traces.loop(4000, period=200)).issued == 0


class TestReport:
    def test_says_how_many_and_how_sure(self, host, traces):
        cache = host(50, Prefetcher()).replay(traces.loop(5000, period=200))
        report = cache.prefetcher.stats().namespaces[""]
        fetches = report.fetches
        assert report.requests == 5000
        assert report.misses == cache.misses + cache.useful == report.missed_cost
        assert fetches.precision.n == fetches.useful + fetches.wasted
        assert fetches.precision.low > 0.9
        assert report.records["successor"].low > 0.5
        assert report.records["sibling"] is None
        assert report.on
        assert report.why.endswith("of the misses; 1.0% are needed")

    def test_of_nothing(self, prefetcher):
        report = prefetcher.stats()
        assert (report.namespaces, report.dropped, report.fetches.precision) == ({}, 0, None)

    def test_of_what_is_off_says_why(self, host, traces):
        cache = host(50, Prefetcher()).replay(traces.zipf(5000, keys=2000, exponent=0.8))
        report = cache.prefetcher.stats().namespaces[""]
        assert not report.on
        assert report.why == "trusted predictions foresee 0.0% of the misses; 2.0% are needed"


class TestRefuses:
    @pytest.mark.parametrize("cost", [math.nan, -1.0, math.inf])
    def test_a_cost_that_is_none(self, prefetcher, cost):
        with pytest.raises(CacheValueError, match="cost"):
            prefetcher.observe("key", hit=False, resident=NOBODY, cost=cost)
        assert prefetcher.stats().namespaces == {}

    @pytest.mark.parametrize("now", [math.nan, math.inf])
    def test_a_time_that_is_none(self, prefetcher, now):
        with pytest.raises(CacheValueError, match="now"):
            prefetcher.observe("key", hit=False, resident=NOBODY, now=now)
        assert prefetcher.stats().namespaces == {}

    @pytest.mark.parametrize("argument", [{"key": []}, {"key": "k", "context": []}, {"key": "k", "namespace": []}])
    def test_what_cannot_be_hashed(self, prefetcher, argument):
        with pytest.raises(TypeError, match="unhashable"):
            prefetcher.observe(hit=False, resident=NOBODY, **argument)
        assert prefetcher.stats().namespaces == {}

    def test_a_cache_that_cannot_be_asked(self, prefetcher):
        with pytest.raises(TypeError, match="resident is int"):
            prefetcher.observe("key", hit=False, resident=3)

    @pytest.mark.parametrize(
        "setting",
        [
            {"stake": -0.1},
            {"stake": math.nan},
            {"min_gain": -1.0},
            {"budget": -1.0},
            {"budget": math.nan},
            {"budget_seconds": 0.0},
            {"budget_seconds": math.inf},
            {"max_keys": 0},
            {"max_outstanding": 0},
            {"max_namespaces": 0},
            {"ahead": 0},
            {"ahead": 2.0},
            {"max_keys": True},
        ],
    )
    def test_settings_out_of_range(self, setting):
        with pytest.raises(CacheValueError, match=next(iter(setting))):
            Prefetcher(**setting)

    def test_to_lose_its_way_when_the_cache_fails(self, traces):
        """An error of the cache reaches the caller, and the next call goes on."""

        class Failing(dict):
            def __contains__(self, key):
                if next(failing):
                    raise ConnectionError
                return super().__contains__(key)

        failing = iter([number % 50 == 0 for number in range(10**6)])
        prefetcher, cache, errors, answers = Prefetcher(), Failing(), 0, 0
        for key in traces.loop(8000, period=200):
            try:
                answers += len(prefetcher.observe(key, hit=False, resident=cache))
            except ConnectionError:
                errors += 1
        report = prefetcher.stats().namespaces[""]
        assert errors > 100
        assert answers > 0
        assert report.requests == 8000
        assert settled(report.fetches) == report.fetches.issued >= answers


def test_a_function_says_what_is_resident_as_well_as_a_container(traces):
    resident = set(range(0, 200, 10))
    by_container, by_function = Prefetcher(), Prefetcher()
    answers = [
        (
            by_container.observe(key, hit=key in resident, resident=resident),
            by_function.observe(key, hit=key in resident, resident=lambda key: key in resident),
        )
        for key in traces.loop(5000, period=200)
    ]
    assert all(first == second for first, second in answers)
    assert any(first for first, _ in answers)


def test_an_eviction_in_a_namespace_nobody_knows_is_no_error(prefetcher):
    prefetcher.evicted("key")
    prefetcher.evicted("key", namespace="other")
