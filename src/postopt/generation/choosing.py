"""Which prompt and which model the next post is written with, and the way back from its readers to who chose them."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from postopt.errors import ExperimentError
from postopt.types import Brief, Feedback, Post, Prompt, Trace

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


class Links(Protocol):
    """Where it is written down which decisions a post came from; `ExperimentStore` is one."""

    def link(self, post_id: str, decision_id: str) -> None: ...  # noqa: D102 - said above
    def linked(self, post_id: str) -> Iterable[str]: ...  # noqa: D102


def new_unit() -> str:
    """Return a name for a post that is about to be written, which no other has."""
    return secrets.token_hex(16)


class Chooser:
    """Asks who chooses prompts and models, marks answers with what was chosen, and brings feedback back.

    A `prompts` whose store fails costs no post: the post is written without it and is not part of any experiment.

    Args:
        prompts: who chooses the prompt, or None for the generator's own.
        selector: who chooses the model, or None for the generator's own.
        new_unit: names each post before it is written: what experiments assign.

    Attributes:
        failed: how often a choice, or a note of it, failed.
    """

    def __init__(
        self, prompts: PromptSource | None, selector: ModelSource | None, new_unit: Callable[[], str] = new_unit
    ) -> None:
        self.failed = 0
        self._prompts = prompts
        self._selector = selector
        self._new_unit = new_unit
        self._decisions: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        learners = (prompts, selector)
        self._learners: tuple[Learner, ...] = tuple(learner for learner in learners if learner is not None)
        stores = [getattr(learner, "store", None) for learner in self._learners]
        self._links: list[Links] = [store for store in stores if store is not None]

    def prompt(self, brief: Brief, variant: int) -> tuple[Prompt, Trace | None]:
        """Return a prompt for a variant and, if anything was chosen, a trace with the choice, for `mark`.

        Raises:
            NoCandidateError: the selector has no model to offer.
        """
        prompt, chosen = Prompt(brief=brief, variant=variant), Trace(tier="", model="")
        if self._prompts is not None:
            try:
                choice = self._prompts.choose(brief, self._new_unit(), variant)
            except ExperimentError:
                self.failed += 1
            else:
                prompt = replace(prompt, text=choice.text, system=choice.system)
                chosen = _add(chosen, choice.id, choice.propensity, (f"prompt {choice.version}",), arm=choice.arm)
        if self._selector is not None:
            model = self._selector.select(brief)
            prompt = replace(prompt, model=model.model)
            chosen = _add(chosen, model.id, model.propensity, model.reasons, arm=chosen.arm)
        return prompt, chosen if self._learners else None

    def wrote(self, post: Post) -> None:
        """Note which decisions a post came from."""
        decisions = post.trace.decisions
        if not decisions:
            return
        self._decisions[post.id] = decisions
        if len(self._decisions) > REMEMBERED:
            self._decisions.popitem(last=False)
        for links in self._links:
            for decision in decisions:
                try:
                    links.link(post.id, decision)
                except ExperimentError:
                    self.failed += 1

    def learn(self, feedback: Feedback) -> bool:
        """Take a report to who chose; False if nobody knows the post."""
        decisions = dict.fromkeys(self._decisions.get(feedback.post_id, ()))
        for links in () if decisions else self._links:
            decisions.update(dict.fromkeys(links.linked(feedback.post_id)))
        known = False
        for decision in decisions:
            for learner in self._learners:
                known |= learner.learn(decision, feedback)
        return known


def mark(trace: Trace, chosen: Trace) -> Trace:
    """Return an answer's trace with what was chosen for it."""
    return replace(trace, arm=chosen.arm, propensity=chosen.propensity, why=chosen.why, decisions=chosen.decisions)


def _add(chosen: Trace, decision: str, propensity: float, why: Iterable[str], *, arm: str) -> Trace:
    return replace(
        chosen,
        arm=str(arm),
        propensity=chosen.propensity * propensity,
        why=(*chosen.why, *why),
        decisions=(*chosen.decisions, decision) if decision else chosen.decisions,
    )
