"""Money per day: what a dollar must be worth now for the day's budget to last the day, and no longer."""

from __future__ import annotations

import math
from collections.abc import Sequence

_DAY = 86_400.0
_HOURS = 24
_STEP = 0.03
_MOST_OFF = 20.0
# Of quality for the gap between dearest and cheapest: nothing, and more than any quality.
_LEAST, _MOST = 1e-3, 1e4
_MEMORY = 0.5
# Of yesterday's calls so many count as seen already when today's traffic is compared with what was expected.
_CAUTION = 0.1


class DailyPace:
    """Dual ascent on a budget in US dollars for each UTC day.

    The weight of a dollar, L, is the price of the constraint "mean cost of the calls left <= money left / calls left".
    After each call that cost c, with b = money left / calls left,

        L <- L exp(0.03 (c - b) / b),    (c - b) / b at most 20

    which is mirror descent on the dual, in the logarithm, because prices of models differ by powers of ten. At first L
    is such that the usual gap between dearest and cheapest counts 1 of quality; it stays between 1e-3 and 1e4 of that.

    L rises while spending is ahead of the pace and falls while it is behind; a choice is the model with the highest
    quality - L cost. How many calls are left is forecast from the hours of the days before (an average that halves with
    each day), times how today compares with them so far; on the first day, as if calls came evenly.

    Laws:
        - No day's sum passes the budget, as estimates of costs go: what could pass it is not `affordable`.
        - Enough is held back that each call still expected can have the cheapest model, as long as there is so much.
        - A clock that goes back stays in the latest day it has shown.

    It is the pace of one process. What several spend together is bounded by `postopt.resilience.Budget`.

    Sources: S. Balseiro and Y. Gur, "Learning in repeated auctions with budgets", Management Science 65(9), 2019, for
    adaptive pacing; in simulated days steps of 0.03 and 0.06 spent alike.

    Not safe for threads: whoever has it guards it.
    """

    def __init__(self, usd_per_day: float) -> None:
        self.usd_per_day = usd_per_day
        self.cost_weight = 0.0
        self.spent = 0.0
        self._day: int | None = None
        self._calls = 0
        self._by_hour = [0.0] * _HOURS
        self._usual: list[float] | None = None
        self._began = 0.0
        self._gap = 0.0

    def begin(self, now: float) -> None:
        """Count a call that somebody wants to make, whatever becomes of it, and turn to its day if that is later."""
        self._turn(int(now // _DAY))
        if not self._calls:
            self._began = self._second(now)
        self._calls += 1
        self._by_hour[int(self._second(now) * _HOURS / _DAY)] += 1

    def restore(self, day: int, spent: float) -> None:
        """Take up a day on which so much was spent before, unless a later one has begun."""
        self._turn(day)
        if day == self._day:
            self.spent = spent

    def seconds_left(self, now: float) -> float:
        """Return how long the day still lasts."""
        return _DAY - self._second(now)

    def affordable(self, costs: Sequence[float], now: float) -> float:
        """Return the most that this call may cost: what is left, less the cheapest model for each call to come."""
        left = round(self.usd_per_day - self.spent, 12)
        cheapest = min(costs)
        held_back = cheapest * (self._calls_left(now) - 1)
        # Where the cheapest for everybody is too much already, whoever comes first is served.
        return min(left, max(left - held_back, cheapest))

    def spend(self, cost: float, costs: Sequence[float], now: float) -> None:
        """Count a call that costs `cost`, where the candidates' costs were `costs`, and set the weight anew."""
        calls_left = self._calls_left(now)
        pace = (self.usd_per_day - self.spent) / max(calls_left, 1.0)
        # To a trillionth of a dollar: what binary fractions lose must not decide over the last call of a day.
        self.spent = round(self.spent + cost, 12)
        gap = max(costs) - min(costs)
        if gap > 0:
            self._gap = self._gap + (gap - self._gap) / 100 if self._gap else gap
            off = (cost - pace) / pace if pace > 0 else _MOST_OFF
            weight = (self.cost_weight or 1.0 / self._gap) * math.exp(_STEP * min(off, _MOST_OFF))
            self.cost_weight = min(max(weight, _LEAST / self._gap), _MOST / self._gap)

    def _turn(self, day: int) -> None:
        if self._day is not None and day <= self._day:
            return
        if self._day is not None:
            self._remember(day - self._day)
        self._day, self._calls, self.spent = day, 0, 0.0
        self._by_hour = [0.0] * _HOURS

    def _second(self, now: float) -> float:
        """Return the second of the day, 0 to just under 86,400; of a clock gone back over midnight, the last."""
        second = now - (self._day or 0) * _DAY
        return min(max(second, 0.0), _DAY - 1e-3) if now // _DAY == self._day else _DAY - 1e-3

    def _calls_left(self, now: float) -> float:
        """Return how many calls are expected until the day ends, this one included; one at least."""
        second = self._second(now)
        if self._usual is None:
            passed = max(second - self._began, 60.0)
            return max(self._calls * (_DAY - second) / passed, 1.0)
        hour = int(second * _HOURS / _DAY)
        share = second * _HOURS / _DAY - hour
        before = sum(self._usual[:hour]) + share * self._usual[hour]
        total = sum(self._usual)
        caution = _CAUTION * total + 1.0
        return max((total - before) * (self._calls + caution) / (before + caution), 1.0)

    def _remember(self, days: int) -> None:
        if self._usual is None:
            self._usual = self._by_hour
        else:
            keep = _MEMORY if days == 1 else _MEMORY**days
            self._usual = [
                keep * usual + (1 - keep) * today for usual, today in zip(self._usual, self._by_hour, strict=True)
            ]
