"""The probability of acceptance: calibrated where there is something to learn, the base rate where there is not."""

import json

import numpy as np
import pytest

from postopt.errors import ModelFileError, NewerModelError, NotFittedError, PostDataError
from postopt.quality import acceptance
from postopt.quality.decisions import Decisions
from postopt.quality.reliability import reliability

NAMES = tuple("abcdef")


def world(n, *, strength, seed, rate=0.6):
    """Return columns, true probabilities and outcomes of a host that accepts by a logistic rule."""
    draw = np.random.default_rng(seed)
    columns = draw.normal(size=(n, len(NAMES)))
    columns[:, :2] = columns[:, :2] > 0.5
    weights = np.array([1, -1, 0.5, 0.5, -0.5, 0]) * strength
    odds = (columns - columns.mean(axis=0)) @ weights + np.log(rate / (1 - rate))
    truth = 1 / (1 + np.exp(-odds))
    return columns, truth, (draw.random(n) < truth).astype(float)


def learned(n, *, strength, seed):
    columns, _, outcomes = world(n, strength=strength, seed=seed)
    decisions = Decisions(NAMES)
    rows = [
        [str(key), row.tolist(), bool(outcome)]
        for key, (row, outcome) in enumerate(zip(columns, outcomes, strict=True))
    ]
    decisions.restore({**decisions.state(), "decisions": rows})
    return decisions


class TestLearning:
    def test_at_500_decisions_probabilities_are_true_within_a_twentieth(self):
        # The mean distance in tenths, against the truth; benchmarks/test_quality.py has more such worlds.
        errors = []
        for seed in range(4):
            columns, truth, outcomes = world(4_500, strength=1.0, seed=seed)
            model = acceptance.fit(columns[:500], outcomes[:500], seed=0)
            said = np.array([model(row) for row in columns[500:]])
            order = np.argsort(said, kind="stable")
            tenths = np.array_split(order, 10)
            errors.append(sum(abs(float(np.sum(said[t] - truth[500:][t]))) for t in tenths) / len(said))
            assert model.reliability.informative
        assert np.mean(errors) < 0.05

    def test_axes_that_tell_nothing_give_the_base_rate_and_say_so(self):
        told = 0
        for seed in range(5):
            columns, _, outcomes = world(200, strength=0.0, seed=seed)
            model = acceptance.fit(columns, outcomes, seed=0)
            if model.reliability.informative:
                told += 1
                continue
            (said,) = {model(row) for row in columns[:20]}
            assert said == pytest.approx(outcomes.mean(), abs=0.01)
            assert str(model.reliability).startswith("no better than the base rate")
            assert model.reliability.auc == pytest.approx(0.5, abs=0.1)
        assert told <= 1

    def test_what_goes_beyond_all_that_was_seen_counts_no_further(self):
        columns, _, outcomes = world(400, strength=2.0, seed=1)
        model = acceptance.fit(columns, outcomes, seed=0)
        assert model(columns.max(axis=0)) == model(np.full(len(NAMES), 1e9).clip(None, columns.max(axis=0) + 9))
        assert 0 < model(np.full(len(NAMES), -1e300)) < 1

    def test_a_column_that_separates_perfectly_is_believed_and_not_to_the_end(self):
        columns = np.tile([[0.0], [1.0]], (100, 1))
        model = acceptance.fit(columns, columns[:, 0], seed=0)
        assert 0.9 < model(np.array([1.0])) <= 0.995
        assert 0.005 <= model(np.array([0.0])) < 0.1


class TestReliability:
    def test_it_is_measured_on_held_out_decisions_and_has_n_and_intervals(self):
        measured = learned(400, strength=1.0, seed=0).evaluate()
        assert measured.n == len(measured.predicted) == len(measured.outcomes) == sum(b.n for b in measured.bins) == 400
        assert measured.accepted == sum(measured.outcomes)
        assert measured.auc_interval.low < measured.auc < measured.auc_interval.high
        assert measured.ece_interval.low < measured.ece < measured.ece_interval.high
        assert measured.brier < measured.brier_base
        for part in measured.bins:
            assert part.interval.low <= part.observed <= part.interval.high
        assert "400 held-out decisions" in str(measured)

    def test_shuffled_decisions_are_predicted_no_better_than_by_chance(self):
        columns, _, outcomes = world(400, strength=2.0, seed=3)
        np.random.default_rng(0).shuffle(outcomes)
        measured = acceptance.fit(columns, outcomes, seed=0).reliability
        assert measured.auc_interval.low < 0.5

    def test_right_probabilities_have_the_error_of_chance_and_wrong_ones_more(self):
        _, truth, outcomes = world(2_000, strength=1.0, seed=5)
        base = np.full(2_000, 0.6)
        right = reliability(truth, outcomes, informative=True, base=base, seed=0)
        wrong = reliability(truth**3, outcomes, informative=True, base=base, seed=0)
        assert right.ece < 1.6 * right.ece_by_chance
        assert wrong.ece > 4 * wrong.ece_by_chance

    def test_auc_counts_ties_as_halves(self):
        measured = reliability(
            np.repeat([0.2, 0.2, 0.8, 0.8], 5), np.repeat([0.0, 1, 1, 1], 5), informative=True, base=np.ones(20), seed=0
        )
        assert measured.auc == pytest.approx((0.5 + 1 + 1) / 3)


class TestDecisions:
    def test_too_few_of_either_kind_are_not_learned_from(self):
        decisions = Decisions(NAMES)
        for key in range(200):
            decisions.record(str(key), [0.0] * len(NAMES), "accepted" if key > 8 else "rejected")
        assert decisions.model is None
        with pytest.raises(NotFittedError, match="200 decisions, 191 of them accepted"):
            decisions.evaluate()
        decisions.record("one more", [1.0] * len(NAMES), "edited")
        assert decisions.model is not None

    def test_the_latest_decision_on_a_text_counts_and_counts_once(self):
        decisions = Decisions(NAMES)
        for decision in ("accepted", "rejected", "edited", "accepted"):
            decisions.record("a", [0.0] * len(NAMES), decision)
        assert decisions.state()["decisions"] == [["a", [0.0] * len(NAMES), True]]

    def test_contradictions_are_a_rate_and_not_an_error(self):
        decisions = Decisions(NAMES)
        for key in range(60):
            decisions.record(str(key), [1.0] * len(NAMES), "accepted" if key % 4 else "rejected")
        assert decisions.model(np.ones(len(NAMES))) == pytest.approx(0.75, abs=0.01)
        assert not decisions.evaluate().informative

    def test_only_the_latest_are_kept(self):
        decisions = Decisions(NAMES, most=60)
        for key in range(100):
            decisions.record(str(key), [float(key)] * len(NAMES), "accepted" if key % 2 else "edited")
        assert [row[0] for row in decisions.state()["decisions"]] == [str(key) for key in range(40, 100)]

    def test_a_decision_that_is_none_changes_nothing(self):
        decisions = Decisions(NAMES)
        with pytest.raises(PostDataError, match="accepted, edited, rejected"):
            decisions.record("a", [0.0] * len(NAMES), "maybe")
        assert len(decisions) == 0

    def test_what_is_restored_answers_alike(self):
        one, other = learned(150, strength=1.0, seed=2), Decisions(NAMES)
        other.restore(json.loads(json.dumps(one.state())))
        row = np.linspace(-1, 1, len(NAMES))
        assert other.model(row) == one.model(row)
        assert other.evaluate() == one.evaluate()
        assert other.state() == one.state()

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda state: None, lambda state: [], lambda state: {}, lambda state: {**state, "format": "1"},
            lambda state: {**state, "decisions": 3}, lambda state: {**state, "decisions": [["a", [0.0], True]]},
            lambda state: {**state, "decisions": [[1, [0.0] * 6, True]]},
            lambda state: {**state, "decisions": [["a", [0.0] * 6, 1]]},
            lambda state: {**state, "decisions": [["a", [float("nan")] * 6, True]]},
            lambda state: {**state, "decisions": [["a", ["0"] * 6, True]]},
            lambda state: {key: state[key] for key in ("format", "columns")},
        ],
    )  # fmt: skip
    def test_a_damaged_record_is_refused_and_changes_nothing(self, spoil):
        decisions = learned(60, strength=1.0, seed=0)
        before = decisions.state()
        with pytest.raises(ModelFileError):
            decisions.restore(spoil(before))
        assert decisions.state() == before

    @pytest.mark.parametrize(
        "change", [{"format": 2}, {"columns": [*NAMES, "g"]}, {"columns": ["a", "g"]}, {"format": 2, "columns": 5}]
    )
    def test_a_newer_record_says_that_it_is_newer(self, change):
        decisions = learned(60, strength=1.0, seed=0)
        before = decisions.state()
        with pytest.raises(NewerModelError, match=r"newer version of postopt|reads .*'g'.* from a report"):
            decisions.restore({**before, **change})
        assert decisions.state() == before

    @pytest.mark.parametrize("columns", [["a"], [], list(NAMES[:-1]), list(NAMES[::-1])])
    def test_an_older_record_says_that_it_is_older(self, columns):
        with pytest.raises(ModelFileError, match="another version of postopt") as caught:
            Decisions(NAMES).restore({**Decisions(NAMES).state(), "columns": columns})
        assert not isinstance(caught.value, NewerModelError)
        assert "record the decisions again" in caught.value.hint

    @pytest.mark.parametrize("columns", [None, 5, "abcdef", [1], [None], [["a"]], {"a": 1}])
    def test_columns_that_are_no_names_are_damage(self, columns):
        with pytest.raises(ModelFileError, match="damaged") as caught:
            Decisions(NAMES).restore({**Decisions(NAMES).state(), "columns": columns})
        assert not isinstance(caught.value, NewerModelError)
