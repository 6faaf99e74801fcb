"""What past experiments teach about the next one."""

import math

import numpy as np
import pytest

from postopt.errors import OutcomeError
from postopt.experiments.usual import Usual


def experiments(tau, *, groups=400, arms=3, rate=0.03, n=6_000, clump=1, seed=0):
    """Past experiments whose arms differ by lifts of standard deviation tau between two of them."""
    random = np.random.default_rng(seed)
    for _ in range(groups):
        true = rate * np.exp(random.normal(0, tau / math.sqrt(2), arms))
        yield [(str(k), n, clump * random.binomial(n, p / clump)) for k, p in enumerate(true)]


class TestLearn:
    @pytest.mark.parametrize("tau", [0.1, 0.26, 0.5])
    @pytest.mark.parametrize("clump", [1, 2])
    def test_finds_the_spread_of_true_lifts_behind_the_noise(self, tau, clump):
        usual = Usual.learn(experiments(tau, clump=clump), design_effect=clump)
        assert usual.tau == pytest.approx(tau, rel=0.15)
        assert usual.rate == pytest.approx(0.03, rel=0.05)
        assert usual.n == 18_000

    def test_arms_that_are_equal(self):
        assert Usual.learn(experiments(0.0), design_effect=1.0).tau < 0.07
        assert Usual.learn(experiments(0.0), design_effect=3.0).tau == pytest.approx(0.02)

    def test_the_start_is_kept_until_there_are_enough(self):
        assert Usual.learn([]) == Usual()
        assert Usual.learn(experiments(0.5, groups=19)) == Usual()
        assert Usual.learn(experiments(0.5, groups=20)) != Usual()

    def test_what_says_nothing_does_not_count(self):
        nothing = [[], [("a", 100, 5)], [("a", 100, 0), ("b", 100, 0)], [("a", 0, 0), ("b", 100, 5)]] * 30
        assert Usual.learn(nothing) == Usual()
        some = list(experiments(0.3, groups=50))
        assert Usual.learn(some + nothing) == Usual.learn(some)

    @pytest.mark.parametrize("bad", [("a", 10, 11), ("a", -1, 0), ("a", math.nan, 1), ("a", math.inf, 1)])
    def test_refuses_counts_that_cannot_be(self, bad):
        with pytest.raises(OutcomeError):
            Usual.learn([[("b", 10, 1), bad]])

    def test_refuses_a_design_effect_that_cannot_be(self):
        with pytest.raises(ValueError, match="design_effect"):
            Usual.learn(experiments(0.1), design_effect=math.nan)


@pytest.mark.parametrize("setting", [{"rate": 0}, {"n": -1}, {"tau": math.nan}, {"tau": math.inf}])
def test_refuses_what_cannot_be(setting):
    with pytest.raises(ValueError, match="needed"):
        Usual(**setting)
