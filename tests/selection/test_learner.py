"""The selector in a learning loop, and across a fork."""

from postopt.experiments.store import ExperimentStore
from postopt.selection.candidate import Candidate
from postopt.selection.selector import ModelSelector
from postopt.testing.learner_contract import LearnerContract

WARM = [({"task": f"t{n % 3}"}, {"a": 0.3, "b": 0.2 + n % 3 / 10}) for n in range(60)]


class TestModelSelector(LearnerContract):
    def make(self, store, clock):
        selector = ModelSelector([Candidate("a"), Candidate("b")], store=store, clock=clock)
        selector.warm_start(WARM)
        return selector

    def decide(self, learner, n):
        return [learner.select({"task": f"t{i % 3}"}).id for i in range(n)]


def test_the_child_of_a_fork_has_other_ids(in_child, tmp_path):
    store = ExperimentStore()
    selector = ModelSelector([Candidate("a"), Candidate("b")], store=store)
    selector.warm_start(WARM)
    theirs = tmp_path / "id"
    in_child(lambda: theirs.write_text(selector.select({"task": "t1"}).id))
    assert theirs.read_text()
    assert theirs.read_text() != selector.select({"task": "t1"}).id
    store.close()
