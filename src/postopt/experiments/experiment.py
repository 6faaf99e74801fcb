"""An experiment: who gets which arm, what came of it, and what can be said."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, Self

from postopt._checks import check_amount, check_count, check_name
from postopt.clock import Clock
from postopt.errors import OutcomeError, shown
from postopt.experiments.assignment import ExclusionGroup, Unit
from postopt.experiments.bandit import Policy
from postopt.experiments.decision import Decision
from postopt.experiments.definition import Definition, Mode, Weights
from postopt.experiments.desk import Desk
from postopt.experiments.guardrails import Guardrail
from postopt.experiments.intake import context_text, moment, outcome_values, report_totals
from postopt.experiments.priors import Scorer
from postopt.experiments.publishing import EventSink
from postopt.experiments.records import Arm, Assignment, Metric
from postopt.experiments.store import ExperimentStore
from postopt.types import Feedback

if TYPE_CHECKING:
    from postopt.experiments.matplotlib import Axes, Figure


class Experiment:
    """Which of several versions earns more: an experiment that may be looked at whenever one likes.

    Mode "find" makes claims: units are split by fixed weights, and an arm is called the WINNER once it beats every
    other by a rule that holds at all looks together (`alpha`). Mode "earn" makes clicks: arms that earn more are shown
    more, and nothing is claimed (EARNING). Both say INVALID when the split is not the planned one, and pause an arm
    that breaches a guardrail.

    Laws:
        - Sticky: a unit has one arm, whoever asks, in whichever process on the same store, however the shares change.
          Two processes that ask for the same new unit of an "earn" experiment within the second in which assignments
          wait to be written may show it two arms; the first that is written counts.
        - The propensity of an assignment is exactly the probability with which that unit, by the hash of it, got that
          arm; it is more than zero and logged.
        - An outcome counts once for each assignment and metric: the first one.
        - What is settled stays so, in the store too: WINNER, STOPPED, NO_WINNER at the horizon, and INVALID where units
          were dealt wrongly. Where outcomes or reports are missing, INVALID ends when they have come.
        - Reopened from its store with the same settings it goes on where it was; with others: ExperimentChangedError.
        - Nothing of it grows with the number of units: the store's log does.

    Units outside of `traffic_share` see the control and are not logged: their assignment has the id "", with which
    `record` does nothing, and propensity 1. An outcome of a metric with a window counts once its assignment is older
    than that, an assignment without one counts as 0 then, and one that comes later still puts that right. Younger
    assignments count nowhere, neither as failures nor as successes: no delay curve has to be guessed.

    Threads may share one object. After a fork the child looks into the store anew.

    Args:
        name: unique in the store.
        arms: versions, or their names; the first is the control.
        metric: what decides; a name stands for a proportion. Its window says how long to wait for outcomes.
        guardrails: what no arm may make worse than the control.
        mode: "find" or "earn".
        alpha: probability of a false winner, over all looks and arms.
        horizon: outcomes in all after which "find" ends with NO_WINNER, or None for no end. Given, the rule is
            strongest there, and says nothing before a quarter of it.
        traffic_share: of all units that take part.
        floor: of the units of an "earn" experiment, the share that is spread evenly over the active arms whatever is
            known (.02 is arbitrary): what keeps every propensity above zero and notices when things change.
        design_effect: how many times the variance of independent outcomes the real one is. "auto" learns it.
        store: where everything is kept; one of its own in memory if None, which is gone with it.
        clock: seconds since the epoch.
        seed: of the draws from which "earn" computes its shares. With the store's salt it replays a run.
        prior: what is known of a text beforehand, an object with `score(text)`: the log-odds of a success above the
            average. None learns it from the past experiments of the store. Only "earn" looks at it.
        weights: of the arms in "find", in any unit; None for equal ones.
        holdout: share of the units that see the control whatever is learned.
        max_loss: successes (clicks) that exploring may cost, as estimated; then it ends (STOPPED) and all new units
            see the arm that leads.
        policy: what "earn" chooses by, instead of the default.
        group: of experiments of which a unit takes part in one at most; this one has a share in it.
        events: who is told of breaches and of what is settled; a sink that fails is counted in `events_failed`.

    Raises:
        ValueError: an argument cannot be used.
        ExperimentChangedError: the store knows it with other settings or arms.
        ExperimentStoreError: the store cannot be used.
    """

    def __init__(  # noqa: PLR0913 - what can be set of an experiment
        self,
        name: str,
        arms: Iterable[Arm | str],
        *,
        metric: Metric | str = "clicks",
        guardrails: Sequence[Guardrail] = (),
        mode: Mode = "find",
        alpha: float = 0.05,
        horizon: int | None = None,
        traffic_share: float = 1.0,
        floor: float = 0.02,
        design_effect: float | Literal["auto"] = "auto",
        store: ExperimentStore | None = None,
        clock: Clock = time.time,
        seed: int = 0,
        prior: Scorer | None = None,
        weights: Weights = None,
        holdout: float = 0.0,
        max_loss: float | None = None,
        policy: Policy | None = None,
        group: ExclusionGroup | None = None,
        events: EventSink | None = None,
    ) -> None:
        definition = Definition.checked(
            name,
            arms,
            metric=metric,
            guardrails=guardrails,
            mode=mode,
            alpha=alpha,
            horizon=horizon,
            traffic_share=traffic_share,
            floor=floor,
            design_effect=design_effect,
            weights=weights,
            holdout=holdout,
            max_loss=max_loss,
        )
        if store is None:  # with a salt of the seed, which replays a run then
            salt = blake2b(str(check_count("seed", seed, least=0)).encode(), digest_size=16).digest()
            store = ExperimentStore(clock=clock, salt=salt)
        if not isinstance(store, ExperimentStore):
            raise ValueError(f"store is {shown(store)}; an ExperimentStore is needed")  # noqa: TRY004 - as all others
        self._desk = Desk(
            definition, store, clock=clock, seed=seed, prior=prior, policy=policy, group=group, events=events
        )

    @classmethod
    def reopen(cls, name: str, *, store: ExperimentStore, **others: Any) -> Self:
        """Return an experiment that the store knows, with the settings it has there.

        Args:
            name: of the experiment.
            store: that knows it.
            others: what a store does not keep: `clock`, `seed`, `prior`, `policy`, `group`, `events`.

        Raises:
            UnknownExperimentError: the store has none of that name.
        """
        arms = [Arm(row.name, row.text) for row in store.arms(check_name("name", name))]
        settings = Definition.from_settings(name, arms, store.settings(name)).arguments()
        return cls(name, arms, **settings, store=store, **others)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self._desk.definition.name

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All arms, in the order given; the first is the control."""
        return self._desk.definition.arms

    @property
    def metric(self) -> Metric:
        """What decides."""
        return self._desk.definition.metric

    @property
    def store(self) -> ExperimentStore:
        """Where everything is kept."""
        return self._desk.store

    @property
    def events_failed(self) -> int:
        """How many events the sink did not take."""
        return self._desk.publisher.failed

    @property
    def not_counted(self) -> int:
        """How many readings of feedback no such metric can have: a refund, more reactions than readers."""
        return self._desk.not_counted

    def assign(self, unit: Unit, context: Mapping[str, Any] | None = None) -> Assignment:
        """Return the arm of a unit: the one it has, or else one by the hash of it.

        In mode "earn" the shares are those of this moment, but for the last few outcomes: they are computed anew with
        each twentieth more.

        Args:
            unit: whose experience must not change: a user, a session, a slot. It is stored hashed only. 1 and "1" are
                the same.
            context: what was known, as plain JSON; logged beside the assignment.

        Raises:
            ValueError: `unit` is None, empty, or of no kind that units are, or the context is no plain JSON.
            ExperimentStoreError: the store cannot be read, or takes no more.
        """
        return self._desk.assign((unit,), context_text(context), alike=True)[0]

    def assign_many(self, units: Iterable[Unit], context: Mapping[str, Any] | None = None) -> list[Assignment]:
        """Do what `assign` does for each of these units, by the shares of this moment, with one look into the store."""
        return self._desk.assign(tuple(units), context_text(context), alike=False)

    def record(
        self, assignment_id: str, value: float, at: float | None = None, *, metric: Metric | str | None = None
    ) -> bool:
        """Record the outcome of an assignment; return whether it counts.

        It does not if the assignment has one of that metric already, or takes no part.

        Args:
            assignment_id: `Assignment.id`.
            value: of the outcome; for a proportion from 0 to 1.
            at: when it came, in seconds since the epoch; now, if None.
            metric: that of the experiment if None, or that of a guardrail.

        Raises:
            UnknownAssignmentError: no such assignment: the outcome came first, or to the wrong experiment or store.
            OutcomeError: the value is negative, NaN, infinite, or more than 1 for a proportion; or there is no such
                metric.
        """
        return bool(self.record_many((assignment_id,), (value,), at, metric=metric))

    def record_many(
        self,
        ids: Iterable[str],
        values: Iterable[float],
        at: float | None = None,
        *,
        metric: Metric | str | None = None,
    ) -> int:
        """Do what `record` does for each pair, or for none if one is wrong; return how many count.

        Raises:
            OutcomeError: as for `record`, or there are not as many values as ids.
        """
        wanted = self._desk.metric(metric)
        names, checked = list(ids), outcome_values(list(values), wanted)
        if len(names) != len(checked):
            raise OutcomeError(f"{len(checked)} values for {len(names)} ids; one for each is needed")
        return self._desk.record(wanted, list(zip(names, checked, strict=True)), moment("at", at))

    def observe(
        self,
        arm: Arm | str,
        n: float,
        successes: float,
        at: float | None = None,
        *,
        metric: Metric | str | None = None,
        report: str | None = None,
    ) -> bool:
        """Add counts from a report: so many more outcomes of an arm, and so many more successes; return if they count.

        Several calls add up: give what came since the last report, not the sums to date. What may come twice needs a
        name, `report`, unique in the store: the second one changes nothing. Without it every call counts.

        Args:
            arm: whose.
            n: outcomes (impressions).
            successes: of them.
            at: when they were, in seconds since the epoch; now, if None. Arms are compared day by day.
            metric: as for `record`; a proportion.
            report: its name.

        Raises:
            UnknownArmError: there is no such arm.
            OutcomeError: a count is negative, NaN or infinite, there are more successes than outcomes, or there is no
                such metric, or it is a mean.
        """
        wanted = self._desk.metric(metric)
        totals, place = report_totals(n, successes, wanted), self._desk.place(arm)
        name = None if report is None else check_name("report", report)
        return self._desk.count(wanted, place, totals, moment("at", at), name)

    def decide(self, now: float | None = None) -> Decision:
        """Return what can be said, in words; look as often as you like.

        It looks into the store first, so that what other processes recorded counts. Guardrails are checked, too.

        Args:
            now: as of when, in seconds since the epoch; the clock's time if None.

        Raises:
            ValueError: `now` is negative or no finite number.
            ExperimentStoreError: the store cannot be read.
        """
        return self._desk.decide(None if now is None else check_amount("now", now, "seconds since the epoch"))

    def plot(self, ax: Sequence[Axes] | None = None) -> Figure:
        """Draw the interval and the arms' shares over time; return matplotlib's figure (`savefig` writes a file).

        Args:
            ax: two of matplotlib's axes to draw on; a new figure if None.

        Raises:
            MissingDependencyError: matplotlib is not installed (extra `plot`).
        """
        from postopt.experiments.matplotlib import draw  # noqa: PLC0415 - nothing else needs the library

        return draw(self._desk.course(), ax)

    def __repr__(self) -> str:
        settings = self._desk.definition
        return f"Experiment({self.name!r}, {len(self.arms)} arms, metric={self.metric.name!r}, mode={settings.mode!r})"

    def _repr_html_(self) -> str:
        return self.decide()._repr_html_()

    def pause(self, arm: Arm | str, reason: str) -> None:
        """Give an arm to no more units; outcomes of those that have it still count. `resume` takes it back.

        The others get its units in proportion to what they have.

        Raises:
            UnknownArmError: there is no such arm.
            ExperimentError: it was removed.
        """
        self._desk.set_arm(arm, "paused", check_name("reason", reason))

    def resume(self, arm: Arm | str, reason: str = "resumed") -> None:
        """Give an arm that was paused to units again. It has missed some: the ratio check leaves it out from now on."""
        self._desk.set_arm(arm, "active", check_name("reason", reason))

    def remove(self, arm: Arm | str, reason: str) -> None:
        """Do what `pause` does, for ever."""
        self._desk.set_arm(arm, "removed", check_name("reason", reason))

    def stop(self, reason: str) -> None:
        """End it without a winner, if nothing else was settled; from now on all new units see the arm that leads."""
        self._desk.stop(check_name("reason", reason))

    def learn(self, decision_id: str, feedback: Feedback) -> bool:
        """Take what readers did with a post that came from an assignment; return whether that is one of ours.

        Impressions are outcomes, and clicks (or hides, or reactions, by the name of the metric) their successes; they
        count as reports do, by the feedback's time. Revenue is one outcome of the assignment. Metrics of other names
        are not in a feedback. The same feedback counts once.

        Raises:
            OutcomeError: more successes than impressions, or a refund.
        """
        return self._desk.learn(decision_id, feedback)

    def step(self, now: float) -> list[str]:
        """Check ratio and guardrails and decide, as of `now`; return in words what changed."""
        return self._desk.step(check_amount("now", now, "seconds since the epoch"))

    def needs(self) -> list[str]:
        """Return in words why nothing is settled yet, and what it would take to know more."""
        return [f"{self.name}: {reason}" for reason in self.decide().reasons]

    def state(self) -> dict[str, Any]:
        """Return all that was learned as plain JSON; equal for equal histories. The store is where it is kept."""
        return self._desk.state()

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: ARG002 - all of it is in the store
        """Read anew what the store holds, after it was rolled back or others wrote to it."""
        self._desk.forget()
