"""Where an experiment's parts meet: one change at a time, told to others afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from postopt._checks import check_callable
from postopt.clock import Clock
from postopt.errors import (
    ExperimentChangedError,
    ExperimentError,
    ExperimentStoreError,
    OutcomeError,
    UnknownArmError,
    shown,
)
from postopt.events.records import Event, ExperimentDecided, GuardrailBreached
from postopt.experiments.allocation import OUTSIDE, Allocator
from postopt.experiments.assignment import ExclusionGroup, Unit
from postopt.experiments.bandit import Policy
from postopt.experiments.course import Course, Trail, course_of, largest
from postopt.experiments.decision import Decision, State
from postopt.experiments.definition import Definition
from postopt.experiments.display import headline
from postopt.experiments.entries import MAX_TIME
from postopt.experiments.intake import outcome_values, report_totals
from postopt.experiments.judge import Judge
from postopt.experiments.opening import Opening
from postopt.experiments.past import Past
from postopt.experiments.priors import Scorer
from postopt.experiments.publishing import EventSink, Publisher
from postopt.experiments.records import Assignment, CountRow, Metric, Totals
from postopt.experiments.standing import FEEDBACK, Standing
from postopt.experiments.store import ExperimentStore
from postopt.experiments.storefile import passes
from postopt.experiments.traffic import Traffic
from postopt.types import Feedback

# Units one by one are dealt by the same shares until there is such a part more of outcomes: to compute them anew costs
# as much as to deal some tens, and a twentieth more moves them little (arbitrary).
_MORE = 0.05

# Of what a feedback counts, what can be a metric: all but revenue are successes among its impressions.
_FED_BACK = frozenset({"clicks", "reactions", "hides", "revenue"})


class Desk:
    """Does what `Experiment` promises, which checks what comes in and documents it.

    The store's lock is its lock: a thread that holds the store in a transaction, and asks here, would otherwise wait
    for one that is here and waits for the store.
    """

    def __init__(
        self,
        definition: Definition,
        store: ExperimentStore,
        *,
        clock: Clock,
        seed: int,
        prior: Scorer | None,
        policy: Policy | None,
        group: ExclusionGroup | None,
        events: EventSink | None,
    ) -> None:
        check_callable("clock", clock, "returns seconds since the epoch")
        self.definition = definition
        self.store = store
        self.publisher = Publisher(events)
        self.not_counted = 0
        self._clock = clock
        self._events: list[Event] = []
        self._define()
        past = Past.of(store)
        self.standing = Standing(definition, store)
        self._traffic = Traffic(definition, past, prior=prior, policy=policy, seed=seed)
        self._judge = Judge(definition, past)
        self._allocator = Allocator(definition, self.standing, self._traffic, store.salt, group)
        self._opening = Opening(store, definition.name)
        self._trail: Trail | None = None

    @contextmanager
    def changing(self, now: float | None = None) -> Iterator[float]:
        """Hold the lock and give the time; what happened inside is told to others once it is free again."""
        try:
            with self.store.lock:
                moment = self.now() if now is None else now
                if self.standing.due(moment):
                    self.standing.look(moment)
                yield moment
        except BaseException:
            self.standing.distrust()  # some of it may be in memory, but not in the store, or the other way round
            raise
        finally:
            events, self._events = self._events, []
            if events:
                # Not what a transaction that this is a part of undoes.
                self.store.after_commit(lambda: self.publisher(events))

    def now(self) -> float:
        """Return the time.

        Raises:
            ExperimentError: the clock gives none.
        """
        at = self._clock()
        if not -MAX_TIME <= at <= MAX_TIME:
            raise ExperimentError(f"the clock says {shown(at)}; seconds since the epoch are needed")
        return at

    def metric(self, metric: Metric | str | None) -> Metric:
        """Return one of the experiment's metrics; None stands for the one that decides."""
        if metric is None:
            return self.definition.metric
        name: object = metric.name if isinstance(metric, Metric) else metric
        found = self.definition.metrics.get(name) if isinstance(name, str) else None
        if found is None:
            raise OutcomeError(
                f"{shown(name)} is no metric of {shown(self.definition.name)}",
                hint=f"it has {', '.join(self.definition.metrics)}",
            )
        return found

    def place(self, arm: object) -> int:
        """Return the number of an arm."""
        found = self.standing.places.get(arm) if isinstance(arm, str) else None
        if found is None:
            raise UnknownArmError(f"{shown(arm)} is no arm of {shown(self.definition.name)}")
        return found

    def assign(self, units: Sequence[Unit], context: str, *, alike: bool) -> list[Assignment]:
        """Return the assignments of units; `alike` allows shares that rest on a few outcomes less."""
        with self.changing() as now:
            self._traffic.update(self.standing, _MORE if alike else 0.0)
            return self._allocator.allocate(units, context, now)

    def record(self, metric: Metric, values: Sequence[tuple[str, float]], at: float | None) -> int:
        """Record outcomes; return how many count."""
        with self.changing() as now:
            when = now if at is None else at
            counted = self.standing.record(metric, [(each, value, when) for each, value in values if each != OUTSIDE])
            if counted:
                self._check_counted(now, metric.name)
            return counted

    def count(self, metric: Metric, place: int, totals: Totals, at: float | None, report: str | None) -> bool:
        """Count a report; return whether it is new."""
        with self.changing() as now:
            name = self._opening.next_id(now) if report is None else report
            arm, when = self.standing.names[place], now if at is None else at
            row = CountRow(name, self.definition.name, arm, metric.name, totals, when)
            counted = self.standing.count(row, new=report is None)
            if counted:
                self._check_counted(now, metric.name)
            return counted

    def decide(self, now: float | None = None) -> Decision:
        """Look into the store, check guardrails, decide, and settle what is settled by that."""
        with self.changing(now) as moment:
            return self._decide(moment)

    def stop(self, reason: str) -> None:
        """Settle that it is stopped, if nothing else is."""
        with self.changing() as now:
            decision = self._decide(now)
            if not self.standing.settled:
                self._settle(replace(decision, state=State.STOPPED, winner=None), (reason,))

    def step(self, now: float) -> list[str]:
        """Decide, and return in words what changed by that."""
        with self.changing(now):
            statuses, settled = list(self.standing.statuses), self.standing.settled
            decision = self._decide(now)
            changed = [
                f"{self.definition.name}: {name} is {status}: {self.standing.why.get(place, '')}"
                for place, (name, status) in enumerate(zip(self.standing.names, self.standing.statuses, strict=True))
                if status != statuses[place]
            ]
            if self.standing.settled != settled:
                changed.append("; ".join((headline(decision), *decision.reasons)))
            return changed

    def learn(self, decision_id: str, feedback: Feedback) -> bool:
        """Take a feedback; return whether the decision is one of this experiment."""
        with self.changing() as now:
            known = self.standing.find([decision_id]).get(decision_id)
            if known is None:
                return False
            for metric in self.definition.metrics.values():
                if metric.name in _FED_BACK:
                    self._learn(metric, decision_id, known[0], feedback)
                    self._check_counted(now, metric.name)
        return True

    def _learn(self, metric: Metric, decision_id: str, place: int, feedback: Feedback) -> None:
        value = getattr(feedback, metric.name)
        if value is None:  # nobody counted it
            return
        if value < 0 or (metric.kind == "proportion" and value > feedback.impressions):
            self.not_counted += 1  # a refund, or more reactions than readers: no outcome of such a metric
            return
        if metric.kind == "mean":
            (amount,) = outcome_values([value], metric)
            self.standing.record(metric, [(decision_id, amount, feedback.at)])
        else:
            totals = report_totals(feedback.impressions, value, metric)
            name = self.definition.name
            report = f"{FEEDBACK}{name}/{metric.name}/{feedback.id}"
            self.standing.count(CountRow(report, name, self.standing.names[place], metric.name, totals, feedback.at))

    def set_arm(self, arm: object, status: str, reason: str) -> None:
        """Change an arm's status."""
        place = self.place(arm)
        with self.changing() as now:
            if self.standing.statuses[place] == "removed" and status != "removed":
                raise ExperimentError(f"{shown(arm)} was removed from {shown(self.definition.name)}, for ever")
            self.standing.set_arm(place, status, reason, now)

    def course(self) -> Course:
        """Return what a plot shows."""
        with self.changing() as now:
            decision = self._decide(now)
            moments = self._remember().moments(self.standing.tally)
            return course_of(decision, moments, self.standing.names, self._judge.comparing(self.standing))

    def _decide(self, now: float) -> Decision:
        self.standing.refresh(now)
        self._check_guardrails(now)
        self._traffic.update(self.standing, 0.0)
        decision, settled = self._judge.decide(self.standing, self._traffic.shares, now)
        self._remember()
        if settled:
            self._settle(decision, settled)
            self._traffic.update(self.standing, 0.0)
        return decision

    def state(self) -> dict[str, Any]:
        """Return all that is known as plain JSON."""
        with self.changing() as now:
            self.standing.refresh(now)
            return self.standing.state()

    def forget(self) -> None:
        """Keep nothing in memory that the store may not hold any more."""
        with self.store.lock:
            self.standing.forget()

    def _remember(self) -> Trail:
        if self._trail is None:
            self._trail = Trail()
            self._trail.begin(self.standing.periods(largest(self.standing.tally)))
        self._trail.add(self.standing.tally)
        return self._trail

    def _settle(self, decision: Decision, reasons: tuple[str, ...]) -> None:
        """Keep a decision for ever, and tell others."""
        low, high = decision.interval.low, decision.interval.high
        first = self.standing.settle(
            decision.at,
            state=str(decision.state),
            winner=None if decision.winner is None else decision.winner.name,
            leader=decision.leader.name,
            against=decision.against.name,
            figures=[value if math.isfinite(value) else None for value in (decision.lift, low, high)],
            n=decision.interval.n,
            reasons=list(reasons),
        )
        if not first:
            return
        metric = self.definition.metric
        # Priors are learned from what is over, if its split is sound and its metric one of which more is better.
        if decision.state is not State.INVALID and metric.kind == "proportion" and not metric.lower_is_better:
            self.store.finish(self.definition.name, metric.name, decision.at)
        winner = None if decision.winner is None else decision.winner.name
        self._events.append(
            ExperimentDecided(
                at=decision.at,
                experiment=decision.experiment,
                state=str(decision.state),
                winner=winner,
                lift=decision.lift,
                n=decision.n,
            )
        )

    def _check_counted(self, now: float, metric: str) -> None:
        """Check a guardrail of what was counted, or leave that to the next check while the store cannot be written."""
        try:
            with self.store.hurrying():
                self._check_guardrails(now, metric)
        except ExperimentStoreError as error:
            if not passes(error.__cause__):
                raise

    def _check_guardrails(self, now: float, metric: str | None = None) -> None:
        """Pause the arms that breach a guardrail."""
        for breach in self._judge.breaches(self.standing, metric):
            name = self.standing.names[breach.place]
            reason = (
                f"guardrail {breach.metric}: {breach.change:+.1%} against the control, "
                f"tolerated {breach.tolerance:.1%}, n = {breach.n:,}"
            )
            self.standing.set_arm(breach.place, "paused", reason, now)
            self._events.append(
                GuardrailBreached(
                    at=now,
                    experiment=self.definition.name,
                    arm=name,
                    metric=breach.metric,
                    change=breach.change,
                    tolerance=breach.tolerance,
                    n=breach.n,
                )
            )

    def _define(self) -> None:
        """Note the experiment in the store, or find that it is there as it should be."""
        definition = self.definition
        if definition.name in self.store.experiments():
            known = [row.name for row in self.store.arms(definition.name)]
            if known != list(definition.arms):
                raise ExperimentChangedError(
                    f"the store knows {shown(definition.name)} with other arms, or in another order: {shown(known)}",
                    hint="use `remove` to take an arm out; for a new one, or another control, begin a new experiment",
                )
        self.store.define(definition.name, definition.settings(), definition.arms)
