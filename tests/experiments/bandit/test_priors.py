"""Priors recover what was planted, from nothing, one group, thousands of groups, and refuse garbage."""

import math

import numpy as np
import pytest

from postopt.errors import OutcomeError
from postopt.experiments.concentration import LEAST, MOST, concentration, deviation
from postopt.experiments.posterior import ArmPrior
from postopt.experiments.priors import Priors


def planted(groups, *, kappa=2_000, rate=0.015, spread=0.5, arms=4, n=4_000, seed=0, texts=None):
    rng = np.random.default_rng(seed)
    past = []
    for index in range(groups):
        level = rate * math.exp(spread * rng.standard_normal())
        rates = rng.beta(kappa * level, kappa * (1 - level), arms)
        names = [f"text {index} {arm}" for arm in range(arms)] if texts is None else texts(index)
        past.append([(text, n, int(s)) for text, s in zip(names, rng.binomial(n, rates), strict=True)])
    return past


class TestLearning:
    def test_from_nothing_gives_the_defaults(self):
        assert Priors.learn([]) == Priors()
        assert Priors.learn([[], [("a", 0, 0), ("b", 0, 0)], [("a", 5, 0)]]) == Priors()

    def test_from_one_group_stays_near_the_defaults(self):
        priors = Priors.learn([[("a", 1_000, 300), ("b", 1_000, 310)]])
        assert priors.groups == 1
        assert priors.rate == pytest.approx(0.015, rel=0.25)
        assert priors.wording is None

    def test_finds_what_was_planted(self):
        priors = Priors.learn(planted(400))
        assert priors.kappa == pytest.approx(2_000, rel=0.2)
        assert priors.rate == pytest.approx(0.015, rel=0.15)
        assert priors.spread == pytest.approx(0.5, rel=0.15)
        assert priors.traffic == pytest.approx(16_000, rel=0.05)
        assert priors.tau < math.sqrt(0.985 / 0.015 / 2_000)  # a part of the spread is taken for over-dispersion
        assert priors.groups == 400

    @pytest.mark.long
    def test_takes_thousands_of_groups(self):
        assert Priors.learn(planted(3_000)).groups == 3_000

    @pytest.mark.parametrize(
        "row",
        [
            ("a", 1, 2),
            ("a", -1, 0),
            ("a", math.nan, 0),
            ("a", math.inf, 1),
            ("a", 3, -1),
            ("a", 1),
            "abc",
            None,
            ("a", "b", "c"),
            (None, 5, 1),
            ("a", 5, True),
            ("a", 10**300, 5),
        ],
    )
    def test_refuses_garbage(self, row):
        with pytest.raises(OutcomeError):
            Priors.learn([[("b", 10, 1), row]])

    @pytest.mark.parametrize("group", [None, 5, "a group"])
    def test_refuses_what_is_no_group(self, group):
        with pytest.raises(OutcomeError):
            Priors.learn([group])

    @pytest.mark.parametrize("successes", [0, 1, 10**11, 10**12])
    def test_extreme_counts_give_usable_priors(self, successes):
        priors = Priors.learn([[("a", 10**12, successes), ("b", 10**12, successes)]] * 30)
        assert 0 < priors.rate < 1
        assert math.isfinite(priors.kappa)

    @pytest.mark.parametrize("rate", [0.5, 0.9])
    def test_finds_what_was_planted_at_high_rates(self, rate):
        """A deviation of .2 in log-odds and a rate far from the default."""
        priors = Priors.learn(planted(400, kappa=25 / (rate * (1 - rate)), rate=rate, spread=0.03, n=1_000))
        assert priors.rate == pytest.approx(rate, abs=0.05)
        assert priors.experiment(["", ""]).deviation == pytest.approx(0.2, rel=0.1)

    def test_refuses_impossible_numbers(self):
        for setting in ({"kappa": 0}, {"rate": 1.0}, {"spread": math.nan}):
            with pytest.raises(ValueError, match=next(iter(setting))):
                Priors(**setting)


class TestConcentration:
    def test_without_a_group_that_tells_anything(self):
        groups = [[("a", 10, 1)], [("a", 5, 0), ("b", 5, 0)], [("a", 0, 0), ("b", 3, 1)]]
        assert concentration(groups) is deviation(groups) is None

    def test_of_one_rate_is_the_deviation_in_log_odds(self):
        groups = [[("a", 4_000, 60 + k), ("b", 4_000, 60 - k)] for k in (2, 8, 12)]
        assert 1 / deviation(groups) ** 2 == pytest.approx(concentration(groups) * 0.015 * 0.985, rel=0.001)

    def test_the_plain_one_is_larger(self):
        assert concentration(planted(200)) < 0.8 * concentration(planted(200), restricted=False)

    def test_arms_alike_and_arms_unlike(self):
        assert concentration([[("a", 100_000, 1_000), ("b", 100_000, 1_000)]]) == pytest.approx(MOST, rel=0.01)
        assert concentration([[("a", 100_000, 0), ("b", 100_000, 100_000)]]) == pytest.approx(LEAST, rel=0.01)

    def test_is_the_most_likely(self):
        stats = pytest.importorskip("scipy.stats", reason="scipy gives the likelihood to compare with")
        groups = planted(30, kappa=500, seed=2)

        def likelihood(kappa):
            total = 0.0
            for group in groups:
                _, n, s = zip(*group, strict=True)
                mean = sum(s) / sum(n)
                total += sum(stats.betabinom.logpmf(s, n, kappa * mean, kappa * (1 - mean)))
                total -= math.log(sum(1 / (1 / kappa + 1 / size) for size in n)) / 2
            return total

        found = concentration(groups)
        assert likelihood(found) > max(likelihood(found * 1.05), likelihood(found / 1.05))


class TestExperiment:
    def test_scores_become_shifts_around_zero(self):
        class Score:
            def score(self, text):
                return float(text)

        assert Priors().experiment(["0.3", "0", "0"], Score()).shift == pytest.approx([0.2, -0.1, -0.1])

    def test_an_absurd_score_is_bounded_and_one_that_is_none_refused(self):
        class Score:
            def score(self, text):
                return float(text)

        assert Priors().experiment(["1e9", "0"], Score()).shift.tolist() == [1, -1]
        with pytest.raises(ValueError, match="scores"):
            Priors().experiment(["nan", "0"], Score())

    @pytest.mark.parametrize("scorer", [5, "a text", object()])
    def test_what_cannot_score_is_refused(self, scorer):
        with pytest.raises(ValueError, match="score"):
            Priors().experiment(["a", "b"], scorer)

    def test_the_words_of_the_past_are_learned(self):
        def texts(index):
            return [f"plain {index}", f"wow {index}"]

        rng = np.random.default_rng(5)
        past = [
            [(text, 4_000, int(rng.binomial(4_000, 0.02 if "wow" in text else 0.015))) for text in texts(index)]
            for index in range(60)
        ]
        shift = Priors.learn(past).experiment(["wow this", "plain this"]).shift
        assert shift[0] > 0.05 > shift[1]

    def test_posterior_of_each_arm(self):
        a, b = Priors().arms(["x", "y"], [(1_000, 30), (1_000, 10)])
        mean = a / (a + b)
        assert 0.01 < mean[1] < mean[0] < 0.03
        # The level is above the usual rate, so that the same spread of log-odds is a lower concentration.
        assert 2_000 < a[0] + b[0] < 2_500
        assert a[1] + b[1] == pytest.approx(a[0] + b[0])


class TestArmPrior:
    @pytest.mark.parametrize("rate", [0.005, 0.05, 0.3, 0.9])
    def test_is_the_normal_model_of_log_odds(self, rate):
        """Near the usual rate: level and deviations as one multivariate normal, linear at the level found."""
        prior = ArmPrior(rate=rate, spread=0.5, kappa=20 / (rate * (1 - rate)))
        n = np.array([300.0, 2_000, 0]) / (rate * (1 - rate))
        s = n * (rate + rate * (1 - rate) * np.array([0.1, -0.05, 0]))
        found = prior.posterior(n, s)
        level = found.level[0]
        noise = level * (1 - level)
        # Near its middle, Student's t weighs as a normal of 4/5 of the variance.
        covariance = np.full((3, 3), 0.2) + np.eye(3) / 20
        observed = covariance[:2, :2] + np.diag(1 / (noise * n[:2]))
        gain = covariance[:, :2] @ np.linalg.inv(observed)
        usual = math.log(rate / (1 - rate))
        at = math.log(level / (1 - level))
        mean = usual + gain @ (at + (s[:2] / n[:2] - level) / noise - usual)
        assert (found.mean - level) / noise == pytest.approx(mean - at, abs=0.004)
        spread = np.sqrt(found.variance + found.share**2 * found.level_variance[0]) / noise
        assert spread == pytest.approx(np.sqrt(np.diag(covariance - gain @ covariance[:2])), rel=0.03)

    @pytest.mark.parametrize("rate", [1e-4, 0.005, 0.3, 0.9, 0.999])
    def test_the_level_follows_outcomes_far_from_the_usual_rate(self, rate):
        n = np.full(2, 200 / (rate * (1 - rate)))
        found = ArmPrior().posterior(n, n * rate)
        assert math.log(found.level[0] / (1 - found.level[0])) == pytest.approx(math.log(rate / (1 - rate)), abs=0.05)
        assert found.mean == pytest.approx([rate, rate], rel=0.01)

    @pytest.mark.parametrize("rate", [1e-4, 0.005, 0.3, 0.9, 0.999])
    def test_another_round_would_change_little(self, rate):
        """By a twentieth in log-odds at most, also with arms unlike, few outcomes, and far from the usual rate."""
        prior = ArmPrior()
        for n in (np.array([30.0, 3_000]), np.array([50_000.0, 500])):
            s = np.round(n * rate * np.array([1, 0.8]))
            found = prior.posterior(n, s)
            at = math.log(found.level[0] / (1 - found.level[0]))
            usual, noise = math.log(0.015 / 0.985), found.level[0] * (1 - found.level[0])
            weight = n / (n * prior.deviation**2 + 1 / noise)
            pull = 5 / (4 * 0.65**2 + (at - usual) ** 2)
            slope = np.sum(weight * (s / n - found.level[0]) / noise) - pull * (at - usual)
            assert slope / (weight.sum() + pull) == pytest.approx(0, abs=0.05)

    def test_gaps_are_in_standard_deviations_of_the_difference(self):
        prior = ArmPrior(rate=0.0175, kappa=1_000)
        gaps = prior.posterior(np.array([9_000.0, 9_000]), np.array([180.0, 135])).gaps()
        # Both shrunk by 1/10: a difference of .0045, standard error sqrt(2 * .0175 * .9825 / 10,000).
        assert gaps == pytest.approx([0, 0.0045 / math.sqrt(2 * 0.0175 * 0.9825 / 10_000)], rel=0.02)

    @pytest.mark.parametrize("setting", [{"rate": 0}, {"rate": 1.0}, {"kappa": math.nan}, {"spread": -1}])
    def test_refuses_impossible_numbers(self, setting):
        with pytest.raises(ValueError, match=next(iter(setting))):
            ArmPrior(**setting)

    @pytest.mark.parametrize("shift", [[math.nan, 0], [math.inf, 0]])
    def test_refuses_impossible_shifts(self, shift):
        with pytest.raises(ValueError, match="shift"):
            ArmPrior(shift=np.array(shift))
