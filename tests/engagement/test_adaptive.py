import json
import math
import threading

import numpy as np
import pytest

from postopt.engagement.covering.adaptive import AdaptiveConformal, Level
from postopt.engagement.covering.issued import Issued
from postopt.engagement.covering.rolling import Errors, RollingConformal
from postopt.errors import ModelFileError, NotFittedError, PostDataError

DAY = 86_400.0
LEARNERS = [RollingConformal, AdaptiveConformal]


def stream(n, seed=0, pages=5, per_day=500):
    draw = np.random.default_rng(seed)
    page = [f"page {k}" for k in draw.integers(pages, size=n)]
    return page, draw.gumbel(0, 1, n), np.arange(n) / per_day * DAY


def late(model, pages, errors, times, delay=DAY):
    """Ask for each post when it is published, and give its label `delay` later; return who was inside."""
    inside = np.full(len(pages), np.nan)
    done = 0
    for row, now in enumerate(times.tolist()):
        while done < row and times[done] + delay <= now:
            model.learn(pages[done], 0.0, 1.0, float(errors[done]), float(times[done]), float(times[done] + delay))
            done += 1
        if model.n >= 19:
            low, high = model.around(pages[row], 0.0, 1.0, now)
            inside[row] = low <= errors[row] <= high
    return inside


class TestErrors:
    def test_the_oldest_goes(self):
        errors = Errors.restored(3, [9.0, 1.0])
        for value in (5.0, 2.0):
            errors.add(value)
        assert errors.arrived() == [1.0, 5.0, 2.0]
        assert errors.ordered.tolist() == [1.0, 2.0, 5.0]

    def test_of_equal_ones_one_goes(self):
        errors = Errors.restored(2, [1.0, 1.0, 1.0])
        errors.add(1.0)
        assert errors.arrived() == errors.ordered.tolist() == [1.0, 1.0]

    def test_tails_are_conformal_quantiles(self):
        errors = Errors.restored(100, range(1, 20))
        assert errors.tails(0.05, 0.05) == (1.0, 19.0)
        assert errors.tails(0.1, 0.25) == (2.0, 15.0)
        with pytest.raises(NotFittedError):
            errors.tails(0.04, 0.5)


class TestIssued:
    def test_what_held_when(self):
        issued = Issued(3)
        assert issued.at(5.0) is None
        for at in (1.0, 2.0, 4.0):
            issued.note(at, -at, at)
        assert issued.at(0.5) is None
        assert issued.at(1.0) == (-1.0, 1.0)
        assert issued.at(3.9) == (-2.0, 2.0)
        assert (issued.after(1.0), issued.after(4.0)) == (2, 0)

    def test_only_the_latest_are_kept(self):
        issued = Issued(2)
        for at in (1.0, 2.0, 3.0):
            issued.note(at, 0.0, at)
        assert issued.rows() == [[2.0, 3.0], [0.0, 0.0], [2.0, 3.0]]
        assert Issued.from_rows(2, issued.rows()).rows() == issued.rows()

    def test_time_never_runs_backwards(self):
        issued = Issued(9)
        issued.note(5.0, 0.0, 1.0)
        issued.note(2.0, 0.0, 2.0)
        assert issued.at(5.0) == (0.0, 2.0)
        assert issued.at(4.0) is None


class TestLevel:
    def test_a_miss_lowers_the_share_that_is_left_out(self):
        level = Level(0.05, 0.2)
        level.learn(missed=True, in_flight=1000)
        assert level.miss == pytest.approx(0.05 - 0.0002 * 0.95)
        level.learn(missed=False, in_flight=1000)
        assert level.miss == pytest.approx(0.05 - 0.0002 * 0.95 + 0.0002 * 0.05)

    def test_no_label_moves_it_far(self):
        level = Level(0.05, 10.0)
        level.learn(missed=True, in_flight=0)
        assert level.miss == pytest.approx(0.05 - 0.0095)

    def test_it_has_ends(self):
        level = Level(0.05, 1.0)
        for _ in range(100):
            level.learn(missed=True, in_flight=1)
        assert level.miss == 0.05 / 8
        for _ in range(1000):
            level.learn(missed=False, in_flight=1)
        assert level.miss == 0.1

    @pytest.mark.parametrize(("divided", "swings"), [(True, False), (False, True)])
    def test_dividing_by_the_labels_in_flight_keeps_it_from_swinging(self, divided, swings):
        # A tail of uniform errors: it leaves out `miss` of them, and labels come 1,000 later.
        errors, level, issued, seen = np.random.default_rng(0).random(20_000), Level(0.05, 0.2), [], []
        for row in range(len(errors)):
            issued.append(level.miss)
            if row >= 1000:
                missed = errors[row - 1000] < issued[row - 1000]
                level.learn(missed=missed, in_flight=1000 if divided else 20)
            seen.append(level.miss)
        assert (np.ptp(seen[5000:]) > 0.08) == swings


class TestLearners:
    @pytest.mark.parametrize("make", LEARNERS)
    def test_cover_what_was_asked_for_with_labels_a_day_late(self, make):
        for target in (0.8, 0.9):
            inside = late(make(target), *stream(6000))
            assert abs(np.nanmean(inside[1000:]) - target) < 0.018

    @pytest.mark.parametrize("make", LEARNERS)
    def test_forget_an_old_world(self, make):
        pages, errors, times = stream(6000, 1)
        errors[3000:] *= 3
        inside = late(make(window=1000), pages, errors, times)
        assert inside[3000:3400].mean() < 0.75
        assert 0.87 < inside[5000:].mean() < 0.97

    def test_adaptive_steers_each_page(self):
        pages, errors, times = stream(8000, 2, pages=3)
        wild = np.array([page == "page 0" for page in pages])
        errors[wild] *= 1.5
        rolling = late(RollingConformal(), pages, errors, times)
        adaptive = late(AdaptiveConformal(), pages, errors, times)
        assert np.mean(rolling[4000:][wild[4000:]]) < 0.86
        assert np.mean(adaptive[4000:][wild[4000:]]) > np.mean(rolling[4000:][wild[4000:]]) + 0.02

    @pytest.mark.parametrize("make", LEARNERS)
    def test_one_and_many_are_equal(self, make):
        model = make()
        pages, errors, times = stream(300, 3)
        late(model, pages, errors, times, delay=3600)
        centre, spread = np.linspace(-5, 5, 300), np.linspace(0.1, 2, 300)
        low, high = model.around_many(["unseen", *pages[1:]], centre, spread, times)
        rows = zip(["unseen", *pages[1:]], centre.tolist(), spread.tolist(), times.tolist(), strict=True)
        assert [model.around(*row) for row in rows] == list(zip(low.tolist(), high.tolist(), strict=True))
        assert model.around_many([], [], [])[0].shape == (0,)

    @pytest.mark.parametrize("make", LEARNERS)
    def test_need_enough_labels(self, make):
        model = make()
        for row in range(18):
            model.learn("a", 0.0, 1.0, float(row), 0.0, DAY)
        with pytest.raises(NotFittedError, match="19 are needed"):
            model.around("a", 0.0, 1.0)
        model.learn("a", 0.0, 1.0, 18.0, 0.0, DAY)
        assert model.around("a", 0.0, 1.0) == (0.0, 18.0)

    @pytest.mark.parametrize("make", LEARNERS)
    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    @pytest.mark.parametrize("place", range(1, 6))
    def test_numbers_that_cannot_be_change_nothing(self, make, bad, place):
        model, row = make(), ["a", 0.0, 1.0, 1.0, 0.0, 1.0]
        row[place] = bad
        with pytest.raises(PostDataError):
            model.learn(*row)
        assert model.n == 0

    @pytest.mark.parametrize("make", LEARNERS)
    def test_refuse_predictions_that_cannot_be(self, make):
        with pytest.raises(PostDataError):
            make().around("a", 0.0, 0.0)

    def test_adaptive_forgets_the_page_with_the_oldest_label(self):
        model = AdaptiveConformal(groups=2, memory=5)
        pages, errors, times = stream(400, 4, pages=6)
        late(model, pages, errors, times, delay=10.0)
        assert len(model._groups) == 2
        assert all(len(group.issued.rows()[0]) <= 5 for group in model._groups.values())

    @pytest.mark.parametrize("make", LEARNERS)
    def test_a_copy_goes_on_in_the_same_way(self, make):
        pages, errors, times = stream(900, 5)
        first, second = make(window=300), None
        for row in range(900):
            if row == 600:
                second = make.from_state(json.loads(json.dumps(first.state(), allow_nan=False)))
            for model in (first, second) if second else (first,):
                model.learn(pages[row], 0.0, 1.0, float(errors[row]), float(times[row]), float(times[row] + 9000))
        assert second.state() == first.state()
        assert second.around("page 1", 0.0, 1.0) == first.around("page 1", 0.0, 1.0)

    @pytest.mark.parametrize("make", LEARNERS)
    def test_a_damaged_state_is_refused(self, make):
        model = make()
        late(model, *stream(100), delay=1.0)
        for change in ({"errors": ["x"]}, {"errors": [math.nan]}, {"target": None}, {"n": "many"}, {"window": 3}):
            with pytest.raises(ModelFileError, match=make.__name__):
                make.from_state(model.state() | change)
        with pytest.raises(ModelFileError):
            make.from_state({})

    @pytest.mark.parametrize(
        ("make", "settings"),
        [
            (RollingConformal, {"target": 1}), (RollingConformal, {"window": 18}), (AdaptiveConformal, {"gamma": 0}),
            (AdaptiveConformal, {"gamma": math.nan}), (AdaptiveConformal, {"window": 5}),
            (AdaptiveConformal, {"groups": 0}), (AdaptiveConformal, {"memory": 0}),
        ],
    )  # fmt: skip
    def test_settings_that_cannot_be(self, make, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            make(**settings)

    @pytest.mark.parametrize("make", LEARNERS)
    def test_threads_lose_nothing(self, make):
        model = make()

        def work(name):
            for row in range(300):
                model.learn(name, 0.0, 1.0, float(row % 17), float(row), float(row))
                if model.n > 40:
                    low, high = model.around(name, 0.0, 1.0)
                    assert low <= high

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert model.n == 1200
