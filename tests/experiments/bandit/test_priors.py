"""Priors recover what was planted, from nothing, one group, thousands of groups, and refuse garbage."""

import math

import numpy as np
import pytest

from postopt.errors import OutcomeError
from postopt.experiments.concentration import LEAST, MOST, concentration
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
        assert 0 < priors.rate <= 0.5
        assert math.isfinite(priors.kappa)

    def test_refuses_impossible_numbers(self):
        with pytest.raises(ValueError, match="kappa"):
            Priors(kappa=0)


class TestConcentration:
    def test_without_a_group_that_tells_anything(self):
        assert concentration([[("a", 10, 1)], [("a", 5, 0), ("b", 5, 0)], [("a", 0, 0), ("b", 3, 1)]]) is None

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
    def test_scores_become_lifts_around_zero(self):
        class Score:
            def score(self, text):
                return float(text)

        lift = Priors().experiment(["0.2", "0", "-0.2"], Score()).lift
        assert lift.mean() == pytest.approx(0)
        assert (1 + lift[0]) / (1 + lift[2]) == pytest.approx(math.exp(0.4))

    def test_an_absurd_score_is_bounded_and_one_that_is_none_refused(self):
        class Score:
            def score(self, text):
                return float(text)

        assert Priors().experiment(["1e9", "0"], Score()).lift.max() < 1
        with pytest.raises(ValueError, match="scores"):
            Priors().experiment(["nan", "0"], Score())

    def test_the_words_of_the_past_are_learned(self):
        def texts(index):
            return [f"plain {index}", f"wow {index}"]

        rng = np.random.default_rng(5)
        past = [
            [(text, 4_000, int(rng.binomial(4_000, 0.02 if "wow" in text else 0.015))) for text in texts(index)]
            for index in range(60)
        ]
        lift = Priors.learn(past).experiment(["wow this", "plain this"]).lift
        assert lift[0] > 0.05 > lift[1]

    def test_posterior_of_each_arm(self):
        a, b = Priors().arms(["x", "y"], [(1_000, 30), (1_000, 10)])
        mean = a / (a + b)
        assert 0.01 < mean[1] < mean[0] < 0.03
        assert (a + b).tolist() == [2_500, 2_500]


class TestArmPrior:
    def test_is_the_generalised_least_squares(self):
        prior, n, s = ArmPrior(rate=0.02, strength=300, kappa=900), np.array([500.0, 4_000, 0]), np.array([14.0, 70, 0])
        found = prior.posterior(n, s)
        level = found.level[0]
        # The same model as one multivariate normal: level and deviations, given two observed rates.
        noise = level * (1 - level)
        covariance = np.full((3, 3), 0.02 * 0.98 / 300) + np.eye(3) * noise / 900
        seen = [0, 1]
        observed = covariance[np.ix_(seen, seen)] + np.diag(noise / n[seen])
        gain = covariance[:, seen] @ np.linalg.inv(observed)
        mean = 0.02 + gain @ (s[seen] / n[seen] - 0.02)
        assert found.mean == pytest.approx(mean, rel=0.002)
        spread = np.sqrt(found.variance + found.share**2 * found.level_variance[0])
        assert spread == pytest.approx(np.sqrt(np.diag(covariance - gain @ covariance[seen])), rel=0.02)

    def test_gaps_are_in_standard_deviations_of_the_difference(self):
        prior = ArmPrior(kappa=1_000)
        gaps = prior.posterior(np.array([9_000.0, 9_000]), np.array([180.0, 135])).gaps()
        # Both shrunk by 1/10: a difference of .0045, standard error sqrt(2 * .0175 * .9825 / 10,000).
        assert gaps == pytest.approx([0, 0.0045 / math.sqrt(2 * 0.0175 * 0.9825 / 10_000)], rel=0.02)

    @pytest.mark.parametrize("setting", [{"rate": 0}, {"rate": 1.0}, {"kappa": math.nan}, {"strength": -1}])
    def test_refuses_impossible_numbers(self, setting):
        with pytest.raises(ValueError, match=next(iter(setting))):
            ArmPrior(**setting)

    @pytest.mark.parametrize("lift", [[-1.0, 0], [math.nan, 0], [math.inf, 0]])
    def test_refuses_impossible_lifts(self, lift):
        with pytest.raises(ValueError, match="lift"):
            ArmPrior(lift=np.array(lift))
