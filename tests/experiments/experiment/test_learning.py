"""An experiment as one of the learners of a loop: feedback in, steps, words out."""

from __future__ import annotations

import pytest

from postopt.experiments.guardrails import Guardrail
from postopt.experiments.records import Metric
from postopt.types import Feedback


def feedback(number, impressions=100, clicks=3, **others):
    return Feedback(f"report {number}", "post", impressions, clicks, 1_700_000_000.0, **others)


class TestLearn:
    def test_impressions_are_outcomes_and_clicks_their_successes(self, make):
        experiment = make()
        assignment = experiment.assign("anna")
        assert experiment.learn(assignment.id, feedback(1)) is True
        assert experiment.learn(assignment.id, feedback(2)) is True
        result = experiment.decide().arms[experiment.arms.index(assignment.arm)]
        assert (result.n, result.mean) == (200, 0.03)

    def test_the_same_counts_once(self, make):
        experiment = make()
        assignment = experiment.assign("anna")
        assert experiment.learn(assignment.id, feedback(1))
        assert make().learn(assignment.id, feedback(1)) is True
        assert make().decide().n == 100

    def test_how_often_a_post_was_shown_is_no_ratio(self, make):
        experiment = make()
        dealt = {assignment.arm: assignment for assignment in experiment.assign_many(range(20))}
        experiment.learn(dealt["a"].id, feedback(1, impressions=90_000, clicks=900))
        experiment.learn(dealt["b"].id, feedback(2, impressions=1_000, clicks=10))
        assert experiment.decide().state == "RUNNING"
        assert make().decide().n == 91_000

    def test_of_a_decision_of_another_is_left_alone(self, make):
        assert make("one").learn(make("other").assign("anna").id, feedback(1)) is False
        assert make("one").learn("unknown", feedback(1)) is False

    def test_guardrails_and_means(self, make):
        rails = [Guardrail("hides"), Guardrail(Metric("revenue", kind="mean")), Guardrail("latency")]
        experiment = make(guardrails=rails)
        experiment.learn(experiment.assign("anna").id, feedback(1, hides=7, revenue=2.5))
        outcomes = experiment.state()["outcomes"]
        assert outcomes["hides"][0][3:] == [100.0, 7.0, 7.0]
        assert outcomes["revenue"][0][3:] == [1.0, 2.5, 6.25]
        assert outcomes["latency"] == []

    def test_refunds_and_too_many_reactions_are_no_outcomes_and_hold_nothing_up(self, make):
        experiment = make(metric="reactions", guardrails=[Guardrail(Metric("revenue", kind="mean"))])
        mine = experiment.assign("anna").id
        assert experiment.learn(mine, feedback(1, reactions=101))
        assert experiment.learn(mine, feedback(2, reactions=3, revenue=-1.0))
        assert (experiment.not_counted, experiment.decide().n) == (2, 100)

    def test_what_nobody_counted_is_no_outcome(self, make):
        experiment = make(guardrails=[Guardrail("hides")])
        mine = experiment.assign("anna").id
        assert experiment.learn(mine, Feedback("f", "p", 100, 3, 0.0))
        assert any("guardrail hides: no outcomes" in reason for reason in experiment.decide().reasons)
        assert experiment.not_counted == 0


class TestStep:
    def test_says_what_changed(self, make, clock):
        experiment = make(guardrails=[Guardrail("hides")], arms=("a", "b", "c"))
        assert experiment.step(clock()) == []
        for _ in range(40):
            experiment.observe("a", 500, 10)
            experiment.observe("b", 500, 10)
            experiment.observe("c", 500, 20)
        (found,) = experiment.step(clock())
        assert "test: WINNER: c" in found
        assert experiment.step(clock()) == []

    def test_says_which_arms_were_paused(self, make, clock):
        experiment = make(guardrails=[Guardrail("hides")])
        other = make(guardrails=[Guardrail("hides")])
        other._desk._check_guardrails = lambda *_: None
        experiment.assign("anna")
        other.observe("a", 5_000, 50, metric="hides")
        other.observe("b", 5_000, 500, metric="hides")
        (paused,) = experiment.step(clock())
        assert paused.startswith("test: b is paused: guardrail hides: +900.0%")

    def test_needs(self, make):
        assert make().needs()[0] == "test: no outcomes yet"

    @pytest.mark.parametrize("now", [-1, float("nan"), "today"])
    def test_at_a_time(self, make, now):
        with pytest.raises(ValueError, match="now is"):
            make().step(now)
