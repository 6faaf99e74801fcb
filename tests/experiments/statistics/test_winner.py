"""Which of many arms is the best one, for sure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import OutcomeError
from postopt.experiments.records import Totals
from postopt.experiments.sequential import SequentialTest
from postopt.experiments.winner import find_winner


def shares(n, successes):
    return Totals(n, successes, successes)


class TestFindWinner:
    def test_beats_each_other_one(self):
        verdict = find_winner({"a": shares(8_000, 120), "b": shares(8_000, 230), "c": shares(8_000, 130)})
        assert (verdict.winner, verdict.best, verdict.rival) == ("b", "b", "c")
        assert verdict.comparison.lift == pytest.approx(230 / 130 - 1)

    def test_the_rival_is_the_best_that_is_not_beaten(self):
        verdict = find_winner({"a": shares(8_000, 60), "b": shares(8_000, 230), "c": shares(400, 9)})
        assert (verdict.winner, verdict.best, verdict.rival) == (None, "b", "c")
        assert not verdict.comparison.significant

    def test_an_arm_without_outcomes_is_not_beaten(self):
        verdict = find_winner({"a": shares(8_000, 60), "b": shares(8_000, 230), "c": shares(0, 0)})
        assert (verdict.winner, verdict.rival, verdict.comparison.silence) == (None, "c", "no outcomes yet")

    def test_less_can_be_better(self):
        arms = {"a": shares(8_000, 120), "b": shares(8_000, 230)}
        assert find_winner(arms, lower_is_better=True).winner == "a"
        assert find_winner(arms, lower_is_better=True).comparison.lift < 0

    def test_two_arms_are_the_plain_test(self):
        arms = {"a": shares(8_000, 160), "b": shares(8_000, 120)}
        assert find_winner(arms).comparison == SequentialTest().compare(arms["a"], arms["b"])

    @given(st.integers(2, 12), st.integers(121, 260))
    def test_more_arms_need_more(self, arms, successes):
        few = {"best": shares(8_000, successes), "other": shares(8_000, 120)}
        many = few | {str(k): shares(8_000, 100) for k in range(arms)}
        if find_winner(many).winner:
            assert find_winner(few).winner == find_winner(many).winner == "best"

    def test_pairs_may_be_compared_by_other_sums(self):
        arms = {"a": shares(8_000, 230), "b": shares(8_000, 120)}
        seen = []

        def pair(best, other):
            seen.append((best, other))
            return shares(8_000, 121), shares(8_000, 120)

        assert find_winner(arms, pair=pair).winner is None
        assert set(seen) == {("a", "b")}

    @pytest.mark.parametrize(("arms", "best"), [({}, None), ({"a": shares(10, 3)}, "a"), ({"a": shares(0, 0)}, None)])
    def test_nothing_to_compare(self, arms, best):
        assert find_winner(arms) == (best, None, None, None)

    def test_no_outcomes_at_all(self):
        assert find_winner({"a": shares(0, 0), "b": shares(0, 0)}) == (None, None, None, None)

    def test_refuses_sums_that_cannot_be(self):
        with pytest.raises(OutcomeError):
            find_winner({"a": shares(10, 12), "b": shares(10, 3)})
