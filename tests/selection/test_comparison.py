"""Rewards on a scale of their own, compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.selection.comparison import compared

sums = st.lists(st.tuples(st.integers(0, 200), st.floats(0, 1)), min_size=2, max_size=6).filter(
    lambda rows: any(n for n, _ in rows)
)


def means(rows, expected):
    found = compared(rows, expected)
    return [total / n if n else None for total, (n, _) in zip(found, rows, strict=True)]


class TestCompared:
    def test_one_that_alone_was_used_stays_what_it_was(self):
        assert means([(200, 6.0), (0, 0.0)], [0.84, 0.81]) == pytest.approx([0.84, None])

    def test_equal_rewards_make_models_equal(self):
        assert means([(100, 3.0), (300, 9.0)], [0.8, 0.4]) == pytest.approx([0.5, 0.5])

    def test_what_earns_a_fifth_more_than_the_mean_goes_up(self):
        better, usual = means([(100, 3.6), (100, 3.0)], [0.8, 0.8])
        assert better > 0.8 > usual
        # Odds of 4, times 1.2 / 1.1, shrunk by 4 of 104.
        assert better / (1 - better) == pytest.approx(4 * (3.6 + 4 * 0.033) / (104 * 0.033))

    def test_where_nothing_was_earned_nothing_is_known(self):
        assert means([(100, 0.0), (3, 0.0)], [0.8, 0.4]) == pytest.approx([0.8, 0.4])

    def test_certain_ones_are_no_error(self):
        assert means([(10, 0.0), (10, 1.0)], [1.0, 1.0]) == [1.0, 1.0]
        assert means([(10, 0.0), (10, 1.0)], [0.0, 0.0]) == [0.0, 0.0]

    @given(sums, st.floats(1e-3, 1e3))
    def test_a_common_factor_changes_nothing_and_means_stay_from_0_to_1(self, rows, factor):
        rows = [(n, n * round(mean, 9)) for n, mean in rows]
        expected = [0.1 + 0.8 * number / len(rows) for number in range(len(rows))]
        found = means(rows, expected)
        assert all(mean is None or 0 <= mean <= 1 for mean in found)
        assert means([(n, factor * total) for n, total in rows], expected) == pytest.approx(found, abs=1e-6)
