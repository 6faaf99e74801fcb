"""How much more outcomes vary than independent ones, learned from what should not differ."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import OutcomeError
from postopt.experiments.design_effect import START, DesignEffect, Dispersion
from postopt.experiments.records import Bucket, Totals


def buckets(days, *, rates=(0.02, 0.03), n=4_000, clump=1, seed=0, halves=(-1,), swing=0.5):
    """Outcomes by arm, half and day. Each success counts `clump` times, so variances are so many times binomial."""
    random = np.random.default_rng(seed)
    rows = []
    for day in range(days):
        weather = 1 + swing * math.sin(day)  # what all arms have in common
        for arm, rate in enumerate(rates):
            for half in halves:
                x = clump * random.binomial(n, rate * weather / clump)
                rows.append(Bucket(f"arm {arm}", half, "clicks", day, Totals(n, x, x)))
    return rows


class TestStart:
    def test_is_1_7_until_30_buckets(self):
        assert DesignEffect().value == START == 1.7
        assert DesignEffect(buckets(30, clump=4)).value == 1.7  # two arms, 30 days: 29 degrees of freedom
        assert DesignEffect(buckets(31, clump=4)).value > 2
        assert "29 of 30" in DesignEffect(buckets(30)).reason

    @pytest.mark.parametrize(
        "rows",
        [
            buckets(80, rates=(0.02,)),
            buckets(80, rates=(0.0, 0.0)),
            buckets(1),
            buckets(80, rates=(1.0, 1.0), swing=0),
            [Bucket("a", -1, "m", 1, Totals(0, 0, 0)), Bucket("b", -1, "m", 1, Totals(5, 1, 1))] * 40,
        ],
    )
    def test_what_says_nothing_teaches_nothing(self, rows):
        assert DesignEffect(rows).value == 1.7


class TestBuckets:
    @pytest.mark.parametrize("clump", [1, 2, 4])
    @pytest.mark.parametrize("arms", [2, 5])
    def test_learn_the_dispersion_whatever_arms_and_days_do(self, clump, arms):
        rates = tuple(0.02 + 0.005 * arm for arm in range(arms))
        value = DesignEffect(buckets(120, rates=rates, clump=clump, seed=1)).value
        # Three standard errors of chi2 / degrees.
        assert value == pytest.approx(clump, rel=3 * math.sqrt(2 / (119 * (arms - 1))))

    def test_never_below_one(self):
        values = [DesignEffect(buckets(40, seed=seed)).value for seed in range(20)]
        assert min(values) == 1.0
        assert max(values) < 2

    def test_order_and_splitting_of_rows_do_not_matter(self):
        rows = buckets(40, clump=2, seed=2)
        parts = [row._replace(totals=Totals(*(x / 2 for x in row.totals))) for row in rows for _ in range(2)]
        assert DesignEffect(parts[::-1]).value == pytest.approx(DesignEffect(rows).value)

    def test_a_day_with_one_arm_says_nothing(self):
        rows = buckets(60, clump=3, seed=3)
        extra = [Bucket("arm 0", -1, "clicks", 99, Totals(500, 400, 400))]
        assert DesignEffect(rows + extra).value == pytest.approx(DesignEffect(rows).value)

    def test_an_arm_without_success_says_nothing(self):
        rows = buckets(60, clump=3, seed=3)
        extra = [Bucket("dead", -1, "clicks", day, Totals(4_000, 0, 0)) for day in range(60)]
        assert DesignEffect(rows + extra).value == pytest.approx(DesignEffect(rows).value)

    def test_arms_may_come_and_go(self):
        rows = buckets(200, rates=(0.02, 0.03, 0.02, 0.025), clump=2, seed=10)
        kept = [row for row in rows if {"arm 0": row.day < 120, "arm 1": row.day > 90}.get(row.arm, row.day % 3 > 0)]
        value = DesignEffect(kept).value
        assert value == pytest.approx(2, rel=3 * math.sqrt(2 / 250))

    def test_unequal_traffic(self):
        random, rows = np.random.default_rng(4), []
        for day in range(150):
            for arm, n in (("a", 300 + 40 * (day % 7)), ("b", 9_000 - 50 * day)):
                x = 2 * random.binomial(n, 0.02)
                rows.append(Bucket(arm, -1, "m", day, Totals(n, x, x)))
        assert DesignEffect(rows).value == pytest.approx(2, rel=3 * math.sqrt(2 / 149))

    def test_totals_that_were_divided_evenly_are_not_believed(self):
        rows = [Bucket(arm, -1, "m", day, Totals(100, 2, 2)) for arm in "ab" for day in range(80)]
        effect = DesignEffect(rows)
        assert effect.value == 1.7
        assert "too even" in effect.reason

    def test_means(self):
        random, rows = np.random.default_rng(5), []
        for day in range(100):
            for arm, mean in (("a", 3.0), ("b", 5.0)):
                values = random.exponential(mean, 300) + (random.normal(0, 0.4) if arm == "b" else 0)
                rows.append(Bucket(arm, -1, "m", day, Totals(300, values.sum(), (values**2).sum())))
        # Of the variance of a difference of two daily means, day noise adds 0.16 to 9 / 300 + 25 / 300.
        assert DesignEffect(rows, kind="mean").value > 1.5
        plain = [row for row in rows if row.arm == "a"]
        halves = [row._replace(arm="b" if row.day % 2 else "a", day=row.day // 2) for row in plain]
        assert DesignEffect(halves, kind="mean").value == pytest.approx(1, abs=3 * math.sqrt(2 / 49))


class TestHalves:
    def test_see_what_lasts_in_a_half(self):
        """Half-arms that differ all the time: no arm and no day shows it."""
        rows = []
        for row in buckets(40, rates=(0.02, 0.02), n=2_000, seed=6, halves=(0, 1), swing=0):
            factor = 1.6 if row.half else 1.0
            x = row.totals.total * factor
            rows.append(row._replace(totals=Totals(row.totals.n, x, x)))
        effect = DesignEffect(rows)
        assert effect.value > 2
        assert "halves" in effect.reason

    def test_of_independent_units_are_near_one(self):
        value = DesignEffect(buckets(100, seed=7, halves=(0, 1))).value
        assert value < 1 + 4 * math.sqrt(2 / 99)


class TestPast:
    def test_equal_texts_in_one_experiment(self):
        random, past = np.random.default_rng(8), []
        for k in range(300):
            rate = random.uniform(0.01, 0.03)
            x = 2 * random.binomial(4_000, rate / 2, 3)
            past.append([("same", 4_000, x[0]), ("same", 4_000, x[1]), (f"other {k}", 4_000, x[2])])
        effect = DesignEffect(past=past)
        assert effect.value == pytest.approx(2, rel=3 * math.sqrt(2 / 300))
        assert "equal texts" in effect.reason

    def test_the_larger_source_holds(self):
        even = [[("a", 4_000, 80 + k % 9), ("a", 4_000, 75 + k % 13)] for k in range(60)]
        rows = buckets(100, clump=3, seed=9)
        assert DesignEffect(rows, even).value == DesignEffect(rows).value
        uneven = [[("a", 4_000, 60), ("a", 4_000, 110)]] * 60
        assert DesignEffect(rows, uneven).value == DesignEffect(past=uneven).value

    def test_different_texts_say_nothing(self):
        assert DesignEffect(past=[[("a", 100, 5), ("b", 100, 50)]] * 100).value == 1.7

    @pytest.mark.parametrize("bad", [("a", 10, 11), ("a", -1, 0), ("a", math.nan, 1), ("a", 10, math.nan)])
    def test_refuses_counts_that_cannot_be(self, bad):
        with pytest.raises(OutcomeError):
            DesignEffect(past=[[("b", 10, 1), bad]])


class TestDispersion:
    @given(st.integers(30, 2_000))
    def test_too_even_is_one_in_a_thousand(self, degrees):
        stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
        border = stats.chi2.ppf(0.001, degrees)
        assert Dispersion(border * 0.97, degrees).too_even
        assert not Dispersion(border * 1.03, degrees).too_even

    def test_nothing(self):
        assert (Dispersion(0.0, 0).ratio, Dispersion(0.0, 0).too_even) == (0.0, False)


def test_says_in_words_what_it_rests_on():
    assert repr(DesignEffect()) == (
        "<DesignEffect 1.70: design effect 1.7 to begin with: 0 of 30 degrees of freedom so far>"
    )
