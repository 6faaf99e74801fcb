"""The learners of one loop: asked in their order, and set back together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from postopt._checks import check_name
from postopt.errors import LearnerError, PostoptError, ReplayError, shown
from postopt.learning.canonical import canonical, parsed
from postopt.learning.learner import CuriousLearner, Learner, ProposingLearner, RestorableLearner
from postopt.types import Feedback

States = Mapping[str, str]
"""Name of a learner -> its state as canonical JSON."""


class Roster:
    """Some learners with different names.

    What a learner raises becomes LearnerError, unless it is one of postopt's errors; its name is noted at either.

    Raises:
        ValueError: something is no learner, or two have the same name.
    """

    def __init__(self, learners: Iterable[Learner]) -> None:
        if not isinstance(learners, Iterable):
            raise ValueError(f"learners is {shown(learners)}; learners are needed, one after the other")  # noqa: TRY004 - as all others
        self._learners: dict[str, Learner] = {}
        for learner in learners:
            if not isinstance(learner, Learner):
                raise ValueError(f"learners hold {shown(learner)}; name, learn(), step() and state() are needed")  # noqa: TRY004 - as all others
            name = check_name("name", learner.name)
            if name in self._learners:
                raise ValueError(f"two learners have the name {shown(name)}; each needs one of its own")
            self._learners[name] = learner

    def __iter__(self) -> Iterator[Learner]:
        return iter(self._learners.values())

    @property
    def names(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(self._learners)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Names of those that cannot be set back."""
        return tuple(name for name, learner in self._learners.items() if not isinstance(learner, RestorableLearner))

    def only(self, names: Iterable[str]) -> Roster:
        """Return those with these names, in this order.

        Raises:
            ReplayError: there is none of some name.
        """
        try:
            return Roster(self._learners[name] for name in names)
        except KeyError as error:
            raise ReplayError(f"the log tells of a learner {error}, which this loop does not have") from error

    def learn(self, decisions: Sequence[str], report: Feedback) -> list[str]:
        """Give each learner the report for each decision; return the names of those whose it was."""
        takers = []
        for name, learner in self._learners.items():
            with _named(name, "learn"):
                taken = [learner.learn(decision, report) for decision in decisions]
            if any(taken):
                takers.append(name)
        return takers

    async def propose(self, now: float) -> tuple[tuple[str, str], ...]:
        """Ask those who propose for proposals; return (name, why not) of those who cannot get any this time."""
        failed = []
        for name, learner in self._learners.items():
            if isinstance(learner, ProposingLearner):
                try:
                    with _named(name, "propose"):
                        await learner.propose(now)
                except PostoptError as error:
                    if not error.retryable:
                        raise
                    failed.append((name, str(error)))
        return tuple(failed)

    def step(self, learner: Learner, now: float) -> tuple[str, ...]:
        """Let one learner take its step; return what it changed."""
        with _named(learner.name, "step"):
            return _texts(learner.step(now))

    def needs(self) -> tuple[tuple[str, str], ...]:
        """Return (name, what it would take to know more)."""
        found: list[tuple[str, str]] = []
        for name, learner in self._learners.items():
            if isinstance(learner, CuriousLearner):
                with _named(name, "needs"):
                    found.extend((name, text) for text in _texts(learner.needs()))
        return tuple(found)

    def states(self) -> dict[str, str]:
        """Return each learner's state.

        Raises:
            LearnerError: one is not plain JSON.
        """
        found = {}
        for name, learner in self._learners.items():
            with _named(name, "state"):
                found[name] = canonical(dict(learner.state()))
        return found

    def restore(self, states: States) -> tuple[str, ...]:
        """Set learners back to these states; return the names of those whose state differs and cannot be."""
        left = []
        for name, learner in self._learners.items():
            if name not in states:
                continue
            with _named(name, "restore"):
                if isinstance(learner, RestorableLearner):
                    learner.restore(parsed(states[name]))
                elif canonical(dict(learner.state())) != states[name]:
                    left.append(name)
        return tuple(left)

    def refresh(self) -> None:
        """Let learners read anew what others wrote into the store."""
        for name, learner in self._learners.items():
            if isinstance(learner, RestorableLearner):
                with _named(name, "restore"):
                    learner.restore(parsed(canonical(dict(learner.state()))))


def _texts(found: object) -> tuple[str, ...]:
    if isinstance(found, str) or not isinstance(found, Sequence) or not all(isinstance(text, str) for text in found):
        raise TypeError(f"{shown(found)} was returned; a sequence of texts is needed")
    return tuple(found)


@contextmanager
def _named(name: str, call: str) -> Iterator[None]:
    """Say whose fault an error is."""
    try:
        yield
    except PostoptError as error:
        error.add_note(f"it came from {call}() of the learner {shown(name)}")
        raise
    except Exception as error:
        raise LearnerError(
            f"the learner {shown(name)} failed in {call}(): {type(error).__name__}: {error}",
            hint="a step that fails is undone as a whole; the next one begins from where the last whole one ended",
        ) from error
