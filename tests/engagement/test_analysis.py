from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement import EngagementPredictor, VariantRanker, analyze_many
from postopt.engagement.analysis import RACE_AFTER, Analyst
from postopt.engagement.posts import Columns
from postopt.errors import BackendUnavailableError, NotFittedError, PostDataError
from postopt.quality import QualityScorer
from postopt.quality.features import FEATURE_NAMES, FeatureSet
from postopt.types import Brief, Post, Trace

START = datetime(2026, 3, 1, tzinfo=UTC)
SUBJECTS = {"a new timetable": 20, "free tickets": 80, "old photographs": 40, "la fiesta de verano": 60}


def made(n, seed=0):
    rng = Random(seed)
    for number in range(n):
        subject = rng.choice(list(SUBJECTS))
        yield {
            "id": f"p{number}",
            "text": f"Look at {subject}, number {number % 9}!",
            "title": rng.choice(["", "Our page"]),
            "page": rng.choice(["bakery", "library", "radio"]),
            "type": rng.choice(["photo", "link"]),
            "language": rng.choice(["en", "es", "de", ""]),
            "published": START + timedelta(hours=number),
            "outcome": round(SUBJECTS[subject] * rng.lognormvariate(0, 0.5)),
        }  # fmt: skip


@pytest.fixture(scope="module")
def predictor():
    return EngagementPredictor(seed=0).fit(made(300))


def new(n):
    return [{**post, "id": f"new-{post['id']}"} for post in made(n, seed=1)]


class TestRows:
    def test_each_post_gives_one_row_in_its_place(self, predictor):
        posts = new(50)
        rows = list(analyze_many(iter(posts), predictor=predictor, batch_rows=7))
        assert [row.id for row in rows] == [post["id"] for post in posts]
        assert [row.row for row in rows] == list(range(50))
        assert all(row.error == "" and row.report is None and row.suggestions == () for row in rows)

    def test_what_it_says_is_what_each_part_says_of_the_post_alone(self, predictor):
        posts = new(20)
        scorer = QualityScorer()
        for post, row in zip(posts, analyze_many(posts, predictor=predictor, scorer=scorer), strict=True):
            one = FeatureSet().one(post["text"], post["language"])
            assert row.features.tolist() == list(one.values)
            alone = predictor.predict(post)
            assert np.log1p(row.prediction.median) == pytest.approx(np.log1p(alone.median), abs=1e-5)
            assert np.log1p(row.prediction.high) == pytest.approx(np.log1p(alone.high), abs=1e-5)
            assert row.prediction.p_above_baseline == pytest.approx(alone.p_above_baseline, abs=1e-5)
            said = scorer.score(post["text"], language=post["language"] or None, prediction=row.prediction)
            assert row.report == said
            assert row.report.axes["response"].value == row.prediction.p_above_baseline

    def test_posts_before_a_failure_of_their_source_are_not_lost(self):
        def source():
            yield from new(3)
            raise OSError("the disk is gone")

        rows = analyze_many(source())
        assert [next(rows).row for _ in range(3)] == [0, 1, 2]
        with pytest.raises(OSError, match="the disk is gone"):
            next(rows)

    def test_nothing_of_pandas_is_nothing(self, predictor):
        pd = pytest.importorskip("pandas", reason="its NA")
        post = new(1)[0]
        for name in ("title", "page", "type", "language"):
            said = [next(analyze_many([{**post, name: value}], predictor=predictor)) for value in (pd.NA, None)]
            assert said[0].error == ""
            assert said[0].prediction == said[1].prediction

    def test_a_brief_in_a_mapping_is_held_against_it(self):
        brief = Brief(topic="Bread", facts={"price": "€5"})
        kept, other = analyze_many(
            [{"text": "Bread", "brief": brief}, {"text": "Bread", "brief": 7}], scorer=QualityScorer()
        )
        assert kept.report == QualityScorer().score("Bread", brief)
        assert other.report == QualityScorer().score("Bread")

    def test_after_very_many_posts_it_is_measured_which_scan_is_sooner(self):
        raced = []

        class Raced(FeatureSet):
            def race(self, texts):
                raced.append(len(texts))

        posts = [{"text": "Bread"}] * 10
        analyst = Analyst(None, None, None, False, Raced(), seen=RACE_AFTER - 15)
        for expected in ([], [10], [10]):
            assert len(list(analyst.rows(posts, 100))) == 10
            assert raced == expected

    def test_only_as_much_is_read_as_is_asked_for(self):
        read = []
        posts = (read.append(number) or {"id": number, "text": "Bread"} for number in itertools.count())
        rows = analyze_many(posts, batch_rows=10)
        assert not read
        assert [row.id for row in itertools.islice(rows, 3)] == [0, 1, 2]
        assert len(read) <= 10

    def test_a_post_that_cannot_be_read_costs_no_other(self, predictor):
        posts = new(6)
        posts[1] = {"id": "no text"}
        posts[2] = 7
        posts[4] = {**posts[4], "published": datetime(2026, 3, 1)}  # noqa: DTZ001 - that is what is wrong with it
        rows = list(analyze_many(posts, predictor=predictor))
        assert [row.id for row in rows] == ["new-p0", "no text", None, "new-p3", "new-p4", "new-p5"]
        assert [bool(row.error) for row in rows] == [False, True, True, False, True, False]
        assert "zone" in rows[4].error
        alone = next(analyze_many([posts[5]], predictor=predictor)).prediction
        assert rows[5].prediction.median == pytest.approx(alone.median, rel=1e-9)

    def test_our_own_posts_bring_their_briefs(self, predictor):
        brief = Brief(topic="Bread", facts={"price": "€5"}, brand="bakery")
        trace = Trace(tier="template", model="m")
        post = Post(id="a", text="Bread for 6 €", brief=brief, generator="g", seed=0, index=0, trace=trace)
        (row,) = analyze_many([post], predictor=predictor, scorer=QualityScorer())
        assert row.id == "a"
        assert row.report.axes["fidelity"].findings
        assert row.prediction.basis.startswith("the page's last")

    def test_suggestions_come_if_asked_for(self):
        posts = [{"id": 1, "text": "Come and visit our new bakery!", "language": "en"}]
        assert next(analyze_many(posts)).suggestions == ()
        (row,) = analyze_many(posts, suggest=True)
        assert [suggestion.text for suggestion in row.suggestions] == ["Come and visit our new bakery."]
        assert all(suggestion.evidence.kind == "randomised" for suggestion in row.suggestions)

    def test_ids_are_kept_as_they_are(self):
        posts = [{"id": np.int64(7), "text": "a"}, {"id": np.int64(8)}, {"text": "b"}, {"id": 3.5}]
        assert [row.id for row in analyze_many(posts)][:2] == [7, 8]

    def test_nothing_gives_nothing(self, predictor):
        assert list(analyze_many([], predictor=predictor)) == []

    @given(st.lists(st.text(max_size=40), max_size=30), st.integers(1, 9))
    @settings(max_examples=25, deadline=None)
    def test_whatever_the_texts_ids_keep_their_places(self, texts, batch_rows):
        posts = [{"id": number, "text": text} for number, text in enumerate(texts)]
        rows = list(analyze_many(posts, batch_rows=batch_rows))
        assert [row.id for row in rows] == list(range(len(texts)))
        assert all(row.error == "" and len(row.features) == len(FEATURE_NAMES) for row in rows)


class TestRefusals:
    @pytest.mark.parametrize("posts", ["text", b"text", {"id": 1, "text": "a"}, 7, None])
    def test_what_is_no_collection_of_posts(self, posts):
        with pytest.raises(PostDataError, match="a collection of posts, or a table, is needed"):
            analyze_many(posts)

    @pytest.mark.parametrize("batch_rows", [0, -1, 1.5, True, None])
    def test_a_batch_size_that_is_none(self, batch_rows):
        with pytest.raises(ValueError, match="batch_rows"):
            analyze_many([], batch_rows=batch_rows)

    def test_a_batch_size_beyond_all_that_can_be_counted_is_as_good_as_none(self):
        assert [row.id for row in analyze_many([{"id": 1, "text": "a"}], batch_rows=10**400)] == [1]

    @pytest.mark.parametrize("device", ["tpu", None, 5, ["cpu"], np.zeros((1, 2))])
    def test_a_device_that_nobody_knows(self, device):
        with pytest.raises(ValueError, match=r'device is .*; "auto", "cpu" or "cuda" is needed'):
            analyze_many([], device=device)

    @pytest.mark.parametrize(
        ("name", "method"),
        [("predictor", "predict_many"), ("ranker", "score_many"), ("scorer", "score"), ("features", "many")],
    )
    @pytest.mark.parametrize("value", [5, "x", [], {}, object(), np.zeros((1, 2))])
    def test_who_cannot_do_what_is_asked(self, name, method, value):
        with pytest.raises(ValueError, match=rf"{name} is .*; what has `{method}`.* is needed, or None"):
            analyze_many([], **{name: value})

    def test_a_device_that_is_not_there(self):
        pytest.importorskip("numpy")
        from postopt.engine import device

        if device.plan().device == "cuda":
            pytest.skip("this machine has one")
        with pytest.raises(BackendUnavailableError, match="cuda"):
            analyze_many([], device="cuda")

    def test_a_predictor_that_has_not_learned(self):
        with pytest.raises(NotFittedError):
            list(analyze_many(new(1), predictor=EngagementPredictor()))


@pytest.fixture
def pa():
    return pytest.importorskip("pyarrow", reason="tables are Arrow's")


def table_of(pa, posts):
    return pa.Table.from_pylist([{key: post[key] for key in post if key != "outcome"} for post in posts])


class TestTables:
    def test_a_table_gives_batches_that_say_what_rows_say(self, pa, predictor):
        posts = new(40)
        rows = list(analyze_many(posts, predictor=predictor))
        batches = list(analyze_many(table_of(pa, posts), predictor=predictor, batch_rows=16))
        assert [len(batch) for batch in batches] == [16, 16, 8]
        said = pa.Table.from_batches(batches).to_pylist()
        assert [one["id"] for one in said] == [row.id for row in rows]
        assert [one["row"] for one in said] == list(range(40))
        for one, row in zip(said, rows, strict=True):
            assert one["features"] == row.features.tolist()
            for name in ("median", "low", "high", "p_above_baseline", "baseline"):
                assert one[name] == pytest.approx(getattr(row.prediction, name), rel=1e-9)

    def test_reports_and_suggestions_are_columns(self, pa):
        posts = new(5)
        scorer = QualityScorer()
        (batch,) = analyze_many(table_of(pa, posts), scorer=scorer, suggest=True)
        for post, one in zip(posts, batch.to_pylist(), strict=True):
            report = scorer.score(post["text"], language=post["language"] or None)
            assert one["fit"] == report.fit
            assert [finding["rule"] for finding in one["findings"]] == [finding.rule for finding in report.findings]
            spans = [finding.span or (None, None) for finding in report.findings]
            assert [(finding["start"], finding["end"]) for finding in one["findings"]] == spans
            assert {axis["axis"]: axis["value"] for axis in one["axes"]} == {
                name: axis.value for name, axis in report.axes.items()
            }
            assert isinstance(one["suggestions"], list)

    def test_a_report_holds_the_prediction(self, pa, predictor):
        (batch,) = analyze_many(table_of(pa, new(5)), predictor=predictor, scorer=QualityScorer())
        for one in batch.to_pylist():
            axes = {axis["axis"]: axis["value"] for axis in one["axes"]}
            assert axes["response"] == pytest.approx(one["p_above_baseline"], abs=1e-12)

    def test_a_row_without_a_text_keeps_its_place(self, pa, predictor):
        posts = new(5)
        posts[2]["text"] = None
        (batch,) = analyze_many(table_of(pa, posts), predictor=predictor, scorer=QualityScorer(), suggest=True)
        said = batch.to_pylist()
        assert [one["id"] for one in said] == [post["id"] for post in posts]
        assert said[2]["error"] == "text is null; a text is needed"
        assert [said[2][name] for name in ("features", "median", "fit", "suggestions")] == [None] * 4
        assert all(one["median"] > 0 and one["error"] == "" for one in said if one is not said[2])

    def test_counts_that_cannot_be_are_said_by_the_row(self, pa, predictor):
        shares, reach = pa.array([1, -5, 9, None]), pa.array([None, None, 3, 3])
        table = pa.table({"id": [1, 2, 3, 4], "text": ["a", "b", "c", None], "shares": shares, "reach": reach})
        said = next(analyze_many(table, predictor=predictor)).to_pylist()
        assert [one["id"] for one in said] == [1, 2, 3, 4]
        assert [bool(one["error"]) for one in said] == [False, True, True, True]
        assert "shares" in said[1]["error"]
        assert said[3]["error"] == "text is null; a text is needed"
        assert said[0]["median"] > 0
        assert said[1]["median"] is None

    def test_a_ranker_gives_scores(self, pa):
        groups = [[(f"Bread {n}", 4000, 90), (f"Who wants bread {n}?", 4000, 40)] for n in range(30)]
        ranker = VariantRanker().fit(groups)
        posts = [{"id": 1, "text": "Jam"}, {"id": 2, "text": "Who wants jam?"}]
        first, second = analyze_many(posts, ranker=ranker)
        assert first.score > second.score
        (batch,) = analyze_many(pa.Table.from_pylist(posts), ranker=ranker)
        assert batch.column("score").to_pylist() == [first.score, second.score]

    def test_an_iterator_of_batches_is_answered_batch_by_batch(self, pa, predictor):
        """As Spark's mapInArrow gives them."""
        batches = table_of(pa, new(30)).to_batches(max_chunksize=10)
        answers = analyze_many(iter(batches), predictor=predictor)
        assert [len(answer) for answer in answers] == [10, 10, 10]

    def test_one_batch_is_a_table_too(self, pa):
        (answer,) = analyze_many(table_of(pa, new(3)).to_batches()[0])
        assert answer.column("id").to_pylist() == ["new-p0", "new-p1", "new-p2"]

    def test_ids_of_any_type_come_back_as_they_are(self, pa):
        table = pa.table({"id": pa.array([2**60, None, 3]), "text": ["a", "b", "c"]})
        (answer,) = analyze_many(table)
        assert answer.column("id").to_pylist() == [2**60, None, 3]
        (answer,) = analyze_many(pa.table({"text": ["a"]}))
        assert answer.column("id").to_pylist() == [None]

    def test_categories_large_texts_and_missing_columns_are_read(self, pa, predictor):
        posts = new(6)
        table = table_of(pa, posts)
        encoded = table.set_column(3, "page", table.column("page").dictionary_encode())
        encoded = encoded.set_column(1, "text", table.column("text").cast(pa.large_string()))
        encoded = encoded.set_column(2, "title", pa.nulls(6))
        plain = table.set_column(2, "title", pa.array([None] * 6, pa.string()))
        first, second = (next(analyze_many(one, predictor=predictor)) for one in (encoded, plain))
        assert first.column("median").equals(second.column("median"))

    def test_stamps_in_another_zone_have_its_hours(self, pa, predictor):
        from zoneinfo import ZoneInfo

        posts = new(6)
        zone = ZoneInfo("America/New_York")
        moved = [{**post, "published": post["published"].astimezone(zone)} for post in posts]
        rows = list(analyze_many(moved, predictor=predictor))
        table = table_of(pa, posts)
        stamps = table.column("published").cast(pa.timestamp("us", "America/New_York"))
        (batch,) = analyze_many(table.set_column(6, "published", stamps), predictor=predictor)
        assert batch.column("median").to_pylist() == pytest.approx([row.prediction.median for row in rows], rel=1e-9)

    def test_an_empty_table_gives_one_empty_batch(self, pa, predictor):
        """So that who collects batches to a table has the schema."""
        whole, empty = (
            pa.Table.from_batches(analyze_many(table, predictor=predictor, scorer=QualityScorer(), suggest=True))
            for table in (table_of(pa, new(2)), table_of(pa, new(1)).slice(0, 0))
        )
        assert len(empty) == 0
        assert empty.schema == whole.schema

    def test_an_empty_batch_among_others_gives_an_empty_batch(self, pa):
        batches = table_of(pa, new(2)).to_batches()
        assert [len(batch) for batch in analyze_many([batches[0].slice(0, 0), *batches])] == [0, 2]

    @pytest.mark.parametrize("name", ["title", "page", "type", "language"])
    def test_a_column_of_nothing_but_nan_holds_nothing(self, pa, predictor, name):
        frame = pytest.importorskip("pandas", reason="tables of pandas").DataFrame(new(3))
        without = frame.assign(**{name: [None] * 3})
        (batch,) = analyze_many(frame.assign(**{name: float("nan")}), predictor=predictor)
        (expected,) = analyze_many(without, predictor=predictor)
        assert batch.column("median") == expected.column("median")

    def test_numbers_of_pages_are_their_names(self, pa, predictor):
        texts = pa.table({"text": ["Bread"], "page": [7]})
        (batch,) = analyze_many(texts, predictor=predictor)
        (row,) = analyze_many([{"text": "Bread", "page": 7}], predictor=predictor)
        assert batch.column("median").to_pylist() == pytest.approx([row.prediction.median], rel=1e-9)

    def test_a_column_that_is_there_twice_is_refused(self, pa):
        table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
        with pytest.raises(PostDataError, match="text 2 times"):
            list(analyze_many(table))

    @pytest.mark.parametrize(
        ("column", "values", "message"),
        [
            ("text", [1], "the column text is of type int64; texts are needed"),
            ("page", [1.5], "the column page is of type double"),
            ("published", ["2026-01-01"], "the column published is of type string; timestamps with a zone"),
            ("published", [datetime(2026, 1, 1)], "timestamps with a zone are needed"),  # noqa: DTZ001
        ],
    )
    def test_a_column_that_no_post_has(self, pa, column, values, message):
        with pytest.raises(PostDataError, match=message):
            list(analyze_many(pa.table({"id": [1], "text": ["a"], column: values})))

    def test_a_table_without_texts(self, pa):
        with pytest.raises(PostDataError, match="no column text; there are id"):
            list(analyze_many(pa.table({"id": [1]})))

    def test_a_table_of_pandas(self, pa, predictor):
        pd = pytest.importorskip("pandas", reason="a table of another library")
        if not hasattr(pd.DataFrame, "__arrow_c_stream__"):
            pytest.skip("a pandas that does not speak Arrow")
        posts = new(4)
        (batch,) = analyze_many(pd.DataFrame(posts).drop(columns="outcome"), predictor=predictor)
        rows = list(analyze_many(posts, predictor=predictor))
        assert batch.column("median").to_pylist() == pytest.approx([row.prediction.median for row in rows], rel=1e-9)

    def test_without_pyarrow_it_says_what_to_install(self, monkeypatch):
        from postopt.errors import MissingDependencyError

        class Frame:
            def __arrow_c_stream__(self, schema=None):
                raise AssertionError

        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.delitem(sys.modules, "postopt.engagement.pyarrow", raising=False)
        with pytest.raises(MissingDependencyError) as caught:
            analyze_many(Frame())
        assert 'pip install "postopt[arrow]"' in caught.value.hint


def test_columns_are_what_a_predictor_is_asked_with():
    class Scripted:
        def __init__(self):
            self.asked = []

        def predict_columns(self, columns, *_):
            raise NotImplementedError

        def predict_many(self, columns, texts):
            self.asked.append(columns)
            return [None] * len(columns)

    scripted = Scripted()
    assert len(list(analyze_many(new(5), predictor=scripted, batch_rows=4))) == 5
    assert [type(columns) for columns in scripted.asked] == [Columns, Columns]
