import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.conformal import MondrianConformal, QuantileConformal, SplitConformal, least_labels, rank
from postopt.errors import ModelFileError, NotFittedError, PostDataError

CLASSES = [SplitConformal, MondrianConformal, QuantileConformal]


def data(n, seed=0, groups=4):
    draw = np.random.default_rng(seed)
    group = [f"page {k}" for k in draw.integers(groups, size=n)]
    centre, spread = draw.normal(6, 1, n), draw.uniform(0.5, 2, n)
    return group, centre, spread, centre + spread * draw.gumbel(0, 0.6, n)


class TestRank:
    @pytest.mark.parametrize(("n", "tail", "place"), [(19, 0.95, 18), (20, 0.95, 19), (39, 0.95, 37), (9, 0.9, 8)])
    def test_it_is_the_finite_sample_rank(self, n, tail, place):
        assert rank(n, tail) == place

    @pytest.mark.parametrize(("tail", "least"), [(0.95, 19), (0.9, 9), (0.5, 1), (0.99, 99)])
    def test_it_needs_enough_errors_to_bound_the_next(self, tail, least):
        assert least_labels(tail) == least
        assert rank(least, tail) == least - 1
        with pytest.raises(NotFittedError, match=f"{least} are needed"):
            rank(least - 1, tail)

    @given(st.integers(1, 3000), st.floats(0.5, 0.999))
    def test_the_next_error_lies_below_with_at_least_that_probability(self, n, tail):
        if n >= least_labels(tail):
            assert (rank(n, tail) + 1) / (n + 1) >= tail - 1e-9
            assert rank(n, tail) == 0 or rank(n, tail) / (n + 1) < tail


@pytest.mark.long  # the imports of the oracles
class TestAgainstOthers:
    def test_split_gives_what_mapie_gives(self):
        regression = pytest.importorskip("mapie.regression", reason="MAPIE is the oracle")
        _, centre, _, outcome = data(400)
        model = regression.SplitConformalRegressor(fitted(0, of=1), confidence_level=0.9, prefit=True)
        theirs = model.conformalize(centre[:300, None], outcome[:300]).predict_interval(centre[300:, None])[1][:, :, 0]
        ours = SplitConformal().fit(["a"] * 300, centre[:300], 1.0, outcome[:300])
        low, high = ours.around_many(["a"] * 100, centre[300:], 1.0)
        assert np.allclose(np.column_stack([low, high]), theirs)

    def test_quantiles_are_corrected_as_mapie_does(self):
        regression = pytest.importorskip("mapie.regression", reason="MAPIE is the oracle")
        _, centre, spread, outcome = data(400, seed=1)
        columns = np.column_stack([centre - spread, centre + spread, centre])
        model = regression.ConformalizedQuantileRegressor([fitted(k, of=3) for k in range(3)], prefit=True)
        model.conformalize(columns[:300], outcome[:300])
        theirs = model.predict_interval(columns[300:], symmetric_correction=False)[1][:, :, 0]
        ours = QuantileConformal().fit(["a"] * 300, centre[:300], spread[:300], outcome[:300])
        low, high = ours.around_many(["a"] * 100, centre[300:], spread[300:])
        assert np.allclose(np.column_stack([low, high]), theirs)

    def test_groups_are_calibrated_as_crepes_does(self):
        crepes = pytest.importorskip("crepes", reason="crepes is the oracle")
        group, centre, spread, outcome = data(1000, seed=2)
        model = crepes.ConformalRegressor()
        model.fit(outcome[:800] - centre[:800], sigmas=spread[:800], bins=np.array(group[:800]))
        theirs = model.predict_int(centre[800:], sigmas=spread[800:], bins=np.array(group[800:]), confidence=0.9)
        ours = MondrianConformal(least=50).fit(group[:800], centre[:800], spread[:800], outcome[:800])
        assert np.allclose(np.column_stack(ours.around_many(group[800:], centre[800:], spread[800:])), theirs)


def fitted(column, of):
    """Return a fitted regression that predicts one of its columns."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = np.eye(of)[column], 0.0, of
    return model


class TestCoverage:
    @pytest.mark.parametrize("make", CLASSES)
    def test_exchangeable_outcomes_are_covered_as_often_as_promised(self, make):
        covered = []
        for seed in range(60):
            group, centre, spread, outcome = data(400, seed)
            model = make(0.8).fit(group[:200], centre[:200], spread[:200], outcome[:200])
            low, high = model.around_many(group[200:], centre[200:], spread[200:])
            covered.append(np.mean((low <= outcome[200:]) & (outcome[200:] <= high)))
        # Standard error of the mean of 60 times 200 outcomes after calibration on 200: about .005.
        assert 0.785 < np.mean(covered) < 0.83

    def test_each_end_of_a_skewed_distribution_misses_alike(self):
        group, centre, spread, outcome = data(40_000, 3)
        model = QuantileConformal().fit(group[:20_000], centre[:20_000], spread[:20_000], outcome[:20_000])
        low, high = model.around_many(group[20_000:], centre[20_000:], spread[20_000:])
        assert abs(np.mean(outcome[20_000:] < low) - 0.05) < 0.008
        assert abs(np.mean(outcome[20_000:] > high) - 0.05) < 0.008

    def test_a_group_of_its_own_kind_has_its_own_width(self):
        draw = np.random.default_rng(0)
        group = ["calm"] * 500 + ["wild"] * 500
        errors = draw.normal(0, np.repeat([1.0, 3.0], 500))
        model = MondrianConformal().fit(group, 0.0, 1.0, errors)
        calm, wild, unseen = (model.around(name, 0.0, 1.0)[1] for name in ("calm", "wild", "never seen"))
        assert calm < unseen < wild
        assert wild / calm == pytest.approx(3, rel=0.2)

    def test_a_small_group_shares_the_quantile_of_all(self):
        group, centre, spread, outcome = data(400)
        model = MondrianConformal().fit(["few"] * 10 + group[10:], centre, spread, outcome)
        assert model.around("few", 0.0, 1.0) == model.around("unseen", 0.0, 1.0)


class TestBothPaths:
    @pytest.mark.parametrize("make", CLASSES)
    def test_one_by_one_and_many_are_equal(self, make):
        group, centre, spread, outcome = data(300)
        model = make().fit(group, centre, spread, outcome)
        rows = [model.around(*row) for row in zip([*group[1:], "new"], centre.tolist(), spread.tolist(), strict=True)]
        low, high = model.around_many([*group[1:], "new"], centre, spread)
        assert rows == list(zip(low.tolist(), high.tolist(), strict=True))

    def test_quantiles_that_would_cross_meet(self):
        model = QuantileConformal().fit(["a"] * 100, 0.0, 10.0, np.linspace(-0.1, 0.1, 100))
        low, high = model.around("a", 3.0, 0.1)
        assert low == high
        assert abs(low - 3.0) < 0.01
        assert model.around_many(["a"], [3.0], [0.1]) == (low, high)


class TestState:
    @pytest.mark.parametrize("make", CLASSES)
    def test_a_copy_says_the_same(self, make):
        group, centre, spread, outcome = data(900)
        model = make().fit(group, centre, spread, outcome)
        copy = make.from_state(json.loads(json.dumps(model.state())))
        assert copy.n == model.n == 900
        for name in ("page 1", "unseen"):
            assert copy.around(name, 3.0, 2.0) == model.around(name, 3.0, 2.0)

    @pytest.mark.parametrize("make", CLASSES)
    def test_before_calibration_there_is_one_too(self, make):
        with pytest.raises(NotFittedError):
            make.from_state(make().state()).around("a", 0.0, 1.0)

    @pytest.mark.parametrize("make", CLASSES)
    def test_a_damaged_one_is_refused(self, make):
        state = make().fit(["a"] * 50, 0.0, 1.0, np.arange(50.0)).state()
        for damaged in ({}, [], state | {"pooled": [1.0]}, state | {"tails": [1]}, state | {"tails": {"a": 1}}):
            with pytest.raises(ModelFileError, match=make.__name__):
                make.from_state(damaged)


class TestRefusals:
    @pytest.mark.parametrize("make", CLASSES)
    def test_nothing_is_said_before_calibration(self, make):
        with pytest.raises(NotFittedError, match="call fit first"):
            make().around("a", 0.0, 1.0)
        with pytest.raises(NotFittedError):
            make().fit([], [], [], [])
        with pytest.raises(NotFittedError):
            make().fit(["a"] * 5, 0.0, 1.0, np.zeros(5))

    @pytest.mark.parametrize("make", CLASSES)
    @pytest.mark.parametrize(
        ("centre", "spread", "now"),
        [
            (np.nan, 1, 0),
            (np.inf, 1, 0),
            (0, 0, 0),
            (0, -1, 0),
            (0, np.nan, 0),
            (0, 1, np.nan),
            (None, 1, 0),
            ("x", 1, 0),
        ],
    )
    def test_a_prediction_that_cannot_be(self, make, centre, spread, now):
        model = make().fit(["a"] * 50, 0.0, 1.0, np.arange(50.0))
        with pytest.raises(PostDataError):
            model.around("a", centre, spread, now)
        with pytest.raises(PostDataError):
            model.around_many(["b", "a"], [0, centre], [1, spread], [0, now])

    @pytest.mark.parametrize("make", CLASSES)
    def test_a_state_with_tails_that_are_not_finite(self, make):
        state = make().fit(["a"] * 50, 0.0, 1.0, np.arange(50.0)).state()
        with pytest.raises(ModelFileError):
            make.from_state({**state, "pooled": [np.nan, 1.0]})

    @pytest.mark.parametrize(
        ("column", "value"),
        [("centres", [0.0, 1.0]), ("outcomes", [np.nan] * 3), ("spreads", [1, 0, 1]), ("outcomes", ["many"] * 3)],
    )
    def test_columns_that_cannot_be(self, column, value):
        columns = {"centres": 0.0, "spreads": 1.0, "outcomes": 0.0} | {column: value}
        with pytest.raises(PostDataError, match=column):
            SplitConformal(0.5).fit(["a"] * 3, **columns)

    def test_an_error_beyond_all_floats(self):
        with pytest.raises(PostDataError, match="further"):
            SplitConformal(0.5).fit(["a"] * 3, 0.0, 1e-300, [1e300, 0, 0])

    @pytest.mark.parametrize("target", [0, 1, -0.1, np.nan, "0.9", True])
    def test_a_target_that_is_no_share(self, target):
        with pytest.raises(ValueError, match="target"):
            SplitConformal(target)

    def test_a_refused_calibration_changes_nothing(self):
        model = SplitConformal().fit(["a"] * 50, 0.0, 1.0, np.arange(50.0))
        before = model.around("a", 0.0, 1.0)
        with pytest.raises(NotFittedError):
            model.fit(["a"], 0.0, 1.0, [1.0])
        assert model.around("a", 0.0, 1.0) == before
