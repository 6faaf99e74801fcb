"""The reports of one post as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.learning.adding import added_up
from postopt.types import MAX_COUNT, Feedback

amounts = st.none() | st.integers(0, 1000)
reports = st.lists(
    st.builds(
        Feedback, st.sampled_from("abc"), st.just("p"), st.integers(1000, 2000), st.integers(0, 1000),
        st.floats(0, 10), amounts, amounts, st.none() | st.integers(-10**8, 10**8).map(lambda micros: micros / 1e6),
    )
)  # fmt: skip


def test_none_are_none():
    assert added_up([]) == []


@given(reports)
def test_what_was_counted_is_added_and_what_nobody_counted_stays_none(given):
    sums = added_up(given)
    assert len(sums) == bool(given)
    for total in sums:
        assert total.reports == len(given)
        assert (total.feedback.id, total.feedback.at) == (given[-1].id, given[-1].at)
        for name in ("impressions", "clicks", "reactions", "hides"):
            counted = [getattr(report, name) for report in given if getattr(report, name) is not None]
            assert getattr(total.feedback, name) == (sum(counted) if counted else None)
            assert type(getattr(total.feedback, name)) in (int, type(None))
        revenues = [report.revenue for report in given if report.revenue is not None]
        assert total.feedback.revenue == (pytest.approx(sum(revenues), abs=1e-6) if revenues else None)


def test_what_passes_the_greatest_count_goes_on_in_a_second_sum():
    three = [Feedback(name, "p", MAX_COUNT, 1, 0.0) for name in "abc"]
    assert [(total.feedback.id, total.reports) for total in added_up(three)] == [("a", 1), ("b", 1), ("c", 1)]
    refunds = [Feedback(name, "p", 1, 1, 0.0, revenue=-0.7 * MAX_COUNT) for name in "ab"]
    assert [total.feedback for total in added_up(refunds)] == refunds
