"""Traffic that should be even, and is or is not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import OutcomeError
from postopt.experiments.sample_ratio import CONCENTRATIONS, SampleRatioCheck, _log_evidence, _nearest


def fed(check, rows):
    return [check.update(row) for row in rows]


class TestEvidence:
    def test_is_the_dirichlet_multinomial_over_the_multinomial(self):
        stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
        counts, expected = np.array([30.0, 50.0, 20.0]), np.array([0.3, 0.3, 0.4])
        mine = _log_evidence(counts, expected, 0.0)
        for size, seen in zip(CONCENTRATIONS, mine, strict=True):
            mixture = stats.dirichlet_multinomial(size * expected, 100).logpmf(counts.astype(int))
            assert seen == pytest.approx(mixture - stats.multinomial(100, expected).logpmf(counts))

    @given(st.lists(st.integers(0, 500), min_size=2, max_size=6).filter(any), st.floats(0.001, 0.5))
    def test_the_null_is_the_likeliest_of_the_tolerated(self, counts, tolerance):
        counts = np.array(counts, float)
        expected = np.full(len(counts), 1 / len(counts))
        nearest = _nearest(counts, expected, tolerance)
        assert nearest.sum() == pytest.approx(1)
        assert np.all(np.abs(nearest / expected - 1) <= tolerance + 1e-9)
        best = np.sum(counts * np.log(nearest))
        random = np.random.default_rng(1)
        for _ in range(20):
            # Moves between two arms that stay within what is tolerated.
            i, j = random.choice(len(counts), 2, replace=False)
            room = min(expected[i] * (1 + tolerance) - nearest[i], nearest[j] - expected[j] * (1 - tolerance))
            moved = nearest.copy()
            moved[i] += (step := random.random() * max(room, 0.0))
            moved[j] -= step
            assert np.sum(counts * np.log(moved)) <= best + 1e-6 * abs(best)

    def test_expected_evidence_of_sound_traffic_is_one(self):
        """Over all outcomes of 100 units: the ratio of two distributions, weighted with the lower one."""
        expected = np.array([0.7, 0.3])
        total = np.zeros(len(CONCENTRATIONS))
        for x in range(101):
            probability = math.comb(100, x) * 0.7**x * 0.3 ** (100 - x)
            total += probability * np.exp(_log_evidence(np.array([x, 100.0 - x]), expected, 0.0))
        assert total == pytest.approx(np.ones(len(CONCENTRATIONS)))


class TestSoundTraffic:
    def test_is_hardly_ever_called_invalid_however_often_it_is_looked_at(self):
        random = np.random.default_rng(3)
        # At alpha = 0.05 and without tolerance, where there is most to see; three standard errors.
        checks = [SampleRatioCheck(alpha=0.05, tolerance=0.0) for _ in range(150)]
        flagged = sum(any(fed(check, random.multinomial(100, [0.5, 0.5], 40))) for check in checks)
        assert flagged / 150 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)

    def test_tolerated_deviations_never_are(self):
        check = SampleRatioCheck(tolerance=0.01)
        assert not any(fed(check, [[10_050, 9_950]] * 100))
        assert check.p_value == 1.0


class TestFaultyTraffic:
    @pytest.mark.parametrize("rows", [[[5_400, 4_600]], [[540, 460]] * 10, [[54, 46]] * 100])
    def test_is_found_in_one_update_or_many(self, rows):
        check = SampleRatioCheck()
        fed(check, rows)
        assert check.invalid
        assert check.p_value < 1e-4

    def test_against_expected_shares(self):
        assert not SampleRatioCheck([9, 1]).update([9_000, 1_000])
        assert SampleRatioCheck([0.9, 0.1]).update([5_000, 5_000])

    def test_an_arm_that_gets_nothing(self):
        assert SampleRatioCheck().update([300, 0])

    def test_many_tests_each_broken_in_another_way(self):
        """None of them is conclusive, their arms differ in number, and over all arms it cancels out."""
        random, check = np.random.default_rng(4), SampleRatioCheck()
        alone = []
        for k in range(40):
            shares = random.dirichlet(np.full(2 + k % 4, 2_000 / (2 + k % 4)))
            counts = random.multinomial(6_000, shares)
            alone.append(SampleRatioCheck().update(counts))
            check.update(counts)
        assert sum(alone) < 10
        assert check.invalid

    def test_once_invalid_it_stays_so(self):
        check = SampleRatioCheck()
        check.update([700, 300])
        low = check.p_value
        fed(check, [[10_000, 10_000]] * 20)
        assert check.invalid
        assert check.p_value <= low

    def test_each_update_may_have_its_own_expected_shares(self):
        check = SampleRatioCheck()
        assert not check.update([5_000, 5_000])
        assert not check.update([9_000, 1_000], weights=[0.9, 0.1])
        assert check.update([8_500, 1_500], weights=[0.9, 0.1])


class TestStates:
    def test_nothing_said_before_anything_is_known(self):
        check = SampleRatioCheck()
        assert (check.invalid, check.p_value, check.n) == (False, 1.0, 0.0)

    @pytest.mark.parametrize("counts", [[], [5_000], [0, 0, 0]])
    def test_one_arm_or_no_traffic_says_nothing(self, counts):
        check = SampleRatioCheck()
        assert not check.update(counts)
        assert check.n == 0

    @given(st.lists(st.lists(st.integers(0, 10**6), min_size=2, max_size=5), max_size=5))
    def test_the_p_value_never_rises(self, rows):
        check, seen = SampleRatioCheck(), [1.0]
        for row in rows:
            check.update(row)
            seen.append(check.p_value)
        assert seen == sorted(seen, reverse=True)
        assert check.n == sum(map(sum, rows))

    @pytest.mark.parametrize(
        "bad", [[-1, 5], [math.nan, 5], [math.inf, 5], ["a", "b"], [[1, 2], [3, 4]], {"a": 1, "b": 2}, 7, None]
    )
    def test_refuses_counts_that_cannot_be_and_keeps_its_state(self, bad):
        check = SampleRatioCheck()
        check.update([520, 480])
        before = (check.n, check.p_value)
        with pytest.raises(OutcomeError):
            check.update(bad)
        assert (check.n, check.p_value) == before

    def test_refuses_another_number_of_arms_than_expected(self):
        with pytest.raises(OutcomeError, match="3 counts for 2"):
            SampleRatioCheck([0.5, 0.5]).update([1, 2, 3])

    @pytest.mark.parametrize("weights", [[], [0.5, 0.0], [1, -1], [math.nan, 1], ["a"]])
    def test_refuses_weights_that_cannot_be(self, weights):
        with pytest.raises(ValueError, match="weight"):
            SampleRatioCheck(weights)

    @pytest.mark.parametrize(
        "setting", [{"alpha": 0}, {"alpha": 1}, {"alpha": math.nan}, {"tolerance": -0.1}, {"tolerance": 1}]
    )
    def test_refuses_settings_that_cannot_be(self, setting):
        with pytest.raises(ValueError, match="needed"):
            SampleRatioCheck(**setting)
