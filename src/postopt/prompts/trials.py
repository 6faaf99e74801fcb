"""The experiments in which an optimizer's prompts are tried, one after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from postopt.clock import Clock
from postopt.experiments.assignment import Assigner
from postopt.experiments.experiment import Experiment
from postopt.experiments.guardrails import Guardrail
from postopt.experiments.publishing import EventSink
from postopt.experiments.records import Arm, Assignment, Metric
from postopt.experiments.store import ExperimentStore
from postopt.prompts.readings import Reading
from postopt.prompts.stages import Progress, Stage
from postopt.prompts.template import short
from postopt.types import Feedback

_TRIAL = re.compile(rf"\d+/(?:{Stage.TEST}|{Stage.CHECK}|{Stage.WATCH})")


class Trials:
    """Opens the experiment of each stage, gives posts to its arms, and takes their readers' answer.

    What an experiment is set out to be is fixed when it begins, and read from the store from then on: other settings
    hold for the next one.

    Args:
        name: of the optimizer; experiments are called "<name>/<round>/<stage>".
        store: where they are.
        metric: what decides.
        guardrails: what no candidate may make worse.
        readings: metric's name -> how a report is read.
        alpha: of each experiment.
        posts: outcomes after which one ends; None for no end.
        traffic_share: of the posts that take part in tests and re-checks.
        watch_share: of the posts that a former prompt still writes.
        clock: seconds since the epoch.
        seed: for experiments.
        events: who is told of breaches.
    """

    def __init__(  # noqa: PLR0913 - what can be set of an experiment
        self,
        name: str,
        store: ExperimentStore,
        *,
        metric: Metric,
        guardrails: Sequence[Guardrail],
        readings: Mapping[str, Reading],
        alpha: float,
        posts: int | None,
        traffic_share: float,
        watch_share: float,
        clock: Clock,
        seed: int,
        events: EventSink | None,
    ) -> None:
        self._name = name
        self._store = store
        self._metric = metric
        self._guardrails = tuple(guardrails)
        self._readings = {one.name: readings[one.name] for one in (metric, *(rail.metric for rail in guardrails))}
        self._alpha = alpha
        self._posts = posts
        self._traffic_share = traffic_share
        self._watch_share = watch_share
        self._clock = clock
        self._seed = seed
        self._events = events
        self._open: Experiment | None = None

    def begin(self, progress: Progress) -> Experiment:
        """Set up the experiment of a stage; doing it again changes nothing."""
        watched = progress.stage is Stage.WATCH
        self._open = Experiment(
            progress.experiment(self._name),
            [Arm(short(version)) for version in progress.arms],
            metric=self._metric,
            guardrails=self._guardrails,
            alpha=self._alpha,
            horizon=self._posts,
            # Drawn post by post, and compared post by post: what posts share (a day, a brief) both arms share, and how
            # much they differ is in the variance already (Neyman 1923). An effect of 1.7 is for single impressions.
            design_effect=1.0,
            # The former prompt is the control of a watch, and whoever takes no part in an experiment sees its control.
            traffic_share=1.0 if watched else self._traffic_share,
            weights=[self._watch_share, 1 - self._watch_share] if watched else None,
            store=self._store,
            clock=self._clock,
            seed=self._seed,
            events=self._events,
        )
        return self._open

    def current(self, progress: Progress) -> Experiment:
        """Return the experiment that is going on."""
        name = progress.experiment(self._name)
        experiment = self._open
        if experiment is None or experiment.name != name:
            experiment = Experiment.reopen(name, store=self._store, clock=self._clock, events=self._events)
            self._open = experiment
        return experiment

    def end(self, progress: Progress, reason: str) -> None:
        """Stop the experiment that is going on, unless it is over."""
        if progress.stage is not Stage.IDLE:
            self.current(progress).stop(reason)

    def assign(self, progress: Progress, unit: str) -> Assignment | None:
        """Return the arm of a post; None for one that took part in what led to this experiment.

        So a re-check rests on posts of its own, even where a host names the same post twice.
        """
        salt = self._store.salt
        earlier = [Assigner(salt, name).place(unit).id for name in progress.earlier(self._name)]
        if earlier and self._store.decisions(earlier):
            return None
        return self.current(progress).assign(unit)

    def learn(self, progress: Progress, decision_id: str, feedback: Feedback) -> bool:
        """Take a report about a decision of any of these experiments; what is over learns nothing more."""
        decision = self._store.decision(decision_id)
        if decision is None or not self._owns(decision.experiment):
            return False
        if decision.experiment == progress.experiment(self._name):
            experiment = self.current(progress)
            for metric, read in self._readings.items():
                value = read(feedback)
                if value is not None:
                    experiment.record(decision_id, value, at=feedback.at, metric=metric)
        return True

    def forget(self) -> None:
        """Open experiments anew: the store may hold less than it did."""
        self._open = None

    def _owns(self, experiment: str) -> bool:
        rest = experiment.removeprefix(f"{self._name}/")
        return rest != experiment and _TRIAL.fullmatch(rest) is not None
