"""Money per day, in simulated days."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.selection.pacing import DailyPace

DAY = 86_400.0
MODELS = ((0.55, 0.0001), (0.65, 0.0003), (0.75, 0.001), (0.8, 0.004))


def traffic(draw, calls):
    """Return the times of a day's calls: three times as many by day as by night."""
    times = []
    while len(times) < calls:
        second = draw.random() * DAY
        if draw.random() < (1.0 if 8 <= second / 3600 < 20 else 1 / 3):
            times.append(second)
    return sorted(times)


def simulate(budget, calls_by_day, seed=0):
    """Return for each day: (share of the budget spent, calls that nothing was left for, mean quality)."""
    draw = random.Random(seed)
    pace = DailyPace(budget)
    days = []
    for day, calls in enumerate(calls_by_day):
        refused, quality = 0, 0.0
        for second in traffic(draw, calls):
            now = day * DAY + second
            pace.begin(now)
            length = draw.lognormvariate(0, 0.4)
            costs = [length * cost for _, cost in MODELS]
            most = pace.affordable(costs, now)
            scores = [mean + draw.gauss(0, 0.1) for mean, _ in MODELS]
            able = [n for n, cost in enumerate(costs) if cost <= most]
            if not able:
                refused += 1
                continue
            taken = max(able, key=lambda n: scores[n] - pace.cost_weight * costs[n])
            quality += scores[taken]
            pace.spend(costs[taken], costs, now)
            assert pace.spent <= budget
        days.append((pace.spent / budget, refused / calls, quality / calls))
    return days


class TestSpending:
    @pytest.mark.parametrize("budget", [0.5, 1.0, 2.0])
    def test_is_within_a_few_percent_of_the_budget_with_changing_traffic_and_never_above(self, budget):
        days = simulate(budget, [2000, 1800, 2300, 2000, 1700])
        for share, refused, _ in days[1:]:
            assert 0.95 <= share <= 1.0
            assert refused <= 0.01
        assert 0.9 <= days[0][0] <= 1.0  # the first day knows nothing of the hours

    def test_is_less_where_even_the_dearest_costs_less(self):
        for share, refused, quality in simulate(100.0, [500, 500]):
            assert share < 0.1
            assert not refused
            assert quality > 0.8

    def test_a_day_with_thrice_the_calls_keeps_to_its_budget(self):
        days = simulate(1.0, [1000, 1000, 3000, 1000])
        assert days[2][0] == pytest.approx(1.0, abs=0.05)
        assert days[2][1] < 0.1

    def test_more_money_buys_more_quality(self):
        qualities = [sum(quality for _, _, quality in simulate(budget, [1500] * 3)) for budget in (0.3, 1.0, 4.0)]
        assert qualities == sorted(qualities)


class TestLaws:
    def test_the_weight_rises_ahead_of_the_pace_and_falls_behind(self):
        pace = DailyPace(1.0)
        for call in range(50):
            pace.begin(call * 600.0)
            pace.spend(0.01, [0.001, 0.01], call * 600.0)
        ahead = pace.cost_weight
        for call in range(50, 100):
            pace.begin(call * 600.0)
            pace.spend(0.001, [0.001, 0.01], call * 600.0)
        assert pace.cost_weight < ahead

    def test_a_clock_that_goes_back_stays_in_the_latest_day(self):
        pace = DailyPace(1.0)
        pace.begin(DAY * 2 + 10)
        pace.spend(1.0, [0.1, 1.0], DAY * 2 + 10)
        for now in (DAY * 2 - 10, 5.0, -DAY):
            pace.begin(now)
            assert pace.affordable([0.1, 1.0], now) <= 0
            assert pace.seconds_left(now) >= 0

    def test_a_new_day_has_the_whole_budget(self):
        pace = DailyPace(1.0)
        pace.begin(10.0)
        pace.spend(1.0, [0.1, 1.0], 10.0)
        pace.begin(DAY * 3)
        assert pace.spent == 0
        assert pace.affordable([0.1], DAY * 3) > 0

    def test_models_of_one_price_need_no_weight(self):
        pace = DailyPace(1.0)
        pace.begin(0.0)
        pace.spend(0.1, [0.1, 0.1], 0.0)
        assert pace.cost_weight == 0

    def test_the_first_day_goes_on_as_if_it_had_begun_with_the_first_call(self):
        pace = DailyPace(1.0)
        pace.begin(DAY * 4.5)
        assert pace._calls_left(DAY * 4.5 + 600) == pytest.approx(DAY / 2 / 600, rel=0.02)
        pace.begin(DAY * 5)
        assert pace._usual[12] == 1


class Till:
    """A budget that several share, as a store keeps it."""

    def __init__(self, budget):
        self.budget, self.reserved, self.asked = budget, 0.0, 0

    def let(self, pace, costs, now):
        """Let a pace spend the dearest that it may, or nothing; return what it spent."""
        pace.begin(now)
        while wanted := pace.wanted(costs, now):
            got = max(min(wanted, round(self.budget - self.reserved, 12)), 0.0)
            self.reserved = round(self.reserved + got, 12)
            self.asked += 1
            pace.granted(pace.day, wanted, got, self.reserved)
        most = pace.affordable(costs, now)
        able = [cost for cost in costs if cost <= most]
        if not able:
            return 0.0
        pace.spend(max(able), costs, now)
        return max(able)


class TestShared:
    @given(st.lists(st.tuples(st.integers(0, 2), st.floats(1e-6, 0.3)), max_size=120))
    @settings(deadline=None)
    def test_all_together_never_spend_more_than_the_budget(self, calls):
        till, paces = Till(1.0), [DailyPace(1.0, shared=True) for _ in range(3)]
        spent = sum(till.let(paces[who], [cost, cost / 7], 3600.0 * 23) for who, cost in calls)
        assert spent <= 1.0 + 1e-9
        assert spent <= till.reserved + 1e-9

    def test_asks_seldom_and_what_is_lost_at_its_end_is_little(self):
        till, pace = Till(1.0), DailyPace(1.0, shared=True)
        spent = sum(till.let(pace, [1e-5], DAY / 2 + call) for call in range(20_000))
        assert spent == pytest.approx(0.2)
        assert till.reserved - spent <= 0.01
        assert till.asked < 150

    def test_what_others_were_granted_counts_as_spent(self):
        till = Till(1.0)
        one, other = DailyPace(1.0, shared=True), DailyPace(1.0, shared=True)
        while till.let(one, [0.3], DAY - 1):
            pass
        assert till.let(other, [0.3, 0.05], DAY - 1) == 0.05
        assert other.spent == pytest.approx(0.95)

    def test_the_next_day_begins_with_nothing_granted(self):
        till, pace = Till(1.0), DailyPace(1.0, shared=True)
        assert till.let(pace, [0.4], 0.0)
        pace.begin(DAY)
        pace.granted(0, 1.0, 1.0, 1.0)  # which comes late, for the day before
        assert pace.wanted([0.4], DAY) == 0.4

    def test_the_child_of_a_fork_leaves_the_rest_to_its_parent(self):
        till, pace = Till(1.0), DailyPace(1.0, shared=True)
        till.let(pace, [0.1], DAY - 1)
        pace.leave()
        assert pace.wanted([0.1], DAY - 1) == 0.1
        assert till.let(pace, [0.1], DAY - 1) == 0.1
        assert pace.spent == pytest.approx(till.reserved)
