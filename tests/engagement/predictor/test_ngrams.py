"""Pairs of neighbours, and sums over rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.ngrams import BUCKETS, MASK, pairs, sums

texts = st.lists(st.lists(st.floats(-10, 10, width=32), max_size=6), max_size=6)


def test_a_pair_in_the_other_order_is_another():
    found = pairs(np.array([5, 9, 5], np.uint32))
    assert len(set(found.tolist())) == 2


def test_a_pair_has_one_hash_less_than_there_are_tokens():
    assert [len(pairs(np.arange(n, dtype=np.uint32))) for n in range(4)] == [0, 0, 1, 2]


@given(texts)
def test_each_row_is_summed_and_an_empty_one_is_0(rows):
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    found = sums(np.array([value for row in rows for value in row], np.float32), offsets)
    assert np.allclose(found, [sum(row) for row in rows], atol=1e-4)


def test_columns_are_the_lowest_bits():
    assert BUCKETS & MASK == 0
    assert MASK == BUCKETS - 1
