"""What can be said of an experiment: from sums to a decision, without touching anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from postopt.experiments.blocks import NOTHING, blocked, pooled
from postopt.experiments.decision import ArmResult, Decision, State
from postopt.experiments.definition import Definition
from postopt.experiments.design_effect import DesignEffect
from postopt.experiments.display import percent
from postopt.experiments.past import Past
from postopt.experiments.records import Metric, Totals
from postopt.experiments.sequential import Comparison, SequentialTest
from postopt.experiments.standing import Standing
from postopt.experiments.traffic import CONTROL, Numbers
from postopt.experiments.usual import Usual
from postopt.experiments.validity import invalidity
from postopt.experiments.winner import Ranking, find_winner, pair_test
from postopt.stats.interval import Interval

# What it would take is said for the lift that is expected of the leader, but for no smaller one than this: to find a
# lift of 2 % takes more than a million outcomes at 1.5 %, and nobody asks for it (arbitrary).
_LEAST_LIFT = 0.02
# Nobody waits for so many times what is there, if it is more than a million (both arbitrary).
_MOST_TIMES, _MOST = 100, 1_000_000


class Breach(NamedTuple):
    """An arm that made a guarded metric worse than is tolerated: by how much, from how many outcomes of both arms."""

    place: int
    metric: str
    change: float
    tolerance: float
    n: int


class Effect(NamedTuple):
    """How many times the variance of independent outcomes the real one is, and from what that is known."""

    value: float
    reason: str


class Judge:
    """Compares the arms of one experiment, day by day. Keeps nothing but its settings.

    Args:
        definition: of the experiment.
        past: experiments of the host.
    """

    def __init__(self, definition: Definition, past: Past) -> None:
        self._definition = definition
        self._usual = usual = past.usual if definition.metric.kind == "proportion" else Usual()
        arms = len(definition.arms)
        self._horizon = None if definition.horizon is None else definition.horizon / arms
        self._test = SequentialTest(
            alpha=definition.alpha,
            comparisons=max(arms - 1, 1),
            arms=max(arms, 2),
            usual=usual,
            horizon=self._horizon,
            kind=definition.metric.kind,
        )
        self._pair = pair_test(
            arms, alpha=definition.alpha, usual=usual, horizon=self._horizon, kind=definition.metric.kind
        )
        self._guards = [
            SequentialTest(
                alpha=rail.alpha,
                comparisons=max(arms - 1, 1),
                arms=max(arms, 2),
                usual=Usual(),  # the past is that of another metric
                kind=rail.metric.kind,
                side="greater" if rail.metric.lower_is_better else "less",
                early=True,
            )
            for rail in definition.guardrails
        ]

    def breaches(self, standing: Standing, metric: str | None = None) -> list[Breach]:
        """Return which active arms breach which guardrail, or which one of this metric."""
        found = []
        for rail, test in zip(self._definition.guardrails, self._guards, strict=True):
            if metric not in (None, rail.metric.name):
                continue
            tally = standing.tallies[rail.metric.name]
            control = tally.days(CONTROL)
            effect = self._effect(standing, rail.metric).value if control else 1.0
            for place in standing.active:
                days = tally.days(place)
                if place == CONTROL or not days or not control:
                    continue
                seen = test.compare(*blocked(days, control), effect)
                beyond = seen.interval.low > rail.tolerance
                if not rail.metric.lower_is_better:
                    beyond = seen.interval.high < -rail.tolerance
                if beyond:
                    found.append(Breach(place, rail.metric.name, seen.lift, rail.tolerance, round(seen.interval.n)))
        return found

    def loss(self, standing: Standing, effect: float) -> float:
        """Estimate how many successes it has cost that not all saw the best arm.

        Each arm's mean is shrunk towards that of all arms by what lifts usually are, because the best of a few noisy
        means is too good and the others too bad.
        """
        tally = standing.tally
        seen = tally.n > 0
        if not 0 < tally.total.sum() < tally.n.sum():
            return 0.0
        n, mean = tally.n[seen], tally.total[seen] / tally.n[seen]
        centre = tally.total.sum() / tally.n.sum()
        spread = (self._usual.tau * centre) ** 2 / 2  # tau is of the difference of two arms
        noise = centre * (1 - centre) / n * effect
        shrunk = centre + (mean - centre) * spread / (spread + noise)
        sign = -1 if self._definition.metric.lower_is_better else 1
        return float((n * (np.max(sign * shrunk) - sign * shrunk)).sum())

    def decide(self, standing: Standing, shares: Numbers, now: float) -> tuple[Decision, tuple[str, ...]]:
        """Return what can be said now, and why that is settled by it for ever, if it is."""
        definition, metric = self._definition, self._definition.metric
        effect = self._effect(standing, metric)
        pairs = _Pairs(standing)
        verdict = find_winner(
            {standing.names[place]: pairs.pooled(place) for place in standing.active},
            alpha=definition.alpha,
            usual=self._usual,
            horizon=self._horizon,
            kind=metric.kind,
            lower_is_better=metric.lower_is_better,
            design_effect=effect.value,
            pair=pairs,
        )
        state, reasons, lasting = self._state(standing, verdict, effect.value)
        active = standing.active or [CONTROL]
        place = active[0] if verdict.best is None else standing.places[verdict.best]
        others = [other for other in active if other != place] or [CONTROL]
        rival = others[0] if verdict.rival is None else standing.places[verdict.rival]
        lift, interval = _better(verdict.comparison, metric, 1 - definition.alpha)
        # Two arms are compared with each other at one level; so the leader with the control is nothing new.
        known = {place: verdict.comparison} if rival == CONTROL and len(definition.arms) == 2 else {}
        decision = Decision(
            experiment=definition.name,
            state=state,
            winner=definition.arms[place] if state is State.WINNER else None,
            leader=definition.arms[place],
            against=definition.arms[rival],
            lift=lift,
            interval=interval,
            n=round(float(standing.tally.n.sum())),
            reasons=(*reasons, *self._notes(standing, verdict, effect)),
            arms=tuple(self._results(standing, shares, pairs, effect.value, known)),
            at=now,
        )
        if standing.settled:
            return _as_settled(decision, definition, standing), ()
        return decision, tuple(reasons) if lasting else ()

    def comparing(self, standing: Standing) -> Callable[[Totals, Totals], tuple[float, Interval]]:
        """Return what compares two arms by their sums, as the leader is compared with its rival."""
        effect = self._effect(standing, self._definition.metric).value

        def compare(arm: Totals, other: Totals) -> tuple[float, Interval]:
            return _better(self._pair.compare(arm, other, effect), self._definition.metric, 1 - self._pair.alpha)

        return compare

    def _state(self, standing: Standing, verdict: Ranking, effect: float) -> tuple[State, list[str], bool]:
        """Return the state, why it is that one, and whether it stays so."""
        definition = self._definition
        if standing.settled:
            return State(standing.settled["state"]), list(standing.settled["reasons"]), True
        fault = invalidity(definition, standing)
        if fault is not None:
            return State.INVALID, [fault.words], fault.lasting
        if definition.max_loss is not None and (loss := self.loss(standing, effect)) > definition.max_loss:
            words = f"exploring has cost about {loss:,.1f} {definition.metric.name}, more than {definition.max_loss:g}"
            return State.STOPPED, [f"{words}; from now on all see the arm that leads"], True
        if definition.mode == "earn":
            return State.EARNING, ["mode earn shows what earns more, and makes no claims; find makes them"], False
        if len(standing.active) < 2:
            return State.NO_WINNER, ["there are not two active arms to compare"], False
        if verdict.winner is not None:
            return State.WINNER, [f"{verdict.winner} beats each other arm, at all looks together"], True
        n = float(standing.tally.n.sum())
        if definition.horizon is not None and n >= definition.horizon:
            words = f"the horizon of {definition.horizon:,} outcomes is over, and no arm beats all others"
            return State.NO_WINNER, [words], True
        return State.RUNNING, self._to_know_more(standing, verdict, effect), False

    def _to_know_more(self, standing: Standing, verdict: Ranking, effect: float) -> list[str]:
        """Say why there is no winner yet, and what it would take."""
        comparison = verdict.comparison
        if comparison is None:
            return ["no outcomes yet"]
        reasons = [comparison.silence or f"{verdict.best} does not beat {verdict.rival} yet"]
        lift = max(abs(comparison.expected), _LEAST_LIFT) if comparison.expected else self._usual.tau
        metric, tally = self._definition.metric, standing.tally
        rate = float(tally.total.sum() / tally.n.sum())
        if metric.kind == "mean" or not 0 < rate < 1:
            return reasons
        each = self._pair.needed(lift, rate=min(rate, 1 - rate), design_effect=effect)
        n = float(tally.n.sum())
        left = each * len(standing.active) - n
        if left > max(_MOST_TIMES * n, _MOST):
            reasons.append(f"if the true lift is {percent(lift)}, no realistic number of outcomes finds it")
        elif left > 0:
            about = round(left, 1 - math.floor(math.log10(left)))
            reasons.append(f"if the true lift is {percent(lift)}, about {about:,.0f} more outcomes find it (power 80%)")
        return reasons

    def _notes(self, standing: Standing, verdict: Ranking, effect: Effect) -> Iterator[str]:
        """Say what a reader should know besides."""
        definition, comparison = self._definition, verdict.comparison
        if comparison is not None and comparison.expected and not standing.settled:
            expected = -comparison.expected if definition.metric.lower_is_better else comparison.expected
            yield f"expect {percent(expected)} from now on: who leads was lucky, too, on average"
        yield f"intervals are widened for outcomes that are not independent: {effect.reason}"
        for rail in definition.guardrails:
            tally = standing.tallies[rail.metric.name]
            if not tally.n[CONTROL] or not np.delete(tally.n, CONTROL).any():
                yield f"guardrail {rail.metric.name}: no outcomes to compare, so it cannot breach"
        for place, why in standing.why.items():
            if standing.statuses[place] != "active":
                yield f"{standing.names[place]} is {standing.statuses[place]}: {why}"
        window = definition.metric.window
        if window is not None:
            yield f"assignments of the last {window:,.0f} seconds do not count yet"

    def _results(
        self,
        standing: Standing,
        shares: Numbers,
        pairs: _Pairs,
        effect: float,
        known: Mapping[int, Comparison | None],
    ) -> Iterator[ArmResult]:
        metric, nothing = self._definition.metric, _nothing(1 - self._test.alpha)
        assigned, parts = standing.assigned.tolist(), shares.tolist()
        for place, arm in enumerate(self._definition.arms):
            lift, interval, totals = 0.0, nothing, pairs.pooled(place)
            if place != CONTROL and totals.n:
                seen = known.get(place) or self._test.compare(*pairs.days(place, CONTROL), effect)
                lift, interval = _better(seen, metric, nothing.level)
            yield ArmResult(
                arm=arm,
                status=standing.statuses[place],
                n=round(totals.n),
                mean=totals.mean,
                assigned=assigned[place],
                share=parts[place],
                lift=lift,
                interval=interval,
            )

    def _effect(self, standing: Standing, metric: Metric) -> Effect:
        """Return how many times the variance of independent outcomes the real one is."""
        if self._definition.design_effect is not None:
            given = self._definition.design_effect
            return Effect(given, f"design effect {given:g}, as given")
        learned = DesignEffect(standing.buckets(metric.name), kind=metric.kind)
        return Effect(learned.value, learned.reason)


def _as_settled(decision: Decision, definition: Definition, standing: Standing) -> Decision:
    """Return a decision with what was settled before in place of what would be said now."""
    settled = standing.settled
    arms = {arm.name: arm for arm in definition.arms}
    lift, low, high = settled["figures"]
    return replace(
        decision,
        winner=arms[settled["winner"]] if settled["winner"] else None,
        leader=arms[settled["leader"]],
        against=arms[settled["against"]],
        lift=math.inf if lift is None else lift,
        interval=Interval(
            -math.inf if low is None else low,
            math.inf if high is None else high,
            decision.interval.level,
            settled["n"],
        ),
    )


class _Pairs:
    """The sums of arms, and of pairs of them, day by day."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._days = standing.tally.days

    def __call__(self, arm: str, other: str) -> tuple[Totals, Totals]:
        """Return the sums of two arms as if they had been shown on the same days."""
        return self.days(self._standing.places[arm], self._standing.places[other])

    def days(self, place: int, other: int) -> tuple[Totals, Totals]:
        """Do the same by the numbers of the arms."""
        return blocked(self._days(place), self._days(other))

    def pooled(self, place: int) -> Totals:
        """Return the sums of one arm over all days."""
        return pooled(days) if (days := self._days(place)) else NOTHING


def _better(comparison: Comparison | None, metric: Metric, level: float) -> tuple[float, Interval]:
    """Return lift and interval so that more is better."""
    if comparison is None:
        return 0.0, _nothing(level)
    lift, interval = comparison.lift, comparison.interval
    if not metric.lower_is_better:
        return lift, interval
    return -lift, interval._replace(low=-interval.high, high=-interval.low)


def _nothing(level: float) -> Interval:
    return Interval(-1.0, math.inf, level, 0)
