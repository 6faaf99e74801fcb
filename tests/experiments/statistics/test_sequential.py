"""The comparison that may be repeated at every look."""

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import OutcomeError
from postopt.experiments.records import Totals
from postopt.experiments.sequential import SequentialTest
from postopt.experiments.usual import Usual


def shares(n, successes):
    return Totals(n, successes, successes)


counts = st.integers(0, 40_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
sides = st.sampled_from(["both", "greater", "less"])


class TestDecision:
    @given(counts, counts, st.floats(1.0, 4.0), sides, st.sampled_from([None, 5_000]), st.booleans())
    def test_the_interval_excludes_zero_exactly_when_it_is_significant(
        self, arm, control, effect, side, horizon, early
    ):
        seen = SequentialTest(side=side, horizon=horizon, early=early).compare(shares(*arm), shares(*control), effect)
        if abs(abs(seen.z) - seen.level) > 1e-6:
            assert seen.significant == (not seen.interval.low <= 0 <= seen.interval.high)
        assert seen.interval.low <= seen.interval.high

    @given(counts, counts)
    def test_arms_may_change_places(self, arm, control):
        test = SequentialTest()
        forth, back = test.compare(shares(*arm), shares(*control)), test.compare(shares(*control), shares(*arm))
        assert forth.significant == back.significant
        assert forth.z == pytest.approx(-back.z)
        assert forth.interval.low == pytest.approx(1 / (1 + back.interval.high) - 1, abs=1e-6)

    @given(counts, counts, st.floats(1.0, 3.0))
    def test_more_dispersion_never_makes_it_significant(self, arm, control, effect):
        test = SequentialTest()
        if test.direction(shares(*arm), shares(*control), effect):
            assert test.direction(shares(*arm), shares(*control))

    @given(counts, counts, sides)
    def test_direction_is_the_decision_of_compare(self, arm, control, side):
        test, pair = SequentialTest(side=side), (shares(*arm), shares(*control))
        seen = test.compare(*pair)
        assert test.direction(*pair) == (seen.significant and math.copysign(1, seen.z))

    def test_one_side_takes_no_notice_of_the_other(self):
        better, worse = shares(8_000, 200), shares(8_000, 120)
        assert SequentialTest(side="greater").direction(better, worse) == 1
        assert SequentialTest(side="less").direction(better, worse) == 0
        assert SequentialTest(side="less").direction(worse, better) == -1

    def test_one_side_at_half_of_alpha_is_the_same_bound(self):
        assert SequentialTest(alpha=0.025, side="greater").level_at(1.0) == SequentialTest(alpha=0.05).level_at(1.0)

    def test_small_counts_are_never_certain(self):
        """Zero to five successes, whatever the traffic: nothing can be known."""
        test = SequentialTest()
        for n1, n0 in ((6, 6), (100, 100_000), (100_000, 100), (8_000, 8_000)):
            for x1, x0 in ((5, 0), (0, 5), (1, 0)):
                seen = test.compare(shares(n1, x1), shares(n0, x0))
                assert not seen.significant
                assert seen.interval.low < 0 < seen.interval.high

    def test_numbers_of_numpy(self):
        n, x = np.float64(8_000), np.int64(220)
        assert SequentialTest().compare(Totals(n, x, x), shares(8_000, 120)).significant is True

    def test_comparisons_share_alpha(self):
        assert SequentialTest(comparisons=5).level_at(1.0) == SequentialTest(alpha=0.01).level_at(1.0)


class TestProgress:
    def test_observations_count_inside_the_band_and_information_beyond(self):
        test = SequentialTest(usual=Usual(rate=0.015, n=16_000))
        odds = 0.015 / 0.985
        pace = [test.progress(8_000, factor * odds) for factor in (1 / 3, 1 / 1.5, 1.0, 1.5, 3.0, 15.0)]
        assert pace == pytest.approx([0.5, 1.0, 1.0, 1.0, 2.0, 10.0])

    def test_arms_share_the_usual_observations(self):
        odds = 0.015 / 0.985
        assert SequentialTest(arms=4).progress(4_000, odds) == SequentialTest().progress(8_000, odds) == 1

    def test_with_a_horizon_nothing_is_said_before_a_quarter(self):
        test = SequentialTest(horizon=8_000)
        early = test.compare(shares(1_999, 1_000), shares(1_999, 100))
        assert (early.significant, early.level, early.silence) == (
            False,
            math.inf,
            "the first look is at 2,000 outcomes an arm",
        )
        assert test.compare(shares(2_000, 1_000), shares(2_000, 100)).significant

    def test_a_horizon_leaves_more_power_at_its_end(self):
        assert SequentialTest(horizon=8_000).level_at(1.0) < SequentialTest().level_at(1.0)

    def test_a_guardrail_sees_great_harm_at_once(self):
        hides, control = shares(400, 24), shares(400, 4)
        assert SequentialTest(side="greater", early=True).direction(hides, control) == 1
        assert SequentialTest(side="greater").direction(hides, control) == 0


class TestExpected:
    def test_is_the_normal_posterior_mean_on_the_scale_of_logarithms(self):
        seen = SequentialTest(usual=Usual(tau=0.26)).compare(shares(8_000, 180), shares(8_000, 120))
        noise = (1 - 0.01875) / 0.01875 * 2 / 8_000
        assert math.log1p(seen.expected) == pytest.approx(math.log(1.5) * 0.26**2 / (0.26**2 + noise))

    @given(counts, counts)
    def test_lies_between_nothing_and_what_was_seen(self, arm, control):
        seen = SequentialTest().compare(shares(*arm), shares(*control))
        assert abs(seen.expected) <= abs(seen.lift) * (1 + 1e-9)
        assert seen.expected * seen.lift >= 0


class TestMeans:
    def test_revenue(self):
        random = np.random.default_rng(2)

        def revenue(mean):
            values = random.exponential(20 * mean, 20_000) * (random.random(20_000) < 0.05)
            return Totals(20_000, float(values.sum()), float((values**2).sum()))

        test = SequentialTest(kind="mean")
        assert test.direction(revenue(1.4), revenue(1.0)) == 1
        assert test.direction(revenue(1.0), revenue(1.0)) == 0

    def test_a_constant_metric_says_nothing(self):
        seen = SequentialTest(kind="mean").compare(Totals(5_000, 10_000, 20_000), Totals(5_000, 5_000, 5_000))
        assert (seen.significant, seen.silence, seen.lift, seen.expected) == (False, "all outcomes are equal", 1.0, 0.0)


class TestNeeded:
    @pytest.mark.parametrize("lift", [0.05, 0.2, 0.5, -0.2])
    @pytest.mark.parametrize("effect", [1.0, 1.7])
    def test_that_many_give_the_power(self, lift, effect):
        test = SequentialTest()
        n = test.needed(lift, design_effect=effect)
        odds = 0.015 / 0.985
        for observations, enough in ((n, True), (n - 2, False)):
            drift = abs(math.log1p(lift)) * math.sqrt(observations * odds / 2 / effect)
            assert (
                drift - test.level_at(float(test.progress(observations, odds))) >= NormalDist().inv_cdf(0.8)
            ) == enough

    def test_of_means(self):
        usual = Usual(rate=0.5, n=4_000)
        assert SequentialTest(kind="mean", usual=usual).needed(0.2) < SequentialTest(kind="mean", usual=usual).needed(
            0.1
        )
        assert SequentialTest(kind="mean").needed(0.2, rate=4.0) < 1_000  # a spread of half the mean

    def test_does_not_jump_where_a_stretch_of_the_bound_ends(self):
        needs = [SequentialTest().needed(0.428, rate=0.1 + k / 5_000, design_effect=1.7) for k in range(100)]
        assert all(more / less < 1.02 for more, less in pairwise(needs))

    def test_a_larger_lift_needs_less(self):
        needs = [SequentialTest().needed(lift) for lift in (0.02, 0.1, 0.3, 1.0)]
        assert needs == sorted(needs, reverse=True)

    def test_a_host_with_longer_experiments_is_served_better(self):
        longer = SequentialTest(usual=Usual(n=80_000))
        assert longer.needed(0.2) < 0.75 * SequentialTest().needed(0.2)

    @pytest.mark.parametrize(
        "arguments", [{"lift": 0}, {"lift": 1e-300}, {"lift": -1}, {"lift": math.nan}, {"lift": 0.1, "power": 1}]
    )
    def test_refuses_what_cannot_be(self, arguments):
        with pytest.raises(ValueError, match="needed"):
            SequentialTest().needed(**arguments)

    @pytest.mark.parametrize("more", [{"rate": 0}, {"rate": 1}, {"rate": math.nan}, {"design_effect": 0.9}])
    def test_refuses_rates_and_effects_that_cannot_be(self, more):
        with pytest.raises(ValueError, match="needed"):
            SequentialTest().needed(0.1, **more)


@pytest.mark.parametrize(
    "setting",
    [
        {"alpha": 0},
        {"alpha": 0.5},
        {"alpha": math.nan},
        {"comparisons": 0.5},
        {"arms": 1},
        {"horizon": 0},
        {"horizon": math.inf},
        {"kind": "median"},
        {"side": "left"},
        {"usual": Usual(rate=1.0)},
    ],
)
def test_refuses_settings_that_cannot_be(setting):
    with pytest.raises(ValueError, match="needed"):
        SequentialTest(**setting)


@pytest.mark.parametrize("effect", [0.99, math.nan, math.inf, -1])
def test_refuses_a_design_effect_below_one(effect):
    with pytest.raises(ValueError, match="design_effect"):
        SequentialTest().compare(shares(10, 1), shares(10, 2), effect)


def test_refuses_sums_that_cannot_be():
    with pytest.raises(OutcomeError):
        SequentialTest().compare(shares(10, 11), shares(10, 2))
