"""Mode "earn": more clicks, and no claims."""

from __future__ import annotations

import numpy as np
import pytest

from postopt.experiments.changes import Adaptive
from postopt.experiments.decision import State
from postopt.experiments.records import Arm, Metric
from postopt.experiments.thompson import Thompson

RATES = {"a": 0.10, "b": 0.14, "c": 0.07, "d": 0.10}


def test_earns_more_than_an_even_split_and_claims_nothing(make, world):
    experiment = make(mode="earn", arms=tuple(RATES))
    for _ in range(50):
        world.visit(experiment, 200, RATES)
    decision = experiment.decide()
    assert (decision.state, decision.winner) == (State.EARNING, None)
    assert "makes no claims" in decision.reasons[0]
    assert decision.n == 10_000
    clicks = sum(result.n * result.mean for result in decision.arms)
    # An even split gets .1025 of 10,000 (standard error 30), the best arm 1,400.
    assert clicks > 1_025 + 6 * 30


def test_late_outcomes_cost_little(make, world):
    experiment = make(mode="earn", arms=tuple(RATES))
    late, clicks = [], 0
    for start in range(0, 10_000, 200):
        dealt = experiment.assign_many(range(start, start + 200))
        hits = world.rng.random(200) < [RATES[assignment.arm] for assignment in dealt]
        late.append((dealt, hits))
        clicks += int(hits.sum())
        if len(late) > 5:
            batch, hits = late.pop(0)
            experiment.record_many([assignment.id for assignment in batch], hits)
    assert clicks > 1_025 + 4 * 30


def test_a_prior_of_ones_own_begins_with_the_better_text(make):
    class Loud:
        def score(self, text):
            return 1.0 if "!" in text else 0.0

    arms = [Arm("a", "Buy"), Arm("b", "Buy!")]
    shares = [result.share for result in make(mode="earn", arms=arms, prior=Loud()).decide().arms]
    assert shares[1] > 0.6


def test_the_past_of_the_store_is_learned_from(make, store):
    rng = np.random.default_rng(1)
    for number in range(40):
        rows = [
            ("a", f"why {number}?", 5_000, rng.binomial(5_000, 0.01)),
            ("b", f"look {number}!", 5_000, rng.binomial(5_000, 0.02)),
        ]
        store.import_counts(f"past {number}", rows)
    arms = [Arm("a", "why so?"), Arm("b", "look here!")]
    assert make(mode="earn", arms=arms).decide().arms[1].share > 0.6
    assert make("other", mode="find", arms=arms).decide().arms[1].share == 0.5


def test_a_policy_of_ones_own(make, store):
    class Last:
        name = "last"

        def shares(self, counts, *, rng, left=None):
            assert left == 1_000
            return np.eye(len(counts))[-1]

    experiment = make(mode="earn", policy=Last(), floor=0.1, horizon=1_000)
    assert [result.share for result in experiment.decide().arms] == pytest.approx([0.05, 0.95])
    assert store.decision(experiment.assign("anna").id).policy == "last"


def test_less_can_be_better(make, world):
    experiment = make(mode="earn", metric=Metric("hides", lower_is_better=True))
    for _ in range(20):
        world.visit(experiment, 100, {"a": 0.5, "b": 0.1})
    assert experiment.decide().arms[1].share > 0.9


def test_one_by_one_follows_the_outcomes_too(make, world):
    experiment = make(mode="earn")
    for unit in range(600):
        assignment = experiment.assign(unit)
        experiment.record(assignment.id, world.rng.random() < {"a": 0.05, "b": 0.5}[assignment.arm])
    assert experiment.decide().arms[1].share > 0.9


def test_one_by_one_knows_what_a_report_said(make):
    experiment = make(mode="earn")
    assert experiment.assign(0).propensity == 0.5
    experiment.observe("a", 10_000, 500)
    experiment.observe("b", 10_000, 100)
    later = experiment.assign(1)
    assert (later.propensity > 0.9) is (later.arm == "a")


@pytest.mark.parametrize(
    "wrong", [{"prior": 5}, {"policy": 5}, {"events": [].append}, {"store": "x"}, {"arms": {"a", "b"}}]
)
def test_what_cannot_be_used_is_refused_before_the_first_unit(make, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make(mode="earn", **wrong)


def test_a_policy_that_forgets_follows_a_change(make, world):
    """Planted drift: the better arm changes after 3,000 units; within 2,000 more, most of the traffic has followed."""
    experiment = make(mode="earn", policy=Adaptive(Thompson(), half_life=2_000, threshold=8.0))
    for _ in range(30):
        world.visit(experiment, 100, {"a": 0.12, "b": 0.05})
    assert experiment.decide().arms[0].share > 0.8
    for _ in range(20):
        world.visit(experiment, 100, {"a": 0.05, "b": 0.12})
    assert experiment.decide().arms[1].share > 0.8


class TestLoss:
    def test_ends_exploring(self, make, world):
        experiment = make(max_loss=30, arms=tuple(RATES))
        for _ in range(50):
            world.visit(experiment, 200, RATES)
            decision = experiment.decide()
            if decision.state is not State.RUNNING:
                break
        assert (decision.state, decision.winner, decision.leader) == (State.STOPPED, None, "b")
        assert "more than 30" in decision.reasons[0]
        assert decision.n < 4_000
        assert {assignment.arm for assignment in experiment.assign_many(range(20_000, 20_050))} == {"b"}

    def test_of_equal_arms_is_small(self, make):
        experiment = make(max_loss=30)
        for _ in range(20):
            experiment.observe("a", 500, 50)
            experiment.observe("b", 500, 50)
        assert experiment.decide().state is State.RUNNING
