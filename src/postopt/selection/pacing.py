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
# What is reserved ahead, as shares of what was spent here today and of the budget: the rest of it is lost where a
# process ends, and each reservation is a transaction (both are arbitrary).
_AHEAD_OF_SPENT = 0.125
_AHEAD_OF_BUDGET = 0.01


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

    Where several spend one budget, each asks for parts of it before it spends them (`wanted`, `granted`), a little
    ahead: what it spends is never more than what it was granted, and what the others were granted counts as spent.

    Sources: S. Balseiro and Y. Gur, "Learning in repeated auctions with budgets", Management Science 65(9), 2019, for
    adaptive pacing; in simulated days steps of 0.03 and 0.06 spent alike.

    Not safe for threads: whoever has it guards it.

    Args:
        usd_per_day: the budget.
        shared: whether others spend of it, too.

    Attributes:
        cost_weight: quality that a US dollar is worth now.
        spent: US dollars of this day, what others were granted included as far as that is known.
        day: the UTC day, counted from the epoch.
    """

    def __init__(self, usd_per_day: float, *, shared: bool = False) -> None:
        self.usd_per_day = usd_per_day
        self.cost_weight = 0.0
        self.spent = 0.0
        self.day: int | None = None
        self._shared = shared
        self._mine = 0.0
        self._granted = 0.0
        self._all_granted = False
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

    def wanted(self, costs: Sequence[float], now: float) -> float:
        """Return what has to be granted before any of these may be spent that is affordable; 0 if nothing."""
        if not self._shared or self._all_granted:
            return 0.0
        most = self.affordable(costs, now)
        dearest = max((cost for cost in costs if cost <= most), default=0.0)
        room = self._granted - self._mine
        # To a trillionth of a dollar, as sums are kept.
        if dearest <= room + 1e-12:
            return 0.0
        ahead = min(self._mine * _AHEAD_OF_SPENT, self.usd_per_day * _AHEAD_OF_BUDGET)
        return max(dearest, ahead) - room

    def leave(self) -> None:
        """Leave what was granted here to somebody else, who goes on with it: it counts as spent."""
        if self._shared:
            self.spent = round(self.spent + self._granted - self._mine, 12)
        self._mine = self._granted = 0.0

    def granted(self, day: int, asked: float, usd: float, by_all: float) -> None:
        """Take what was granted of what was asked for a day, when all together have been granted `by_all` of it."""
        if day != self.day:
            return
        self._granted = round(self._granted + usd, 12)
        self._all_granted = usd < asked
        self.spent = round(by_all - self._granted + self._mine, 12)

    def seconds_left(self, now: float) -> float:
        """Return how long the day still lasts."""
        return _DAY - self._second(now)

    def affordable(self, costs: Sequence[float], now: float) -> float:
        """Return the most that this call may cost: what is left, less the cheapest model for each call to come."""
        left = round(self.usd_per_day - self.spent, 12)
        if self._all_granted:
            left = min(left, round(self._granted - self._mine, 12))
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
        self._mine = round(self._mine + cost, 12)
        gap = max(costs) - min(costs)
        if gap > 0:
            self._gap = self._gap + (gap - self._gap) / 100 if self._gap else gap
            off = (cost - pace) / pace if pace > 0 else _MOST_OFF
            weight = (self.cost_weight or 1.0 / self._gap) * math.exp(_STEP * min(off, _MOST_OFF))
            self.cost_weight = min(max(weight, _LEAST / self._gap), _MOST / self._gap)

    def _turn(self, day: int) -> None:
        if self.day is not None and day <= self.day:
            return
        if self.day is not None:
            self._remember(day - self.day)
        self.day, self._calls, self.spent = day, 0, 0.0
        self._mine, self._granted, self._all_granted = 0.0, 0.0, False
        self._by_hour = [0.0] * _HOURS

    def _second(self, now: float) -> float:
        """Return the second of the day, 0 to just under 86,400; of a clock gone back over midnight, the last."""
        second = now - (self.day or 0) * _DAY
        return min(max(second, 0.0), _DAY - 1e-3) if now // _DAY == self.day else _DAY - 1e-3

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
