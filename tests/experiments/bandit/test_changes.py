"""Planted changes are noticed, noise is not; what is forgotten is forgotten."""

import math

import numpy as np
import pytest

from postopt.experiments.boltzmann import Boltzmann
from postopt.experiments.changes import Adaptive, Cusum


def follow(policy, rates_of, steps, *, units=1_000, seed=0):
    """Deal batches by the policy's shares, at least 5 % to each arm; return the shares of each step."""
    rng, counts, given = np.random.default_rng(seed), np.zeros((2, 2)), []
    for step in range(steps):
        shares = 0.05 + 0.9 * policy.shares(counts, rng=rng)
        dealt = rng.multinomial(units, shares)
        counts = counts + np.stack([dealt, rng.binomial(dealt, rates_of(step))], axis=-1)
        given.append(shares)
    return np.array(given)


def stays(_):
    return np.array([0.05, 0.10])


def turns(step):
    return np.array([0.05, 0.10]) if step < 30 else np.array([0.10, 0.05])


class TestCusum:
    def test_noise_rarely_alarms(self):
        cusum, rng = Cusum(), np.random.default_rng(0)
        # 9,500 between false alarms on average: 4.2 expected, 10 or more once in a hundred seeds.
        assert sum(cusum.update(z) for z in rng.standard_normal(40_000)) < 10

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_a_shift_is_noticed_soon(self, sign):
        cusum, rng = Cusum(), np.random.default_rng(1)
        delays = []
        for _ in range(200):
            waited = next(k for k in range(1, 1_000) if cusum.update(sign + rng.standard_normal()))
            delays.append(waited)
        assert np.mean(delays) == pytest.approx(16.3, abs=1.5)

    def test_refuses_what_cannot_be(self):
        for z in (math.nan, math.inf):
            with pytest.raises(ValueError, match="z is"):
                Cusum().update(z)
        with pytest.raises(ValueError, match="threshold"):
            Cusum(threshold=0)
        with pytest.raises(ValueError, match="drift"):
            Cusum(drift=-1)


class TestAdaptive:
    def test_keeping_all_is_the_policy_itself(self):
        plain, adaptive = Boltzmann(), Adaptive(Boltzmann())
        assert follow(adaptive, stays, 20).tolist() == follow(plain, stays, 20).tolist()
        assert adaptive.name == "earn, adaptive"

    def test_a_planted_change_is_noticed_and_followed(self):
        adaptive = Adaptive(Boltzmann(), threshold=8)
        given = follow(adaptive, turns, 60)
        assert adaptive.restarts >= 1
        assert given[29, 1] > 0.9
        assert given[-1, 0] > 0.9
        # Without noticing it takes longer than there is.
        assert follow(Boltzmann(), turns, 60)[45, 0] < given[45, 0]

    def test_without_a_change_there_is_no_alarm(self):
        adaptive = Adaptive(Boltzmann(), threshold=8)
        follow(adaptive, stays, 200, seed=3)
        assert adaptive.restarts == 0

    def test_old_outcomes_fade(self):
        seen = []

        class Keeps:
            name = "keeps"

            def shares(self, counts, *, rng, left=None):
                seen.append(np.array(counts))
                return np.full(2, 0.5)

        adaptive, rng = Adaptive(Keeps(), half_life=1_000), np.random.default_rng(0)
        adaptive.shares([(500, 10), (500, 20)], rng=rng)
        adaptive.shares([(1_000, 20), (1_000, 30)], rng=rng)
        assert seen[-1].tolist() == [[750, 15], [750, 20]]
        follow(Adaptive(Boltzmann(), half_life=5_000), turns, 5)

    def test_other_arms_or_fewer_counts_begin_anew(self):
        adaptive, rng = Adaptive(Boltzmann(), half_life=10, threshold=8), np.random.default_rng(0)
        adaptive.shares([(500, 10), (500, 20)], rng=rng)
        for counts in ([(500, 10), (500, 20), (0, 0)], [(500, 10), (400, 20), (0, 0)]):
            given = adaptive.shares(counts, rng=rng)
            assert given.tolist() == Boltzmann().shares(counts, rng=rng).tolist()

    def test_late_successes_without_units_are_taken(self):
        adaptive, rng = Adaptive(Boltzmann(), half_life=1_000, threshold=8), np.random.default_rng(0)
        adaptive.shares([(500, 10), (500, 20)], rng=rng)
        given = adaptive.shares([(500, 12), (500, 20)], rng=rng)
        assert given.sum() == pytest.approx(1)

    def test_refuses_what_cannot_be(self):
        for setting in ({"half_life": 0}, {"threshold": -1}, {"design_effect": math.nan}):
            with pytest.raises(ValueError, match=next(iter(setting))):
                Adaptive(Boltzmann(), **setting)
        with pytest.raises(ValueError, match="one experiment"):
            Adaptive(Boltzmann()).shares(np.zeros((2, 2, 2)), rng=np.random.default_rng(0))
