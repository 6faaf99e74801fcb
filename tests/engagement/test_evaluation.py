import json
import math

import numpy as np
import pytest

from postopt.engagement.evaluation import PAGE_MEDIAN, Evaluation
from postopt.errors import PostDataError

DAY = 86_400


def posts(n=3000, pages=20, seed=0, known=0.8):
    """Return columns for `Evaluation.of`: a share `known` of what moves a page's posts is in the predictions."""
    draw = np.random.default_rng(seed)
    page = draw.integers(pages, size=n)
    level, moves, noise = draw.normal(5, 1, pages)[page], draw.normal(0, 1, n), draw.normal(0, 0.5, n)
    y, median = level + moves + noise, level + known * moves
    spread = math.sqrt((1 - known) ** 2 + 0.25)
    p = np.array([0.5 * (1 + math.erf(known * move / spread / math.sqrt(2))) for move in moves])
    return {
        "ids": [str(row) for row in range(n)],
        "pages": [f"page {k}" for k in page],
        "published": 1_460_000_000 + np.sort(draw.integers(0, 20 * DAY, n)),
        "outcomes": np.expm1(np.maximum(y, 0)),
        "median": np.expm1(np.maximum(median, 0)),
        "low": np.expm1(np.maximum(median - 1.645 * spread, 0)),
        "high": np.expm1(np.maximum(median + 1.645 * spread, 0)),
        "p_above": p,
        "baseline": np.expm1(np.maximum(level, 0)),
    }


class TestFigures:
    def test_of_predictions_that_know_most_of_it(self):
        columns = posts()
        got = Evaluation.of(**columns, baselines={"zero": np.zeros(3000)})
        y, m = np.log1p(columns["outcomes"]), np.log1p(columns["median"])
        assert (got.n, got.pages, got.target) == (3000, 20, 0.9)
        assert got.mae == pytest.approx(np.abs(y - m).mean())
        assert got.r2 == pytest.approx(1 - np.mean((y - m) ** 2) / np.var(y))
        assert got.width == pytest.approx(np.mean(np.log1p(columns["high"]) - np.log1p(columns["low"])))
        assert 0.8 < got.auc_interval.low < got.auc_above_baseline < got.auc_interval.high < 0.97
        assert got.coverage_interval.low < got.coverage < got.coverage_interval.high
        assert abs(got.coverage - 0.9) < 0.02
        assert 0.8 < got.within_page_rank < 0.95
        assert (got.within_pages, got.coverage_pages) == (20, 20)
        assert got.coverage_page_worst <= got.coverage_page_tenth <= got.coverage
        assert got.ece < 2.5 * got.ece_floor
        assert [against.name for against in got.against] == [PAGE_MEDIAN, "zero"]

    def test_by_page_and_by_day_add_up(self):
        got = Evaluation.of(**posts())
        for parts in (got.by_page, got.by_day):
            assert sum(part.n for part in parts.values()) == 3000
            assert sum(part.n * part.coverage for part in parts.values()) == pytest.approx(3000 * got.coverage)
        assert list(got.by_day) == sorted(got.by_day)
        assert min(got.by_day) == 1_460_000_000 // DAY

    def test_a_seed_gives_the_same_figures(self):
        one, again, other = (Evaluation.of(**posts(400), seed=seed) for seed in (0, 0, 1))
        assert one.to_dict() == again.to_dict()
        assert one.auc_interval != other.auc_interval


class TestWords:
    def test_better_than_the_pages_median(self):
        got = Evaluation.of(**posts())
        assert "the predictions are better than the page's median (mean error" in got.sentence
        assert "chance is 50 %" in got.sentence
        assert "in line with the 90 % that were to" in got.sentence

    def test_no_better_where_the_interval_says_so(self):
        columns = posts(known=0.0)
        columns["median"] = columns["median"] * np.random.default_rng(0).choice([0.99, 1.01], 3000)
        columns["p_above"] = np.random.default_rng(1).random(3000)
        got = Evaluation.of(**columns)
        assert "no better than the page's median" in got.sentence
        assert "no better than chance" in got.sentence

    def test_the_median_itself_is_no_better_than_itself(self):
        columns = posts()
        columns["median"] = columns["baseline"]
        got = Evaluation.of(**columns)
        assert got.against[0].gain == 0
        assert "no better than the page's median" in got.sentence

    def test_worse(self):
        columns = posts()
        columns["median"] = np.zeros(3000)
        columns["low"] = np.zeros(3000)
        assert "worse than the page's median" in Evaluation.of(**columns).sentence

    @pytest.mark.parametrize(("factor", "words"), [(0.3, "fewer than the 90 %"), (3.0, "more than the 90 %")])
    def test_intervals_that_promise_too_much_or_too_little(self, factor, words):
        columns = posts()
        columns["low"] = columns["low"] / factor if factor < 1 else np.zeros(3000)
        columns["low"] = np.minimum(columns["low"], columns["median"])
        columns["high"] = np.maximum(columns["high"] * factor, columns["median"])
        assert words in Evaluation.of(**columns).sentence

    def test_a_table_has_each_figure_and_the_sentence(self):
        got = Evaluation.of(**posts(), baselines={"zero": np.zeros(3000)})
        lines = str(got).splitlines()
        assert lines[-1] == got.sentence
        assert any(line.startswith("AUC") and f"{got.auc_above_baseline:.3f}" in line for line in lines)
        assert any(line.startswith("against zero") for line in lines)
        assert len({line.index("  ") for line in lines[:5]}) > 1
        assert max(map(len, lines[:-1])) < 140

    def test_it_is_plain_json(self):
        got = Evaluation.of(**posts(400))
        read = json.loads(json.dumps(got.to_dict(), allow_nan=False))
        assert read["auc_interval"]["n"] == 400
        assert read["against"][0]["name"] == PAGE_MEDIAN
        assert read["by_page"]["page 3"]["n"] == got.by_page["page 3"].n
        assert len(read["curve"]["n"]) == 15
        assert read["sentence"] == got.sentence


class TestLittleData:
    def test_one_post(self):
        got = Evaluation.of(**{name: column[:1] for name, column in posts().items()})
        assert (got.n, got.pages, got.coverage_pages) == (1, 1, 0)
        for value in (got.r2, got.spearman, got.auc_above_baseline, got.auc_interval.low, got.coverage_interval.high):
            assert math.isnan(value)
        assert "of 1 page the predictions are neither better nor worse" in got.sentence
        assert "cannot be judged here" in got.sentence
        assert got.sentence in str(got)
        assert got.to_dict()["r2"] is None

    def test_one_page_is_judged_by_its_days(self):
        got = Evaluation.of(**posts(pages=1))
        assert got.pages == 1
        assert got.auc_interval.low < got.auc_above_baseline < got.auc_interval.high

    def test_all_outcomes_equal(self):
        columns = posts(400) | {"outcomes": np.full(400, 7.0), "baseline": np.full(400, 7.0)}
        got = Evaluation.of(**columns)
        assert got.above == 0
        assert math.isnan(got.auc_above_baseline)
        assert math.isnan(got.r2)
        assert math.isnan(got.against[0].gain)
        assert str(got)


class TestRefusals:
    def test_no_posts(self):
        with pytest.raises(PostDataError, match="no posts"):
            Evaluation.of(**{name: column[:0] for name, column in posts().items()})

    @pytest.mark.parametrize("name", ["outcomes", "median", "low", "high", "p_above", "baseline", "published"])
    @pytest.mark.parametrize("bad", [math.nan, math.inf, -1e12])
    def test_a_number_that_cannot_be_is_named(self, name, bad):
        columns = posts(50)
        columns[name] = np.array(columns[name], dtype=float)
        columns[name][17] = bad
        with pytest.raises(PostDataError, match=rf"{name}\[17\]"):
            Evaluation.of(**columns)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"p_above": np.full(50, 1.5)}, "from 0 to 1"), ({"ids": ["1"] * 50}, "each needs its own"),
            ({"ids": ["1"]}, "each needs its own"), ({"low": np.full(50, 1e9)}, "above high"),
            ({"median": [1.0]}, "shape"), ({"outcomes": ["many"] * 50}, "numbers are needed"),
            ({"outcomes": [10**400] * 50}, "numbers are needed"), ({"published": [1e308] * 50}, "published"),
            ({"baselines": {"zero": [0.0]}}, "zero has the shape"), ({"baselines": 5}, "baselines is 5; a mapping"),
            ({"baselines": {"zero": None}}, "zero"), ({"baselines": {5: ["x"] * 50}}, "5: numbers are needed"),
            ({"ids": None}, "ids is None; a list"), ({"ids": [[]] * 50}, "ids is .*; a list"),
            ({"pages": 5}, "pages is 5"), ({"pages": "a" * 50}, "pages is 'aaa.*; a list"),
            ({"pages": [{}] * 50}, "pages is .*; a list"), ({"pages": None}, "pages is None; a list"),
            ({"median": None}, "median"), ({"low": object()}, "low: numbers are needed"),
            ({"high": [[1, 2], [3]]}, "high: numbers are needed"), ({"median": np.ones((50, 2))}, "has the shape"),
        ],
    )  # fmt: skip
    def test_columns_that_cannot_be(self, change, words):
        with pytest.raises(PostDataError, match=words):
            Evaluation.of(**(posts(50) | change))

    def test_a_target_that_is_no_share(self):
        with pytest.raises(ValueError, match="target"):
            Evaluation.of(**posts(50), target=1.0)

    @pytest.mark.parametrize("seed", [-1, 1.5, "x", None, [1]])
    def test_a_seed_that_is_none(self, seed):
        with pytest.raises(ValueError, match="seed is"):
            Evaluation.of(**posts(50), seed=seed)


class TestTimes:
    @pytest.mark.parametrize("begin", [-62_135_596_800 - DAY / 2, -1.5 * DAY, 0.0, 253_402_300_800 - 50.0])
    def test_of_any_year_there_is(self, begin):
        columns = posts(50) | {"published": begin + np.arange(50.0)}
        got = Evaluation.of(**columns)
        assert sum(day.n for day in got.by_day.values()) == 50
        assert begin // DAY in got.by_day
        assert got.sentence in str(got)

    def test_before_1970_give_the_figures_of_those_after(self):
        columns = posts(400)
        old = columns | {"published": columns["published"] - 36_500 * DAY}
        got, shifted = Evaluation.of(**columns), Evaluation.of(**old)
        assert [*shifted.by_day.values()] == [*got.by_day.values()]
        assert shifted.coverage_interval == got.coverage_interval
