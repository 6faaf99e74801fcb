"""What the learning loop asks of those who learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from postopt.types import Feedback


@runtime_checkable
class Learner(Protocol):
    """Learns from reports about decisions; `Experiment`, `PromptOptimizer`, `ModelSelector`, `PatternMiner` are some.

    `postopt.testing.LearnerContract` checks these laws:
        - The same reports in the same order lead to the same `state()`, whatever the time of day.
        - `learn` and `step` write through the loop's store only, and act on nothing outside of it that could not be
          taken back: the step they are part of may be undone. Who tells others does it by the store's `after_commit`.
        - `state()` changes nothing.
    """

    @property
    def name(self) -> str:
        """Under which its state is kept; unique in a loop."""
        ...

    def learn(self, decision_id: str, feedback: Feedback, /) -> bool:
        """Take what readers did with a post of a decision; False, and nothing learned, if that is not its own.

        It is the sum of all reports of that post that a step finds mature. Reports that come later are told in another
        call: what counts how much there is adds them, what counts each post once keeps what it had.
        """
        ...

    def step(self, now: float, /) -> Sequence[str]:
        """Check the ratio and the guardrails, update, mine, propose, promote or roll back, in this order.

        Returns:
            What was changed by that, in words, one text for each change.
        """
        ...

    def state(self) -> Mapping[str, Any]:
        """Return everything that was learned, as plain JSON: keys are texts, numbers finite.

        It holds nothing that differs between two stores with the same history: no salt, no time of the wall clock.
        """
        ...


@runtime_checkable
class RestorableLearner(Learner, Protocol):
    """A learner that can be set back: the loop does so when a step is undone, and after a restart.

    Of a learner without `restore` everything must live in the store; what it keeps in memory is lost to others.
    """

    def restore(self, state: Mapping[str, Any], /) -> None:
        """Go to a state that `state()` returned, here or in another process; what lives in the store is read anew."""
        ...


@runtime_checkable
class CuriousLearner(Learner, Protocol):
    """A learner that says what it would take to know more."""

    def needs(self) -> Sequence[str]:
        """Return in words what is still open, and how much more of what would settle it; changes nothing."""
        ...


@runtime_checkable
class ProposingLearner(Learner, Protocol):
    """A learner that asks others for proposals, and has to wait for their answers."""

    async def propose(self, now: float, /) -> object:
        """Get proposals, and put them into the store for a later step; `LearningLoop.astep` and `run` ask for it."""
        ...


@runtime_checkable
class PaidLearner(Learner, Protocol):
    """A learner whose steps cost money."""

    @property
    def spent_usd(self) -> float:
        """All that it ever spent, in US dollars; only grows, also where a step is undone."""
        ...

    @property
    def most_usd(self) -> float:
        """Most US dollars that its next step may cost."""
        ...
