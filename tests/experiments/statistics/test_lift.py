"""Scores and intervals of a ratio, against scipy, closed forms and published numbers."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from postopt.errors import OutcomeError
from postopt.experiments.lift import LiftScore
from postopt.experiments.records import Totals


def shares(n, successes):
    return Totals(n, successes, successes)


def of(values):
    return Totals(len(values), sum(values), sum(x * x for x in values))


counts = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


class TestProportion:
    @given(counts, counts)
    def test_z_is_the_pooled_one(self, arm, control):
        n1, x1, n0, x0 = *arm, *control
        pooled = (x1 + x0) / (n1 + n0)
        assume(0 < pooled < 1)
        z = (x1 / n1 - x0 / n0) / math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
        assert LiftScore(shares(*arm), shares(*control)).z() == pytest.approx(z, rel=1e-6, abs=1e-9)

    def test_agrees_with_scipy_chi_square(self):
        stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
        table = [[130, 7_870], [171, 7_829]]
        chi2 = stats.chi2_contingency(table, correction=False).statistic
        assert LiftScore(shares(8_000, 171), shares(8_000, 130)).z() ** 2 == pytest.approx(chi2)

    def test_interval_is_koopmans(self):
        # Koopman, Biometrics 40 (1984), table 1: 36 of 40 against 16 of 80; 95 % from 2.94 to 7.15 for the ratio.
        low, high = LiftScore(shares(40, 36), shares(80, 16)).bounds(1.959964)
        assert (low + 1, high + 1) == pytest.approx((2.94, 7.15), abs=0.005)

    @given(counts, counts, st.floats(1.0, 6.0))
    def test_interval_is_where_the_score_is_below_the_level(self, arm, control, level):
        score = LiftScore(shares(*arm), shares(*control))
        assume(not score.silence)
        low, high = score.bounds(level)
        assert low <= score.lift <= high
        if low > -1:
            assert score.z(1 + low) == pytest.approx(level, rel=1e-6)
        if high < math.inf:
            assert score.z(1 + high) == pytest.approx(-level, rel=1e-6)

    @given(counts, counts)
    def test_success_and_failure_are_treated_alike(self, arm, control):
        mine = LiftScore(shares(*arm), shares(*control))
        turned = LiftScore(shares(arm[0], arm[0] - arm[1]), shares(control[0], control[0] - control[1]))
        assert (turned.z(), turned.rate) == (pytest.approx(-mine.z(), abs=1e-9), pytest.approx(mine.rate))

    def test_an_arm_without_success_is_not_known_exactly(self):
        score = LiftScore(shares(100, 0), shares(100_000, 2_000))
        assert score.lift == -1
        assert -1.5 < score.z() < -1.4  # two were expected
        assert score.bounds(1.96)[1] > 0

    def test_a_control_without_success(self):
        score = LiftScore(shares(1_000, 5), shares(1_000, 0))
        assert score.lift == math.inf
        low, high = score.bounds(1.96)
        assert 0 < low < 1
        assert high == math.inf

    def test_the_design_effect_widens_by_its_root(self):
        plain, wide = (LiftScore(shares(900, 90), shares(900, 60), design_effect=effect) for effect in (1.0, 4.0))
        assert wide.z() == pytest.approx(plain.z() / 2)

    def test_a_step_is_what_one_success_moves(self):
        before, after = (LiftScore(shares(10_000, x), shares(10_000, 150)) for x in (150, 151))
        assert after.z() - before.z() == pytest.approx(before.step, rel=0.02)


class TestMean:
    arm, control = [3.0, 5.0, 4.0, 6.0, 7.0] * 10, [2.0, 4.0, 3.0, 5.0, 6.0] * 10

    def test_interval_is_fiellers(self):
        level = 1.96
        (n1, m1, v1), (n0, m0, v0) = ((50, sum(x) / 50, 100 / 49) for x in (self.arm, self.control))
        # Roots of (m1 - r m0)**2 = z**2 (v1 / n1 + r**2 v0 / n0).
        a, b, c = m0 * m0 - level**2 * v0 / n0, m1 * m0, m1 * m1 - level**2 * v1 / n1
        root = math.sqrt(b * b - a * c)
        low, high = LiftScore(of(self.arm), of(self.control), kind="mean").bounds(level)
        assert (1 + low, 1 + high) == pytest.approx(((b - root) / a, (b + root) / a))

    def test_z_is_welchs_where_variances_are_alike(self):
        stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
        welch = stats.ttest_ind(self.arm, self.control, equal_var=False).statistic
        assert LiftScore(of(self.arm), of(self.control), kind="mean").z() == pytest.approx(welch)

    def test_equal_values_do_not_look_certain(self):
        flat, spread = of([1.0] * 40), of([0.0, 3.0] * 20)
        own = LiftScore(flat, spread, kind="mean")
        assert abs(own.z()) < abs(40**0.5 * 0.5 / math.sqrt(own._variances[1]))

    def test_few_outcomes(self):
        assert LiftScore(of([1.0]), of([2.0, 3.0]), kind="mean").silence

    @pytest.mark.parametrize(
        ("arm", "control", "why"),
        [
            (of([]), of([1.0] * 50), "no outcomes yet"),
            (of([1.0, 2.0]), of([1.0, 2.0] * 50), "fewer than 30 outcomes an arm"),
            (of([2.0] * 40), of([1.0] * 40), "all outcomes are equal"),
            (of([0.1] * 999), of([0.7] * 999), "all outcomes are equal"),  # whose sums are rounded
            (of([0.0] * 40), of([0.0] * 40), "all outcomes are equal"),
        ],
    )
    def test_says_why_it_is_silent(self, arm, control, why):
        score = LiftScore(arm, control, kind="mean")
        assert score.silence == why
        assert (score.z(), score.rate, score.bounds(2.0)) == (0.0, 0.0, (-1.0, math.inf))


def test_a_level_that_nothing_reaches():
    assert LiftScore(shares(9, 5), shares(9, 4)).bounds(1e9) == (-1.0, math.inf)
    assert LiftScore(shares(9, 5), shares(9, 4)).bounds(math.inf) == (-1.0, math.inf)


def test_sums_of_no_outcomes():
    with pytest.raises(OutcomeError, match="no outcomes"):
        LiftScore(Totals(0, 1, 1), of([1.0, 2.0]), kind="mean")


def test_one_arm_without_outcomes():
    assert LiftScore(shares(10, 3), shares(0, 0)).lift == 0


@pytest.mark.parametrize(("arm", "lift"), [(shares(50, 0), 0.0), (shares(50, 50), 0.0), (shares(0, 0), 0.0)])
def test_nothing_or_everything_succeeded(arm, lift):
    score = LiftScore(arm, arm)
    assert score.silence
    assert (score.lift, score.z()) == (lift, 0.0)


@pytest.mark.parametrize(
    "bad",
    [
        Totals(-1, 0, 0),
        Totals(math.nan, 0, 0),
        Totals(math.inf, 0, 0),
        Totals(10, -1, 0),
        Totals(10, math.nan, 0),
        Totals(10, 11, 11),
        Totals(10, 5, math.nan),
        Totals(0, 1, 1),
    ],
)
def test_refuses_sums_that_no_outcomes_have(bad):
    for pair in ((bad, shares(10, 5)), (shares(10, 5), bad)):
        with pytest.raises(OutcomeError):
            LiftScore(*pair)
