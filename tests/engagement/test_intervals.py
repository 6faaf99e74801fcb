import json
import math
import multiprocessing
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement.covering.intervals import Intervals
from postopt.errors import ModelFileError, NotFittedError, PostDataError

DAY = 86_400.0


def world(n, seed=0, pages=20, scales=(1.0,), per_day=500):
    """Return pages, errors and times of `n` posts; page k has the k-th scale, in turn."""
    draw = np.random.default_rng(seed)
    page = draw.integers(pages, size=n)
    error = draw.gumbel(0, 1, n) * np.array(scales)[page % len(scales)]
    return [f"page {k}" for k in page], error, np.sort(draw.uniform(0, n / per_day * DAY, n))


def replay(intervals, pages, errors, times, delay=DAY, labels=lambda row: True):
    """Ask for each post when it is published, and give its label `delay` later; return who was inside, and widths."""
    inside, width = np.full(len(pages), np.nan), np.full(len(pages), np.nan)
    late = 0
    for row, now in enumerate(times.tolist()):
        while times[late] + delay <= now and late < row:
            if labels(late):
                at = times[late]
                intervals.learn(pages[late], 0.0, 1.0, float(errors[late]), float(at), float(at + delay))
            late += 1
        if intervals.n >= 19:
            low, high = intervals.around(pages[row], 0.0, 1.0, now)
            inside[row], width[row] = low <= errors[row] <= high, high - low
    return inside, width


class TestCoverage:
    def test_is_what_was_asked_for_with_labels_a_day_late(self):
        for target in (0.8, 0.9):
            inside, _ = replay(Intervals(target), *world(6000))
            # The standard error of 5,000 outcomes is .006 at .8.
            assert abs(np.nanmean(inside[1000:]) - target) < 0.018

    def test_each_end_misses_alike_where_errors_are_skewed(self):
        pages, errors, times = world(6000, 1)
        intervals = Intervals()
        replay(intervals, pages, errors, times)
        low, high = intervals.around("never seen", 0.0, 1.0, times[-1])
        fresh = np.random.default_rng(2).gumbel(0, 1, 20_000)
        assert abs(np.mean(fresh < low) - 0.05) < 0.015
        assert abs(np.mean(fresh > high) - 0.05) < 0.015

    def test_holds_on_the_wildest_and_the_calmest_page(self):
        pages, errors, times = world(8000, 3, pages=10, scales=(0.5, 1.0, 2.0))
        inside, width = replay(Intervals(), pages, errors, times)
        of = {name: np.array([page == name for page in pages]) for name in set(pages)}
        for rows in of.values():
            rows[:3000] = False
            assert 0.84 < inside[rows].mean() < 0.95
        assert width[of["page 2"]].mean() > 3 * width[of["page 0"]].mean()

    def test_comes_back_after_a_jump(self):
        pages, errors, times = world(9000, 4)
        errors[3000:] *= 2
        inside, _ = replay(Intervals(), pages, errors, times)
        assert inside[3000:3400].mean() < 0.8  # nobody has seen a label of the new kind yet
        assert 0.89 < inside[4500:].mean() < 0.96  # the first errors of the new kind stay in the pool for a while

    def test_follows_a_drift(self):
        pages, errors, times = world(9000, 5)
        errors *= np.linspace(1, 2.5, 9000)
        inside, _ = replay(Intervals(), pages, errors, times)
        assert 0.88 < inside[2000:].mean() < 0.92

    def test_a_page_that_was_never_seen_has_the_intervals_of_all(self):
        pages, errors, times = world(3000, 6)
        intervals = Intervals()
        replay(intervals, pages, errors, times)
        low, high = intervals.around("never seen", 0.0, 1.0, times[-1])
        fresh = np.random.default_rng(7).gumbel(0, 1, 20_000)
        assert abs(np.mean((low <= fresh) & (fresh <= high)) - 0.9) < 0.02

    def test_the_recent_coverage_is_that_of_what_was_given_out(self):
        pages, errors, times = world(5000, 8)
        errors[4000:] *= 3
        intervals = Intervals()
        inside, _ = replay(intervals, pages, errors, times)
        labels = int(np.searchsorted(times, times[-1] - DAY, side="right"))
        assert intervals.coverage_n == 1000
        assert intervals.coverage_recent == pytest.approx(inside[labels - 1000 : labels].mean(), abs=0.02)


class TestSilence:
    def test_two_days_without_labels_change_nothing(self):
        intervals = learned()
        assert intervals.around("a", 0.0, 1.0, 0.0) == intervals.around("a", 0.0, 1.0, 2 * DAY)

    def test_the_variance_grows_by_a_percent_for_each_day_beyond(self):
        intervals = learned()
        low, high = intervals.around("a", 5.0, 1.0, 0.0)
        for days in (1, 26, 366):
            wide = intervals.around("a", 5.0, 1.0, (2 + days) * DAY)
            assert (wide[1] - wide[0]) / (high - low) == pytest.approx(math.sqrt(1 + days / 100))
            assert wide[0] < low < 5.0 < high < wide[1]

    def test_after_a_year_they_widen_no_more(self):
        intervals = learned()
        widest = intervals.around("a", 5.0, 1.0, 368 * DAY)
        for now in (369 * DAY, 1e12, 1e300):
            assert intervals.around("a", 5.0, 1.0, now) == widest
            low, high = intervals.around_many(["a"], [5.0], [1.0], [now])
            assert (low[0], high[0]) == widest

    def test_a_label_ends_it(self):
        intervals = learned()
        intervals.learn("a", 0.0, 1.0, 0.5, 27 * DAY, 28 * DAY)
        low, high = intervals.around("a", 0.0, 1.0, 28 * DAY)
        before = learned().around("a", 0.0, 1.0, 0.0)
        assert high - low == pytest.approx(before[1] - before[0], rel=0.1)

    def test_a_clock_that_goes_back_narrows_nothing(self):
        intervals = learned()
        assert intervals.around("a", 0.0, 1.0, -1e9) == intervals.around("a", 0.0, 1.0, 0.0)


def learned(n=200, **settings):
    draw = np.random.default_rng(0)
    intervals = Intervals(**settings)
    for row, error in enumerate(draw.gumbel(0, 1, n).tolist()):
        intervals.learn("ab"[row % 2], 0.0, 1.0, error, row - n - DAY, float(row + 1 - n))
    return intervals


class TestOneAndMany:
    def test_give_the_same_numbers(self):
        pages, errors, times = world(2000, 9)
        intervals = Intervals().fit(pages, 0.0, 1.0, errors, times, times + DAY)
        draw = np.random.default_rng(0)
        names = [f"page {k}" for k in draw.integers(30, size=500)]
        centre, spread = draw.normal(5, 2, 500), draw.uniform(0.1, 3, 500)
        now = times[-1] + draw.uniform(0, 60, 500) * DAY
        low, high = intervals.around_many(names, centre, spread, now)
        rows = zip(names, centre.tolist(), spread.tolist(), now.tolist(), strict=True)
        one = np.array([intervals.around(*row) for row in rows])
        assert np.array_equal(one[:, 0], low)
        assert np.array_equal(one[:, 1], high)

    def test_no_posts_are_an_answer_of_no_rows(self):
        low, high = learned().around_many([], [], [], [])
        assert low.shape == high.shape == (0,)

    def test_fit_is_learning_in_order_of_arrival(self):
        pages, errors, times = world(700, 10)
        at = times + np.random.default_rng(0).uniform(0, 3, 700) * DAY
        one = Intervals()
        for row in np.argsort(at, kind="stable").tolist():
            one.learn(pages[row], 1.0, 2.0, float(1 + 2 * errors[row]), float(times[row]), float(at[row]))
        many = Intervals().fit(pages, 1.0, 2.0, 1 + 2 * errors, times, at)
        assert one.state() == many.state()

    @settings(max_examples=15, deadline=None)
    @given(st.integers(19, 1200), st.integers(0, 2**31))
    def test_asking_changes_nothing(self, n, seed):
        pages, errors, times = world(n, seed, pages=5)
        asked, silent = Intervals(window=40, pool=300), Intervals(window=40, pool=300)
        for row in range(n):
            if asked.n >= 19:
                asked.around(pages[row - 7], 0.0, 1.0, times[row])
            for intervals in (asked, silent):
                intervals.learn(pages[row], 0.0, 1.0, float(errors[row]), float(times[row]), float(times[row] + DAY))
        everybody = sorted({*pages, "nobody"})
        assert [asked.around(page, 0.0, 1.0, 0.0) for page in everybody] == [
            silent.around(page, 0.0, 1.0, 0.0) for page in everybody
        ]


class TestState:
    @pytest.mark.parametrize("n", [0, 5, 19, 480, 1237])
    def test_a_copy_goes_on_in_the_same_way(self, n):
        pages, errors, times = world(n + 300, 11)
        first = Intervals(window=30, pool=600, pages=15)
        second = None
        for row in range(n + 300):
            if row == n:
                second = Intervals.from_state(json.loads(json.dumps(first.state(), allow_nan=False)))
            for intervals in (first, second) if second else (first,):
                intervals.learn(pages[row], 0.0, 1.0, float(errors[row]), float(times[row]), float(times[row] + DAY))
        assert second.state() == first.state()
        assert second.around("page 3", 0.0, 1.0, times[-1]) == first.around("page 3", 0.0, 1.0, times[-1])
        assert second.coverage_recent == first.coverage_recent

    @pytest.mark.parametrize(
        "harm",
        [
            lambda state: state.pop("levels"), lambda state: state.update(target=2.0),
            lambda state: state.update(levels=[0.1]), lambda state: state.update(errors="none"),
            lambda state: state.update(learned=[["a", 1.0]]), lambda state: state.update(learned=7),
            lambda state: state.update(newest=None), lambda state: state.update(newest=math.nan),
            lambda state: state.update(errors=[math.nan]), lambda state: state.update(scale=[None, 1.0, 1.0]),
            lambda state: state["learned"][0][4].pop(), lambda state: state["learned"][0][4][0].pop(),
        ],
    )  # fmt: skip
    def test_a_damaged_one_is_refused(self, harm):
        state = learned().state()
        harm(state)
        with pytest.raises(ModelFileError):
            Intervals.from_state(state)

    def test_what_is_no_state_is_refused(self):
        for thing in ({}, [], None, 7):
            with pytest.raises(ModelFileError):
                Intervals.from_state(thing)


class TestBounds:
    def test_pages_and_errors_are_bounded(self):
        intervals = Intervals(window=5, pool=100, pages=3)
        for row in range(1000):
            intervals.learn(f"page {row % 50}", 0.0, 1.0, float(row % 7), float(row), row + DAY)
        state = intervals.state()
        assert len(state["learned"]) == 3
        assert len(state["errors"]) <= 100
        assert all(len(errors) <= 5 and len(issued[0]) <= 5 for _, _, _, errors, issued in state["learned"])

    def test_the_page_with_the_oldest_label_is_forgotten(self):
        intervals = Intervals(pages=2)
        for page in ("a", "b", "a", "c"):
            intervals.learn(page, 0.0, 1.0, 0.0, 0.0, 1.0)
        assert [row[0] for row in intervals.state()["learned"]] == ["a", "c"]


class TestOddData:
    def test_too_few_labels_say_how_many_are_needed(self):
        intervals = Intervals()
        for _ in range(18):
            intervals.learn("a", 0.0, 1.0, 1.0, 0.0, DAY)
            with pytest.raises(NotFittedError, match="19 are needed"):
                intervals.around("a", 0.0, 1.0, 0.0)
        with pytest.raises(NotFittedError):
            intervals.around_many(["a"], [0.0], [1.0], [0.0])
        assert math.isnan(intervals.coverage_recent)
        intervals.learn("a", 0.0, 1.0, 1.0, 0.0, DAY)
        assert intervals.around("a", 0.0, 1.0, 0.0) == (1.0, 1.0)

    def test_a_high_target_needs_no_more_labels_than_it_says(self):
        draw = np.random.default_rng(0)
        intervals = Intervals(0.999)
        for error in draw.normal(0, 1, 1999).tolist():
            intervals.learn("a", 0.0, 1.0, error, 0.0, DAY)
        low, high = intervals.around("a", 0.0, 1.0, 0.0)
        assert low < -3 < 3 < high

    def test_labels_that_are_all_equal(self):
        intervals = Intervals().fit(["a"] * 500, 3.0, 1.0, [3.0] * 500, np.arange(500.0), np.arange(500.0) + DAY)
        assert intervals.around("a", 3.0, 1.0, 500.0) == (3.0, 3.0)
        assert intervals.coverage_recent == 1.0

    def test_one_absurd_outcome_widens_little(self):
        intervals, calm = learned(), learned()
        intervals.learn("a", 0.0, 1.0, 1e12, 0.0, 1.0)
        calm.learn("a", 0.0, 1.0, 1.0, 0.0, 1.0)
        assert intervals.around("a", 0.0, 1.0, 1.0)[1] < 1.25 * calm.around("a", 0.0, 1.0, 1.0)[1]

    def test_labels_out_of_order_and_before_their_posts(self):
        intervals = learned()
        for at in (50.0, -1e9, 1e9, 3.0):
            intervals.learn("a", 0.0, 1.0, 0.0, at + 5, at)
        low, high = intervals.around("a", 0.0, 1.0, 0.0)
        assert low < high

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, "many", pytest.param(10**400, id="huge")])
    @pytest.mark.parametrize("place", range(1, 6))
    def test_a_number_that_is_not_finite_changes_nothing(self, bad, place):
        intervals = learned()
        before = intervals.state()
        row = ["a", 0.0, 1.0, 1.0, 0.0, 1.0]
        row[place] = bad
        with pytest.raises(PostDataError):
            intervals.learn(*row)
        with pytest.raises(PostDataError):
            intervals.fit(
                ["b", "a"], *([good, wrong] for good, wrong in zip((0.0, 1.0, 0.5, 0.0, 1.0), row[1:], strict=True))
            )
        assert intervals.state() == before

    @pytest.mark.parametrize("pages", [None, 5, "a", [5], [None], [["a"]], {1: 2}])
    def test_pages_that_are_no_texts(self, pages):
        with pytest.raises(PostDataError, match=r"groups is .*; a list of texts is needed"):
            Intervals().fit(pages, [1.0], [1.0], [1.0], [0.0], [0.0])
        with pytest.raises(PostDataError, match=r"groups is .*; a list of texts is needed"):
            Intervals().around_many(pages, [1.0], [1.0], [0.0])

    def test_numbers_that_are_arrays(self):
        for bad in (np.ones((2, 2)), np.array([math.nan])):
            with pytest.raises(PostDataError):
                Intervals().learn("a", 1.0, bad, 1.0, 0.0, 0.0)
            with pytest.raises(PostDataError):
                Intervals().learn("a", 1.0, 1.0, bad, 0.0, 0.0)
            with pytest.raises(PostDataError):
                Intervals().around("a", 1.0, bad, 0.0)
        with pytest.raises(PostDataError):
            Intervals().around("a", 1.0, 10**400, 0.0)

    @pytest.mark.parametrize("state", [None, 5, "x", [], {}, np.array([1.0])])
    def test_what_is_no_state(self, state):
        with pytest.raises(ModelFileError, match="the state is not one that"):
            Intervals.from_state(state)

    @pytest.mark.parametrize(("centre", "spread", "now"), [(math.nan, 1, 0), (0, 0, 0), (0, -2, 0), (0, 1, math.inf)])
    def test_a_prediction_that_cannot_be(self, centre, spread, now):
        with pytest.raises(PostDataError):
            learned().around("a", centre, spread, now)
        with pytest.raises(PostDataError):
            learned().around_many(["a"], centre, spread, now)

    @pytest.mark.parametrize(
        "settings", [{"target": 0}, {"target": 1.0}, {"window": 0}, {"pool": 10}, {"pages": 0}, {"pages": 1.5}]
    )
    def test_settings_that_cannot_be(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            Intervals(**settings)


def test_threads_lose_nothing():
    intervals = learned(window=20)
    errors = np.random.default_rng(1).gumbel(0, 1, 400).tolist()

    def work(name):
        for row, error in enumerate(errors):
            intervals.learn(name, 0.0, 1.0, error, float(row), row + DAY)
            low, high = intervals.around(name, 0.0, 1.0, row + DAY)
            assert low <= high

    threads = [threading.Thread(target=work, args=(f"page {k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert intervals.n == 200 + 4 * 400
    assert [len(row[3]) for row in intervals.state()["learned"]] == [20] * 6


def test_a_process_that_is_forked_while_a_thread_asks():
    """The child must not wait for a lock that a thread held which it does not have."""
    intervals, asking = learned(), threading.Event()

    class Pages(list):
        def __iter__(self):
            asking.set()
            return super().__iter__()

    def ask():
        n = 500_000
        intervals.around_many(Pages(["a", "b"] * (n // 2)), np.zeros(n), np.ones(n), np.zeros(n))

    thread = threading.Thread(target=ask)
    child = multiprocessing.get_context("fork").Process(target=intervals.around, args=("a", 0.0, 1.0, 0.0))
    thread.start()
    asking.wait()
    child.start()
    thread.join()
    child.join(10)
    ended = child.exitcode
    child.kill()
    assert ended == 0
