"""Words, heads, chances, histories and reasons: each law on its own."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement.expecting.chances import Chances
from postopt.engagement.expecting.heads import Head
from postopt.engagement.expecting.history import CONTEXT_NAMES, Label, PageHistory
from postopt.engagement.expecting.reading import Reader
from postopt.engagement.expecting.words import SPACES, WordModel, places_of, rows_of
from postopt.engagement.expecting.words import columns_of as word_columns
from postopt.engagement.posts import columns_of, read_post
from postopt.quality.features import FeatureSet

posts = st.fixed_dictionaries({
    "text": st.text(max_size=40) | st.just("Win a game! 1.234,56 #tag @me http://x.org/a ¿Sí?"),
    "title": st.text(max_size=20),
    "page": st.sampled_from(["a", "b", "ü\ud800"]), "type": st.sampled_from(["", "photo"]),
    "language": st.sampled_from(["", "en", "es"]),
})  # fmt: skip


class TestWords:
    @settings(max_examples=30)
    @given(st.lists(posts, min_size=1, max_size=4), st.booleans())
    def test_many_posts_read_as_each_does(self, many, compiled):
        rows = [read_post(post) for post in many]
        one, readings = Reader(), Reader(FeatureSet() if compiled else None).many(columns_of(rows))
        columns = [word_columns(one.one(row)) for row in rows]
        for space, found in enumerate(rows_of(readings)):
            for place in range(len(rows)):
                mine = found.columns[found.offsets[place] : found.offsets[place + 1]]
                assert mine.tolist() == columns[place][space]

    @settings(max_examples=30)
    @given(st.lists(posts, min_size=1, max_size=4))
    def test_one_post_is_told_the_same_in_every_way(self, many):
        rows = [read_post(post) for post in many]
        reader, model = Reader(), WordModel()
        for row in rows:
            model.learn(reader.one(row), 2.0)
        readings = reader.many(columns_of(rows))
        together, places = model.says_of(readings), places_of(readings)
        for i, row in enumerate(rows):
            sums, weights = model.says(reader.one(row))
            assert np.allclose(sums, together[i], atol=1e-6)
            flat = places.flat[places.offsets[i] : places.offsets[i + 1]]
            assert np.allclose(sums, model.says_at(flat, places.sizes[i]), atol=1e-6)
            assert [len(part) for part in weights] == places.sizes[i].tolist()

    def test_learning_moves_towards_what_came_and_grows_certain(self):
        reading, model = Reader().one(read_post({"text": "one two three", "page": "p"})), WordModel()
        said = []
        for _ in range(60):
            said.append(sum(model.says(reading)[0]))
            model.learn(reading, 2.0)
        steps = np.diff(said)
        assert said[0] == 0
        assert said[-1] == pytest.approx(2.0, abs=0.1)
        assert (steps >= 0).all()
        assert steps[-1] < steps[0] / 10

    def test_one_wild_post_moves_no_more_than_a_large_one(self):
        reading = Reader().one(read_post({"text": "one two"}))
        models = [WordModel(), WordModel()]
        models[0].learn(reading, 20.0)
        models[1].learn(reading, 20_000.0)
        assert np.array_equal(models[0].means, models[1].means)

    def test_variances_only_fall_and_stay_above_0(self):
        reading, model = Reader().one(read_post({"text": "one one one two"})), WordModel()
        for residual in (3.0, -3.0) * 20:
            before = model.variances.copy()
            model.learn(reading, residual)
            assert (model.variances <= before).all()
        assert (model.variances > 0).all()

    def test_what_a_reader_remembers_is_bounded_and_changes_nothing(self, monkeypatch):
        monkeypatch.setattr("postopt.engagement.expecting.reading._MOST_KEPT", 5)
        small, large = Reader(), Reader()
        for i in range(50):
            row = read_post({"text": f"word{i} word{i % 7} a b", "page": f"p{i % 9}"})
            assert small.one(row) == large.one(row)
        assert len(small._hashes) <= 5
        assert len(small._known) <= 5


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
        adds = head.adds(asked)
        assert head.intercept + sum(adds) == pytest.approx(head.many(np.array([asked]))[0])
        assert all(abs(add) <= 1.01 for add in adds)

    def test_of_no_posts_and_of_constant_columns(self):
        assert Head.fit(np.zeros((0, 2)), np.zeros(0)).many(np.ones((1, 2))).tolist() == [0.0]
        assert Head.fit(np.ones((50, 2)), np.full(50, 3.0)).many(np.full((1, 2), 9.0)).tolist() == [3.0]


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
        fields = {"published": float(i), "id": i, "known": i + 10.0, "outcome": 5.0, "log": math.log1p(5),
                  "type": "photo", "hour": 3, "rest": 0.0, "long": 0.0}  # fmt: skip
        return Label(**(fields | changes))

    def test_has_a_number_for_each_name(self):
        history = PageHistory(50)
        history.learn(self.label(0))
        past = history.at(100.0)
        assert len(past.columns("photo", 3)) + 1 == len(CONTEXT_NAMES)
        assert all(math.isfinite(number) for number in (*past.columns("", -1), past.silence(1.0)))

    def test_types_and_hours_are_told_apart(self):
        history = PageHistory(50)
        for i in range(40):
            high = i % 2
            history.learn(self.label(i, outcome=50.0 * high, log=math.log1p(50.0 * high), hour=20 * high,
                                     type="photo" if high else "link"))  # fmt: skip
        past = history.at(1000.0)
        kind, hour = CONTEXT_NAMES.index("type"), CONTEXT_NAMES.index("hour")
        assert past.columns("photo", 20)[kind] > past.columns("link", 20)[kind]
        assert past.columns("photo", 21)[hour] > past.columns("photo", 1)[hour]
        assert past.columns("event", 12)[kind] == 0

    def test_what_is_known_changes_only_with_how_many_labels_count(self):
        history = PageHistory(5)
        for i in range(20):
            history.learn(self.label(i, outcome=float(i % 7)))
        known = {}
        for now in np.arange(-1.0, 120.0, 0.5):
            past = history.at(now)
            found = None if past is None else (past.n, past.median, past.newest)
            assert known.setdefault(history.counting(now), found) == found
        assert len(known) == 11

    def test_kept_answers_are_bounded(self):
        history = PageHistory(50)
        history.learn(self.label(0))
        past = history.at(100.0)
        for i in range(1000):
            past.columns(f"type {i}", 3)
        assert len(past._columns) <= 256


def test_spaces_have_tables_of_powers_of_two():
    assert all(space.buckets & (space.buckets - 1) == 0 for space in SPACES)
