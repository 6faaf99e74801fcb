"""Money per day, in simulated days."""

import random

import pytest

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

    def test_what_was_spent_earlier_is_taken_up(self):
        pace = DailyPace(1.0)
        pace.restore(4, 0.75)
        pace.begin(DAY * 4.5)
        assert pace.spent == 0.75
        assert pace._calls_left(DAY * 4.5 + 600) == pytest.approx(DAY / 2 / 600, rel=0.02)  # as if it began at noon
        pace.restore(3, 0.1)
        assert pace.spent == 0.75
        pace.restore(5, 0.0)
        assert pace.spent == 0
        assert pace._usual[12] == 1
