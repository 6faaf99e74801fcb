"""Experiments, their arms, and past ones."""

from __future__ import annotations

import math

import pytest

from postopt.errors import ExperimentChangedError, OutcomeError, UnknownArmError, UnknownExperimentError
from postopt.experiments.records import Arm
from postopt.experiments.registry import ArmRow
from postopt.experiments.store import ExperimentStore

from .conftest import count, decision, outcome


class TestDefining:
    def test_again_adds_only_new_arms(self, opened):
        store = opened(define=False, clock=lambda: 5.0)
        store.define("e", {"alpha": 0.05, "metric": "click"}, [Arm("a", "A")])
        store.define("e", {"metric": "click", "alpha": 0.05}, [Arm("b", "B"), Arm("a", "A")])
        assert store.arms("e") == [ArmRow("a", "A", "active", "", 5.0), ArmRow("b", "B", "active", "", 5.0)]
        assert store.settings("e") == {"alpha": 0.05, "metric": "click"}
        assert store.experiments() == ["e"]

    def test_with_other_settings_or_texts_is_refused_whole(self, store):
        with pytest.raises(ExperimentChangedError, match="settings"):
            store.define("e", {"alpha": 0.1}, [Arm("c")])
        with pytest.raises(ExperimentChangedError, match="another text"):
            store.define("e", {}, [Arm("c"), Arm("a", "another")])
        assert [row.name for row in store.arms("e")] == ["a", "b"]

    @pytest.mark.parametrize("settings", [{"x": math.nan}, {"x": b"bytes"}, {"x": {1}}], ids=str)
    def test_needs_plain_json(self, store, settings):
        with pytest.raises(ValueError, match="plain JSON"):
            store.define("f", settings, [])

    def test_needs_text_that_a_file_can_hold(self, store):
        with pytest.raises(ValueError, match="surrogates"):
            store.define("\ud800", {}, [])
        with pytest.raises(ValueError, match="surrogates"):
            store.define("f", {}, [Arm("a", "\udfff")])
        assert store.experiments() == ["e"]

    def test_needs_each_arm_once(self, store):
        with pytest.raises(ValueError, match="once"):
            store.define("f", {}, [Arm("a", "one"), Arm("b"), Arm("a", "two")])

    def test_unknown_names_are_typed_errors(self, store):
        for ask in (store.settings, store.arms, lambda name: store.finish(name, "click", 0.0)):
            with pytest.raises(UnknownExperimentError):
                ask("nothing")
        assert store.buckets("nothing") == []
        assert store.assigned("nothing") == {}
        assert store.overdue("nothing", "click", 0.0) == {}


class TestArms:
    def test_keep_what_they_were(self, opened):
        store = opened(clock=lambda: 1.0)
        store.set_arm("e", "a", "paused", "too many hides", 2.0)
        store.set_arm("e", "a", "paused", "too many hides", 3.0)
        store.set_arm("e", "a", "removed", "by hand", 1.5)
        assert [row[2:] for row in store.arm_history("e", "a")] == [
            ("active", "", 1.0),
            ("paused", "too many hides", 2.0),
            ("removed", "by hand", 1.5),
        ]
        assert store.arms("e")[0].status == "removed"
        assert store.arms("e")[1].status == "active"

    def test_that_are_removed_still_take_late_rows(self, store):
        store.log_decisions([decision("d1")])
        store.set_arm("e", "a", "removed", "", 1.0)
        store.log_outcomes([outcome("d1")])
        store.log_decisions([decision("d2")])
        assert store.assigned("e") == {"a": 2}

    def test_unknown_ones_and_statuses_are_refused(self, store):
        with pytest.raises(UnknownArmError):
            store.set_arm("e", "c", "paused", "", 0.0)
        with pytest.raises(UnknownExperimentError):
            store.set_arm("f", "a", "paused", "", 0.0)
        with pytest.raises(UnknownArmError):
            store.arm_history("e", "c")
        with pytest.raises(ValueError, match="status is 'gone'"):
            store.set_arm("e", "a", "gone", "", 0.0)

    @pytest.mark.long
    def test_a_million_of_them(self, opened, path):
        store = opened(define=False)
        n = 1_000_000
        store.define("many", {}, [Arm(f"arm {number}") for number in range(n)])
        assert path.stat().st_size + path.with_name(f"{path.name}-wal").stat().st_size < 400 * n
        rows = [decision(f"d{number}", f"arm {number * 1000}", experiment="many") for number in range(1000)]
        store.log_decisions(rows)
        assert sum(store.assigned("many").values()) == 1000
        assert sum(row.status == "active" for row in store.arms("many")) == n


class TestThePast:
    def test_has_imported_experiments_and_own_ones_that_are_over(self, store):
        store.import_counts("old", [("x", "X", 10, 1), ("y", "Y", 20, 2)])
        store.import_counts("older", [("x", "X", 5, 0)])
        store.log_decisions([decision("d1"), decision("d2", "b"), decision("d3", "b", half=1)])
        store.log_outcomes([outcome("d1", 0), outcome("d2", 1), outcome("d3", 1), outcome("d2", 1, "hide")])
        store.log_counts([count("c1", 100, 7)])
        imported = [[("X", 10, 1), ("Y", 20, 2)], [("X", 5, 0)]]
        assert store.past() == imported
        store.finish("e", "click", 9.0)
        assert store.past() == [*imported, [("text a", 101, 7), ("text b", 2, 2)]]

    def test_an_import_takes_the_place_of_the_last_one(self, store):
        store.import_counts("old", [("x", "X", 10, 1), ("y", "Y", 20, 2)])
        store.import_counts("old", [("x", "X", 30, 3)])
        assert store.past() == [[("X", 30, 3)]]

    @pytest.mark.parametrize(
        "row", [("x", "X", 1, 2), ("x", "X", -1, 0), ("x", "X", math.nan, 0), ("x", "X", 1, math.inf), ("w", "", 1, 1)]
    )
    def test_an_import_that_cannot_be_changes_nothing(self, store, row):
        store.import_counts("old", [("z", "Z", 1, 1)])
        with pytest.raises(OutcomeError):
            store.import_counts("old", [("w", "W", 2, 1), row])
        assert store.past() == [[("Z", 1, 1)]]


class TestDocuments:
    def test_have_a_last_version_and_a_history(self, store):
        store.put("pattern", "digits", {"lift": 0.1}, 1.0)
        store.put("pattern", "digits", {"lift": 0.1}, 2.0)
        store.put("pattern", "digits", {"lift": 0.2}, 3.0)
        store.put("pattern", "asks", [None, "ñ"], 4.0)
        store.put("other", "digits", 1, 5.0)
        assert store.get("pattern", "digits") == {"lift": 0.2}
        assert store.get("pattern", "nothing") is None
        assert list(store.all("pattern").items()) == [("asks", [None, "ñ"]), ("digits", {"lift": 0.2})]
        assert store.history("pattern", "digits") == [({"lift": 0.1}, 1.0), ({"lift": 0.2}, 3.0)]
        assert store.history("pattern", "nothing") == []

    @pytest.mark.parametrize("value", [math.inf, {"a": {1}}, b"bytes"], ids=repr)
    def test_are_plain_json(self, store, value):
        with pytest.raises(ValueError, match="value"):
            store.put("kind", "key", value, 0.0)
        with pytest.raises(ValueError, match="key"):
            store.put("kind", "", 1, 0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"flush_rows": 0},
        {"flush_seconds": 0},
        {"flush_seconds": math.nan},
        {"seconds": -1},
        {"clock": 3},
        {"salt": b""},
        {"salt": "text"},
        {"path": ""},
        {"path": 3},
    ],
    ids=str,
)
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ExperimentStore(**wrong)


class TestPastRows:
    @pytest.mark.parametrize("row", [("x", "X", 1), ("x", "X", 1, 1, 1), None, 3])
    def test_need_four_values(self, store, row):
        with pytest.raises(OutcomeError, match="is no"):
            store.import_counts("old", [row])
        assert store.past() == []

    def test_arms_may_be_numbered(self, store):
        store.import_counts("old", [(0, "X", 10, 1), (1, "Y", 20, 2)])
        with pytest.raises(OutcomeError, match="twice"):
            store.import_counts("old", [(0, "X", 10, 1), ("0", "Y", 20, 2)])
        assert store.past() == [[("X", 10.0, 1.0), ("Y", 20.0, 2.0)]]
