"""Batches by length, measured sizes, and memory that is short."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.embedding.batches import BatchedEmbedder, by_length, measure_batch
from postopt.engagement.embeddings import Embedder


class Letters:
    """A tokenizer that reads letters."""

    def read(self, texts):
        return [[ord(letter) for letter in text] for text in texts]


class Scripted(BatchedEmbedder):
    """Has memory for a batch of so many tokens, and says of a text how long it is and what its letters add up to."""

    name = "scripted"
    dimension = 2

    def __init__(self, batch_size=8, room=10**9):
        super().__init__(Letters(), batch_size)
        self.room = room
        self.tried = []

    def _run(self, ids, mask):
        self.tried.append(len(ids))
        if ids.size > self.room:
            raise MemoryError(f"{ids.size} tokens")
        assert mask.any(axis=1).all()
        assert not ids[mask == 0].any()
        return np.column_stack([mask.sum(axis=1), ids.sum(axis=1)]).astype(np.float32)


def wanted(texts):
    return [[len(text), sum(map(ord, text))] for text in texts]


class TestBatches:
    @given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 9))
    def test_put_every_row_back(self, lengths, size):
        seen = []

        def run(batch):
            assert len(batch) <= size
            seen.extend(batch)
            return np.array([[lengths[index], index] for index in batch], dtype=np.float32)

        found = by_length(lengths, size, run, dimension=2)
        assert found.vectors.tolist() == [[length, index] for index, length in enumerate(lengths)]
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

        found = by_length([1] * 7, 8, run, dimension=1)
        assert found.vectors.ravel().tolist() == list(range(7))
        assert tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]
        assert (found.batch_size, found.halved) == (1, 2)

    def test_of_one_that_do_not_fit_are_an_error(self):
        def run(_):
            raise MemoryError

        with pytest.raises(MemoryError):
            by_length([1, 2], 4, run, dimension=1)

    def test_may_be_given_up_instead(self):
        tried = []

        def run(batch):
            tried.append(len(batch))
            raise MemoryError

        with pytest.raises(MemoryError):
            by_length([1] * 4, 4, run, dimension=1, halve=False)
        assert tried == [4]


class TestMeasuring:
    def test_takes_the_size_with_the_least_time(self):
        now = 0.0

        def encode(texts, size):
            nonlocal now
            now += {1: 5.0, 4: 3.0, 8: 2.0, 16: 2.0}[size]

        assert measure_batch(encode, ["text"] * 50, sizes=(16, 8, 4, 1), clock=lambda: now) == (8, 2)

    def test_is_not_done_on_nothing(self):
        def encode(*_):
            raise AssertionError

        assert measure_batch(encode, ["one"], sizes=(8, 4)) == (4, 0)
        assert measure_batch(encode, ["one", "two"], sizes=(8,)) == (8, 0)

    def test_uses_as_many_texts_as_the_largest_size(self):
        seen = []

        def encode(texts, size):
            seen.append((len(texts), size))

        measure_batch(encode, ["a", "b", "c"], sizes=(32, 4096), clock=lambda: 0.0)
        assert set(seen[1:]) == {(4096, 32), (4096, 4096)}

    def test_takes_no_size_that_does_not_fit(self):
        now, tried = 0.0, []

        def encode(_, size):
            nonlocal now
            tried.append(size)
            if size > 8:
                raise MemoryError
            now += 10 - size

        assert measure_batch(encode, ["text"] * 9, sizes=(4, 8, 16, 32), clock=lambda: now) == (8, 2)
        assert tried[1:] == [4, 8, 16, 32, 4, 8, 4, 8]

    def test_fails_where_nothing_fits(self):
        def encode(texts, _):
            if len(texts) > 2:
                raise MemoryError

        with pytest.raises(MemoryError):
            measure_batch(encode, ["text"] * 9, sizes=(4, 8))

    @pytest.mark.parametrize("sizes", [(), (0,), (-1, 2), (1.5,)])
    def test_needs_sizes(self, sizes):
        with pytest.raises(ValueError, match="size"):
            measure_batch(lambda *_: None, ["a", "b"], sizes=sizes)


class TestShortMemory:
    def test_loses_no_row_and_swaps_none(self):
        texts = ["a", "bcdefgh", "", "xyz", "hijklmn", "op", "q", "rstuv"] * 5
        found = Scripted(batch_size=16, room=20)
        assert isinstance(found, Embedder)
        with pytest.warns(
            UserWarning, match="did not fit into memory: batches were halved, to 2 texts; every text was embedded"
        ):
            assert found.encode(texts).tolist() == wanted(texts)

    @given(st.lists(st.text("abc", max_size=9), max_size=30), st.integers(1, 12), st.integers(9, 60))
    def test_changes_no_vector(self, texts, size, room):
        found = Scripted(batch_size=size, room=room)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert found.encode(texts).tolist() == wanted(texts)
        assert len(told) == (found.halved > 0)
        assert found.batch_size == size or found.halved

    def test_is_said_once_a_call_and_counted(self):
        found = Scripted(batch_size=16, room=20)
        with pytest.warns(UserWarning, match="halved") as told:
            found.encode(["abcdefg"] * 40)
        assert [warning.filename for warning in told] == [__file__]
        assert (found.halved, found.batch_size) == (3, 2)

    def test_is_remembered_until_the_size_is_set_anew(self):
        found = Scripted(batch_size=4, room=14)
        with pytest.warns(UserWarning, match="to 2 texts"):
            found.encode(["abcdefg"] * 8)
        found.encode(["abcdefg"] * 8)
        assert found.tried == [4, 2, 2, 2, 2, 2, 2, 2, 2]
        found.batch_size = 4
        with pytest.warns(UserWarning, match="to 2 texts"):
            found.encode(["abcdefg"] * 8)
        assert found.halved == 2

    def test_for_one_text_is_an_error(self):
        found = Scripted(batch_size=4, room=3)
        with pytest.raises(MemoryError, match="4 tokens"):
            found.encode(["abcd", "a"])
        assert found.halved == 0

    def test_is_counted_by_all_threads(self):
        found = Scripted(batch_size=2, room=7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with ThreadPoolExecutor(4) as threads:
                every = list(threads.map(lambda _: found.encode(["abcdefg", "xyz"]).tolist(), range(40)))
        assert every == [wanted(["abcdefg", "xyz"])] * 40
        assert 1 <= found.halved <= 4
        assert found.batch_size == 1

    def test_is_not_spoken_of_where_there_is_enough(self):
        found = Scripted()
        assert found.encode([]).shape == (0, 2)
        assert found.encode(["", ""]).tolist() == [[0, 0], [0, 0]]
        assert found.encode(["ab", ""]).tolist() == wanted(["ab", ""])
        assert found.halved == 0
