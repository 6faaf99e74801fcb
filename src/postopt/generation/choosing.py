"""Which prompt and which model the next post is written with, and the way back from its readers to who chose them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import ParamSpec, Protocol, TypedDict, TypeVar, Unpack

from postopt.clock import Clock
from postopt.errors import ExperimentError
from postopt.types import Brief, Feedback, Post, Prompt, Trace

P = ParamSpec("P")
T = TypeVar("T")

REMEMBERED = 100_000
"""Posts whose choices are kept in memory, for hosts without a store; the number is arbitrary."""


class Learner(Protocol):
    """Takes back what became of its decisions."""

    def learn(self, decision_id: str, feedback: Feedback, /) -> bool:
        """Take one report about a decision; False if that was not its own."""
        ...


class PromptChoice(Protocol):
    """A prompt for one post; `id` names the decision, or is empty where nothing was being tested."""

    @property
    def text(self) -> str: ...  # noqa: D102 - said above
    @property
    def system(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def arm(self) -> str: ...  # noqa: D102
    @property
    def propensity(self) -> float: ...  # noqa: D102
    @property
    def id(self) -> str: ...  # noqa: D102


class PromptSource(Learner, Protocol):
    """Chooses prompts; `postopt.prompts.PromptOptimizer` is one."""

    def choose(self, brief: Brief, unit: str, variant: int) -> PromptChoice:
        """Return the prompt for a variant of a brief; the same unit gets the same version."""
        ...


class ModelChoice(Protocol):
    """A model for one post, and why."""

    @property
    def id(self) -> str: ...  # noqa: D102 - said above
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def reasons(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def propensity(self) -> float: ...  # noqa: D102


class ModelSource(Learner, Protocol):
    """Chooses models; `postopt.selection.ModelSelector` is one."""

    def select(self, context: Brief) -> ModelChoice:
        """Return the model to ask.

        Raises:
            NoCandidateError: there is none.
        """
        ...


class FeedbackSink(Protocol):
    """Where feedback goes; `postopt.learning.LearningLoop` is one."""

    def ingest(self, feedback: Feedback) -> object:
        """Take a report without acting on it yet."""
        ...


class Further(TypedDict, total=False):
    """What else a report may say; None is what nobody counted."""

    reactions: int | None
    hides: int | None
    revenue: float | None
    report_id: str | None
    at: float | None


class Links(Protocol):
    """Where it is written down which decisions a post came from; `ExperimentStore` is one."""

    def link(self, post_id: str, decision_id: str) -> None: ...  # noqa: D102 - said above
    def linked(self, post_id: str) -> Iterable[str]: ...  # noqa: D102


def new_unit() -> str:
    """Return a name for a post that is about to be written, which no other has."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for one post.

    Attributes:
        prompt: which prompt, or None for the generator's own.
        model: which model, or None for the generator's own.
    """

    prompt: PromptChoice | None = None
    model: ModelChoice | None = None

    def mark(self, trace: Trace) -> Trace:
        """Return an answer's trace with what was chosen for it.

        A template reads no prompt, and what stands in for the model that was asked is not that model: neither is
        credited with such an answer, which is no outcome of the choice.
        """
        if self.prompt is not None and trace.tier != "template":
            prompt = self.prompt
            trace = replace(trace, arm=str(prompt.arm))
            trace = _add(trace, prompt.id, prompt.propensity, (f"prompt {prompt.version}",))
        if self.model is not None and trace.source == "primary" and trace.tier != "template":
            trace = _add(trace, self.model.id, self.model.propensity, self.model.reasons)
        return trace


_NOTHING = Chosen()


class Chooser:
    """Asks who chooses prompts and models, and brings feedback back to them.

    One whose store fails costs no post: the post is written without it and is not part of any experiment.

    Args:
        prompts: who chooses the prompt, or None for the generator's own.
        selector: who chooses the model, or None for the generator's own.
        learning: who takes feedback in their place, or None.
        wall_clock: seconds since the epoch, for feedback.
        new_unit: names each post before it is written: what experiments assign.

    Attributes:
        failed: how often a choice, or a note of it, failed.
    """

    def __init__(
        self,
        prompts: PromptSource | None = None,
        selector: ModelSource | None = None,
        learning: FeedbackSink | None = None,
        *,
        wall_clock: Clock = time.time,
        new_unit: Callable[[], str] = new_unit,
    ) -> None:
        self.failed = 0
        self._learning = learning
        self._wall_clock = wall_clock
        self._prompts = prompts
        self._selector = selector
        self._new_unit = new_unit
        self._decisions: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        learners = (prompts, selector)
        self._learners: tuple[Learner, ...] = tuple(learner for learner in learners if learner is not None)
        stores = [getattr(learner, "store", None) for learner in self._learners]
        self._links: list[Links] = list(dict.fromkeys(store for store in stores if store is not None))
        self._hurrying = [store.hurrying for store in self._links if hasattr(store, "hurrying")]

    def prompt(self, brief: Brief, variant: int) -> tuple[Prompt, Chosen]:
        """Return a prompt for a variant, and what was chosen for it.

        Raises:
            NoCandidateError: the selector has no model to offer.
        """
        prompt, chosen = Prompt(brief=brief, variant=variant), _NOTHING
        if self._prompts is not None:
            choice = self._quickly(self._prompts.choose, brief, self._new_unit(), variant)
            if choice is not None:
                prompt = replace(prompt, text=choice.text, system=choice.system)
                chosen = replace(chosen, prompt=choice)
        if self._selector is not None:
            model = self._quickly(self._selector.select, brief)
            if model is not None:
                prompt = replace(prompt, model=model.model)
                chosen = replace(chosen, model=model)
        return prompt, chosen

    def wrote(self, post: Post) -> None:
        """Note which decisions a post came from."""
        if not self._learners:
            return
        self._decisions[post.id] = decisions = post.trace.decisions
        if len(self._decisions) > REMEMBERED:
            self._decisions.popitem(last=False)
        for links in self._links:
            for decision in decisions:
                self._quickly(links.link, post.id, decision)

    def report(
        self,
        post_id: str,
        impressions: int,
        clicks: int,
        *,
        reactions: int | None = None,
        hides: int | None = None,
        revenue: float | None = None,
        report_id: str | None = None,
        at: float | None = None,
    ) -> bool:
        """Take a report to who chose; False if nobody can learn from it.

        Raises:
            OutcomeError: it cannot be.
        """
        report_id = new_unit() if report_id is None else report_id
        at = self._wall_clock() if at is None else at
        feedback = Feedback(report_id, post_id, impressions, clicks, at, reactions, hides, revenue)
        if self._learning is None:
            return self._learn(feedback)
        if self._decisions.get(post_id) == ():
            return False
        self._learning.ingest(feedback)
        return True

    async def areport(self, post_id: str, impressions: int, clicks: int, **further: Unpack[Further]) -> bool:
        """Take a report in a thread: a store may be busy with a learning step, and no post should wait for that."""
        # A thread of its own: those of the loop cannot be ended when the interpreter exits, which ends the loop of
        # `blocking` (Python 3.12).
        executor = ThreadPoolExecutor(1)
        try:
            report = partial(self.report, post_id, impressions, clicks, **further)
            return await asyncio.get_running_loop().run_in_executor(executor, report)
        finally:
            executor.shutdown(wait=False)

    def _learn(self, feedback: Feedback) -> bool:
        decisions = dict.fromkeys(self._decisions.get(feedback.post_id, ()))
        for links in () if feedback.post_id in self._decisions else self._links:
            decisions.update(dict.fromkeys(links.linked(feedback.post_id)))
        known = False
        for decision in decisions:
            for learner in self._learners:
                known |= learner.learn(decision, feedback)
        return known

    def _quickly(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | None:
        """Return what a call gives, or None if its store fails, or is busy for longer than one waits in a hurry.

        A store that a learning step holds would hold up all that the event loop does, and posts past their deadline.
        """
        try:
            with ExitStack() as stack:
                for hurrying in self._hurrying:
                    stack.enter_context(hurrying())
                return call(*args, **options)
        except ExperimentError:
            self.failed += 1
            return None


def _add(trace: Trace, decision: str, propensity: float, why: Iterable[str]) -> Trace:
    return replace(
        trace,
        propensity=trace.propensity * propensity,
        why=(*trace.why, *why),
        decisions=(*trace.decisions, decision) if decision else trace.decisions,
    )
