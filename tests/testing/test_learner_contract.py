"""The contract lets correct learners pass, and catches every kind that breaks it, by the law that is broken."""

import re

import pytest

from postopt.experiments.records import Arm, DecisionRow
from postopt.testing.learner_contract import LearnerContract


class Mine:
    """A correct learner in memory; the broken ones below differ from it in one thing."""

    name = "mine"

    def __init__(self, store, clock):
        self.store = store
        self.clicks = {}
        store.define(self.name, {}, [Arm("a")])

    def choose(self, unit):
        self.store.log_decisions([DecisionRow(unit, self.name, "a", unit, 0, 1.0, "one", "", 0.0)])
        return unit

    def learn(self, decision_id, feedback):
        if self.store.decision(decision_id) is None:
            return False
        self.clicks[decision_id] = self.clicks.get(decision_id, 0) + feedback.clicks
        return True

    def step(self, now):
        return [f"{len(self.clicks)} posts are known"]

    def needs(self):
        return ["more clicks"]

    def state(self):
        return {"clicks": dict(self.clicks)}

    def restore(self, state):
        self.clicks = dict(state["clicks"])


class InStore(Mine):
    """A correct learner that keeps everything in the store, and has no restore()."""

    def learn(self, decision_id, feedback):
        if self.store.decision(decision_id) is None:
            return False
        clicks = self.store.get("clicks", self.name) or {}
        total = clicks.get(decision_id, 0) + feedback.clicks
        self.store.put("clicks", self.name, {**clicks, decision_id: total}, feedback.at)
        return True

    def state(self):
        return {"clicks": self.store.get("clicks", self.name) or {}}

    restore = None


class Suite(LearnerContract):
    """The contract for one kind of learner."""

    def __init__(self, kind):
        self.kind = kind

    def make(self, store, clock):
        return self.kind(store, clock)

    def decide(self, learner, n):
        return [learner.choose(f"unit {i}") for i in range(n)]


LAWS = [name for name in dir(LearnerContract) if name.startswith("test_")]


class TestMine(LearnerContract):
    def make(self, store, clock):
        return Mine(store, clock)

    def decide(self, learner, n):
        return [learner.choose(f"unit {i}") for i in range(n)]


class TestInStore(LearnerContract):
    def make(self, store, clock):
        learner = InStore(store, clock)
        return Bare(learner)

    def decide(self, learner, n):
        return [learner.inner.choose(f"unit {i}") for i in range(n)]


class Bare:
    """Shows of a learner only what every learner has."""

    def __init__(self, inner):
        self.inner, self.name = inner, inner.name
        self.learn, self.step, self.state = inner.learn, inner.step, inner.state


class Nameless(Mine):
    def __init__(self, store, clock):
        super().__init__(store, clock)
        self.name = ""


class Tuples(Mine):
    def state(self):
        return {"clicks": tuple(self.clicks)}


class Restless(Mine):
    calls = 0

    def state(self):
        self.calls += 1
        return {"clicks": dict(self.clicks), "calls": self.calls}


class Greedy(Mine):
    def learn(self, decision_id, feedback):
        return True


class Curious(Mine):
    def learn(self, decision_id, feedback):
        self.clicks[decision_id] = 1
        return super().learn(decision_id, feedback)


class Deaf(Mine):
    def learn(self, decision_id, feedback):
        return False


class Once(Mine):
    def learn(self, decision_id, feedback):
        return decision_id not in self.clicks and super().learn(decision_id, feedback)


class Wordy(Mine):
    def step(self, now):
        return "all changed"


class Needy(Mine):
    def needs(self):
        return [3]


class Random(Mine):
    made = 0

    def __init__(self, store, clock):
        super().__init__(store, clock)
        Random.made += 1
        self.clicks["made"] = Random.made

    def restore(self, state):
        self.clicks = {**state["clicks"], "made": self.clicks["made"]}


class Dated(Mine):
    def __init__(self, store, clock):
        super().__init__(store, clock)
        self.clock = clock

    def learn(self, decision_id, feedback):
        return super().learn(decision_id, feedback) and bool(self.clicks.update(at=self.clock()) or True)


class Forgetful(Mine):
    def restore(self, state):
        """Does nothing."""


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Nameless, "name is a text"),
        (Tuples, "state\\(\\) is plain JSON"),
        (Restless, "state\\(\\) changes nothing"),
        (Greedy, "what is not its own"),
        (Curious, "nothing is learned from a decision that is not its own"),
        (Deaf, "True to its own"),
        (Once, "True to later reports"),
        (Wordy, "sequence of texts"),
        (Needy, "needs\\(\\) returns"),
        (Random, "equal histories give equal states"),
        (Dated, "equal histories give equal states"),
        (Forgetful, "restore\\(\\) undoes a step"),
    ],
)
def test_each_broken_law_is_named(kind, law):
    messages = []
    for name in LAWS:
        try:
            getattr(Suite(kind), name)()
        except Exception as error:  # noqa: BLE001 - what breaks one law may break more than that
            messages.append(str(error))
    assert any(re.match(f"broken law: .*{law}", message) for message in messages), messages


@pytest.mark.parametrize("method", ["make", "decide"])
def test_it_says_what_is_missing(method):
    with pytest.raises(NotImplementedError, match=f"needs {method}"):
        getattr(LearnerContract(), method)(*[None] * 2)
