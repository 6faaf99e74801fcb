"""Prompts that get better by what readers did, and only by that."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from postopt._checks import check_count, check_name
from postopt.clock import Clock
from postopt.errors import shown
from postopt.experiments.guardrails import Guardrail
from postopt.experiments.publishing import EventSink
from postopt.experiments.records import Metric
from postopt.experiments.store import ExperimentStore
from postopt.generation.base import Generator
from postopt.prompts.candidates import Candidates, Miner
from postopt.prompts.changes import Change
from postopt.prompts.checks import Checks
from postopt.prompts.choice import PromptChoice
from postopt.prompts.comparing import needed
from postopt.prompts.diff import PromptDiff
from postopt.prompts.edits import Edits
from postopt.prompts.explaining import explained
from postopt.prompts.ledger import PromptLedger
from postopt.prompts.lineage import Version
from postopt.prompts.proposers import Proposer
from postopt.prompts.readings import READINGS, Reading
from postopt.prompts.rewriting import Rewriter
from postopt.prompts.screening import Screen
from postopt.prompts.settings import check_metrics, check_place, check_posts, check_shares, check_template
from postopt.prompts.stages import Progress, Stage
from postopt.prompts.template import DEFAULT, PromptTemplate, short
from postopt.prompts.trials import Trials
from postopt.prompts.verdicts import Verdict, by_hand, follow
from postopt.types import Brief, Feedback

CLICK_RATE = Metric("click_rate", kind="mean")
HIDE_RATE = Metric("hide_rate", kind="mean", lower_is_better=True)


class PromptOptimizer:
    """Chooses the prompt of each post, thinks of better ones, and promotes what readers proved twice.

    The way of a candidate: it is proposed (by our own edits from confirmed patterns, by a language model, by DSPy, by
    a person) -> hard checks -> its trial posts are screened in the shadow, where a `screen` is given -> a TEST beside
    the prompt in production -> a re-CHECK of the test's winner on posts that took no part in the test -> production ->
    a WATCH, in which the former prompt still writes a few posts, and takes over again if the new one does harm.

    Candidates are compared with the prompt in production, at a level that is divided by their number and holds at all
    looks. A test is over as soon as one of them beats that prompt and none of the others could still be better without
    beating it, too, or after `posts`; the best of those that beat it is checked. Candidates that are equally good do
    not keep each other back.

    Why a re-check: the winner of a test is the luckiest of several, so its lift in the test is too high on average. A
    second experiment with new posts knows nothing of that luck. Both hold at `alpha`, so that a candidate which is no
    better passes both in less than `alpha` squared of all rounds.

    The unit is the post, because a prompt is drawn by lot for a post, not for each of its readers: a post's
    impressions share its text, its hour and its audience, and counting them one by one would claim certainty that is
    not there. The metric is therefore a mean over posts of clicks per impression; each post counts once, whatever its
    reach, and one that nobody was shown counts not at all.

    Laws:
        - Nothing goes to production on its own score, its proposer's or its screening's: those decide who is tried.
        - One post has one prompt while an experiment lasts, whoever asks again; else it is the prompt in production.
        - A rollback holds for every post chosen after it, in each process on the same store.
        - What was rolled back, was shown to be worse, or did harm is not proposed again. What was tried and showed
          nothing, or was second, is proposed again only by a person (`offer`).
        - Each change is one transaction of the store, and doing it again changes nothing: a process that is killed
          between two of them, or a second one, goes on exactly there.
        - Every rendered prompt has all facts of its brief (`PromptTemplate`), and no candidate may drop a place, a
          number or a link of the prompt in production (`Checks`).

    Threads and processes may share a store; all state is in there. `choose` reads it once, and logs an assignment
    while something is tested. A candidate that breaches a guardrail is paused at once, by its experiment.

    What comes from outside of the feedback (`propose`, `offer`, `rollback`) is in the store, but in no log of feedback:
    a replay gives the same state only where these are called again.

    Args:
        base: to begin with, as a template or its text. Where the store has another one in production that one stays,
            and a new base becomes a candidate.
        store: where versions, progress and experiments are kept.
        miner: whose confirmed patterns become edits; None for no edits.
        generator: a language model that rewrites the prompt (`Rewriter`); None for none. It is asked in `propose`.
        proposers: others that think of candidates; asked in `propose`.
        edits: makes our own; `Edits()` unless given.
        checks: what no candidate may do; `Checks()` unless given.
        screen: judges candidates by posts that nobody is shown, in `propose`; None for none.
        name: in the store; one store may keep several optimizers.
        metric: what decides. Its kind is "mean": see above.
        guardrails: what no candidate may make worse.
        readings: metric's name -> how a report about a post is read, for metrics of one's own.
        candidates: most that are tried at one time.
        posts: outcomes after which an experiment ends; None for no end, which gives up no candidate that is as good.
        traffic_share: of the posts that take part in tests and re-checks.
        watch_share: of the posts that the former prompt still writes during a watch.
        alpha: probability of a false winner of one experiment.
        calls_per_day: of language models by proposers, for each UTC day.
        seed: for experiments.
        clock: seconds since the epoch.
        events: who is told of promotions and rollbacks, and of breaches.

    `candidates`, `posts`, `watch_share` and `calls_per_day` are arbitrary; what it takes depends on how much the click
    rate differs from post to post, and `explain` says how much more would be needed.

    Attributes:
        name: as above.
        store: as above.
        failed_events: events that the sink did not take.

    Raises:
        ValueError: an argument cannot be used.
        PromptError: `base` is no template.
    """

    def __init__(  # noqa: PLR0913 - what can be set of an optimizer
        self,
        base: PromptTemplate | str = DEFAULT,
        *,
        store: ExperimentStore,
        miner: Miner | None = None,
        generator: Generator | None = None,
        proposers: Sequence[Proposer] = (),
        edits: Edits | None = None,
        checks: Checks | None = None,
        screen: Screen | None = None,
        name: str = "prompts",
        metric: Metric = CLICK_RATE,
        guardrails: Sequence[Guardrail] = (Guardrail(HIDE_RATE),),
        readings: Mapping[str, Reading] = READINGS,
        candidates: int = 3,
        posts: int | None = 2000,
        traffic_share: float = 1.0,
        watch_share: float = 0.1,
        alpha: float = 0.05,
        calls_per_day: int = 8,
        seed: int = 0,
        clock: Clock = time.time,
        events: EventSink | None = None,
    ) -> None:
        check_place(store, name, clock)
        check_metrics(metric, guardrails, readings)
        check_shares(traffic_share, watch_share, alpha)
        self.name, self.store, self.failed_events = name, store, 0
        self._most = check_count("candidates", candidates)
        base_version = Version(template=check_template("base", base), edit="the base prompt")
        self._ledger = PromptLedger(store, base_version, name)
        self._trials = Trials(
            name,
            store,
            metric=metric,
            guardrails=guardrails,
            readings=readings,
            alpha=alpha,
            posts=check_posts(posts),
            traffic_share=traffic_share,
            watch_share=watch_share,
            clock=clock,
            seed=seed,
            events=events,
        )
        self._candidates = Candidates(
            self._ledger,
            base_version,
            miner=miner,
            edits=edits or Edits(),
            proposers=(*([Rewriter(generator)] if generator is not None else []), *proposers),
            checks=checks or Checks(),
            screen=screen,
            most=self._most,
            calls_per_day=check_count("calls_per_day", calls_per_day, least=0),
        )
        self._clock = clock
        self._events = events
        self._told: int | None = None

    @property
    def production(self) -> Version:
        """The prompt of every post that takes no part in a test."""
        return self._ledger.versions.get(self._ledger.progress().production)

    @property
    def candidates(self) -> tuple[Version, ...]:
        """Those that are being tried or checked, then those that wait."""
        progress = self._ledger.progress()
        tried = progress.arms if progress.stage in (Stage.TEST, Stage.CHECK) else ()
        versions = dict.fromkeys((*tried, *(one.version for one in progress.waiting)))
        return tuple(self._ledger.versions.get(one) for one in versions if one != progress.production)

    @property
    def spent_usd(self) -> float:
        """What this object's proposers have spent, as far as they say."""
        return self._candidates.spent_usd

    def choose(self, brief: Brief, unit: str, variant: int = 0) -> PromptChoice:
        """Return the prompt for one post.

        Args:
            brief: what the post is for.
            unit: names the post; the same name gets the same prompt while an experiment lasts.
            variant: which of several posts for the brief; the prompt asks for another one each time.

        Raises:
            ExperimentStoreError: the store cannot be used.
        """
        progress = self._ledger.progress()
        self._tell(progress)
        assignment = None if progress.stage is Stage.IDLE else self._trials.assign(progress, unit)
        version, propensity, decision = progress.production, 1.0, ""
        if assignment is not None:
            version = next(one for one in progress.arms if short(one) == assignment.arm)
            propensity, decision = assignment.propensity, assignment.id
        system, text = self._ledger.versions.get(version).template.render(brief, variant)
        return PromptChoice(text, system, version, short(version), propensity, decision)

    def learn(self, decision_id: str, feedback: Feedback) -> bool:
        """Take a report about one post; False if its prompt was not chosen here.

        The first report about a post counts for it, for each metric that it says something of: a report that nobody
        counted hides for is no outcome of the hide rate, and one about a post without impressions none at all.
        """
        return self._trials.learn(self._ledger.progress(), decision_id, feedback)

    def step(self, now: float) -> Sequence[str]:
        """Do what is due, one change of stage at most, and return in words what was changed.

        It asks no model and awaits nothing; `propose` does.
        """
        self._tell(self._ledger.progress())
        with self.store.transaction():
            progress = self._ledger.progress()
            if progress.stage is Stage.IDLE:
                return self._begin(progress, now)
            experiment = self._trials.current(progress)
            words = tuple(experiment.step(now))
            verdict = follow(progress, experiment.decide(now), now)
            if verdict is None:
                return words
            self._trials.end(progress, verdict.words)
            self._turn(verdict, now)
            return (verdict.words,)

    async def propose(self, now: float) -> Sequence[str]:
        """Ask those who think of candidates, check and screen what they say, and let it wait for a test.

        Nothing is asked while as many candidates wait as can be tried at one time, or once `calls_per_day` are used,
        which count before they are made; the latter is said. Cancelled or killed, it leaves nothing behind but that
        count.

        Returns:
            In words, who failed, and which candidates wait or were refused and why.
        """
        return await self._candidates.ask(now)

    def offer(
        self, template: PromptTemplate | str, *, by: str, edit: str = "", now: float | None = None
    ) -> Sequence[str]:
        """Propose a prompt by hand; it is checked, waits for a test, and is promoted only like any other.

        One that was tried before and not shown to be worse may be tried again like this.

        Returns:
            In words, that it waits, or why it does not.

        Raises:
            PromptError: it is no template.
            ValueError: `by` is no name, or `edit` no text.
        """
        offered, proposer = check_template("template", template), check_name("by", by)
        if not isinstance(edit, str):
            raise ValueError(f"edit is {shown(edit)}; a text is needed")  # noqa: TRY004 - as all others
        with self.store.transaction():
            parents = (self._ledger.progress().production,)
            proposal = Version(template=offered, parents=parents, edit=edit, proposer=proposer)
            return self._candidates.offer(proposal, self._clock() if now is None else now)

    def rollback(self, reason: str, *, now: float | None = None) -> Version:
        """Bring the former prompt back into production at once, end what is being tried, and return it.

        Raises:
            PromptError: there is no former prompt.
        """
        at = self._clock() if now is None else now
        self._tell(self._ledger.progress())
        with self.store.transaction():
            progress = self._ledger.progress()
            verdict = by_hand(progress, check_name("reason", reason), at)
            self._trials.end(progress, reason)
            self._turn(verdict, at)
        return self.production

    def history(self) -> tuple[Version, ...]:
        """Return every version that was ever seen, the oldest first."""
        self._ledger.progress()
        return self._ledger.versions.all()

    def changes(self) -> tuple[Change, ...]:
        """Return every promotion and rollback, the oldest first."""
        return self._ledger.changes()

    def diff(self, before: str, after: str) -> PromptDiff:
        """Return what changed between two versions and why; each by its version or the beginning of it.

        Raises:
            UnknownPromptError: there is no such version.
        """
        versions = self._ledger.versions
        self._ledger.progress()
        return PromptDiff(versions.get(before), versions.get(after), versions.path(before, after))

    def explain(self) -> str:
        """Say in words what writes, what is tried, what is known, and what it would take to know more."""
        progress = self._ledger.progress()
        decision = None if progress.stage is Stage.IDLE else self._trials.current(progress).decide()
        return explained(self.name, progress, decision, self._ledger)

    def needs(self) -> Sequence[str]:
        """Return in words what it would take to know more about what is being tried."""
        progress = self._ledger.progress()
        if progress.stage is Stage.IDLE:
            return ()
        decision = self._trials.current(progress).decide()
        return tuple(f"{decision.experiment}: {reason}" for reason in needed(decision))

    def state(self) -> dict[str, Any]:
        """Return everything learned as plain JSON; equal for equal histories."""
        progress = self._ledger.progress()
        trial = None if progress.stage is Stage.IDLE else self._trials.current(progress).state()
        versions = [version.to_dict() for version in self._ledger.versions.all()]
        changes = [change.to_dict() for change in self._ledger.changes()]
        return {"progress": progress.to_dict(), "versions": versions, "changes": changes, "experiment": trial}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: ARG002 - all of it is in the store
        """Read anew what the store holds: that is all there is."""
        self._trials.forget()

    def _begin(self, progress: Progress, now: float) -> Sequence[str]:
        """Begin a test of those who wait; of our own edits, if nobody does."""
        words: Sequence[str] = ()
        if not progress.waiting:
            words = self._candidates.edit(now)
            progress = self._ledger.progress()
        chosen = [one.version for one in progress.waiting[: self._most]]
        if not chosen:
            return words
        tested = progress.tested(chosen, now)
        self._ledger.keep(tested, now)
        self._trials.begin(tested)
        named = ", ".join(short(version) for version in chosen)
        return (*words, f"A test of prompt {named} beside {short(tested.production)} began.")

    def _turn(self, verdict: Verdict, now: float) -> None:
        """Keep a change of stage, and of production; begin the experiment that follows."""
        self._ledger.keep(verdict.progress, now)
        if verdict.change is not None:
            self._ledger.note(verdict.change)
            # Not before: whoever called may take all of it back, with a transaction that this one is part of.
            self.store.after_commit(lambda: self._tell(self._ledger.progress()))
        if verdict.progress.stage is not Stage.IDLE:
            self._trials.begin(verdict.progress)

    def _tell(self, progress: Progress) -> None:
        """Publish changes of production that this object has not told of, whichever process made them."""
        with self.store.lock:
            told, self._told = self._told, progress.changes
        if self._events is None or told is None or told >= progress.changes:
            return
        for change in self._ledger.changes()[told : progress.changes]:
            try:
                self._events.publish_nowait(change.event(self.name))
            except Exception:  # noqa: BLE001  # who listens must not cost the post that is being chosen for
                self.failed_events += 1
