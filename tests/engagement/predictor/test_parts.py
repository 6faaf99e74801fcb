"""Words, heads, chances, histories, spaces and reasons: each law on its own."""

import copy
import math
import pickle
import sys
import threading
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement.expecting.chances import Chances
from postopt.engagement.expecting.explained import Explained
from postopt.engagement.expecting.heads import Head
from postopt.engagement.expecting.history import Label, PageHistory
from postopt.engagement.expecting.reading import Reader
from postopt.engagement.expecting.spaces import CIRCUMSTANCES, PAIRS, SPACES, TITLE_PAIRS, shape_of, sizes
from postopt.engagement.expecting.words import WordModel
from postopt.engagement.posts import columns_of, read_post
from postopt.judgement import Prediction
from postopt.quality.features import FeatureSet

posts = st.fixed_dictionaries({
    "text": st.text(max_size=40) | st.just("Win a game! 1.234,56 #tag @me http://x.org/a ¿Sí?"),
    "title": st.text(max_size=20),
    "page": st.sampled_from(["a", "b", "ü\ud800"]), "type": st.sampled_from(["", "photo"]),
    "language": st.sampled_from(["", "en", "es"]),
})  # fmt: skip


def said(model, reading):
    return float(model.weights(reading).dot(reading.shape.x))


SOME = np.random.default_rng(0).normal(size=len(WordModel().means))  # what some posts may have taught


class TestWords:
    @settings(max_examples=30)
    @given(st.lists(posts, min_size=1, max_size=4))
    def test_many_posts_are_told_as_each_is(self, many):
        rows = [read_post(post) for post in many]
        reader, model = Reader(FeatureSet()), WordModel()
        model.means[:] = SOME
        together = model.says_of(reader.many(columns_of(rows)))
        for says, row in zip(together, rows, strict=True):
            reading = reader.one(row)
            adds = model.weights(reading) * reading.shape.x
            assert np.allclose(says, np.bincount(reading.shape.space, adds, len(SPACES)), atol=1e-5)
            assert sum(says) == pytest.approx(said(model, reading), abs=1e-4)

    @given(st.lists(posts, min_size=1, max_size=3))
    def test_texts_that_were_read_already_need_not_be_read_again(self, many):
        columns, model = columns_of([read_post(post) for post in many]), WordModel()
        model.means[:] = SOME
        read = FeatureSet().many(columns.texts, columns.languages)
        alone, given_ = (model.says_of(Reader(FeatureSet()).many(columns, texts)) for texts in (None, read))
        assert np.array_equal(alone, given_)

    def test_more_posts_than_are_looked_up_at_once(self, monkeypatch):
        rows = columns_of([read_post({"text": "a b " * (i % 5), "title": "c" * (i % 2)}) for i in range(23)])
        readings, model = Reader(FeatureSet()).many(rows), WordModel()
        model.means[:] = SOME
        whole = model.says_of(readings)
        monkeypatch.setattr("postopt.engagement.expecting.words._ROWS", 4)
        assert np.array_equal(whole, model.says_of(readings))

    def test_learning_moves_towards_what_came_and_grows_certain(self):
        reading, model = Reader(FeatureSet()).one(read_post({"text": "one two three", "page": "p"})), WordModel()
        heard = []
        for _ in range(60):
            heard.append(said(model, reading))
            model.learn(reading, 2.0)
        steps = np.diff(heard)
        assert heard[0] == 0
        assert heard[-1] == pytest.approx(2.0, abs=0.1)
        assert (steps >= 0).all()
        assert steps[-1] < steps[0] / 10

    def test_one_wild_post_moves_no_more_than_a_large_one(self):
        reading = Reader(FeatureSet()).one(read_post({"text": "one two"}))
        models = [WordModel(), WordModel()]
        models[0].learn(reading, 20.0)
        models[1].learn(reading, 20_000.0)
        assert np.array_equal(models[0].means, models[1].means)

    def test_variances_only_fall_and_stay_above_0(self):
        reading, model = Reader(FeatureSet()).one(read_post({"text": "one one one two"})), WordModel()
        for residual in (3.0, -3.0) * 20:
            before = model.variances.copy()
            model.learn(reading, residual)
            assert (model.variances <= before).all()
        assert (model.variances > 0).all()

    def test_what_a_reader_remembers_is_bounded_and_changes_nothing(self, monkeypatch):
        monkeypatch.setattr("postopt.engagement.expecting.reading._MOST_KEPT", 5)
        small, large = Reader(FeatureSet()), Reader(FeatureSet())
        for i in range(50):
            row = read_post({"text": f"word{i} word{i % 7} a b", "page": f"p{i % 9}"})
            mine, other = small.one(row), large.one(row)
            assert mine.tokens == other.tokens
            assert np.array_equal(mine.columns, other.columns)
        assert len(small._hashes) <= 5
        assert len(small._known) <= 5

    def test_shapes_that_are_remembered_are_bounded(self, monkeypatch):
        monkeypatch.setattr("postopt.engagement.expecting.reading._MOST_SHAPES", 5)
        monkeypatch.setattr("postopt.engagement.expecting.reading._LONGEST_SHAPE", 20)
        reader = Reader(FeatureSet())
        for n in range(40):
            assert reader.one(read_post({"text": "a " * n})).shape.text == n
        assert 0 < len(reader._shapes) <= 5


class TestShapes:
    @given(st.integers(0, 9), st.integers(0, 9))
    def test_a_space_weighs_the_same_however_many_columns_it_has(self, text, title):
        shape = shape_of(text, title)
        weighed = np.bincount(shape.space, shape.x.astype(float) ** 2, len(SPACES))
        counts = sizes(text, title)
        assert np.allclose(weighed, [space.prior * (n > 0) for space, n in zip(SPACES, counts, strict=True)])
        assert len(shape.space) == 3 * (text + title) + max(text + title - 1, 0) + len(CIRCUMSTANCES)

    def test_the_pair_across_text_and_title_counts_for_nothing(self):
        shape = shape_of(3, 2)
        pairs = shape.x[np.isin(shape.space, [PAIRS, TITLE_PAIRS])]
        assert [x > 0 for x in pairs.tolist()] == [True, True, False, True]


class TestHeads:
    def test_finds_a_linear_law(self):
        numbers = np.random.default_rng(0).normal(size=(5000, 3))
        head = Head.fit(numbers, 2 * numbers[:, 0] - numbers[:, 2] + 5)
        assert np.allclose(head.weights, (2, 0, -1), atol=0.02)
        assert head.intercept == pytest.approx(5, abs=0.02)

    @given(st.lists(st.floats(-100, 100), min_size=3, max_size=3))
    def test_one_and_many_agree_and_nothing_is_extrapolated(self, asked):
        numbers = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
        head = Head.fit(numbers, numbers.sum(axis=1))
        one = head.says(np.array(asked))
        assert one == pytest.approx(head.says(np.array([asked]))[0])
        assert abs(one) <= 3.05

    def test_of_no_posts_and_of_constant_columns(self):
        assert Head.fit(np.zeros((0, 2)), np.zeros(0)).says(np.ones((1, 2))).tolist() == [0.0]
        assert Head.fit(np.ones((50, 2)), np.full(50, 3.0)).says(np.full((1, 2), 9.0)).tolist() == [3.0]


class TestChances:
    @given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=400), st.floats(-9, 9))
    def test_never_fall_and_are_neither_0_nor_1(self, seen, asked):
        chances = Chances.fit(np.array([d for d, _ in seen]), np.array([float(up) for _, up in seen]))
        grid = np.linspace(-6, 6, 40)
        found = chances.many(grid)
        assert (np.diff(found) >= 0).all()
        assert found[0] > 0
        assert found[-1] < 1
        assert chances.one(asked) == pytest.approx(chances.many(np.array([asked]))[0])

    def test_are_what_was_counted(self):
        chance = np.random.default_rng(1)
        distance = chance.normal(size=40_000)
        truth = 1 / (1 + np.exp(-distance))
        chances = Chances.fit(distance, (chance.random(40_000) < truth).astype(float))
        inside = np.abs(distance) < 1.5
        assert np.abs(chances.many(distance) - truth)[inside].max() < 0.05


class TestHistory:
    def label(self, i, **changes):
        return Label(**({"published": float(i), "id": i, "known": i + 10.0, "outcome": 5.0} | changes))

    def test_what_is_known_changes_only_with_how_many_labels_count(self):
        history = PageHistory(5)
        for i in range(20):
            history.learn(self.label(i, outcome=float(i % 7)))
        known = {}
        for now in np.arange(-1.0, 120.0, 0.5):
            past = history.at(now)
            found = None if past is None else (past.n, past.median)
            assert known.setdefault(history.counting(now), found) == found
        assert len(known) == 21

    def test_who_asks_meanwhile_sees_a_page_before_or_after_a_label(self):
        """At every line of `learn` what is known fits together: the median is that of the labels, known then."""
        history, seen = PageHistory(5), []

        def consistent():
            labels, past, known = history._kept
            assert known == max([label.known for label in labels], default=-math.inf)
            assert past is None or past.n == min(len(labels), 5)
            assert past is None or past.median == np.median([label.outcome for label in labels[-5:]])
            seen.append(len(labels))

        def step(*_):
            consistent()
            return step

        before = sys.gettrace()
        sys.settrace(lambda frame, *_: step if frame.f_code is PageHistory.learn.__code__ else None)
        try:
            for i in range(12):
                history.learn(self.label(i % 9, id=i % 9, outcome=float(i)), again=i > 8)
        finally:
            sys.settrace(before)
        assert set(seen) == set(range(10))


FIGURES = {"median": 5.0, "low": 1.0, "high": 9.0, "p_above_baseline": 0.5, "baseline": 5.0, "coverage_target": 0.9,
           "coverage_recent": 0.9, "basis": "b"}  # fmt: skip


class TestExplained:
    def explained(self, reasons=("a", "b")):
        self.asked = []

        def tell():
            self.asked.append(1)
            return reasons

        return Explained(**FIGURES, reasons=tell)

    def test_reasons_are_told_once_and_only_when_asked_for(self):
        found = self.explained()
        assert (found.median, self.asked) == (5.0, [])
        assert found.reasons is found.reasons == ("a", "b")
        assert self.asked == [1]

    def test_is_the_prediction_with_those_reasons(self):
        plain = Prediction(**FIGURES, reasons=("a", "b"))
        assert self.explained() == plain
        assert plain == self.explained()
        assert self.explained() == self.explained()
        assert self.explained() != self.explained(())
        assert self.explained() != Prediction(**FIGURES)
        assert self.explained() != 3
        assert repr(self.explained()) == repr(plain)
        assert len({self.explained(), plain}) == 1
        assert asdict(self.explained()) == asdict(plain)
        assert replace(self.explained(), median=7.0) == replace(plain, median=7.0)

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
    def test_is_copied_as_that_prediction(self, copied):
        found = copied(self.explained())
        assert type(found) is Prediction
        assert found == self.explained()

    @pytest.mark.parametrize("name", ["median", "reasons"])
    def test_cannot_be_changed(self, name):
        with pytest.raises(AttributeError):
            setattr(self.explained(), name, ())

    def test_two_threads_that_ask_find_the_same(self):
        found, both = [], self.explained()
        threads = [threading.Thread(target=lambda: found.append(both.reasons)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [("a", "b")] * 4
