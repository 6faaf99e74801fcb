"""The order of reports: hard failures, acceptance, findings, values; never an average."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from postopt.judgement import Axis, Finding, QualityReport
from postopt.quality.axes import AXES, ORDER, of_rules, rank


def report(acceptance=None, **axes):
    """Return a report; an axis is its number of findings, a negative number of hard ones, or a float as its value."""
    made = {}
    for name in AXES:
        given_value = axes.get(name, 0 if name in ("policy", "platform", "correctness", "fidelity") else None)
        if isinstance(given_value, int):
            finding = Finding(rule=f"{name}.r", axis=name, message="m", hard=given_value < 0)
            made[name] = of_rules(name, [finding] * abs(given_value))
        else:
            made[name] = Axis(name=name, value=given_value)
    return QualityReport(axes=made, acceptance=acceptance)


def test_a_hard_failure_comes_last_whatever_speaks_for_the_text():
    assert rank([report(0.99, correctness=-1), report(0.01, policy=5, response=0.0)]) == [1, 0]
    assert rank([report(policy=-2), report(policy=-1)]) == [1, 0]


def test_acceptance_goes_before_the_axes_where_all_have_it():
    assert rank([report(0.4), report(0.6, correctness=3)]) == [1, 0]
    assert rank([report(0.4), report(None), report(0.6, correctness=3)]) == [0, 1, 2]


def test_fewer_findings_on_an_earlier_axis_go_before_any_on_a_later_one():
    for first, second in pairwise(ORDER[:4]):
        assert rank([report(**{first: 1}), report(**{second: 9})]) == [1, 0]


def test_values_decide_between_equals_and_axes_without_a_value_for_all_are_left_out():
    assert rank([report(response=0.4, novelty=0.9), report(response=0.6, novelty=0.9)]) == [1, 0]
    assert rank([report(response=0.4, readability=0.1), report(response=None, readability=0.9)]) == [1, 0]


def test_many_good_axes_do_not_outweigh_an_earlier_bad_one():
    good = report(policy=1, response=1.0, readability=1.0, novelty=1.0)
    assert rank([good, report(response=0.0, readability=0.0, novelty=0.0)]) == [1, 0]


def test_nothing_to_rank_is_an_empty_order():
    assert rank([]) == []


@given(
    st.lists(
        st.builds(
            report,
            st.sampled_from([0.2, 0.8]),
            policy=st.integers(-1, 2),
            correctness=st.integers(0, 2),
            response=st.sampled_from([0.3, 0.7]),
        ),
        max_size=6,
    )
)
def test_every_report_has_one_place_and_equals_keep_their_order(reports):
    order = rank(reports)
    assert sorted(order) == list(range(len(reports)))
    assert rank([reports[place] for place in order]) == list(range(len(reports)))
