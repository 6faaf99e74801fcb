import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.stats import metrics
from postopt.stats.metrics import Clusters

coarse = st.lists(st.integers(0, 5), min_size=2, max_size=40)


def sample(seed=0, n=300):
    draw = np.random.default_rng(seed)
    p = draw.random(n).round(2)
    return p, draw.random(n) < p


class TestAgainstScikitLearn:
    def test_r2_auc_and_brier(self):
        sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle")
        p, happened = sample()
        y = p + np.random.default_rng(1).normal(0, 1, len(p))
        assert metrics.r2(y, p) == pytest.approx(sklearn.r2_score(y, p))
        assert metrics.auc(p, happened) == pytest.approx(sklearn.roc_auc_score(happened, p))
        weights = np.random.default_rng(2).integers(0, 4, len(p)).astype(float)
        theirs = sklearn.roc_auc_score(happened, p, sample_weight=weights)
        assert metrics.auc(p, happened, weights) == pytest.approx(theirs)
        assert metrics.brier(p, happened) == pytest.approx(sklearn.brier_score_loss(happened, p))

    def test_the_calibration_curve(self):
        calibration = pytest.importorskip("sklearn.calibration", reason="scikit-learn is the oracle")
        draw = np.random.default_rng(3)
        p = draw.permutation(np.linspace(0.01, 0.99, 300))
        happened = draw.random(300) < p
        curve = metrics.calibration(p, happened, 15)
        observed, predicted = calibration.calibration_curve(happened, p, n_bins=15, strategy="quantile")
        assert np.allclose(curve.predicted, predicted)
        assert np.allclose(curve.observed, observed)
        assert curve.n.tolist() == [20] * 15


class TestRanks:
    @given(coarse)
    def test_they_are_those_of_scipy(self, values):
        stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
        assert metrics.ranks(np.array(values, float)).tolist() == stats.rankdata(values).tolist()

    def test_spearman_is_that_of_scipy(self):
        stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
        a, b = np.random.default_rng(0).integers(0, 9, (2, 100)).astype(float)
        assert metrics.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)

    def test_within_groups_knows_nothing_of_the_groups_levels(self):
        group = np.repeat([0, 1, 2], [40, 20, 5])
        within = np.concatenate([np.arange(40), np.arange(20), np.arange(5)]).astype(float)
        outcomes = within * np.where(group == 1, -1, 1) + 100 * group
        rank, groups = metrics.within_groups(within, outcomes, group, 10)
        assert groups == 2
        assert rank == pytest.approx((40 * 1 + 20 * -1) / 60)

    def test_a_group_in_which_nothing_differs_is_left_out(self):
        rank, groups = metrics.within_groups(np.zeros(20), np.arange(20.0), np.repeat([0, 1], 10), 5)
        assert math.isnan(rank)
        assert groups == 0


class TestAuc:
    def test_ties_count_half(self):
        assert metrics.auc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5

    @given(coarse, st.integers(0, 2**31))
    def test_it_is_the_share_of_pairs_in_order(self, scores, seed):
        happened = np.random.default_rng(seed).random(len(scores)) < 0.5
        yes = [s for s, h in zip(scores, happened, strict=True) if h]
        no = [s for s, h in zip(scores, happened, strict=True) if not h]
        got = metrics.auc(np.array(scores, float), happened)
        if not yes or not no:
            assert math.isnan(got)
        else:
            pairs = [(a > b) + (a == b) / 2 for a in yes for b in no]
            assert got == pytest.approx(np.mean(pairs))


class TestCalibration:
    def test_equal_probabilities_stay_together(self):
        curve = metrics.calibration(np.full(100, 0.3), np.arange(100) < 40, 10)
        assert (curve.predicted.tolist(), curve.observed.tolist(), curve.n.tolist()) == (
            [pytest.approx(0.3)],
            [0.4],
            [100],
        )
        assert metrics.ece(curve) == pytest.approx(0.1)

    def test_the_floor_is_what_perfect_probabilities_show(self):
        shown, floors = [], []
        for seed in range(40):
            curve = metrics.calibration(*sample(seed, 2000))
            shown.append(metrics.ece(curve))
            floors.append(metrics.ece_floor(curve))
        assert np.mean(shown) == pytest.approx(np.mean(floors), rel=0.1)

    def test_one_post_has_a_curve(self):
        curve = metrics.calibration(np.array([0.7]), np.array([True]))
        assert curve.n.tolist() == [1]
        assert metrics.ece(curve) == pytest.approx(0.3)


class TestNoAnswer:
    def test_is_nan(self):
        none, nothing = np.array([]), np.array([], dtype=bool)
        empty = metrics.calibration(none, nothing)
        answers = [
            metrics.r2(none, none), metrics.r2(np.ones(3), np.zeros(3)), metrics.spearman(none, none),
            metrics.spearman(np.ones(3), np.arange(3.0)), metrics.auc(none, nothing), metrics.brier(none, nothing),
            metrics.auc(np.arange(3.0), np.ones(3, dtype=bool)), metrics.ece(empty), metrics.ece_floor(empty),
        ]  # fmt: skip
        assert all(math.isnan(answer) for answer in answers)


class TestClusters:
    def test_posts_of_one_page_are_no_independent_witnesses(self):
        draw = np.random.default_rng(0)
        page = np.repeat(np.arange(30), 50)
        values = draw.normal(0, 1, 30)[page] + draw.normal(0, 0.1, 1500)
        by_page = Clusters(page, rounds=300, seed=0).of_means(values)
        by_post = Clusters(np.arange(1500), rounds=300, seed=0).of_means(values)
        assert by_page.high - by_page.low > 4 * (by_post.high - by_post.low)
        assert by_page.low < values.mean() < by_page.high

    def test_the_interval_of_a_mean_is_that_of_the_textbook(self):
        values = np.random.default_rng(1).normal(5, 2, 400)
        interval = Clusters(np.arange(400), rounds=1000, seed=0).of_means(values)
        half = 1.96 * values.std() / 20
        assert interval.low == pytest.approx(values.mean() - half, abs=0.03)
        assert interval.high == pytest.approx(values.mean() + half, abs=0.03)
        assert (interval.level, interval.n) == (0.95, 400)

    def test_a_seed_gives_one_interval(self):
        p, happened = sample()
        page = np.arange(300) % 20
        one, again, other = (Clusters(page, rounds=50, seed=seed).of_auc(p, happened) for seed in (0, 0, 1))
        assert one == again != other

    def test_it_repeats_auc_on_the_drawn_rows(self):
        p, happened = sample(n=40)
        page = np.arange(40) % 4
        interval = Clusters(page, rounds=1, seed=7).of_auc(p, happened)
        drawn = np.random.default_rng(7).integers(4, size=4)
        rows = np.concatenate([np.flatnonzero(page == k) for k in drawn])
        assert interval.low == interval.high == pytest.approx(metrics.auc(p[rows], happened[rows]))

    def test_one_cluster_and_one_class_have_no_interval(self):
        for interval in (
            Clusters(np.zeros(5, dtype=int), rounds=5, seed=0).of_means(np.arange(5.0)),
            Clusters(np.zeros(0, dtype=int), rounds=5, seed=0).of_means(np.zeros(0)),
            Clusters(np.arange(5), rounds=5, seed=0).of_auc(np.arange(5.0), np.ones(5, dtype=bool)),
        ):
            assert math.isnan(interval.low)
            assert math.isnan(interval.high)
