"""Choosing a model for each call by what it is expected to be worth there, and what it costs."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args
from weakref import WeakSet

from postopt._checks import check_amount, check_name, check_positive
from postopt.clock import Clock
from postopt.errors import (
    ColdStartError,
    NoCandidateError,
    UnknownAssignmentError,
    UnknownPriceError,
    shown,
)
from postopt.experiments.store import ExperimentStore
from postopt.resilience.locks import new_lock
from postopt.selection.candidate import Candidate, checked
from postopt.selection.checks import check_callables, check_drawing
from postopt.selection.choice import Choice, new_prefix
from postopt.selection.context import Context, read
from postopt.selection.drawing import allowed, draw, shares_of
from postopt.selection.journal import Journal
from postopt.selection.knowledge import Expected, Knowledge, sums_json, sums_of
from postopt.selection.memory import Memory, Written
from postopt.selection.pacing import DailyPace
from postopt.selection.standing import Standing, Standings
from postopt.selection.warm_start import WarmStart, check_outcome
from postopt.types import Feedback

OnUnknownPrice: TypeAlias = Literal["refuse", "allow"]
Reward: TypeAlias = Callable[[Feedback], float]

_selectors: WeakSet[ModelSelector] = WeakSet()

_COLD = (
    "nothing is known of the models: no warm start, and no outcome was learned. A bandit that starts cold loses to "
    "'always the best model' for about 3,500 calls"
)
_WARM = "call warm_start with scores of your own evaluation or of a benchmark, or pass cold_start=True"


class ModelSelector:
    """Chooses the model with the highest expected quality - cost - latency, and learns from what came of it.

    What is expected of a model is known on three levels, each shrunk into the one before: its mean over all calls; the
    nearest texts of the warm start; and its mean in the cell of known coordinates (task, platform, language, tone,
    length: `postopt.selection.context`). Where each model has 36 outcomes in the cell the text is not looked at, unless
    it was found at the warm start to tell more than the cell does. After 500 outcomes of a model a linear model of what
    is left over (LinTS) is added wherever the text is looked at.

    Laws:
        - `Choice.scores` are expected qualities from 0 to 1, whatever the models cost and whether they answer.
        - `Choice.propensity` is the probability with which that model was chosen, exactly. Without exploration it is 1.
        - No UTC day's choices are estimated to cost more than `budget`; those of all selectors of one name on one
          store, in whatever process, taken together.
        - An outcome counts once. `learn` takes the same time however much was learned before.
        - The same seed, warm start, choices and outcomes lead to the same choices. Only ids differ.

    A cold start, with neither a warm start nor outcomes, is refused (ColdStartError): on open routing data a contextual
    bandit that started cold was worse than "always the best model" for the first 3,500 calls (.585 of quality against
    .617). A selector that is allowed to start cold draws each model with the probability that it is the best, until it
    gets a warm start.

    An outcome is a number on the scale of the warm start's scores. A report on readers is on another: a click rate of
    3 % is no bad headline. So click rates are compared with those of the other models in the same cell, and their mean
    is mapped onto what the warm start expects there (`postopt.selection.comparison`): a model whose posts are clicked
    20 % more often than the others' goes up, and none falls for being used. `reward` is for who knows the scale: what
    it makes of a report counts as an outcome does.

    The last 100,000 choices are known by their ids. With a store all are, choices and outcomes are logged there and
    known again to the next selector of the same name, as are the means of the warm start. Its texts are not: until
    `warm_start` is called again the nearest texts are not looked at, and `Choice.reasons` says so. What others wrote
    into the store meanwhile is read in `restore`. The linear model lives in memory only, and learns from `Choice`
    objects, not from ids.

    With a store, parts of the day's budget are reserved in it before they are spent, in a transaction each: an eighth
    of what this object has spent that day, at most a hundredth of the budget, at least the call's cost. What an object
    had reserved and not spent when its process ended is lost for that day.

    Any number of threads may use one; no lock is held while the store is at work. The child of a fork goes on with what
    its parent knew, and with ids of its own; of a budget without a store each of the two spends the whole.

    Args:
        candidates: models that may be chosen; names are unique.
        store: where choices and outcomes are logged; None for nowhere.
        name: of the selector, in the store and in a learning loop.
        seed: of what is drawn.
        budget: US dollars for each UTC day that choices may be estimated to cost, or None. A price of money that
            follows the day's spending (dual ascent, `postopt.selection.pacing`) is added to `cost_weight`.
        cost_weight: quality that a US dollar is worth.
        latency_weight: quality that a second of p95 is worth.
        explore: share of the calls that draws each model with the probability that it is the best (Thompson), from the
            first outcome that was learned on; before that nothing is drawn. 0.05 is arbitrary.
        cold_start: whether it may choose when nothing is known.
        on_unknown_price: "refuse": UnknownPriceError if a price is None and money counts. "allow": such a model counts
            as if it cost what the dearest known one does.
        reward: makes an outcome from 0 to 1, on the scale of the warm start, of a report on readers; None for click
            rates, compared within the cell.
        clock: seconds since the epoch.
        new_prefix: returns what this object's ids begin with; no other's may.

    Raises:
        ValueError: an argument cannot be used.
    """

    def __init__(  # noqa: PLR0913 - what a choice weighs, each by its name
        self,
        candidates: Iterable[Candidate],
        *,
        store: ExperimentStore | None = None,
        name: str = "model selection",
        seed: int = 0,
        budget: float | None = None,
        cost_weight: float = 0.0,
        latency_weight: float = 0.0,
        explore: float = 0.05,
        cold_start: bool = False,
        on_unknown_price: OnUnknownPrice = "refuse",
        reward: Reward | None = None,
        clock: Clock = time.time,
        new_prefix: Callable[[], str] = new_prefix,
    ) -> None:
        self.candidates = checked(candidates)  # a tuple of its own: by it choices are known to be this selector's
        self.name = check_name("name", name)
        check_drawing(seed, explore)
        check_callables(reward, clock, new_prefix)
        if on_unknown_price not in get_args(OnUnknownPrice):
            raise ValueError(f'on_unknown_price is {shown(on_unknown_price)}; allowed: "refuse", "allow"')
        self.store = store
        self.cost_weight = check_amount("cost_weight", cost_weight, "of quality for a US dollar")
        latency_weight = check_amount("latency_weight", latency_weight, "of quality for a second")
        self._pace = None
        if budget is not None:
            usd = check_positive("budget", budget, "US dollars for a day")
            self._pace = DailyPace(usd, shared=store is not None)
        self._standings = Standings(self.candidates, latency_weight, self._pace)
        self._seed, self._explore, self._cold_start = seed, explore, bool(cold_start)
        self._on_unknown_price: OnUnknownPrice = on_unknown_price
        self._reward, self._clock = reward, clock
        self._random = random.Random(seed)  # noqa: S311 - decides who is asked, guards nothing
        self._new_prefix = new_prefix
        self._prefix, self._made = new_prefix(), 0
        self._lock = new_lock()
        self._memory = Memory()
        names = [candidate.name for candidate in self.candidates]
        self._known = Knowledge(names)
        self._journal = None if store is None else Journal(store, name, names)
        if self._journal is not None:
            self._read_store(self._journal)
        _selectors.add(self)

    def warm_start(self, rows: Iterable[tuple[Context, Mapping[str, float]]]) -> None:
        """Take scores from before the first call, in place of an earlier warm start's; a few thousand take seconds.

        Args:
            rows: (context, {model: score from 0 to 1}). Not every model needs a score in every row; scores of models
                that are no candidates are left out.

        Raises:
            OutcomeError: a score is no number from 0 to 1. Nothing has changed then.
            ValueError: a row, or a context, is none. Nothing has changed then.
        """
        warm = WarmStart(rows, self._known.numbers, seed=self._seed)
        with self._lock:
            self._known.warmed(warm)
            sums = self._known.warm
        if self._journal is not None:
            self._journal.keep_warm(sums, self._clock(), texts=warm.texts is not None)

    def select(self, context: Context, *, cost_weight: float | None = None) -> Choice:
        """Choose a model for one call.

        Args:
            context: a mapping or a brief, as `postopt.selection.context` says.
            cost_weight: in place of the selector's own, for this call.

        Raises:
            NoCandidateError: there is no candidate, or none that answers and that the day's budget has room for.
            UnknownPriceError: money counts, and nobody knows what a candidate costs.
            ColdStartError: nothing is known yet.
            ExperimentStoreError: the store cannot be used.
            ValueError: the context is none.
        """
        reading = read(context)
        weight = self.cost_weight if cost_weight is None else check_amount("cost_weight", cost_weight, "of quality")
        now = 0.0 if self._pace is None else self._clock()
        # Breakers and measurements have locks, and owners, of their own.
        observed = self._standings.observe()
        choice, wanted = None, 0.0
        while choice is None:
            with self._lock:
                if not wanted:
                    self._check_can_choose(weight)
                    if self._pace is not None:
                        self._pace.begin(now)
                expected = self._known.expect(reading)
                standing = self._standings.weigh(reading, observed, cost_weight=weight, now=now)
                if isinstance(standing, float):
                    wanted = standing
                else:
                    taken = self._take(expected, standing)
                    if self._pace is not None:
                        self._pace.spend(standing.costs[taken[0]], standing.costs, now)
                    self._made += 1
                    made = f"{self._prefix}-{self._made:x}"
                    choice = Choice(made, taken, self.candidates, reading, expected, standing)
                    if self._journal is None:
                        self._memory.add(made, choice.written)
            if choice is None:
                self._reserve(wanted, now)
        if self._journal is not None:
            self._journal.log(choice, self._clock())
        return choice

    def learn(self, choice: Choice | str, outcome: float | Feedback, /) -> bool:
        """Take what came of a choice.

        Args:
            choice: or its id; without a store only the last 100,000 are known.
            outcome: from 0 to 1, on the scale of the warm start; or a report on readers of a decision. A report without
                impressions says nothing yet.

        Returns:
            Of an outcome, whether it was new: the first counts, a second one of the same choice changes nothing. Of a
            report, whether the decision is one of this selector's.

        Raises:
            OutcomeError: the outcome, or the reward, is no number from 0 to 1.
            UnknownAssignmentError: no choice of this selector has that id, or another one made that choice.
        """
        if isinstance(outcome, Feedback):
            return self._learn_report(choice, outcome)
        value = check_outcome("outcome", outcome)
        if isinstance(choice, Choice):
            return self._learn_choice(choice, value)
        written = self._written(choice)
        if written is None:
            raise UnknownAssignmentError(f"no choice of {self.name!r} has the id {shown(choice)}")
        return self._learn_written(choice, written, value)

    def step(self, now: float) -> Sequence[str]:  # noqa: ARG002 - as every learner's
        """Do what is due from time to time: nothing, since every outcome counts when it is learned."""
        return ()

    def state(self) -> dict[str, Any]:
        """Return what was learned since the warm start, as plain JSON: cell -> model -> [n, sum].

        "learned" are outcomes, "rewards" what reports gave on their own scale.
        """
        if self._journal is not None:
            learned, rewards = self._journal.sums()
        else:
            with self._lock:
                learned, rewards = self._known.learned(), self._known.rewards()
        return {"learned": sums_json(learned), "rewards": sums_json(rewards)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go to what `state` returned; a selector with a store reads what is there instead, others' part included.

        What the linear model has learned stays. Outcomes that were learned after `state` may be learned again.
        """
        if self._journal is not None:
            self._read_store(self._journal)
            return
        learned, rewards = sums_of(state["learned"]), sums_of(state["rewards"])
        with self._lock:
            counted = sum(part.n for part in (*self._known.learned(), *self._known.rewards()))
            self._memory.unmark(int(counted - sum(part.n for part in (*learned, *rewards))))
            self._known.replace(learned, rewards)

    def _read_store(self, journal: Journal) -> None:
        (warm, texts), (learned, rewards) = journal.warm(), journal.sums()
        with self._lock:
            self._memory.unmark()
            # One's own warm start may be newer than what the store says, which another selector wrote.
            own = self._known.texts is not None
            self._known.replace(learned, rewards, None if own else warm)
            self._known.texts_forgotten = texts and not own

    def forked(self) -> None:
        """In the child of a fork, leave to the parent its ids, and what it had reserved."""
        self._prefix = self._new_prefix()
        if self._pace is not None:
            self._pace.leave()

    def _reserve(self, usd: float, now: float) -> None:
        if self._journal is None or self._pace is None or self._pace.day is None:
            return
        day = self._pace.day
        got, by_all = self._journal.reserve(day, usd, self._pace.usd_per_day, now)
        with self._lock:
            self._pace.granted(day, usd, got, by_all)

    def _check_can_choose(self, cost_weight: float) -> None:
        if not self.candidates:
            raise NoCandidateError("there is no candidate", hint="give the selector a Candidate for each model")
        money_counts = cost_weight or self._pace is not None
        if money_counts and self._standings.price_unknown and self._on_unknown_price == "refuse":
            unknown = ", ".join(candidate.name for candidate in self.candidates if candidate.price is None)
            raise UnknownPriceError(
                f"nobody knows what a call to {unknown} costs, and money counts",
                hint='give the Candidate a price, or the selector on_unknown_price="allow"',
            )
        if self._known.is_cold and not self._cold_start:
            raise ColdStartError(_COLD, hint=_WARM)

    def _take(self, expected: Expected, standing: Standing) -> tuple[int, int, float]:
        """Return the number of the model, that of the best, and the probability with which the first was taken."""
        values: Sequence[float] = expected.scores
        row = expected.row
        if standing.penalties:
            values = [score - penalty for score, penalty in zip(values, standing.penalties, strict=True)]
            if standing.excluded:
                values = [-math.inf if why else value for value, why in zip(values, standing.excluded, strict=True)]
        best = row.best if values is row.scores else values.index(max(values))
        explore = 1.0 if not self._known.warm else self._explore if self._known.has_learned else 0.0
        if not explore:
            return best, best, 1.0
        if expected.text is None:
            outcomes = self._known.cells.outcomes
            if outcomes >= row.shares_due:
                row.shares = shares_of(values, expected.deviations)
                row.shares_due = outcomes + max(1.0, outcomes / 64)
            # Old shares are as good: what is drawn from them has the propensity that they say.
            shares = allowed(row.shares, standing.excluded, best)
        else:
            shares = shares_of(values, expected.deviations)
        index, propensity = draw(best, shares, explore, self._random)
        return index, best, propensity

    def _learn_choice(self, choice: Choice, value: float) -> bool:
        if choice.candidates is not self.candidates:
            raise UnknownAssignmentError(f"{choice!r} was made by another selector; with a store, its id is known here")
        if not self._log_outcome(choice.id, choice.written, value):
            return False
        with self._lock:
            if not self._memory.mark(choice.id, choice.written):
                return False
            self._known.learn(choice.index, choice.reading.cell, choice.expected, value)
            return True

    def _learn_report(self, choice: Choice | str, report: Feedback) -> bool:
        choice_id = choice.id if isinstance(choice, Choice) else choice
        written = self._written(choice_id)
        if written is None:
            return False
        if not report.impressions:
            return True
        if self._reward is None:
            self._learn_written(choice_id, written, report.clicks / report.impressions, as_reward=True)
        else:
            self._learn_written(choice_id, written, check_outcome("the reward", self._reward(report)))
        return True

    def _written(self, choice_id: str) -> Written | None:
        if self._journal is not None:
            return self._journal.written(choice_id)
        with self._lock:
            return self._memory.find(choice_id)

    def _learn_written(self, choice_id: str, written: Written, value: float, *, as_reward: bool = False) -> bool:
        if not self._log_outcome(choice_id, written, value, as_reward=as_reward):
            return False
        with self._lock:
            if not self._memory.mark(choice_id, written):
                return False
            number = self._known.numbers.get(written.model)
            if number is not None and as_reward:
                self._known.reward(written.cell, number, value)
            elif number is not None:
                self._known.count(written.cell, number, value - written.added)
            return True

    def _log_outcome(self, choice_id: str, written: Written, value: float, *, as_reward: bool = False) -> bool:
        """Log an outcome where there is a store; False if it had one."""
        return self._journal is None or self._journal.learn(
            choice_id, written, value, self._clock(), as_reward=as_reward
        )


def _after_fork_in_child() -> None:
    for selector in list(_selectors):
        selector.forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
