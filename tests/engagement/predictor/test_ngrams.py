"""Columns of one text and of many, and sums over rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.ngrams import (
    BUCKETS,
    Rows,
    crossed,
    crossed_of,
    joined,
    pairs,
    pairs_of,
    words,
    words_of,
)

hashes = st.integers(0, 2**32 - 1)
texts = st.lists(st.lists(hashes, max_size=6), max_size=6)


def flat(lists):
    sizes = [len(part) for part in lists]
    return np.array([x for part in lists for x in part], np.uint32), np.cumsum([0, *sizes], dtype=np.int64)


def listed(rows):
    return [rows.columns[a:b].tolist() for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]


class TestColumns:
    @given(texts, st.lists(hashes, min_size=6, max_size=6), st.sampled_from([2, 1024, BUCKETS]))
    def test_many_texts_have_the_columns_of_each(self, tokens, keys, buckets):
        keys = keys[: len(tokens)]
        assert listed(words_of(*flat(tokens), buckets)) == [words(text, buckets) for text in tokens]
        assert listed(pairs_of(*flat(tokens), buckets)) == [pairs(text, buckets) for text in tokens]
        both = crossed_of(*flat(tokens), np.array(keys, np.uint32), buckets)
        assert listed(both) == [crossed(text, key, buckets) for text, key in zip(tokens, keys, strict=True)]

    def test_a_pair_in_the_other_order_is_another(self):
        assert pairs([5, 9]) != pairs([9, 5])

    @given(st.lists(st.tuples(st.lists(hashes, max_size=4), st.lists(hashes, max_size=4)), max_size=5))
    def test_joined_rows_hold_both(self, both):
        first, second = [a for a, _ in both], [b for _, b in both]
        assert listed(joined(Rows(*flat(first)), Rows(*flat(second)))) == [a + b for a, b in both]


class TestSums:
    @given(texts)
    def test_product_is_the_sum_of_each_rows_weights(self, tokens):
        weights = np.random.default_rng(0).normal(size=64)
        rows = words_of(*flat(tokens), 64)
        expected = [sum(weights[column] for column in words(text, 64)) for text in tokens]
        assert np.allclose(rows.times(weights), expected)

    def test_more_rows_than_are_multiplied_at_once(self):
        tokens = [[i, i + 1] if i % 3 else [] for i in range(10_000)]
        found = words_of(*flat(tokens)).times(np.arange(BUCKETS, dtype=float))
        assert found.tolist() == [float(sum(text)) for text in tokens]
