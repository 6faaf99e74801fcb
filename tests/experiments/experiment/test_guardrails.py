"""What an arm must not make worse: it is paused at once, and the others go on."""

from __future__ import annotations

import pytest

from postopt.errors import ExperimentError
from postopt.events.records import GuardrailBreached
from postopt.experiments.decision import State
from postopt.experiments.guardrails import Guardrail
from postopt.experiments.records import Metric

ARMS = ("a", "b", "c")


class Sink:
    def __init__(self):
        self.events = []

    def publish_nowait(self, event):
        self.events.append(event)


def hide(experiment, world, rates, batches=10, n=300):
    for _ in range(batches):
        dealt = experiment.assign_many(range(world.units, world.units + n))
        world.units += n
        hides = [world.rng.random() < rates[assignment.arm] for assignment in dealt]
        experiment.record_many([assignment.id for assignment in dealt], hides, metric="hides")
        if experiment.state()["arms"]["b"] == "paused":
            break


class TestBreach:
    def test_pauses_the_arm_when_it_is_recorded(self, make, world):
        sink = Sink()
        experiment = make(arms=ARMS, guardrails=[Guardrail("hides", tolerance=0.1)], events=sink)
        hide(experiment, world, {"a": 0.02, "b": 0.2, "c": 0.02})
        assert experiment.state()["arms"] == {"a": "active", "b": "paused", "c": "active"}
        (event,) = sink.events
        assert isinstance(event, GuardrailBreached)
        assert (event.experiment, event.arm, event.metric, event.tolerance) == ("test", "b", "hides", 0.1)
        assert event.change > 1
        assert {assignment.arm for assignment in experiment.assign_many(range(10_000, 10_100))} == {"a", "c"}

    def test_the_others_go_on(self, make, world):
        experiment = make(arms=ARMS, guardrails=[Guardrail("hides")])
        hide(experiment, world, {"a": 0.02, "b": 0.3, "c": 0.02})
        decision = experiment.decide()
        assert decision.state is State.RUNNING
        assert any(reason.startswith("b is paused: guardrail hides: +") for reason in decision.reasons)

    def test_of_what_others_recorded_is_noticed_by_decide(self, make):
        experiment = make(guardrails=[Guardrail("hides")])
        other = make(guardrails=[Guardrail("hides")])
        other._desk._check_guardrails = lambda *_: None
        for _ in range(5):
            other.observe("a", 1_000, 10, metric="hides")
            other.observe("b", 1_000, 100, metric="hides")
        assert experiment.decide().arms[1].status == "paused"

    def test_of_a_metric_of_which_more_is_better(self, make, world):
        quality = Metric("quality", kind="mean")
        experiment = make(guardrails=[Guardrail(quality, tolerance=0.05)])
        for _ in range(10):
            dealt = experiment.assign_many(range(world.units, world.units + 100))
            world.units += 100
            values = [world.rng.normal(0.5 if assignment.arm == "b" else 0.9, 0.05) for assignment in dealt]
            experiment.record_many([assignment.id for assignment in dealt], values, metric="quality")
        assert experiment.decide().arms[1].status == "paused"

    def test_within_the_tolerance_there_is_none(self, make, world):
        experiment = make(arms=ARMS, guardrails=[Guardrail("hides", tolerance=1.0)])
        hide(experiment, world, {"a": 0.1, "b": 0.15, "c": 0.1})
        assert experiment.state()["arms"]["b"] == "active"

    def test_of_the_deciding_metric_itself(self, make):
        experiment = make(guardrails=[Guardrail(Metric("clicks"), tolerance=0.2)])
        for _ in range(20):
            experiment.observe("a", 500, 25)
            experiment.observe("b", 500, 5)
        assert experiment.decide().arms[1].status == "paused"


class TestNoData:
    def test_never_breaches_and_says_so(self, make, world):
        experiment = make(guardrails=[Guardrail("hides")])
        world.visit(experiment, 200, {"a": 0.1, "b": 0.1})
        assert "guardrail hides: no outcomes to compare, so it cannot breach" in experiment.decide().reasons

    def test_of_the_control_neither(self, make):
        experiment = make(guardrails=[Guardrail("hides")])
        experiment.observe("b", 1_000, 900, metric="hides")
        assert experiment.decide().arms[1].status == "active"


@pytest.mark.long
def test_innocent_arms_are_paused_as_seldom_as_stated(make, world):
    paused = 0
    for run in range(60):
        experiment = make(f"run {run}", guardrails=[Guardrail("hides", alpha=0.1)], design_effect=1.0)
        for _ in range(10):
            experiment.observe("a", 500, world.rng.binomial(500, 0.05), metric="hides")
            experiment.observe("b", 500, world.rng.binomial(500, 0.05), metric="hides")
        paused += experiment.state()["arms"]["b"] == "paused"
    # 6 of 60 are allowed on average; 13 are three standard errors more.
    assert paused <= 13


@pytest.mark.parametrize(
    "arguments",
    [
        {"metric": 7},
        {"metric": ""},
        {"metric": "hides", "tolerance": -0.1},
        {"metric": "hides", "tolerance": float("nan")},
        {"metric": "hides", "alpha": 0},
        {"metric": "hides", "alpha": 0.5},
        {"metric": "hides", "alpha": True},
    ],
)
def test_settings_that_cannot_be(arguments):
    with pytest.raises(ValueError, match="is"):
        Guardrail(**arguments)


class TestPausing:
    def test_the_rest_share_what_it_had(self, make):
        experiment = make(arms=ARMS, weights=[1, 1, 2])
        experiment.pause("b", "a typing error")
        assert [result.share for result in experiment.decide().arms] == [1 / 3, 0, 2 / 3]

    def test_outcomes_still_count(self, make):
        experiment = make()
        dealt = experiment.assign_many(range(20))
        experiment.pause("b", "a typing error")
        experiment.record_many([assignment.id for assignment in dealt], [1] * 20)
        assert experiment.decide().n == 20

    def test_holds_for_other_processes(self, make, clock):
        one, other = make(), make()
        one.assign("anna")
        other.pause("b", "a typing error")
        clock.advance(1.1)
        assert {assignment.arm for assignment in one.assign_many(range(50))} - {"b"} == {"a"}

    def test_without_an_active_arm_all_see_the_control(self, make):
        experiment = make()
        experiment.pause("a", "why")
        experiment.pause("b", "why")
        assert {assignment.arm for assignment in experiment.assign_many(range(20))} == {"a"}
        assert experiment.decide().state is State.NO_WINNER

    def test_resumed_it_runs_again(self, make):
        experiment = make()
        experiment.pause("b", "why")
        assert experiment.decide().state is State.NO_WINNER
        experiment.resume("b")
        assert experiment.decide().state is State.RUNNING

    def test_removed_is_for_ever(self, make):
        experiment = make()
        experiment.remove("b", "why")
        with pytest.raises(ExperimentError, match="removed"):
            experiment.resume("b")
        assert make().decide().arms[1].status == "removed"

    @pytest.mark.parametrize("reason", ["", None, 7])
    def test_needs_a_reason(self, make, reason):
        with pytest.raises(ValueError, match="reason is"):
            make().pause("b", reason)
