"""Who gets which arm: sticky, by exact propensities, whatever happens in between."""

from __future__ import annotations

import math
from collections import Counter
from uuid import UUID

import numpy as np
import pytest

from postopt.errors import ExperimentStoreError
from postopt.experiments.assignment import ExclusionGroup
from postopt.experiments.experiment import Experiment
from postopt.experiments.recent import Recent
from postopt.experiments.records import Arm


class TestSticky:
    def test_a_unit_keeps_its_arm_and_its_id(self, make):
        experiment = make(arms=("a", "b", "c"))
        first = experiment.assign("anna")
        assert experiment.assign("anna") == first
        assert experiment.assign_many(["bert", "anna", "anna"])[1:] == [first, first]

    def test_in_another_object_on_the_same_store(self, make):
        before = make(mode="earn").assign_many(range(50))
        assert make(mode="earn").assign_many(range(50)) == before

    def test_when_its_arm_is_paused_or_shares_change(self, make):
        experiment = make(arms=("a", "b", "c"))
        before = experiment.assign_many(range(60))
        experiment.pause("b", "a typing error")
        assert experiment.assign_many(range(60)) == before
        assert "b" not in {assignment.arm for assignment in experiment.assign_many(range(60, 120))}

    def test_when_it_is_long_forgotten_in_memory(self, make, monkeypatch):
        experiment = make()
        experiment._desk.standing._recent = Recent(4)
        before = experiment.assign_many(range(30))
        assert experiment.assign_many(range(30)) == before

    def test_another_experiment_deals_anew(self, make):
        one = [assignment.arm for assignment in make("one").assign_many(range(200))]
        other = [assignment.arm for assignment in make("other").assign_many(range(200))]
        assert 60 < sum(a == b for a, b in zip(one, other, strict=True)) < 140

    def test_an_arm_carries_its_text(self, make):
        experiment = make(arms=[Arm("a", "Buy now"), Arm("b", "Have a look")])
        assert {experiment.assign(unit).arm.text for unit in range(20)} == {"Buy now", "Have a look"}


class TestPropensity:
    def test_is_the_weight(self, make):
        experiment = make(weights={"a": 3, "b": 1})
        dealt = experiment.assign_many(range(4_000))
        assert {(a.arm, a.propensity) for a in dealt} == {("a", 0.75), ("b", 0.25)}
        assert abs(Counter(a.arm for a in dealt)["a"] / 4_000 - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 4_000)

    def test_is_what_was_logged(self, make, store):
        assignment = make(mode="earn").assign("anna")
        assert store.decision(assignment.id).propensity == assignment.propensity

    def test_is_never_zero(self, make, world):
        experiment = make(mode="earn", arms=("a", "b", "c"))
        for _ in range(20):
            dealt, _ = world.visit(experiment, 100, {"a": 0.5, "b": 0.01, "c": 0.01})
        assert all(assignment.propensity >= 0.02 / 3 - 1e-12 for assignment in dealt)

    def test_holdout_sees_the_control(self, make, world):
        experiment = make(mode="earn", holdout=0.3)
        for _ in range(20):
            dealt, _ = world.visit(experiment, 100, {"a": 0.01, "b": 0.5})
        assert 0.3 < next(a.propensity for a in dealt if a.arm == "a") < 0.4


class TestTraffic:
    def test_outside_of_it_units_see_the_control_and_are_not_logged(self, make, store):
        experiment = make(traffic_share=0.25)
        dealt = experiment.assign_many(range(2_000))
        outside = [assignment for assignment in dealt if not assignment.id]
        assert {(assignment.arm, assignment.propensity) for assignment in outside} == {("a", 1.0)}
        assert abs(len(outside) / 2_000 - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 2_000)
        assert sum(store.assigned("test").values()) == 2_000 - len(outside)

    def test_an_outcome_from_outside_counts_nowhere(self, make):
        experiment = make(traffic_share=0.25)
        outside = next(a for a in experiment.assign_many(range(100)) if not a.id)
        assert experiment.record(outside.id, 1) is False
        assert experiment.decide().n == 0

    def test_of_a_group_a_unit_takes_part_in_one(self, make, store):
        group = ExclusionGroup(store.salt, "page", {"one": 0.5, "other": 0.5})
        one, other = make("one", group=group), make("other", group=group)
        inside = [
            (bool(a.id), bool(b.id))
            for a, b in zip(one.assign_many(range(100)), other.assign_many(range(100)), strict=True)
        ]
        assert set(inside) == {(True, False), (False, True)}


class TestUnits:
    def test_an_int_and_its_text_are_the_same(self, make):
        experiment = make()
        assert experiment.assign(7) == experiment.assign("7")
        assert experiment.assign(np.int64(7)) == experiment.assign("7")

    def test_uuid_and_bytes_are_units(self, make):
        experiment = make()
        assert experiment.assign(UUID(int=7)).id != experiment.assign(b"7").id

    @pytest.mark.parametrize("unit", [None, "", b"", 1.5, True, math.nan, ["anna"], object()])
    def test_what_is_none_is_refused_and_nothing_is_logged(self, make, store, unit):
        experiment = make()
        with pytest.raises(ValueError, match="unit is"):
            experiment.assign_many(["anna", unit])
        assert store.assigned("test") == {}

    def test_is_stored_hashed(self, tmp_path):
        from postopt.experiments.store import ExperimentStore

        with ExperimentStore(tmp_path / "store") as store:
            Experiment("test", ["a", "b"], store=store).assign("anna@example.org")
        assert all(b"anna" not in file.read_bytes() for file in tmp_path.iterdir())

    def test_none_at_all(self, make):
        assert make().assign_many([]) == []


class TestContext:
    def test_is_logged(self, make, store):
        assignment = make().assign("anna", {"platform": "x", "hour": 7})
        assert store.decision(assignment.id).context == '{"hour": 7, "platform": "x"}'

    @pytest.mark.parametrize("context", [{"f": math.nan}, {"f": object()}, "text", {"f": {1, 2}}])
    def test_is_plain_json(self, make, context):
        with pytest.raises(ValueError, match="context is"):
            make().assign("anna", context)


class TestSeed:
    def test_replays_a_run_without_a_store(self, clock):
        def run(seed):
            experiment = Experiment("test", ["a", "b", "c"], mode="earn", clock=clock, seed=seed)
            dealt = []
            for start in range(0, 600, 100):
                dealt += experiment.assign_many(range(start, start + 100))
                experiment.record_many([a.id for a in dealt[-100:]], [a.arm == "b" for a in dealt[-100:]])
            return dealt

        assert run(1) == run(1)
        assert run(1) != run(2)


def test_one_by_one_is_dealt_as_together(make):
    one = [make("one").assign(unit) for unit in range(100)]
    assert make("one").assign_many(range(100)) == one


def test_a_closed_store_says_so(make, store):
    experiment = make()
    store.close()
    with pytest.raises(ExperimentStoreError):
        experiment.assign("anna")


class TestRecent:
    def test_keeps_the_last(self):
        recent = Recent(4)
        for number in range(10):
            recent.add({str(number): (number, 0, 0, 1.0, ())})
        assert len(recent) <= 4
        assert recent.find(["9", "0"]) == {"9": (9, 0, 0, 1.0, ())}
