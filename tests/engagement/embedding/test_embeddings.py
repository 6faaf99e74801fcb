"""Batches by length, measured sizes, and what is asked of an embedder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.embeddings import Embedder, by_length, embed, measure_batch
from postopt.errors import ModelError


class Lengths:
    name = "lengths"
    dimension = 1

    def encode(self, texts):
        return np.array([[len(text)] for text in texts], dtype=np.float32).reshape(-1, 1)


class TestBatches:
    @given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 9))
    def test_put_every_row_back(self, lengths, size):
        seen = []

        def run(batch):
            assert len(batch) <= size
            seen.extend(batch)
            return np.array([[lengths[index], index] for index in batch], dtype=np.float32)

        found = by_length(lengths, size, run, dimension=2)
        assert found.tolist() == [[length, index] for index, length in enumerate(lengths)]
        assert sorted(seen) == list(range(len(lengths)))

    def test_are_of_like_lengths(self):
        batches = []

        def run(batch):
            batches.append([lengths[index] for index in batch])
            return np.zeros((len(batch), 1), dtype=np.float32)

        lengths = [5, 1, 9, 2, 8, 3]
        by_length(lengths, 2, run, dimension=1)
        assert batches == [[9, 8], [5, 3], [2, 1]]

    def test_that_do_not_fit_into_memory_are_halved(self):
        tried = []

        def run(batch):
            tried.append(len(batch))
            if len(batch) > 2:
                raise MemoryError
            return np.array([[index] for index in batch], dtype=np.float32)

        assert by_length([1] * 7, 8, run, dimension=1).ravel().tolist() == list(range(7))
        assert tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]

    def test_of_one_that_do_not_fit_are_an_error(self):
        def run(_):
            raise MemoryError

        with pytest.raises(MemoryError):
            by_length([1, 2], 4, run, dimension=1)


class TestMeasuring:
    def test_takes_the_size_with_the_least_time(self):
        now = 0.0

        def encode(texts, size):
            nonlocal now
            now += {1: 5.0, 4: 3.0, 8: 2.0, 16: 2.0}[size]

        assert measure_batch(encode, ["text"] * 50, sizes=(16, 8, 4, 1), clock=lambda: now) == 8

    def test_is_not_done_on_nothing(self):
        def encode(*_):
            raise AssertionError

        assert measure_batch(encode, ["one"], sizes=(8, 4)) == 4
        assert measure_batch(encode, ["one", "two"], sizes=(8,)) == 8

    @pytest.mark.parametrize("sizes", [(), (0,), (-1, 2), (1.5,)])
    def test_needs_sizes(self, sizes):
        with pytest.raises(ValueError, match="size"):
            measure_batch(lambda *_: None, ["a", "b"], sizes=sizes)


class TestEmbedder:
    def test_is_a_protocol(self):
        assert isinstance(Lengths(), Embedder)

    def test_gives_one_row_a_text(self):
        assert embed(Lengths(), ["a", "bcd"]).tolist() == [[1], [3]]
        assert embed(Lengths(), []).shape == (0, 1)

    @pytest.mark.parametrize("answer", [np.zeros((3, 1)), np.zeros(2), [[1.0], [float("inf")]], "text", object()])
    def test_that_answers_anything_else_is_told(self, answer):
        class Wrong(Lengths):
            def encode(self, texts):
                return answer

        with pytest.raises(ModelError, match="embedder lengths returned"):
            embed(Wrong(), ["a", "b"])
