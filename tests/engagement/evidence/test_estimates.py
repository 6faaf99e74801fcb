"""What contrasts say of traits, and what later ones make of it."""

import numpy as np
import pytest

from postopt.engagement.advising.estimates import Estimate, confirmed_by, estimates, found_among, matrix_of
from postopt.engagement.advising.traits import TRAITS
from postopt.errors import OutcomeError
from postopt.experiments.effects import Effect


def an_estimate(log_odds, error=0.02):
    return Estimate(Effect(log_odds, error, 100, 90.0), 200, 90, 1e6)


class TestEstimates:
    def test_what_was_planted_is_found_within_its_error_and_nothing_else(self, planted):
        told = estimates(planted(), language="en")
        for trait, truth in (("question", -0.25), ("digits", 0.25), ("fear", 0.25), ("comma", 0.0)):
            effect = told[trait].effect
            assert abs(effect.log_odds - truth) < 3 * effect.error
        assert {"question", "digits", "fear"} <= found_among(told)
        assert "comma" not in found_among(told)

    def test_pairs_tests_and_impressions_are_those_in_which_the_trait_varies(self):
        group = [("Is it?", 100, 5), ("It is", 100, 6), ("It was", 100, 7)]
        groups = [[(f"{text[:-1]} {i}{text[-1]}", n, s) for text, n, s in group] for i in range(30)]
        groups += [[(f"None {i}", 100, 5), (f"No {i}", 100, 6)] for i in range(10)]
        told = estimates(groups, language="en")["question"]
        assert (told.pairs, told.tests, told.shown) == (60, 30, 9000.0)
        assert told.effect.n == 30

    def test_tests_that_share_a_text_count_once(self):
        groups = [[("Is it?", 100, 5), (f"It is {i}", 100, 6)] for i in range(30)]
        told = estimates(groups, language="en")
        assert "question" not in told or told["question"].tests == 1

    def test_a_trait_that_varies_in_fewer_than_twenty_contrasts_is_left_out(self, planted):
        assert estimates(planted(10), language="en") == {}

    def test_no_contrasts_say_nothing(self):
        assert estimates([], language="en") == {}
        assert estimates([[("one", 10, 1)]], language="en") == {}

    @pytest.mark.parametrize("groups", [None, "text", [[("a", 1, 2), ("b", 1, 0)]], [["a"]]])
    def test_what_are_no_contrasts_is_refused(self, groups):
        with pytest.raises(OutcomeError):
            estimates(groups, language="en")

    def test_a_row_a_text_and_a_column_a_trait(self):
        assert matrix_of(["Is it?", ""], "en").shape == (2, len(TRAITS))
        assert matrix_of([], "en").shape == (0, len(TRAITS))

    def test_where_nothing_works_few_traits_are_found(self, planted):
        """At 5 % false discoveries no trait is found in most of such sets; in eight of them at most four."""
        found = [found_among(estimates(planted(60, seed=seed, effect=0.0), language="en")) for seed in range(8)]
        assert np.count_nonzero([len(some) > 0 for some in found]) <= 2


class TestConfirming:
    @pytest.mark.parametrize(
        ("earlier", "later", "confirmed"),
        [
            (0.1, 0.1, True), (0.1, -0.1, False), (-0.1, -0.1, True), (0.1, 0.01, False), (0.01, 0.1, True),
        ],
    )  # fmt: skip
    def test_later_contrasts_have_to_show_the_same_sign_surely(self, earlier, later, confirmed):
        assert confirmed_by(an_estimate(earlier), an_estimate(later)) is confirmed

    def test_where_nobody_could_look_nothing_is_said(self):
        assert confirmed_by(None, an_estimate(0.1)) is None
        assert confirmed_by(an_estimate(0.1), None) is None
