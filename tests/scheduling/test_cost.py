"""The fitted cost of a batch."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.scheduling.cost import BatchCost


def fitted(batches, **how):
    cost = BatchCost(**how)
    for n, seconds in batches:
        cost.update(n, seconds)
    return cost


class TestBatchCost:
    def test_nothing_is_known_before_the_first_batch(self):
        assert BatchCost().seconds(10) == 0.0

    @given(st.floats(0, 10), st.floats(0, 10), st.lists(st.integers(1, 500), min_size=2, max_size=30))
    def test_a_line_is_found(self, a, b, sizes):
        cost = fitted((n, a * n + b) for n in sizes)
        if len(set(sizes[-20:])) > 1:
            assert cost.seconds(sizes[-1]) == pytest.approx(a * sizes[-1] + b, rel=1e-3, abs=1e-6)

    def test_what_changed_is_forgotten(self):
        batches = [(n, 1.0 * n + 5.0) for n in range(1, 50)] + [
            (n % 50 + 1, 2.0 * (n % 50 + 1) + 1.0) for n in range(400)
        ]
        assert fitted(batches).line() == pytest.approx((2.0, 1.0), rel=0.01)

    def test_batches_of_one_size_say_what_that_size_costs(self):
        cost = fitted([(8, 2.0)] * 10)
        assert (cost.seconds(8), cost.seconds(1), cost.seconds(16)) == pytest.approx((2.0, 2.0, 4.0))

    @given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1e6)), max_size=40))
    def test_no_estimate_is_negative_or_no_number(self, batches):
        cost = fitted(batches)
        assert min(cost.line()) >= 0
        assert all(0 <= cost.seconds(n) < math.inf for n in (1, 10, 10_000))

    def test_larger_batches_that_were_faster_cost_no_less_than_nothing_more(self):
        assert fitted([(1, 2.0), (10, 1.0)], forgetting=1.0).line() == (0.0, 1.5)
        assert fitted([(1, 1.0), (10, 100.0)], forgetting=1.0).line()[1] == 0.0

    @pytest.mark.parametrize("batch", [(0, 1.0), (-1, 1.0), (1, -1.0), (1, math.nan), (math.nan, 1.0), (1, math.inf)])
    def test_what_cannot_be_is_left_out(self, batch):
        assert fitted([batch, (2, 4.0)]).seconds(2) == 4.0
