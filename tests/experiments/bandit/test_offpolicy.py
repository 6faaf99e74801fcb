"""Off-policy estimates against the truth of simulated logs."""

import math

import numpy as np
import pytest

from postopt.errors import OutcomeError
from postopt.experiments.offpolicy import doubly_robust, ips, snips

RATES = np.array([0.3, 0.5, 0.6])
LOGGED = np.array([0.6, 0.3, 0.1])
OTHER = np.array([0.1, 0.3, 0.6])
TRUTH = float(RATES @ OTHER)


def log(n, seed):
    rng = np.random.default_rng(seed)
    arms = rng.choice(3, n, p=LOGGED)
    return arms, (rng.random(n) < RATES[arms]).astype(float)


def estimates(arms, rewards):
    columns = (rewards, LOGGED[arms], OTHER[arms])
    model = RATES + np.array([0.1, -0.1, 0.05])  # a model that is wrong
    expected = np.full(len(arms), model @ OTHER)
    return ips(*columns), snips(*columns), doubly_robust(*columns, predicted=model[arms], expected=expected)


class TestEstimates:
    def test_intervals_cover_the_truth_as_often_as_they_say(self):
        covered = np.zeros(3)
        for seed in range(300):
            for index, estimate in enumerate(estimates(*log(800, seed))):
                covered[index] += estimate.interval[0] <= TRUTH <= estimate.interval[1]
        assert np.all(covered / 300 > 0.91)
        assert np.all(covered / 300 < 0.98)

    def test_all_are_near_the_truth(self):
        for estimate in estimates(*log(40_000, 1)):
            assert estimate.value == pytest.approx(TRUTH, abs=0.03)
            assert estimate.n == 40_000
            assert estimate.mean_weight == pytest.approx(1, abs=0.03)
            # E[w]**2 / E[w**2], by the three arms.
            assert estimate.effective_n == pytest.approx(40_000 / float(np.sum(OTHER**2 / LOGGED)), rel=0.03)

    def test_of_the_policy_that_logged_it_is_the_mean(self):
        arms, rewards = log(1_000, 2)
        same = LOGGED[arms]
        for estimate in (ips(rewards, same, same), snips(rewards, same, same)):
            assert estimate.value == pytest.approx(rewards.mean())
            assert estimate.effective_n == pytest.approx(1_000)

    def test_a_policy_that_the_log_does_not_cover_shows(self):
        assert ips([1, 0], [0.5, 0.5], [0, 0.1]).mean_weight == pytest.approx(0.1)
        assert ips([1, 0], [0.5, 0.5], [0, 0]).effective_n == 0
        with pytest.raises(OutcomeError, match="none of the logged"):
            snips([1, 0], [0.5, 0.5], [0, 0])

    @pytest.mark.parametrize(
        "columns",
        [
            ([1], [0.5], [0.5]),
            ([1, 0], [0.5], [0.5, 0.5]),
            ([1, 0], [0, 0.5], [0.5, 0.5]),
            ([1, 0], [0.5, 1.5], [0.5, 0.5]),
            ([1, 0], [0.5, 0.5], [-0.1, 0.5]),
            ([1, math.nan], [0.5, 0.5], [0.5, 0.5]),
            (["a", 0], [0.5, 0.5], [0.5, 0.5]),
        ],
    )
    def test_refuses_what_cannot_be(self, columns):
        for estimate in (ips, snips):
            with pytest.raises(OutcomeError):
                estimate(*columns)

    def test_refuses_what_is_no_level(self):
        with pytest.raises(ValueError, match="level"):
            ips([1, 0], [0.5, 0.5], [0.5, 0.5], level=1)
