"""Replays: what is read, how it is split, and that the figures are those of the policy as it deals units."""

import gzip
import lzma
import math

import numpy as np
import pytest

from postopt.errors import ReplayError
from postopt.experiments.bandit import POLICIES, Uniform
from postopt.experiments.concentration import concentration
from postopt.experiments.posterior import ArmPrior
from postopt.experiments.replay import real_differences, replay, split
from postopt.experiments.replaytests import PastTest, read_tests
from postopt.experiments.worlds import chi_square_tail

HEADER = "test_id,arm,headline,impressions,clicks,test_week,randomization_risk\n"


def planted(count, *, seed=0, arms=3, n=1_500, rate=0.05, spread=0.3):
    rng = np.random.default_rng(seed)
    tests = []
    for index in range(count):
        rates = np.minimum(rate * np.exp(spread * rng.standard_normal(arms)), 0.9)
        rows = tuple((f"headline {index} {arm}", n, int(s)) for arm, s in enumerate(rng.binomial(n, rates)))
        tests.append(PastTest(str(index), rows))
    return tests


class TestReading:
    def test_reads_plain_and_compressed_files(self, tmp_path):
        text = (
            HEADER
            + "a,0,One,100,5,201401,0\nb,0,X,9,1,201402,1\na,1,Two,90,4,201401,0\nb,1,,8,0,201402,0\nc,0,Y,1,0,,\n"
        )
        (tmp_path / "t.csv").write_text(text)
        with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
            file.write(text)
        with lzma.open(tmp_path / "t.csv.xz", "wt") as file:
            file.write(text)
        expected = [
            PastTest("a", (("One", 100, 5), ("Two", 90, 4)), "201401", risk=False),
            PastTest("b", (("X", 9, 1), ("", 8, 0)), "201402", risk=True),
        ]
        for name in ("t.csv", "t.csv.gz", "t.csv.xz"):
            assert read_tests(tmp_path / name) == expected

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ("a,0,One,x,5,1,0\n", "line 2, column impressions"),
            ("a,0,One,-1,0,1,0\n", "line 2, column impressions"),
            ("a,0,One,1e3,0,1,0\n", "line 2, column impressions"),
            ("a,0,One,99999999999999,0,1,0\n", "line 2, column impressions"),
            ("a,0,One,٣,0,1,0\n", "line 2, column impressions"),
            ("a,0,One,10,,1,0\n", "line 2, column clicks"),
            ("a,0,One,10,5,1,0\na,1,Two,10,11,1,0\n", "line 3, column clicks"),
            (",0,One,10,5,1,0\n", "column test_id"),
            ("a,0,One,10,5,1,yes\n", "column risk"),
            ("a,0,One,10\n", "line 2"),
            ("a,0,One,10,5,1,0,9,9\n", "line 2"),
            ('a,0,"One,10,5,1,0\n', "cannot be read"),
        ],
    )
    def test_says_where_a_row_is_malformed(self, tmp_path, rows, said):
        (tmp_path / "t.csv").write_text(HEADER + rows, encoding="utf-8")
        with pytest.raises(ReplayError, match=said):
            read_tests(tmp_path / "t.csv")

    @pytest.mark.parametrize("header", ["", "test_id,headline,clicks\n", "test_id,impressions,clicks\n"])
    def test_says_which_column_is_missing(self, tmp_path, header):
        (tmp_path / "t.csv").write_text(header)
        with pytest.raises(ReplayError, match="no column"):
            read_tests(tmp_path / "t.csv")

    @pytest.mark.parametrize(("name", "data"), [("t.csv", b"\xff\xfe\x00"), ("t.csv.gz", b"no"), ("t.csv.xz", b"no")])
    def test_a_file_that_is_none(self, tmp_path, name, data):
        with pytest.raises(ReplayError, match="cannot be read"):
            read_tests(tmp_path / name)
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ReplayError, match="cannot be read"):
            read_tests(tmp_path / name)


class TestSplit:
    def test_keeps_together_what_shares_a_text_and_loses_nothing(self):
        rng = np.random.default_rng(0)
        tests = [
            PastTest(str(index), ((f"t{rng.integers(300)}", 1, 0), (f"t{rng.integers(300)}", 1, 0), ("", 1, 0)))
            for index in range(120)
        ]
        past, held = split(tests, 0.5)
        assert sorted(test.id for test in past + held) == sorted(test.id for test in tests)
        assert past
        assert held
        texts = [{text for test in side for text, _, _ in test.arms if text} for side in (past, held)]
        assert not texts[0] & texts[1]
        assert split(tests[::-1], 0.5) == (past, held)


class TestReplay:
    def test_even_shares_gain_nothing_and_the_oracle_all(self):
        tests = planted(40, n=20_000, spread=1.0)
        assert replay(tests, "uniform", worlds=2).gain_share == pytest.approx(0, abs=0.02)
        report = replay(tests, "earn", worlds=2, batch=500)
        assert 0.8 < report.gain_share < 1
        assert report.names_best > 0.9

    def test_a_late_batch_costs(self):
        tests = planted(60, seed=2)
        at_once, late = (replay(tests, "earn", worlds=8, batch=500, late=late) for late in (0, 3))
        assert late.gain_share < at_once.gain_share
        assert at_once.tests + at_once.past == 60

    def test_repeats_itself(self):
        tests = planted(20)
        first = replay(tests, "thompson", worlds=1, seed=5)
        assert replay(tests, "thompson", worlds=1, seed=5) == first
        assert replay(tests, "thompson", worlds=1, seed=6) != first

    def test_is_what_one_experiment_gets_from_the_policy(self):
        """The vectorised run and a loop that deals one test's units by `Policy.shares` agree in the mean."""
        prior, policy = ArmPrior(rate=0.05, kappa=400), POLICIES["earn"]
        tests, rng = planted(30, seed=4), np.random.default_rng(9)
        _, held = split(tests, 0.0)
        gained = possible = 0.0
        for test in held:
            n, s = np.array([row[1:] for row in test.arms], dtype=float).T
            mean = s.sum() / n.sum()
            for _ in range(6):
                rates = rng.beta(400 * mean + s, 400 * (1 - mean) + n - s)
                counts = np.zeros((3, 2))
                for _ in range(9):
                    dealt = rng.multinomial(500, policy(prior).shares(counts, rng=rng))
                    counts += np.stack([dealt, rng.binomial(dealt, rates)], axis=-1)
                gained += float(counts[:, 0] @ rates) - rates.mean() * 4_500
                possible += (rates.max() - rates.mean()) * 4_500
        report = replay(tests, lambda _: policy(prior), worlds=6, batch=500, floor=0, past_share=0, kappa=400)
        assert report.policy == "earn"
        # Standard error of either is about .02.
        assert report.gain_share == pytest.approx(gained / possible, abs=0.07)

    def test_reads_and_exports(self):
        report = replay(planted(20), "explore-then-commit", worlds=1, late=1, limit=5)
        assert report.tests <= 5
        text = str(report)
        assert "By simulation" in text
        assert "explore-then-commit" in text
        assert max(map(len, text.splitlines())) <= 112
        assert report.to_dict()["late"] == 1

    def test_says_which_concentration_the_worlds_have(self):
        tests = planted(20)
        report = replay(tests, "uniform", worlds=1)
        assert report.kappa == concentration([test.arms for test in tests], restricted=False)
        assert f"concentration {report.kappa:,.0f}" in str(report)
        assert replay(tests, "uniform", worlds=1, kappa=77).kappa == 77

    @pytest.mark.parametrize("policy", [5, None, lambda _: object()])
    def test_refuses_what_is_no_policy(self, policy):
        with pytest.raises(ValueError, match="policy"):
            replay(planted(9), policy)

    def test_nan_is_none_in_json(self):
        report = replay([PastTest(str(i), (("", 50, 2), ("", 50, 2))) for i in range(9)], "uniform", worlds=1)
        assert report.real_tests == 0
        assert math.isnan(report.real_gain_share)
        assert report.to_dict()["real_gain_share"] is None

    def test_refuses_what_cannot_be_replayed(self):
        risky = [PastTest("a", (("x", 9, 1), ("y", 9, 1)), risk=True)]
        unseen = [PastTest(str(i), (("", 0, 0), ("", 9, 1))) for i in range(9)]
        silent = [PastTest(str(i), (("", 9, 0), ("", 9, 0))) for i in range(9)]
        for tests in ([], risky, unseen, silent):
            with pytest.raises(ReplayError, match="no test is left"):
                replay(tests, "earn")
        with pytest.raises(ReplayError, match="no policy 'ucb'"):
            replay(planted(3), "ucb")

    @pytest.mark.parametrize(
        "setting", [{"worlds": 0}, {"batch": 0}, {"late": -1}, {"floor": 2}, {"past_share": math.nan}, {"kappa": 0}]
    )
    def test_refuses_impossible_settings(self, setting):
        with pytest.raises(ValueError, match=next(iter(setting))):
            replay(planted(9), lambda _: Uniform(), **setting)


class TestRealDifferences:
    def test_planted_ones_are_found_and_few_others(self):
        same, other = planted(80, spread=0, seed=1), planted(20, spread=1.0, n=20_000, seed=2)
        real = real_differences(same + other)
        assert real[80:].sum() >= 18
        assert real[:80].sum() <= 5

    def test_no_test_and_tests_without_a_click(self):
        assert real_differences([]).tolist() == []
        assert real_differences([PastTest("a", (("x", 9, 0), ("y", 9, 0)))]).tolist() == [False]

    @pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 11])
    def test_tail_of_chi_square(self, degrees):
        stats = pytest.importorskip("scipy.stats", reason="scipy gives the tail to compare with")
        for x in (0.0, 1e-6, 0.5, 3.0, 20.0, 300.0):
            assert chi_square_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-9, abs=1e-300)
