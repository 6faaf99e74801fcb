"""What came of assignments: each outcome counts once, and nothing that cannot be counts."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from postopt.errors import OutcomeError, UnknownArmError, UnknownAssignmentError
from postopt.experiments.recent import Recent
from postopt.experiments.records import Metric
from postopt.testing import ScriptedClock

BAD = [-1, -0.001, 1.001, math.nan, math.inf, -math.inf, 10**400, None, "1", "", [1], 1j, Fraction(1, 2)]


class TestRecord:
    def test_counts_once(self, make):
        experiment = make()
        assignment = experiment.assign("anna")
        assert experiment.record(assignment.id, 1) is True
        assert experiment.record(assignment.id, 0) is False
        assert (experiment.decide().n, sum(result.mean for result in experiment.decide().arms)) == (1, 1.0)

    def test_counts_once_in_another_object_and_in_one_batch(self, make):
        assignment = make().assign("anna")
        assert make().record_many([assignment.id, assignment.id], [1, 1]) == 1
        assert make().record(assignment.id, 1) is False
        assert make().decide().n == 1

    def test_counts_once_when_long_forgotten_in_memory(self, make):
        experiment = make()
        experiment._desk.standing._recent = Recent(4)
        ids = [assignment.id for assignment in experiment.assign_many(range(30))]
        assert experiment.record_many(ids, [1] * 30) == 30
        assert experiment.record_many(ids, [1] * 30) == 0
        assert experiment.decide().n == 30

    @pytest.mark.parametrize("value", [True, np.bool_(True), np.float32(0.5), np.int64(1), 1, 0.25, 0])
    def test_takes_what_is_a_number(self, make, value):
        experiment = make()
        assert experiment.record(experiment.assign("anna").id, value)

    @pytest.mark.parametrize("value", BAD)
    def test_refuses_what_cannot_be(self, make, value):
        experiment = make()
        ids = [assignment.id for assignment in experiment.assign_many(range(2))]
        with pytest.raises(OutcomeError, match="clicks"):
            experiment.record_many(ids, [1, value])
        assert experiment.decide().n == 0

    def test_a_mean_may_be_more_than_one(self, make):
        experiment = make(metric=Metric("revenue", kind="mean"))
        assert experiment.record(experiment.assign("anna").id, 12.5)
        with pytest.raises(OutcomeError):
            experiment.record(experiment.assign("bert").id, -1)

    @pytest.mark.parametrize("unknown", ["unknown", "0" * 32])
    def test_before_its_assignment_is_an_error(self, make, unknown):
        experiment = make()
        good = experiment.assign("anna")
        with pytest.raises(UnknownAssignmentError, match="no unit was assigned"):
            experiment.record_many([good.id, unknown], [1, 1])
        assert experiment.decide().n == 0

    def test_of_another_experiment_is_an_error(self, make):
        with pytest.raises(UnknownAssignmentError):
            make("one").record(make("other").assign("anna").id, 1)

    def test_as_many_values_as_ids(self, make):
        experiment = make()
        with pytest.raises(OutcomeError, match="1 values for 2 ids"):
            experiment.record_many(["", ""], [1])

    def test_only_its_metrics(self, make):
        experiment = make()
        with pytest.raises(OutcomeError, match="no metric"):
            experiment.record(experiment.assign("anna").id, 1, metric="likes")
        with pytest.raises(OutcomeError, match="no metric"):
            experiment.record(experiment.assign("anna").id, 1, metric=7)

    @pytest.mark.parametrize("at", [math.nan, math.inf, "today", 1e300])
    def test_at_a_time(self, make, at):
        experiment = make()
        with pytest.raises(OutcomeError, match="at is"):
            experiment.record(experiment.assign("anna").id, 1, at)

    def test_before_the_assignment_by_another_clock_counts(self, make, clock):
        experiment = make()
        assert experiment.record(experiment.assign("anna").id, 1, clock() - 5)
        assert experiment.decide().n == 1


class TestObserve:
    def test_adds_up(self, make):
        experiment = make()
        assert experiment.observe("a", 100, 3)
        assert experiment.observe("a", 100, 3)
        result = experiment.decide().arms[0]
        assert (result.n, result.mean, result.assigned) == (200, 0.03, 0)

    def test_with_an_id_counts_once(self, make):
        experiment = make()
        assert experiment.observe("a", 100, 3, report="monday") is True
        assert experiment.observe("a", 100, 3, report="monday") is False
        assert make().observe("a", 100, 3, report="monday") is False
        assert make().decide().n == 100

    def test_objects_do_not_take_each_others_ids(self, make):
        make().observe("a", 100, 3)
        make().observe("a", 100, 3)
        assert make().decide().n == 200

    def test_numbers_of_numpy(self, make):
        experiment = make()
        experiment.observe("a", np.int64(100), np.int64(3))
        assert experiment.decide().n == 100

    @pytest.mark.parametrize("n", [-1, math.nan, math.inf, "100", None])
    def test_refuses_what_cannot_be(self, make, n):
        with pytest.raises(OutcomeError, match="n is"):
            make().observe("a", n, 0)

    @pytest.mark.parametrize("successes", [-1, math.nan, None])
    def test_refuses_successes_that_cannot_be(self, make, successes):
        with pytest.raises(OutcomeError, match="successes is"):
            make().observe("a", 10, successes)

    def test_refuses_more_successes_than_outcomes(self, make):
        with pytest.raises(OutcomeError, match="cannot be"):
            make().observe("a", 10, 11)

    @pytest.mark.parametrize("arm", ["c", None, 7])
    def test_only_its_arms(self, make, arm):
        with pytest.raises(UnknownArmError):
            make().observe(arm, 10, 1)

    def test_a_mean_has_no_successes(self, make):
        with pytest.raises(OutcomeError, match="mean"):
            make(metric=Metric("revenue", kind="mean")).observe("a", 10, 1)

    def test_nothing_is_nothing(self, make):
        experiment = make()
        experiment.observe("a", 0, 0)
        assert experiment.decide().n == 0


class TestWindow:
    """Assignments count once they are older than the window: with their outcome, or as a failure."""

    @pytest.fixture
    def experiment(self, make):
        return make(metric=Metric("clicks", window=3_600))

    def test_younger_ones_count_neither_as_failures_nor_as_successes(self, experiment, clock):
        ids = [assignment.id for assignment in experiment.assign_many(range(100))]
        experiment.record_many(ids[:3], [1, 1, 1])
        assert experiment.decide().n == 0
        clock.advance(3_601)
        decision = experiment.decide()
        assert decision.n == 100
        assert sum(result.n * result.mean for result in decision.arms) == pytest.approx(3)

    def test_a_late_click_puts_a_failure_right(self, experiment, clock):
        ids = [assignment.id for assignment in experiment.assign_many(range(100))]
        clock.advance(86_400)
        assert experiment.decide().n == 100
        assert experiment.record(ids[0], 1)
        decision = experiment.decide()
        assert decision.n == 100
        assert sum(result.n * result.mean for result in decision.arms) == pytest.approx(1)

    def test_says_what_does_not_count_yet(self, experiment):
        assert "assignments of the last 3,600 seconds do not count yet" in experiment.decide().reasons


def test_a_clock_that_goes_back_loses_nothing(make):
    clock = ScriptedClock(1_700_000_000.0)
    experiment = make(clock=clock)
    ids = [assignment.id for assignment in experiment.assign_many(range(10))]
    clock.set(clock() - 1_000_000)
    ids += [assignment.id for assignment in experiment.assign_many(range(10, 20))]
    experiment.record_many(ids, [0, 1] * 10)
    assert experiment.decide().n == 20
    assert experiment.decide() == experiment.decide()
