"""How often a winner is false, and how often a true one is found: simulated experiments, at every look."""

import math

import numpy as np
import pytest

from postopt.experiments.records import Totals
from postopt.experiments.rehearsal import rehearse
from postopt.experiments.sequential import SequentialTest
from postopt.experiments.usual import Usual
from postopt.experiments.winner import find_winner


def equal(rate, runs, arms=2):
    return np.full((runs, arms), rate)


def lifted(rate, runs, seed):
    """Pairs whose relative gaps are drawn from N(0, 26 %) given that they pass 20 %."""
    gaps = np.random.default_rng(seed).normal(0, 0.26, 4 * runs)
    gaps = np.clip(gaps[np.abs(gaps) > 0.2][:runs], -0.99, None)
    return np.stack([np.full(len(gaps), rate), rate * (1 + gaps)], axis=1)


class TestFalseWinners:
    # Three standard errors at 4,000 runs are 1.0 %; alpha is spent but for what looks that are not continuous leave.
    @pytest.mark.parametrize("horizon", [None, 8_000])
    def test_at_80_looks(self, horizon):
        found = rehearse(equal(0.015, 4_000), n=8_000, looks=80, horizon=horizon, seed=1).found
        assert 0.03 < found < 0.055

    @pytest.mark.parametrize(("rate", "n"), [(0.002, 20_000), (0.1, 1_500), (0.5, 2_000), (0.97, 4_000)])
    def test_at_other_rates(self, rate, n):
        assert rehearse(equal(rate, 3_000), n=n, looks=50, seed=2).found < 0.055

    def test_at_every_single_observation(self):
        assert rehearse(equal(0.2, 3_000), n=1_500, looks=1_500, seed=3).found < 0.06

    def test_long_after_the_usual_end(self):
        assert rehearse(equal(0.3, 3_000), n=40_000, looks=400, seed=4).found < 0.055

    @pytest.mark.parametrize("rates", [[0.1] * 4, [0.1, 0.1, 0.05, 0.05], [0.1, 0.1] + [0.09] * 8])
    def test_with_more_arms(self, rates):
        assert rehearse(np.tile(rates, (2_000, 1)), n=4_000, looks=40, seed=5).wrong < 0.05

    def test_with_unequal_traffic(self):
        """One arm gets a tenth: skewed counts, seen at 60 looks through the test itself."""
        random, test, runs = np.random.default_rng(6), SequentialTest(usual=Usual(rate=0.05, n=2_000)), 600
        false = 0
        for _ in range(runs):
            arm, control = np.cumsum(random.binomial([50, 500], 0.05, (60, 2)), axis=0).T
            false += any(
                test.direction(Totals(50 * k, x, x), Totals(500 * k, y, y))
                for k, x, y in zip(range(1, 61), arm.tolist(), control.tolist(), strict=True)
            )
        assert false / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)

    def test_of_means(self):
        random, test, runs = np.random.default_rng(7), SequentialTest(usual=Usual(rate=0.5, n=800), kind="mean"), 400
        false = 0
        for _ in range(runs):
            values = random.exponential(1.0, (2, 40, 20))
            sums = zip(np.cumsum(values.sum(2), 1).T.tolist(), np.cumsum((values**2).sum(2), 1).T.tolist(), strict=True)
            false += any(
                test.direction(Totals(20 * k, a, aa), Totals(20 * k, b, bb))
                for k, ((a, b), (aa, bb)) in enumerate(sums, start=1)
            )
        assert false / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


class TestPower:
    # Three standard errors at 4,000 runs are 2.3 %.
    @pytest.mark.parametrize("horizon", [None, 8_000])
    def test_at_80_looks(self, horizon):
        seen = rehearse(lifted(0.015, 4_000, 8), n=8_000, looks=80, horizon=horizon, seed=9)
        assert seen.found > 0.64
        assert seen.wrong < 0.005
        assert seen.n < 6_000

    def test_when_the_experiment_goes_on(self):
        found = [rehearse(lifted(0.015, 1_000, 10), n=n, looks=n // 400, seed=11).found for n in (8_000, 32_000)]
        assert found[1] > found[0] + 0.15


class TestRehearsal:
    def test_judges_as_find_winner_does(self):
        """The same counts, seen once: the vectorised rule against the plain one."""
        random = np.random.default_rng(12)
        rates = random.uniform(0.01, 0.05, (300, 3))
        for horizon, effect, n in ((None, 1.0, 2_000), (None, 1.7, 9_000), (6_000, 1.0, 1_400), (6_000, 1.2, 6_000)):
            seen = rehearse(rates, n=n, looks=1, horizon=horizon, design_effect=effect, seed=13)
            successes = np.random.default_rng(13).binomial(n, rates).tolist()
            named = [
                find_winner(
                    {str(arm): Totals(n, x, x) for arm, x in enumerate(row)}, horizon=horizon, design_effect=effect
                ).winner
                for row in successes
            ]
            assert seen.found == np.mean([name is not None for name in named])
            best = rates.argmax(1)
            assert seen.wrong == np.mean([name not in (None, str(b)) for name, b in zip(named, best, strict=True)])

    def test_an_equal_winner_is_wrong(self):
        seen = rehearse(np.tile([0.1, 0.1, 0.02], (2_000, 1)), n=4_000, looks=10, seed=14)
        assert seen.wrong == seen.found > 0

    def test_nothing_found(self):
        seen = rehearse(equal(0.0, 3), n=10, looks=1)
        assert seen[:3] == (3, 0.0, 0.0)
        assert math.isnan(seen.n)

    @pytest.mark.parametrize("rates", [[0.1, 0.2], [[0.1]], [[0.1, 1.1]], [[0.1, math.nan]], [[-0.1, 0.2]]])
    def test_refuses_rates_that_cannot_be(self, rates):
        with pytest.raises(ValueError, match="rates"):
            rehearse(rates, n=10, looks=1)

    def test_looks_divide_n(self):
        with pytest.raises(ValueError, match="divisor"):
            rehearse([[0.1, 0.2]], n=10, looks=3)
