"""Comparing day by day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.experiments.blocks import NOTHING, blocked, pooled
from postopt.experiments.records import Totals
from postopt.experiments.reports import Reports

COUNTS = st.integers(1, 10_000)


def bits(n, ones):
    return Totals(n, ones, ones)


@given(st.lists(st.tuples(COUNTS, st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6), st.integers(1, 9))
def test_with_the_same_shares_on_all_days_it_is_pooling(days, share):
    arm = {day: bits(n * share, n * share * p) for day, (n, p, _) in enumerate(days)}
    other = {day: bits(n, n * q) for day, (n, _, q) in enumerate(days)}
    for mine, whole in zip(blocked(arm, other), (pooled(arm), pooled(other)), strict=True):
        assert mine == pytest.approx(whole)


@given(st.dictionaries(st.integers(0, 5), COUNTS), st.dictionaries(st.integers(0, 5), COUNTS), st.floats(0, 1))
def test_n_is_never_more_than_was_counted(arm, other, rate):
    arm, other = ({day: bits(n, n * rate) for day, n in days.items()} for days in (arm, other))
    for mine, whole in zip(blocked(arm, other), (pooled(arm), pooled(other)), strict=True):
        assert mine.n <= whole.n * (1 + 1e-9)
        assert mine.mean == pytest.approx(rate if mine.n else 0)


def test_a_good_day_is_no_good_arm():
    arm, other = {0: bits(100, 2), 1: bits(900, 90)}, {0: bits(900, 18), 1: bits(100, 10)}
    assert pooled(arm).mean > 3 * pooled(other).mean
    mine, theirs = blocked(arm, other)
    assert mine.mean == pytest.approx(theirs.mean)


def test_days_of_one_alone_say_nothing():
    assert blocked({0: bits(10, 1)}, {1: bits(10, 1)}) == (NOTHING, NOTHING)
    assert blocked({}, {}) == (NOTHING, NOTHING)


class TestReports:
    def test_many_become_few(self):
        reports = Reports(["a"], "clicks")
        for _ in range(2_500):
            reports.add(0, bits(1, 1))
        buckets = reports.buckets()
        assert 500 < len(buckets) <= 1_024
        assert sum(bucket.totals.n for bucket in buckets) == 2_500
        assert len({bucket.day for bucket in buckets}) == len(buckets)
        assert list(reports.periods(0)) == sorted(reports.periods(0))
