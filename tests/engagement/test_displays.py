import math
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from postopt.engagement.displays import CalibrationDisplay, CoverageDisplay, ReliabilityDisplay
from postopt.engagement.evaluation import Evaluation
from postopt.errors import PostDataError

DAY = 86_400


def probabilities(n=2000):
    draw = np.random.default_rng(0)
    p = draw.random(n)
    return draw.random(n) < p, p


def bounds(n=3000, pages=5):
    draw = np.random.default_rng(0)
    times = 1_460_000_000 + np.sort(draw.integers(0, 10 * DAY, n))
    return draw.random(n), np.zeros(n), np.full(n, 0.9), times, [f"page {k}" for k in draw.integers(pages, size=n)]


class TestWhatThereIsToSee:
    def test_a_calibration_curve_with_what_chance_would_do(self):
        display = CalibrationDisplay.from_predictions(*probabilities(), bins=10)
        curve = display.curve
        assert curve.n.tolist() == [200] * 10
        assert np.mean(np.abs(curve.observed - curve.predicted) < display.chance) >= 0.8
        assert display.ece < 2 * display.ece_floor

    def test_a_reliability_diagram_with_intervals_and_counts(self):
        happened, p = probabilities()
        display = ReliabilityDisplay.from_predictions(happened, p, bins=5)
        assert display.edges.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
        assert display.curve.n.sum() == 2000
        assert display.curve.observed[0] == pytest.approx(happened[p < 0.2].mean())
        assert (display.low < display.curve.observed).all()
        assert (display.curve.observed < display.high).all()

    def test_a_certain_probability_is_in_the_last_bin(self):
        display = ReliabilityDisplay.from_predictions([True, False], [1.0, 0.0], bins=10)
        assert display.curve.predicted.tolist() == [0.0, 1.0]
        assert display.ece == 0

    @pytest.mark.parametrize("display", [CalibrationDisplay, ReliabilityDisplay])
    @pytest.mark.parametrize(("n", "bins"), [(1, 1), (19, 1), (30, 3), (99, 9)])
    def test_of_few_predictions_there_are_fewer_bins(self, display, n, bins):
        p = np.linspace(0.01, 0.99, n)
        assert len(display.from_predictions(p > 0.5, p).curve.n) == bins
        assert len(display.from_predictions(p > 0.5, p, bins=n).curve.n) == n

    def test_times_are_datetimes_or_seconds(self):
        outcomes, low, high, times, _ = bounds(300)
        stamps = [datetime.fromtimestamp(time, ZoneInfo("America/New_York")) for time in times.tolist()]
        by_seconds = CoverageDisplay.from_predictions(outcomes, low, high, published=times)
        assert CoverageDisplay.from_predictions(outcomes, low, high, published=stamps).shares == by_seconds.shares

    def test_coverage_by_day(self):
        outcomes, low, high, times, _ = bounds()
        display = CoverageDisplay.from_predictions(outcomes, low, high, published=times)
        assert display.by == "day"
        assert display.coverage == pytest.approx((outcomes <= 0.9).mean())
        assert sum(share.n for share in display.shares) == display.n == 3000
        days = [int(share.name) for share in display.shares]
        assert days == sorted(days)
        assert all(day % DAY == 0 for day in days)
        assert all(share.low < 0.9 < share.high for share in display.shares)

    def test_coverage_by_page(self):
        outcomes, low, high, _, pages = bounds()
        display = CoverageDisplay.from_predictions(outcomes, low, high, pages=pages, target=0.8)
        mine = np.array([page == "page 2" for page in pages])
        (share,) = [share for share in display.shares if share.name == "page 2"]
        assert share.n == mine.sum()
        assert share.coverage == pytest.approx((outcomes[mine] <= 0.9).mean())
        assert share.high - share.low == pytest.approx(2 * 1.96 * math.sqrt(0.16 / share.n))


class TestOfAnEvaluation:
    def evaluation(self):
        outcomes, low, high, times, pages = bounds()
        p = np.random.default_rng(1).random(3000)
        return Evaluation.of(range(3000), pages, times, outcomes, low, low, high, p, np.full(3000, 0.5), target=0.8)

    def test_it_shows_what_was_judged(self):
        evaluation = self.evaluation()
        assert CalibrationDisplay.from_evaluation(evaluation).ece == evaluation.ece
        for by, parts in (("day", evaluation.by_day), ("page", evaluation.by_page)):
            display = CoverageDisplay.from_evaluation(evaluation, by=by)
            assert (display.by, display.target, len(display.shares)) == (by, 0.8, len(parts))
            assert display.coverage == pytest.approx(evaluation.coverage)

    def test_days_are_the_same_as_from_predictions(self):
        outcomes, low, high, times, _ = bounds()
        display = CoverageDisplay.from_predictions(outcomes, low, high, published=times, target=0.8)
        assert display.shares == CoverageDisplay.from_evaluation(self.evaluation()).shares

    def test_by_what_else(self):
        with pytest.raises(ValueError, match="by is"):
            CoverageDisplay.from_evaluation(self.evaluation(), by="hour")

    def test_all_of_it_in_one_figure(self):
        pytest.importorskip("matplotlib", reason="the pictures need it")
        from postopt.engagement.evaluating.matplotlib import draw

        assert len(draw(self.evaluation()).axes) == 3

    def test_dates_in_it_do_not_overlap(self):
        pytest.importorskip("matplotlib", reason="the pictures need it")
        from postopt.engagement.evaluating.matplotlib import draw

        outcomes, low, high, _, pages = bounds()
        half = np.full(3000, 0.5)
        for days in (2, 5, 14, 18, 40):
            times = 1_460_000_000 + np.linspace(0, days * DAY, 3000, endpoint=False)
            figure = draw(Evaluation.of(range(3000), pages, times, outcomes, low, low, high, half, half))
            figure.canvas.draw()
            day = next(axes for axes in figure.axes if axes.get_xlabel().startswith("day"))
            left, right = day.get_xlim()
            labels = [label for label in day.get_xticklabels() if left <= label.get_position()[0] <= right]
            boxes = [label.get_window_extent() for label in labels]
            assert len(boxes) >= 2
            assert all(a.x1 + 3 < b.x0 for a, b in pairwise(boxes)), days


class TestRefusals:
    @pytest.mark.parametrize("display", [CalibrationDisplay, ReliabilityDisplay])
    @pytest.mark.parametrize(
        ("happened", "p"), [([], []), ([1], [0.5, 0.5]), ([0.5], [0.5]), ([1], [1.5]), ([1], [math.nan]), ([2], [0.5]),
         (None, None), ("x", "x"), (5, 5), ([1], [[0.1, 0.2], [0.3]]), ([[1, 0], [1]], [0.5, 0.5]), ([1j], [0.5]),
         ([1], [10**400]), (object(), [0.5])]
    )  # fmt: skip
    def test_probabilities_that_cannot_be(self, display, happened, p):
        with pytest.raises(PostDataError):
            display.from_predictions(happened, p)

    @pytest.mark.parametrize("display", [CalibrationDisplay, ReliabilityDisplay])
    @pytest.mark.parametrize("bins", [0, -1, 1.5, "x", 1001, pytest.param(10**400, id="huge")])
    def test_bins_that_cannot_be(self, display, bins):
        with pytest.raises(ValueError, match=r"bins is .*; an int, 1"):
            display.from_predictions([1], [0.5], bins=bins)

    @pytest.mark.parametrize("value", [None, 5, "x", [], {}])
    def test_what_is_no_evaluation(self, value):
        for display in (CalibrationDisplay, CoverageDisplay):
            with pytest.raises(ValueError, match=r"evaluation is .*; an Evaluation is needed"):
                display.from_evaluation(value)

    @pytest.mark.parametrize("value", [None, 5, "x", [5], {}])
    def test_what_no_display_can_be_made_of(self, value):
        for make in (CalibrationDisplay, lambda curve: ReliabilityDisplay(curve, np.linspace(0, 1, 11))):
            with pytest.raises(ValueError, match=r"curve is .*; a Curve is needed"):
                make(value)
        with pytest.raises(ValueError, match=r"shares is .*; Shares in a list are needed"):
            CoverageDisplay(value, by="page", target=0.9)

    def test_nothing_covered_is_nothing_to_see(self):
        with pytest.raises(PostDataError, match="nothing to see"):
            CoverageDisplay([], by="page", target=0.9)

    @pytest.mark.parametrize("ax", [5, "x", [], object()])
    def test_what_are_no_axes(self, ax):
        pytest.importorskip("matplotlib", reason="the pictures need it")
        with pytest.raises(ValueError, match=r"ax is .*; matplotlib's Axes, or None, are needed"):
            CalibrationDisplay.from_predictions([1, 0], [0.5, 0.4]).plot(ax)

    def test_coverage_is_by_day_or_by_page(self):
        for settings in ({}, {"published": [0], "pages": ["a"]}):
            with pytest.raises(ValueError, match="either published or pages"):
                CoverageDisplay.from_predictions([1], [0], [2], **settings)

    @pytest.mark.parametrize(
        ("columns", "settings"),
        [
            (([], [], []), {"pages": []}), (([1], [0], [2]), {"pages": ["a", "b"]}),
            (([1], [0, 0], [2]), {"pages": ["a"]}), (([1], [0], [math.nan]), {"pages": ["a"]}),
            (([1], [0], [2]), {"published": [-1e12]}), (([1], [0], [2]), {"published": [1e12]}),
            (([1], [0], [2]), {"published": [datetime(2026, 5, 1, tzinfo=UTC).replace(tzinfo=None)]}),
            (([1, 1], [0, 0], [2, 2]), {"published": [5, datetime(2026, 5, 1, tzinfo=UTC)]}),
            (([1], [0], [2]), {"published": 5}),
            (([1], [0], [2]), {"published": ["now"]}), (([1], [0], [2]), {"published": [[1, 2], [3]]}),
            (([1], [0], [2]), {"pages": 5}), (([1], [0], [2]), {"pages": "a"}), (([1], [0], [2]), {"pages": [[]]}),
            ((None, [0], [2]), {"pages": ["a"]}), (([[1, 2], [3]], [0], [2]), {"pages": ["a"]}),
            (([1], object(), [2]), {"pages": ["a"]}), ((["x"], [0], [2]), {"pages": ["a"]}),
        ],
    )  # fmt: skip
    def test_coverage_of_columns_that_cannot_be(self, columns, settings):
        with pytest.raises(PostDataError):
            CoverageDisplay.from_predictions(*columns, **settings)


class TestDrawing:
    @pytest.fixture(autouse=True)
    def _matplotlib(self):
        pytest.importorskip("matplotlib", reason="the pictures need it")

    def displays(self):
        outcomes, low, high, times, pages = bounds()
        return [
            CalibrationDisplay.from_predictions(*probabilities()),
            ReliabilityDisplay.from_predictions(*probabilities(), name="above the median"),
            CoverageDisplay.from_predictions(outcomes, low, high, published=times),
            CoverageDisplay.from_predictions(outcomes, low, high, pages=pages),
        ]

    def test_each_returns_itself_with_axes_and_figure(self):
        for display in self.displays():
            assert display.plot() is display
            assert display.ax_.figure is display.figure_
            assert display.figure_._repr_png_().startswith(b"\x89PNG")
            assert display.ax_.get_title()

    def test_on_axes_of_ones_own(self):
        from matplotlib.figure import Figure

        figure = Figure()
        for display, axes in zip(self.displays(), figure.subplots(2, 2).ravel(), strict=True):
            assert display.plot(ax=axes).ax_ is axes
            assert display.figure_ is figure

    @pytest.mark.parametrize("n", [1, 3])
    def test_one_page_or_day_is_drawn_with_its_number_once(self, n):
        for settings in ({"pages": ["a"] * n}, {"published": [0] * n}):
            display = CoverageDisplay.from_predictions([1] * n, [0] * n, [2] * n, **settings).plot()
            display.figure_.canvas.draw()
            labels = [label.get_text() for label in display.ax_.get_xticklabels(which="both") if label.get_text()]
            assert len(set(labels)) == len(labels)

    def test_nothing_is_written_over_points_and_no_point_is_cut(self):
        few = CalibrationDisplay.from_predictions([1, 0, 1], [0.9, 0.2, 0.4], bins=3)
        for display in (*self.displays(), few):
            axes = display.plot().ax_
            display.figure_.canvas.draw()
            assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1
        assert not any(line.get_clip_on() for line in few.ax_.lines if line.get_marker() == "o")

    def test_no_state_of_pyplot_is_touched(self):
        import sys

        before = "matplotlib.pyplot" in sys.modules
        self.displays()[0].plot()
        assert ("matplotlib.pyplot" in sys.modules) is before

    def test_counts_stand_above_the_bars(self):
        happened, p = probabilities(30_000)
        display = ReliabilityDisplay.from_predictions(happened, np.where(p < 0.9, 0.05, p)).plot()
        texts = [text.get_text() for text in display.ax_.texts]
        assert texts[0].endswith("k")
        assert texts[1] == f"{display.curve.n[1]:,}"

    def test_days_are_written_as_dates(self):
        display = self.displays()[2].plot()
        display.figure_.canvas.draw()
        assert any(label.get_text().endswith("Apr 2016") for label in display.ax_.get_xticklabels())

    def test_pages_outside_are_named_and_small_ones_left_out(self):
        pages = ["good"] * 100 + ["bad"] * 100 + ["small"] * 3
        outcomes = np.r_[np.tile([0.0] * 9 + [5.0], 10), np.tile([0.0, 5.0], 50), np.full(3, 5.0)]
        display = CoverageDisplay.from_predictions(outcomes, np.zeros(203), np.ones(203), pages=pages).plot()
        assert [text.get_text() for text in display.ax_.texts] == ["1", "1  50.0% of 100: bad"]
        assert "pages of fewer than 30 posts not shown: 1" in display.ax_.get_xlabel()
        assert display.ax_.get_ylim()[0] < 0.5

    @pytest.mark.parametrize(
        ("n", "name", "written"),
        [
            (1, "The Daily Chronicle of the Greater Area, {}, " + "x" * 80, "The Daily Chronicle"),
            (300, "The Daily Chronicle of the Greater Area, {}, " + "x" * 80, "The Daily Chronicle"),
            (12, "صفحة الأخبار {}", "صفحة الأخبار {}"), (12, "party 👩‍👩‍👧‍👦 {}", "party ???? {}"),
            (12, "每日 {}", "?? {}"), (12, "two\nlines\t\0\ud800{}", "two lines {}"),
        ],
    )  # fmt: skip
    def test_pages_of_any_name_and_number_are_told_apart_and_cover_nothing(self, n, name, written):
        draw = np.random.default_rng(0)
        place = np.r_[np.repeat(np.arange(n), 40), draw.integers(n, size=3000)]
        happened = draw.random(len(place)) < draw.choice([0.7, 0.9], n)[place] - 0.1 * (place == 0)
        pages = [name.format(k) for k in place]
        display = CoverageDisplay.from_predictions(~happened, happened * 0.0, happened * 0.0, pages=pages).plot()
        figure, axes = display.figure_, display.ax_
        assert figure._repr_png_()  # warnings, of glyphs that no font has, are errors here
        *numbers, names = axes.texts
        lines = names.get_text().splitlines()
        assert [line.split()[0] for line in lines] == [text.get_text() for text in numbers]
        assert 1 <= len(lines) <= 5
        assert any(written.format(k) in lines[0].replace("\u200d", "") for k in range(n))
        below, legend = names.get_window_extent(), axes.get_legend().get_window_extent()
        assert figure.bbox.x0 <= below.x0 < below.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= below.y0 < below.y1 < axes.xaxis.label.get_window_extent().y0
        assert legend.y0 >= axes.get_window_extent().y1 - 1
        assert legend.y1 < axes.title.get_window_extent().y0

    @pytest.mark.parametrize("published", [[-1e9, 1e9], [253_402_300_799.0, 2.5e11], [-62_135_596_800.0, 0.0]])
    def test_days_of_any_year_there_is(self, published):
        display = CoverageDisplay.from_predictions([1, 2], [0, 0], [3, 3], published=published)
        assert display.plot().figure_._repr_png_()

    def test_a_name_is_no_formula(self):
        pages = ["$\\no{$"] * 100
        display = CoverageDisplay.from_predictions(np.ones(100), np.zeros(100), np.zeros(100), pages=pages)
        assert display.plot().figure_._repr_png_()
        assert ReliabilityDisplay.from_predictions([1], [0.5], name="$\\no{$").plot().figure_._repr_png_()

    def test_small_pages_are_drawn_where_there_are_no_others(self):
        display = CoverageDisplay.from_predictions([0, 5, 0], [0] * 3, [1] * 3, pages=["a", "a", "b"]).plot()
        assert "not shown" not in display.ax_.get_xlabel()
        assert display.figure_._repr_png_()
