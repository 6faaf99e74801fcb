"""What everybody who learns in a learning loop promises, as tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

from postopt.experiments.store import ExperimentStore
from postopt.learning.learner import CuriousLearner, Learner, RestorableLearner
from postopt.learning.loop import LearningLoop
from postopt.testing.clock import ScriptedClock
from postopt.testing.laws import require
from postopt.types import Feedback

_START = 1_000_000.0
_LATER = _START + 1000


class LearnerContract:
    """The laws of `postopt.learning.Learner`, as tests.

    Subclass it and say how to make yours, and how it comes to decisions::

        class TestMine(LearnerContract):
            def make(self, store, clock):
                return MyLearner(store=store, clock=clock)

            def decide(self, learner, n):
                return [learner.choose(f"unit {i}").id for i in range(n)]

    Works under pytest, under unittest with `unittest.TestCase` as second base, and in a notebook; a broken law is an
    AssertionError that names it. Each test has new stores, in memory. Made twice, for two stores, the learners have to
    be alike.
    """

    n = 12
    """Decisions that one test asks for."""

    def make(self, store: ExperimentStore, clock: ScriptedClock) -> Learner:
        """Return a new learner over a store, which may hold what another one of it wrote."""
        raise NotImplementedError("a LearnerContract needs make(): return a new learner")

    def decide(self, learner: Learner, n: int) -> Sequence[str]:
        """Let it make `n` decisions, and return their ids."""
        raise NotImplementedError("a LearnerContract needs decide(): return the ids of decisions")

    def feedback(self, decision_id: str, number: int) -> Feedback:
        """Return a report about a decision; `number` is another one for each."""
        return Feedback(f"report {number}", decision_id, 100, number * 7 % 40, _START + number)

    def test_name_is_a_text(self) -> None:
        """States are kept under it."""
        with _World(self, decides=False) as world:
            name: object = world.learner.name
            require(isinstance(name, str) and name != "", "name is a text that is not empty")

    def test_state_is_plain_json(self) -> None:
        """It comes back from JSON equal, and asking for it changes nothing."""
        with _World(self) as world:
            world.learn()
            state = dict(world.learner.state())
            require(_parsed(state) == state, "state() is plain JSON")
            require(dict(world.learner.state()) == state, "state() changes nothing")

    def test_what_is_not_its_own_is_refused(self) -> None:
        """A report about somebody else's decision is answered with False and teaches nothing."""
        with _World(self) as world:
            before, report = world.state, self.feedback("nobody's", 1)
            require(world.learner.learn("nobody's", report) is False, "learn() says False to what is not its own")
            require(world.state == before, "nothing is learned from a decision that is not its own")

    def test_what_is_its_own_is_taken(self) -> None:
        """A report about its own decision is answered with True."""
        with _World(self) as world:
            for number, decision in enumerate(world.decisions):
                taken = world.learner.learn(decision, self.feedback(decision, number))
                require(taken is True, "learn() says True to its own decisions")

    def test_a_later_report_is_its_own_too(self) -> None:
        """One that comes after its post was judged is answered with True, whatever it teaches."""
        with _World(self) as world:
            world.learn()
            for number, decision in enumerate(world.decisions, len(world.decisions)):
                taken = world.learner.learn(decision, self.feedback(decision, number))
                require(taken is True, "learn() says True to later reports of its own decisions")

    def test_a_step_says_what_it_changed(self) -> None:
        """In words, one text for each change; also with nothing to learn from, and with time going back."""
        with _World(self) as world:
            for now in (_START, _START + 1e6, _START - 1e6):
                require(_are_texts(world.learner.step(now)), "step() returns a sequence of texts")
            if isinstance(world.learner, CuriousLearner):
                require(_are_texts(world.learner.needs()), "needs() returns a sequence of texts")

    def test_equal_histories_give_equal_states(self) -> None:
        """A replay of the loop's log, later and in a new store, gives the same snapshot, byte for byte."""
        with _World(self) as world, _World(self, decides=False, start=_LATER + 1e7) as again:
            world.learn()
            again.loop.replay(world.loop.log)
            require(again.loop.snapshot() == world.loop.snapshot(), "equal histories give equal states")

    def test_an_undone_step_leaves_no_trace(self) -> None:
        """After a dry run all is as before, and the step that follows does what it would have done without."""
        with _World(self) as world, _World(self) as again:
            world.ingest()
            if isinstance(world.learner, RestorableLearner):
                before = world.state
                world.loop.step(_LATER, dry_run=True)
                require(world.state == before, "restore() undoes a step")
            world.loop.step(_LATER)
            again.learn()
            require(again.loop.snapshot() == world.loop.snapshot(), "an undone step leaves no trace in the next one")

    def test_a_new_one_goes_on_where_the_old_one_ended(self) -> None:
        """Over the same store, set to the state that the old one returned."""
        with _World(self) as world:
            world.learn()
            new = self.make(world.store, world.clock)
            if isinstance(new, RestorableLearner):
                new.restore(_parsed(world.learner.state()))
            require(_json(new.state()) == world.state, "a new learner goes on where the old one ended")


class _World:
    """A learner, its store, and a loop over both."""

    def __init__(self, contract: LearnerContract, *, decides: bool = True, start: float = _START) -> None:
        self.clock = ScriptedClock(start)
        self.store = ExperimentStore(clock=self.clock, salt=b"the same for all")
        self.learner = contract.make(self.store, self.clock)
        self.decisions = list(contract.decide(self.learner, contract.n)) if decides else []
        self._contract = contract

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @cached_property
    def loop(self) -> LearningLoop:
        """A loop for the learner alone."""
        return LearningLoop(self.store, [self.learner], clock=self.clock)

    @property
    def state(self) -> str:
        """The learner's, as JSON."""
        return _json(self.learner.state())

    def ingest(self) -> None:
        """Bring one report about each decision."""
        self.loop.ingest(self._contract.feedback(decision, number) for number, decision in enumerate(self.decisions))

    def learn(self) -> None:
        """Bring reports, and take a step."""
        self.ingest()
        self.loop.step(_LATER)


def _json(state: Mapping[str, Any]) -> str:
    return json.dumps(dict(state), sort_keys=True, allow_nan=False)


def _parsed(state: Mapping[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(_json(state))
    return parsed


def _are_texts(found: object) -> bool:
    return isinstance(found, Sequence) and not isinstance(found, str) and all(isinstance(text, str) for text in found)
