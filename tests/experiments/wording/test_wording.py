"""The expected effect of a text's wording."""

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import OutcomeError
from postopt.experiments.terms import cues, key, tokens
from postopt.experiments.wording import LEAST_GROUPS, WordingModel


@pytest.fixture(scope="module")
def groups(planted):
    return planted()


@pytest.fixture(scope="module")
def model(groups):
    return WordingModel.fit(groups, design_effect=1.0)


class TestLearning:
    def test_finds_what_earns(self, model):
        plain = model.score("word10 word20 word30")
        assert model.score("word10 word20 golden") - plain == pytest.approx(0.3, abs=0.1)
        assert model.score("word10 word20 leaden") - plain == pytest.approx(-0.3, abs=0.1)
        assert model.score("word10 word20 word30?") - plain == pytest.approx(-0.2, abs=0.1)

    def test_scores_are_expected_differences_on_groups_it_never_saw(self, model, planted):
        scores, effects = [], []
        for group in planted(seed=1):
            score = model.score_many([text for text, _, _ in group])
            effect = np.array([math.log((s + 0.5) / (n - s + 0.5)) for _, n, s in group])
            scores.extend(score - score.mean())
            effects.extend(effect - effect.mean())
        slope = np.dot(scores, effects) / np.dot(scores, scores)
        assert slope == pytest.approx(1.0, abs=0.1)

    def test_says_how_much_it_leaves(self, model):
        # Planted: .05 beside the words; 30 % of the texts have each of three things worth .3, .3 and .2.
        assert model.spread == pytest.approx(math.sqrt(0.05**2 + 0.21 * (0.09 + 0.09 + 0.04)), abs=0.02)
        assert model.residual < 0.5 * model.spread
        assert (model.groups, model.n) == (300, 1200)

    def test_claims_nothing_where_there_is_nothing(self, planted):
        model = WordingModel.fit(planted(effect=0.0), design_effect=1.0)
        scores = model.score_many([text for group in planted(effect=0.0, seed=1) for text, _, _ in group])
        assert scores.std() < 0.02
        assert model.residual == pytest.approx(model.spread, abs=0.02)

    def test_the_order_of_groups_and_rows_changes_nothing(self, groups, model):
        draw = random.Random(2)
        mixed = [draw.sample(group, len(group)) for group in draw.sample(groups, len(groups))]
        assert WordingModel.fit(mixed, design_effect=1.0).state() == model.state()

    def test_levels_between_groups_are_no_matter(self, groups, model):
        halved = [[(text, 2 * n, s) for text, n, s in group] if i % 2 else group for i, group in enumerate(groups)]
        assert WordingModel.fit(halved, design_effect=1.0).score("golden") == pytest.approx(
            model.score("golden"), abs=0.02
        )

    def test_other_columns_are_learned_from(self, groups, model):
        def golden(text):
            return (float("golden" in text or "silver" in text),)

        told = WordingModel.fit(groups, design_effect=1.0, columns=golden)
        assert told.score("word10 silver") - told.score("word10 copper") > 0.1
        assert model.score("word10 silver") == pytest.approx(model.score("word10 copper"), abs=0.02)

    def test_an_ignored_word_adds_nothing_and_nothing_stands_in_for_it(self, groups, model):
        deaf = WordingModel.fit(groups, design_effect=1.0, ignored=["GOLDEN", "no such word"])
        start = "word10 word20 word30 word40 word50 "
        assert abs(deaf.score(start + "golden") - deaf.score(start + "word60")) < 0.1
        assert deaf.score(start + "leaden") - deaf.score(start) == pytest.approx(
            model.score(start + "leaden") - model.score(start), abs=1e-6
        )

    def test_what_is_set_aside_earns_nothing_and_nothing_stands_in_for_it(self, planted):
        groups = [
            [(text.replace("golden", f"golden gilt{i % 3}"), n, s) for text, n, s in group]
            for i, group in enumerate(planted())
        ]
        plain = "word10 word20 word30 word40 word50"
        gilt = [f"{plain} golden gilt{i}" for i in range(3)]
        heard = WordingModel.fit(groups, design_effect=1.0)
        deaf = WordingModel.fit(groups, design_effect=1.0, aside=lambda text: (float("golden" in text),) * 2)
        assert np.all(heard.score_many(gilt) > heard.score(plain) + 0.05)
        assert np.all(deaf.score_many(gilt) < deaf.score(plain) + 0.02)
        assert deaf.score(plain + " leaden") - deaf.score(plain) == pytest.approx(-0.3, abs=0.1)

    def test_all_that_varies_set_aside_leaves_nothing(self):
        groups = [[(f"plain {i}", 1000, 20), (f"golden {i}", 1000, 30)] for i in range(40)]
        model = WordingModel.fit(groups, aside=lambda text: (float("golden" in text),))
        assert model.score("golden") == pytest.approx(model.score("plain"), abs=1e-6)


class TestLittleToLearnFrom:
    @pytest.mark.parametrize(
        "groups",
        [
            [],
            [[]],
            [[("one", 10, 1)]] * 50,
            [[(f"a {i}", 100, 5), (f"b {i}", 100, 6)] for i in range(LEAST_GROUPS - 1)],
        ],
    )
    def test_scores_nothing(self, groups):
        model = WordingModel.fit(groups)
        assert model.score("one") == 0.0
        assert model.residual == model.spread
        assert list(model.score_many([])) == []

    @pytest.mark.parametrize(
        "row",
        [
            lambda i, k: ("same" if k else "other", 100, 5),  # one component: nothing can be left out
            lambda i, k: (f"{i} {k}", 100, 0),
            lambda i, k: (f"{i} {k}", 100, 100),
            lambda i, k: ("" if k else " ", 100, k),
            lambda i, k: ("\ud800" * (k + 1), 1, 1),
            lambda i, k: (f"{i} {k}", 2**53, 5 * k),
            lambda i, k: (f"{i} {k}", 1e-9, 0),
        ],
    )
    def test_constant_and_extreme_groups_give_finite_scores(self, row):
        model = WordingModel.fit([[row(i, k) for k in range(2)] for i in range(40)])
        assert np.all(np.isfinite(model.score_many(["same", "other", "", "\ud800", "3 1"])))
        assert math.isfinite(model.residual)

    def test_refuses_what_cannot_be(self):
        with pytest.raises(OutcomeError):
            WordingModel.fit([[("a", 1, 2), ("b", 3, 1)]])
        for bad in (0.5, math.nan, math.inf, "2", None):
            with pytest.raises(ValueError, match="design_effect"):
                WordingModel.fit([], design_effect=bad)

    @pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
    def test_refuses_what_is_no_text(self, model, text):
        for some in (model, WordingModel()):
            with pytest.raises(ValueError, match="text is"):
                some.score(text)


class TestState:
    def test_survives_json(self, model):
        copy = WordingModel.from_state(json.loads(json.dumps(model.state(), allow_nan=False)))
        assert copy.state() == model.state()
        for text in ("word10 golden?", "never seen", ""):
            assert copy.score(text) == model.score(text)

    @pytest.mark.parametrize("state", [{}, {"groups": 1}, None])
    def test_refuses_another(self, state):
        with pytest.raises(ValueError, match=r"WordingModel\.state"):
            WordingModel.from_state(state)


class TestTerms:
    def test_case_forms_and_apostrophes_do_not_matter(self):
        assert tokens("Don’t ＬＯＯＫ — ¿Qué?") == ["don't", "look", "¿", "qué", "?"]

    def test_hashes_are_pinned(self):
        assert (key("gold"), key("qué"), key("\ud800")) == (1202265425, 4011863455, 1684325040)

    @given(st.text())
    def test_any_text_has_cues(self, model, text):
        assert len(cues(text, tokens(text))) == 13
        assert math.isfinite(model.score(text))

    def test_a_huge_text_is_read_in_part(self, model):
        assert math.isfinite(model.score("golden " * 1_000_000))
