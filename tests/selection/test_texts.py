"""The nearest texts, on planted ones."""

import random

import numpy as np
import pytest

from postopt.selection.residual import FEWEST, LinearResidual
from postopt.selection.texts import TextModel
from postopt.selection.tokens import MOST_TOKENS, Vocabulary, tokens

KINDS = {"code": "write a function that returns the sorted list of", "math": "how many apples are left if he eats",
         "ad": "a playful post about our new summer"}  # fmt: skip


def planted(n, seed=0):
    """Return texts of three kinds, the number of each one's kind, and scores: model k is good at kind k."""
    draw = random.Random(seed)
    names = list(KINDS)
    kinds = [draw.randrange(3) for _ in range(n)]
    texts = [f"{KINDS[names[kind]]} {draw.choice('abcdefgh')}{draw.randrange(50)}" for kind in kinds]
    scores = np.array(
        [[float(draw.random() < (0.8 if model == kind else 0.3)) for model in range(3)] for kind in kinds]
    )
    return texts, np.array(kinds), scores


def fitted(n=300, cells=None, within_cells=False):
    texts, kinds, scores = planted(n)
    expected = np.tile(scores.mean(0), (n, 1))
    labels = kinds if cells is None else cells
    if within_cells:
        expected = np.array([scores[kinds == kind].mean(0) for kind in range(3)])[kinds]
    return TextModel(texts, scores, expected, labels, seed=0)


class TestTokens:
    def test_hold_words_marks_and_shape(self):
        found = tokens("Buy 2 shoes!\nNow")
        assert found[:6] == ["buy", "2", "shoes", "!", "now", " first buy"]
        assert {" last now", " upper", " lines"} <= set(found)

    @pytest.mark.parametrize("text", ["", "   ", "\n\t"])
    def test_a_text_without_words_has_a_token_of_its_own(self, text):
        assert tokens(text) == [" empty"]

    def test_of_a_long_text_the_ends_are_read(self):
        found = tokens("begin " + "x " * 100_000 + "end")
        assert len(found) < 400
        assert {"begin", "end"} <= set(found)

    def test_a_vocabulary_is_bounded_and_does_not_depend_on_the_order(self):
        texts = [[f"w{n}", f"w{n + 1}", "all"] for n in range(3 * MOST_TOKENS)]
        one, other = Vocabulary(texts), Vocabulary(texts[::-1])
        assert len(one) == MOST_TOKENS
        assert one.numbers == other.numbers
        assert one.of(["all", "all", "never seen"]) == [0]


class TestTextModel:
    def test_a_new_text_of_a_kind_gets_the_kinds_model(self):
        model = fitted(cells=np.full(300, -1))
        texts, kinds, _ = planted(200, seed=1)
        right = sum(int(np.argmax(model.ask(text).unknown)) == kind for text, kind in zip(texts, kinds, strict=True))
        assert right >= 190

    def test_texts_that_say_nothing_beyond_their_cell_are_given_no_share_in_it(self):
        assert fitted(within_cells=True).within == 0.0

    def test_texts_that_do_are(self):
        assert fitted(cells=np.zeros(300, dtype=int)).within > 0

    def test_unknown_words_and_no_words_say_next_to_nothing(self):
        model = fitted()
        for text in ("", "zzz qqq vvv", "\x00" * 1000, "☃" * 10_000):
            assert np.abs(model.ask(text).unknown).max() < 0.5
            assert np.isfinite(model.ask(text).unknown).all()

    def test_is_the_same_by_its_seed(self):
        assert fitted().ask("write a function").unknown == fitted().ask("write a function").unknown

    def test_remembers_a_bounded_number_of_texts(self):
        model = fitted()
        for number in range(3_000):
            model.ask(f"text {number}")
        assert len(model._remembered) == 1024

    def test_texts_that_are_all_alike_are_no_error(self):
        scores = np.random.default_rng(0).random((60, 2))
        model = TextModel(["the same text"] * 60, scores, np.tile(scores.mean(0), (60, 1)), np.full(60, -1), seed=0)
        assert model.ask("the same text").unknown == pytest.approx([0.0, 0.0], abs=0.01)


class TestLinearResidual:
    @pytest.mark.parametrize("more", [0, 12])  # 500 leaves some that wait to be added, 512 none
    def test_agrees_with_ridge_regression(self, more):
        draw = np.random.default_rng(0)
        points = draw.standard_normal((FEWEST + more, 4)).astype(np.float32)
        truth = np.array([0.3, -0.2, 0.0, 0.1])
        residual = LinearResidual(2, 4)
        for point in points:
            residual.learn(0, point, float(point @ truth))
        z = points.astype(float)
        inverse = np.linalg.inv(z.T @ z + 10 * np.eye(4))
        means, variances = residual.expect(points[0])
        assert means == pytest.approx([z[0] @ inverse @ z.T @ (z @ truth), 0.0], abs=1e-4)
        assert variances == pytest.approx([0.25 * z[0] @ inverse @ z[0], 0.0], abs=1e-4)

    def test_counts_nothing_before_there_are_enough(self):
        residual = LinearResidual(1, 2)
        for _ in range(FEWEST - 1):
            residual.learn(0, np.ones(2, dtype=np.float32), 1.0)
        assert not residual.ready
        residual.learn(0, np.ones(2, dtype=np.float32), 1.0)
        assert residual.ready
