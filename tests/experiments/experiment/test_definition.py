"""What an experiment is set out to be: checked at once, kept in the store, never changed on the way."""

from __future__ import annotations

import json
import math

import pytest

from postopt.errors import ExperimentChangedError, ExperimentError, UnknownArmError, UnknownExperimentError
from postopt.experiments.definition import Definition
from postopt.experiments.experiment import Experiment
from postopt.experiments.guardrails import Guardrail
from postopt.experiments.past import Past
from postopt.experiments.records import Arm, Metric

SETTINGS = {
    "metric": Metric("clicks", window=60),
    "guardrails": [Guardrail("hides", 0.1), Guardrail(Metric("cost", kind="mean", lower_is_better=True))],
    "alpha": 0.01,
    "horizon": 1_000,
    "traffic_share": 0.5,
    "design_effect": 1.5,
    "weights": [1, 2],
    "max_loss": 10,
}


class TestReopen:
    def test_goes_on_where_it_was(self, make, world):
        experiment = make(arms=("a", "b", "c"))
        world.visit(experiment, 500, {"a": 0.1, "b": 0.2, "c": 0.1})
        experiment.pause("c", "why")
        again = make(arms=("a", "b", "c"))
        assert again.state() == experiment.state()
        assert again.decide() == experiment.decide()

    def test_by_name_with_the_settings_of_the_store(self, make, store, clock):
        make(arms=[Arm("a", "one"), Arm("b", "two")], **SETTINGS)
        again = Experiment.reopen("test", store=store, clock=clock)
        assert again.arms[1].text == "two"
        assert again._desk.definition == make(arms=[Arm("a", "one"), Arm("b", "two")], **SETTINGS)._desk.definition

    @pytest.mark.parametrize("settings", [{"mode": "earn"}, {"weights": [1.1, 2.3, 2.9]}])
    def test_by_name_in_each_mode_and_with_weights_in_any_unit(self, make, store, clock, settings):
        experiment = make(arms=("a", "b", "c"), **settings)
        again = Experiment.reopen("test", store=store, clock=clock)
        assert again._desk.definition == experiment._desk.definition

    def test_in_a_file(self, tmp_path, clock):
        from postopt.experiments.store import ExperimentStore

        with ExperimentStore(tmp_path / "store", clock=clock) as store:
            first = Experiment("test", ["a", "b"], store=store, clock=clock)
            first.record(first.assign("anna").id, 1)
            state = first.state()
        with ExperimentStore(tmp_path / "store", clock=clock) as store:
            again = Experiment.reopen("test", store=store, clock=clock)
            assert again.state() == state
            assert again.decide().n == 1
            assert store.audit() == []

    def test_of_none_is_an_error(self, store):
        with pytest.raises(UnknownExperimentError):
            Experiment.reopen("none", store=store)

    def test_state_is_plain_json(self, make, world):
        experiment = make()
        world.visit(experiment, 50, {"a": 0.1, "b": 0.2})
        state = experiment.state()
        assert json.loads(json.dumps(state, allow_nan=False)) == state
        experiment.restore(state)
        assert experiment.state() == state

    def test_a_rolled_back_assignment_is_not_remembered(self, make, store):
        experiment = make()
        with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012 - what fails is the transaction
            lost = experiment.assign("anna").id
            raise ZeroDivisionError
        experiment.restore({})
        assert store.decision(lost) is None
        assert experiment.assign("anna").id == lost
        assert store.decision(lost) is not None


class TestChanged:
    @pytest.mark.parametrize(
        "change",
        [
            {"metric": "likes"},
            {"guardrails": [Guardrail("hides")]},
            {"mode": "earn"},
            {"alpha": 0.1},
            {"horizon": 10},
            {"traffic_share": 0.9},
            {"floor": 0.1},
            {"design_effect": 1.0},
            {"weights": [1, 2]},
            {"max_loss": 1},
            {"arms": ("a", "b", "c")},
            {"arms": ("a",)},
            {"arms": ("b", "a")},
            {"arms": ("a", Arm("b", "another text"))},
        ],
    )
    def test_settings_are_refused(self, make, change):
        make()
        with pytest.raises(ExperimentChangedError):
            make(**change)

    def test_what_conclusions_do_not_rest_on_may_change(self, make):
        make()
        make(seed=7)
        make(weights=[3, 3])


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("metric", 7),
            ("metric", ""),
            ("guardrails", "hides"),
            ("guardrails", ["hides"]),
            ("mode", "win"),
            ("alpha", 0),
            ("alpha", 0.5),
            ("alpha", math.nan),
            ("horizon", 0),
            ("horizon", 1.5),
            ("traffic_share", 0),
            ("traffic_share", 1.1),
            ("traffic_share", True),
            ("floor", 1),
            ("floor", -0.1),
            ("design_effect", 0.9),
            ("design_effect", math.inf),
            ("design_effect", "big"),
            ("weights", [1]),
            ("weights", [1, 0]),
            ("weights", [1, math.nan]),
            ("weights", "ab"),
            ("weights", {"a": 1}),
            ("weights", 7),
            ("holdout", 0.1),
            ("max_loss", 0),
            ("clock", 7),
            ("name", ""),
            ("arms", "ab"),
            ("arms", ()),
            ("arms", ("a", "a")),
            ("arms", ("a", "")),
            ("arms", ("a", None)),
            ("arms", 7),
        ],
    )
    def test_that_cannot_be(self, make, setting, value):
        with pytest.raises(ValueError, match=f"{setting}|arm|hides|name"):
            make(**{setting: value})

    @pytest.mark.parametrize("setting", [{"seed": -1}, {"seed": 1.5}])
    def test_seed(self, setting):
        with pytest.raises(ValueError, match="seed is"):
            Experiment("test", ["a"], **setting)

    def test_weights_of_unknown_arms(self, make):
        with pytest.raises(UnknownArmError):
            make(weights={"a": 1, "c": 1})

    def test_two_metrics_of_one_name(self, make):
        with pytest.raises(ValueError, match="two metrics"):
            make(guardrails=[Guardrail(Metric("clicks", lower_is_better=True))])

    def test_earn_needs_a_proportion_and_has_no_weights(self, make):
        with pytest.raises(ValueError, match="proportion"):
            make(mode="earn", metric=Metric("revenue", kind="mean"))
        with pytest.raises(ValueError, match="weights"):
            make(mode="earn", weights=[1, 2])

    def test_a_loss_is_counted_in_successes(self, make):
        with pytest.raises(ValueError, match="max_loss"):
            make(metric=Metric("revenue", kind="mean"), max_loss=10)

    def test_survive_the_store(self):
        definition = Definition.checked("test", ["a", "b"], mode="find", floor=0.02, holdout=0.0, **SETTINGS)
        stored = json.loads(json.dumps(definition.settings()))
        assert Definition.from_settings("test", definition.arms, stored) == definition


@pytest.mark.long
def test_very_many_arms(make):
    arms = [f"arm {number}" for number in range(20_000)]
    experiment = make(arms=arms)
    dealt = experiment.assign_many(range(100))
    experiment.record_many([assignment.id for assignment in dealt], [1] * 100)
    decision = experiment.decide()
    assert (decision.n, len(decision.arms)) == (100, 20_000)


def test_says_what_it_is(make):
    experiment = make(arms=[Arm("a", "one"), Arm("b", "two")])
    assert repr(experiment) == "Experiment('test', 2 arms, metric='clicks', mode='find')"
    assert (experiment.metric, experiment.arms[1].text) == (Metric("clicks"), "two")


@pytest.mark.parametrize("now", [math.nan, math.inf, -1e300])
def test_a_clock_that_gives_no_time_is_an_error(make, now):
    with pytest.raises(ExperimentError, match="clock says"):
        make(clock=lambda: now).assign("anna")


def test_texts_that_stand_twice_in_the_past_teach_no_design_effect(make, store):
    """The same headline may have been shown with different pictures: then its arms differ for a reason."""
    for number in range(40):
        store.import_counts(f"past {number}", [("a", "same", 1_000, 10), ("b", "same", 1_000, 90)])
    experiment = make()
    experiment.observe("a", 100, 10)
    experiment.observe("b", 100, 10)
    assert any("1.7" in reason for reason in experiment.decide().reasons)


def test_the_past_is_learned_again_when_there_is_more_of_it(store):
    first = Past.of(store)
    assert Past.of(store) is first
    store.import_counts("past", [("a", "one", 10, 1), ("b", "two", 10, 1)])
    assert len(Past.of(store).groups) == 1
