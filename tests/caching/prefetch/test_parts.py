"""The parts of the prefetcher, each by itself."""

import random
from collections import OrderedDict

import pytest

from postopt import Brief, Prompt
from postopt.caching import cache_key
from postopt.caching.prefetching.allowance import Allowance
from postopt.caching.prefetching.forecasts import HORIZON
from postopt.caching.prefetching.ledger import Fetch, Ledger
from postopt.caching.prefetching.recent import Recent
from postopt.caching.prefetching.siblings import split
from postopt.caching.prefetching.slot_price import SlotPrice
from postopt.caching.prefetching.successors import WINDOW, Successors
from postopt.caching.prefetching.time_of_day import AT_ONCE, KEPT, TimeOfDay

DAY = 86_400.0


class TestSuccessors:
    def follow(self, keys, *, ahead=3, capacity=1000, chain=""):
        """Take all keys, and return what was predicted at the last: (key, how far, context, again) each."""
        successors = Successors(capacity=capacity, ahead=ahead)
        index = {}
        for key in keys:
            found = successors.follow(index, chain, key, 1.0)
        return [(key, bucket // 9 + 1, bucket // 3 % 3, bucket % 3) for key, bucket, _ in found]

    def test_what_came_behind_is_found_the_nearest_first(self):
        assert self.follow("abcdxa") == [("b", 1, 0, 0), ("c", 2, 0, 0), ("d", 3, 0, 0)]

    def test_nothing_is_known_of_a_new_key(self):
        assert self.follow("abc") == []

    def test_the_key_before_is_a_context(self):
        assert [context for _, _, context, _ in self.follow("abcdab", ahead=1)] == [2]

    def test_so_is_a_key_that_stood_near(self):
        assert [context for _, _, context, _ in self.follow("axyzbcd" + "aqb", ahead=1)] == [1]
        far = "a" + "".join(map(str, range(WINDOW))) + "bcd" + "aqb"
        assert [context for _, _, context, _ in self.follow(far, ahead=1)] == [0]

    def test_what_came_twice_is_told_from_what_came_once(self):
        found = self.follow("abz" + "12345678" + "aby" + "qrstuvw" + "a", ahead=2)
        assert found == [("b", 1, 0, 2), ("y", 2, 0, 1)]

    def test_it_stops_at_the_key_itself(self):
        assert self.follow("aba") == [("b", 1, 0, 0)]
        assert self.follow("aa") == []

    def test_each_key_brings_what_it_cost(self):
        successors, index = Successors(capacity=10, ahead=2), {}
        for key, cost in (("a", 1.0), ("b", 7.0), ("c", 0.5)):
            successors.follow(index, "", key, cost)
        assert [cost for _, _, cost in successors.follow(index, "", "a", 1.0)] == [7.0, 0.5]

    def test_chains_are_followed_apart(self):
        successors, index = Successors(capacity=100, ahead=1), {}
        for chain, key in (("one", "a"), ("two", "x"), ("one", "b"), ("two", "y")):
            successors.follow(index, chain, key, 1.0)
        assert [key for key, _, _ in successors.follow(index, "three", "a", 1.0)] == ["b"]
        assert [key for key, _, _ in successors.follow(index, "three", "x", 1.0)] == ["y"]

    def test_what_is_forgotten_is_gone_from_every_index(self):
        successors, one, two = Successors(capacity=50, ahead=4), {}, {}
        chance = random.Random(0)
        for _ in range(5000):
            index, chain = chance.choice([(one, 1), (two, 2)])
            successors.follow(index, chain, chance.randrange(60), 1.0)
            assert len(one) + len(two) <= 50

    def test_it_agrees_with_a_search_through_all_that_is_remembered(self):
        chance = random.Random(1)
        successors, index, kept = Successors(capacity=40, ahead=3), {}, []
        for _ in range(3000):
            key = chance.randrange(12)
            found = [wanted for wanted, _, _ in successors.follow(index, "", key, 1.0)]
            places = [place for place, other in enumerate(kept) if other == key]
            assert found == (kept[places[-1] + 1 :][:3] if places else [])
            # The oldest is forgotten when another comes, after it has been looked at.
            kept = [*kept, key][-40:]


class TestLedger:
    def fetch(self, key, *, cost=1.0, charge=1.0, request=0):
        return Fetch(key, cost, charge, request, 0)

    def test_a_stake_comes_with_each_miss(self):
        ledger = Ledger(["p"], stake=0.25, most=10)
        assert not ledger.covers(1.0)
        for _ in range(4):
            ledger.missed(1.0)
        assert ledger.covers(1.0)
        ledger.add(self.fetch("a"))
        assert not ledger.covers(1.0)

    def test_a_fetch_that_is_used_pays_for_itself_and_one_more(self):
        ledger = Ledger(["p"], stake=1.0, most=10)
        ledger.missed(1.0)
        ledger.add(self.fetch("a"))
        assert ledger.asked("a", 3.0, hit=True) is True
        assert ledger.balance == 4.0
        assert ledger.asked("a", 3.0, hit=True) is None

    def test_one_that_is_gone_when_it_is_asked_for_is_wasted(self):
        ledger = Ledger(["p"], stake=1.0, most=10)
        ledger.missed(1.0)
        ledger.add(self.fetch("a"))
        assert ledger.asked("a", 1.0, hit=False) is False
        assert (ledger.counts["p"].wasted, ledger.balance) == (1, 0.0)

    def test_no_more_are_outstanding_than_allowed(self):
        ledger = Ledger(["p"], stake=9.0, most=2)
        ledger.missed(1.0)
        ledger.add(self.fetch("a"))
        ledger.add(self.fetch("b"))
        assert not ledger.covers(1.0)
        assert ledger.gone("a") == self.fetch("a")
        assert ledger.gone("a") is None
        assert ledger.covers(1.0)

    def test_old_fetches_are_looked_at_in_turn(self):
        ledger = Ledger(["p"], stake=9.0, most=9)
        ledger.missed(1.0)
        for request, key in enumerate("abc"):
            ledger.add(self.fetch(key, request=request))
        assert ledger.oldest(HORIZON) is None
        assert ledger.oldest(HORIZON + 1).key == "a"
        ledger.still_there()
        assert ledger.oldest(HORIZON + 1) is None
        ledger.gone("b")
        assert ledger.oldest(HORIZON + 3).key == "c"
        ledger.gone("c")
        assert ledger.oldest(HORIZON + 3).key == "a"
        assert ledger.close().wasted == 3


class TestSlotPrice:
    @pytest.mark.parametrize(("exponent", "size"), [(0.7, 300), (0.9, 300), (0.9, 1500), (1.1, 100)])
    def test_is_near_what_useless_entries_cost_an_lru_cache(self, exponent, size):
        """Against a cache into which junk is put with every tenth request."""
        chance = random.Random(0)
        weights = [rank**-exponent for rank in range(1, 5001)]
        requests = chance.choices(range(5000), weights, k=120_000)

        def misses(price, *, junk):
            cache, missed = OrderedDict(), 0
            for number, key in enumerate(requests):
                hit = key in cache
                missed += not hit
                cache[key] = None
                cache.move_to_end(key)
                if junk and number % 10 == 0:
                    cache[-number - 1] = None
                while len(cache) > size:
                    cache.popitem(last=False)
                if price is not None:
                    price.observe(number, key, missed=not hit)
            return missed

        price = SlotPrice()
        lost = (misses(None, junk=True) - misses(price, junk=False)) / (len(requests) / 10)
        assert 0.7 * lost < price.hits_lost < 2.2 * lost

    def test_is_high_before_anything_is_known(self):
        assert SlotPrice().hits_lost == 1.0

    def test_is_nothing_where_nothing_is_hit(self):
        price = SlotPrice()
        for number in range(5000):
            price.observe(number, number % 100, missed=True)
        assert price.hits_lost == 0.0

    def test_is_high_where_a_loop_just_fits(self):
        price = SlotPrice()
        for number in range(100_000):
            once = number % 10 == 0
            price.observe(number, ("once", number) if once else number % 1000, missed=once)
        assert price.hits_lost > 5


class TestTimeOfDay:
    def day(self, days, at, keys, *, namespace=""):
        turned = days.turn(at)
        for key in keys:
            days.observe(namespace, key, 1.0)
        return turned

    def taken(self, days, *, namespace=""):
        found = []
        while more := days.take(namespace):
            assert len(more) <= AT_ONCE
            found += more
        return found

    def test_yesterdays_keys_are_due_with_how_often_they_came(self):
        days = TimeOfDay()
        for day in range(6):
            self.day(days, day * DAY + 1000, ["a"] + ["b"] * (day % 2))
            days.turn(day * DAY + 2000)
        assert days.turn(6 * DAY + 1000)
        assert sorted(self.taken(days)) == [("a", 3, 1.0), ("b", 0, 1.0)]
        assert self.taken(days) == []

    def test_a_slot_is_turned_to_once(self):
        days = TimeOfDay()
        assert [days.turn(at) for at in (0.0, 1.0, 299.9, 300.0, 301.0, 5.0, DAY)] == [
            True, False, False, True, False, True, True,
        ]  # fmt: skip

    def test_namespaces_do_not_see_each_other(self):
        days = TimeOfDay()
        self.day(days, 1000, ["a"], namespace="one")
        days.turn(DAY + 1000)
        assert self.taken(days, namespace="two") == []
        assert self.taken(days, namespace="one") == [("a", 0, 1.0)]

    def test_what_does_not_come_again_makes_room_on_the_third_day(self):
        days = TimeOfDay()
        self.day(days, 1000, range(2 * KEPT))
        self.day(days, DAY + 1000, ["daily", *range(KEPT // 2)])
        self.day(days, 2 * DAY + 1000, ["daily"])
        days.turn(3 * DAY + 1000)
        assert self.taken(days) == [("daily", 0, 1.0)]

    def test_a_clock_that_is_put_back_does_no_harm(self):
        days = TimeOfDay()
        for at in (9 * DAY, 3 * DAY, 3 * DAY + 1, 10 * DAY, 4 * DAY, 1e15, -1e15, 5 * DAY):
            self.day(days, at, range(KEPT + 5))
            assert len(self.taken(days)) <= KEPT


class TestSiblings:
    def test_keys_of_cache_key_are_taken_apart(self):
        key = cache_key(Prompt(brief=Brief(topic="bread"), text="x", tenant="a/b c", variant=12))
        tenant, stem, variant = split(key)
        assert (tenant, f"{stem}{variant}") == ("a%2Fb%20c", key)
        assert variant == 12

    @pytest.mark.parametrize(
        "key",
        ["", "a/b/1", "a/x:00/", "a/x:00/x", "a/x:0/1/2", "a/x:0/٣", "a/x:0/123456789", 7, None, b"a/x:0/1", ("a",)],
    )
    def test_others_are_not(self, key):
        assert split(key) is None


class TestRecent:
    def test_the_last_written_are_there_and_not_twice_as_many(self):
        recent = Recent(10)
        for number in range(1000):
            recent.put(number % 400, number)
            there = [key for key in range(400) if recent.get(key) is not None]
            assert set(range(max(0, number - 9), number + 1)) <= {key + number // 400 * 400 for key in there} | {
                key + (number // 400 - 1) * 400 for key in there
            }
            assert len(there) <= 21

    def test_the_latest_value_counts_and_a_popped_one_is_gone(self):
        recent = Recent(1)
        recent.put("a", 1)
        recent.put("b", 2)  # "a" is among the older now
        recent.put("a", 3)
        assert recent.pop("a") == 3
        assert recent.pop("a") is None
        assert recent.get("a") is None


class TestAllowance:
    def test_comes_back_with_time_and_not_beyond_its_size(self):
        allowance = Allowance(10.0, seconds=100.0)
        assert allowance.take(10.0, 0.0)
        assert not allowance.take(1.0, 9.0)
        assert allowance.take(1.0, 10.5)
        assert not allowance.take(10.5, 1e6)
        assert allowance.take(10.0, 1e6)

    def test_without_limit_is_never_used_up(self):
        allowance = Allowance(float("inf"), seconds=1.0)
        assert all(allowance.take(1e300, 0.0) for _ in range(10))
