"""Groups of texts are read as numbers, or refused."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.errors import OutcomeError
from postopt.experiments.contrasts import contrasts, read_groups

counts = st.integers(0, 10**6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
groups = st.lists(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), counts).map(lambda x: (x[0], *x[1])), max_size=4), max_size=5
)


class TestReading:
    def test_the_same_text_is_added_up_and_what_nobody_saw_is_left_out(self):
        assert read_groups([[("b", 10, 1), ("a", 5, 2), ("b", 30, 3), ("c", 0, 0)]]) == [(("a", 5, 2), ("b", 40, 4))]

    @pytest.mark.parametrize("group", [[], [("a", 9, 1)], [("a", 9, 1), ("a", 9, 2)], [("a", 9, 1), ("b", 0, 0)]])
    def test_a_group_that_compares_nothing_is_left_out(self, group):
        assert read_groups([group]) == []

    @settings(max_examples=30)
    @given(groups, st.randoms(use_true_random=False))
    def test_order_does_not_matter(self, given_groups, draw):
        mixed = [draw.sample(group, len(group)) for group in given_groups]
        draw.shuffle(mixed)
        assert read_groups(mixed) == read_groups(given_groups)

    @pytest.mark.parametrize(
        "row",
        [
            None, "abc", (), ("a", 1), ("a", 1, 2, 3), (1, 2, 1), (None, 2, 1), ("a", -1, 0), ("a", 2, -1), ("a", 2, 3),
            ("a", math.nan, 0), ("a", 2, math.nan), ("a", math.inf, 1), ("a", True, 0), ("a", "2", 1), ("a", 2, None),
            ("a", 10**400, 1), ("a", 1 + 1j, 1),
        ],
    )  # fmt: skip
    def test_refuses_counts_that_cannot_be(self, row):
        with pytest.raises(OutcomeError, match="group 1"):
            read_groups([[("a", 9, 1), ("b", 9, 1)], [row]])

    def test_takes_every_kind_of_real_number(self):
        group = [("a", np.int64(9), np.float32(1)), ("b", Fraction(9), 1.5)]
        assert read_groups([group]) == [(("a", 9.0, 1.0), ("b", 9.0, 1.5))]


class TestNumbers:
    def test_log_odds_and_variance(self):
        data = contrasts(read_groups([[("a", 100, 10), ("b", 100, 0)]]), design_effect=2.0)
        assert data.effect == pytest.approx([math.log(10.5 / 90.5), math.log(0.5 / 100.5)])
        assert data.variance == pytest.approx([2 / 10.5 + 2 / 90.5, 2 / 0.5 + 2 / 100.5])

    def test_groups_that_share_a_text_directly_or_not_are_one_component(self):
        kept = read_groups([[(x, 9, 1) for x in pair] for pair in ("ab", "cd", "ef", "bg", "gh")])
        first = [group[0][0] for group in kept]
        component = dict(zip(first, contrasts(kept).component.tolist(), strict=True))
        assert component["a"] == component["b"] == component["g"]
        assert len({component["a"], component["c"], component["e"]}) == 3

    def test_centring_leaves_no_weighted_mean(self):
        data = contrasts(read_groups([[("a", 9, 1), ("b", 90, 1)], [("a", 5, 1), ("c", 7, 0), ("d", 9, 9)]]))
        weights = 1 / data.variance
        assert data.sums(weights * data.centred(data.effect, weights)) == pytest.approx([0, 0])

    def test_no_groups(self):
        data = contrasts([])
        assert (len(data), data.texts, data.spread()) == (0, (), 0.0)

    @pytest.mark.parametrize(("true", "tolerance"), [(0.0, 0.06), (0.2, 0.03), (0.5, 0.05)])
    def test_the_spread_is_that_of_the_truth_and_not_of_chance(self, true, tolerance):
        draw = np.random.default_rng(1)
        rates = 1 / (1 + np.exp(3.5 - true * draw.standard_normal((800, 4))))
        clicks = draw.binomial(5000, rates)
        made = [[(f"{g} {k}", 5000, int(clicks[g, k])) for k in range(4)] for g in range(800)]
        assert contrasts(read_groups(made), design_effect=1.0).spread() == pytest.approx(true, abs=tolerance)
