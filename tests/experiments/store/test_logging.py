"""What is logged, and the sums over it."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import OutcomeError, UnknownArmError, UnknownAssignmentError, UnknownExperimentError
from postopt.experiments import store as module
from postopt.experiments.records import Arm, Bucket, Totals
from postopt.experiments.store import ExperimentStore

from .conftest import ARMS, DAY, count, decision, outcome


class TestDecisions:
    def test_are_found_while_they_wait_and_after(self, store):
        row = decision("d1", Arm("a", "text a"), context='{"x": "ñ"}')
        store.log_decisions([row])
        assert store.waiting == 1
        assert store.decision("d1") == row
        store.flush()
        assert store.waiting == 0
        assert store.decision("d1") == row
        assert store.decisions(["d1", "d2"]) == {"d1": row}
        assert store.decision("d2") is None

    def test_are_found_between_the_queue_and_the_log(self, opened):
        store = opened(flush_rows=2)
        store.log_decisions([decision("d1"), decision("d2", "b")])
        assert store.waiting == 0
        assert store.decision("d2").arm == "b"
        assert store.assigned("e") == {"a": 1, "b": 1}
        assert store.decision("d2").arm == "b"

    def test_the_first_of_an_id_stays(self, store):
        store.log_decisions([decision("d1", "a"), decision("d1", "b")])
        assert store.decision("d1").arm == "a"
        store.flush()
        store.log_decisions([decision("d1", "b")])
        assert store.decision("d1").arm == "a"
        assert store.assigned("e") == {"a": 1}

    def test_one_that_another_process_wrote_first_stays(self, opened):
        one, other = opened(), opened()
        one.log_decisions([decision("d1", "a")])
        other.log_decisions([decision("d1", "b")])
        one.flush()
        assert other.decision("d1").arm == "a"
        other.flush()
        assert other.assigned("e") == {"a": 1}

    def test_of_another_process_are_seen_once_it_wrote_them(self, opened):
        one, other = opened(flush_rows=1), opened(flush_rows=1)
        other.log_decisions([decision("d0")])
        one.log_decisions([decision("d1")])
        assert other.decision("d1") == decision("d1")
        assert other.decision("d0") == decision("d0")
        one.log_outcomes([outcome("d0")])
        assert other.outcome("d0", "click") == outcome("d0")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"half": 2},
            {"half": None},
            {"propensity": 0},
            {"propensity": 1.1},
            {"propensity": math.nan},
            {"propensity": "much"},
            {"at": math.inf},
            {"at": math.nan},
            {"at": None},
            {"unit": 3},
            {"unit": "\ud800"},
            {"policy": None},
            {"context": {}},
            {"arm": None},
        ],
        ids=str,
    )
    def test_a_row_that_is_none_is_refused_with_the_whole_call(self, store, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            store.log_decisions([decision("d1"), decision("d2")._replace(**wrong)])
        with pytest.raises(ValueError, match="id is ''"):
            store.log_decisions([decision("d1"), decision("")])
        assert store.waiting == 0
        assert store.decision("d1") is None

    def test_of_what_was_never_defined_are_refused(self, store):
        with pytest.raises(UnknownExperimentError, match="'other'"):
            store.log_decisions([decision("d1", experiment="other")])
        with pytest.raises(UnknownArmError, match="no arm 'c'"):
            store.log_decisions([decision("d1"), decision("d2", "c")])
        assert store.waiting == 0
        store.define("e", {}, [Arm("c")])
        store.log_decisions([decision("d2", "c")])
        assert store.assigned("e") == {"c": 1}

    def test_arms_are_looked_up_again_when_too_many_are_known(self, store, monkeypatch):
        monkeypatch.setattr(module, "_MAX_KNOWN", 1)
        store.log_decisions([decision("d1"), decision("d2", "b")])
        store.log_decisions([decision("d3")])
        assert len(store._known) <= 2
        assert store.assigned("e") == {"a": 2, "b": 1}

    def test_clocks_may_go_backwards_and_before_1970(self, store):
        store.log_decisions([decision("d1", at=3.0 * DAY), decision("d2", at=1.0 * DAY), decision("d3", at=-1.0)])
        store.log_outcomes([outcome("d1"), outcome("d2", at=-5.0), outcome("d3")])
        assert [bucket.day for bucket in store.buckets("e")] == [-1, 1, 3]


class TestOutcomes:
    def test_are_found_by_decision_and_metric(self, store):
        store.log_decisions([decision("d1"), decision("d2")])
        store.log_outcomes([outcome("d1", 0.25), outcome("d1", 3, "spent")])
        assert store.outcome("d1", "click") == outcome("d1", 0.25)
        assert store.outcome("d1", "spent") == outcome("d1", 3, "spent")
        assert store.outcome("d2", "click") is None
        assert store.outcomes(["d1", "d2", "d3"], "click") == {"d1": 0.25}

    def test_the_first_of_a_metric_stays(self, store):
        store.log_decisions([decision("d1")])
        store.log_outcomes([outcome("d1", 1), outcome("d1", 0)])
        store.flush()
        store.log_outcomes([outcome("d1", 0)])
        assert store.outcome("d1", "click").value == 1
        assert store.buckets("e") == [Bucket("a", 0, "click", 0, Totals(1, 1, 1))]

    def test_one_that_another_process_wrote_first_stays(self, opened):
        one, other = opened(), opened()
        one.log_decisions([decision("d1")])
        one.flush()
        one.log_outcomes([outcome("d1", 1)])
        other.log_outcomes([outcome("d1", 0)])
        one.flush()
        other.flush()
        assert other.outcome("d1", "click").value == 1
        assert one.audit() == []

    def test_may_be_numbers_of_numpy(self, store):
        row = decision("d1", half=np.int64(1), propensity=np.float64(0.5), at=np.float64(1))
        store.log_decisions([row])
        store.log_outcomes([outcome("d1", np.int64(1), at=np.int64(3)), outcome("d1", np.float32(0.5), "share")])
        store.log_counts([count("c1", np.int32(10), np.int64(2))])
        store.flush()
        assert store.decision("d1") == row
        assert store.outcomes(["d1"], "share") == {"d1": 0.5}
        assert store.audit() == []

    def test_before_their_assignment_are_refused_with_the_whole_call(self, store):
        store.log_decisions([decision("d1")])
        with pytest.raises(UnknownAssignmentError, match="'d2'"):
            store.log_outcomes([outcome("d1"), outcome("d2")])
        assert store.outcome("d1", "click") is None

    @pytest.mark.parametrize("value", [-1, math.nan, math.inf, -math.inf, 1e200, 10**400, "1", None])
    def test_that_cannot_be_are_refused_with_the_whole_call(self, store, value):
        store.log_decisions([decision("d1"), decision("d2")])
        with pytest.raises(OutcomeError, match="value"):
            store.log_outcomes([outcome("d1"), outcome("d2", value)])
        assert store.outcome("d1", "click") is None

    @pytest.mark.parametrize("wrong", [{"metric": ""}, {"at": math.nan}, {"decision_id": 3}], ids=str)
    def test_a_row_that_is_none_is_refused(self, store, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            store.log_outcomes([outcome("d1")._replace(**wrong)])


class TestCounts:
    def test_are_buckets_of_no_half(self, store):
        store.log_counts([count("c1", 100, 3, at=DAY), count("c2", 50, 1, arm="b")])
        store.log_counts([count("c1", 1, 1)])
        store.flush()
        store.log_counts([count("c1", 1, 1)])
        assert store.buckets("e", "click") == [
            Bucket("a", -1, "click", 1, Totals(100, 3, 3)),
            Bucket("b", -1, "click", 0, Totals(50, 1, 1)),
        ]
        assert store.count("c1") == count("c1", 100, 3, at=DAY)
        assert store.count("c3") is None
        assert store.assigned("e") == {}

    def test_are_read_from_a_number_on(self, store):
        store.log_counts([count("c1"), count("c2", arm="b")])
        (first, row), (second, _) = store.counts("e")
        assert row == count("c1")
        assert [number for number, _ in store.counts("e", after=first)] == [second]
        assert store.counts("f") == []

    @pytest.mark.parametrize(
        "totals",
        [
            Totals(-1, 0, 0),
            Totals(1, -1, 1),
            Totals(math.nan, 0, 0),
            Totals(0, 1, 1),
            Totals(10, 8, 6),
            Totals(1, 2, 1),
        ],
        ids=str,
    )
    def test_that_no_outcomes_can_have_are_refused(self, store, totals):
        with pytest.raises(OutcomeError):
            store.log_counts([count("c1"), count("c2")._replace(totals=totals)])
        assert store.buckets("e") == []

    def test_of_an_unknown_arm_are_refused(self, store):
        with pytest.raises(UnknownArmError):
            store.log_counts([count("c1", arm="c")])


class TestLinks:
    def test_a_post_may_come_from_several_decisions(self, store):
        store.log_decisions([decision("d1"), decision("d2")])
        store.link("post", "d2")
        store.link("post", "d1")
        store.link("post", "d2")
        assert store.linked("post") == ("d2", "d1")
        assert store.linked("d1") == ("d1",)
        assert store.linked("nothing") == ()

    def test_to_no_decision_are_refused(self, store):
        with pytest.raises(UnknownAssignmentError):
            store.link("post", "d1")
        with pytest.raises(ValueError, match="post_id"):
            store.link("", "d1")


times = st.floats(-2 * DAY, 4 * DAY).map(lambda at: round(at, 1))
drawn = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 1), times, st.none() | st.floats(0, 9), st.booleans()), max_size=12
)


class TestWindows:
    @given(drawn, times)
    def test_sums_before_a_time_are_those_of_older_decisions(self, rows, before):
        store = ExperimentStore()
        store.define("e", {}, ARMS)
        store.define("f", {}, ARMS)
        sums, missing = {}, Counter()
        for number, (arm, half, at, value, mine) in enumerate(rows):
            experiment = "e" if mine else "f"
            store.log_decisions([decision(str(number), arm, half=half, at=at, experiment=experiment)])
            if value is not None:
                store.log_outcomes([outcome(str(number), value)])
            if mine and at < before:
                key = arm, half, int(at // DAY)
                if value is None:
                    missing[key] += 1
                else:
                    sums[key] = sums.get(key, Totals(0, 0, 0)) + Totals(1, value, value * value)
        found = {(arm, half, day): totals for arm, half, _, day, totals in store.buckets("e", "click", before)}
        assert found.keys() == sums.keys()
        assert all(totals == pytest.approx(sums[key]) for key, totals in found.items())
        assert store.overdue("e", "click", before) == {key: Totals(n, 0, 0) for key, n in missing.items()}
        store.close()

    def test_counts_before_a_time_are_in_it(self, store):
        store.log_counts([count("c1", 5, 1, at=10.0), count("c2", 7, 1, at=20.0)])
        assert store.buckets("e", "click", before=20.0) == [Bucket("a", -1, "click", 0, Totals(5, 1, 1))]
        assert store.buckets("e", "other", before=20.0) == []

    @pytest.mark.parametrize("before", [math.nan, math.inf, "soon"])
    def test_a_time_is_one(self, store, before):
        with pytest.raises(ValueError, match="before"):
            store.buckets("e", before=before)
        with pytest.raises(ValueError, match="before"):
            store.overdue("e", "click", before)
