"""A table of word vectors gives back what an embedder says, as far as that is a sum over words."""

from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.embedding.static import StaticEmbedder
from postopt.engagement.embeddings import Embedder
from postopt.errors import ModelFileError, NotFittedError

WORDS = [f"w{i}" for i in range(40)]


class Additive:
    """An embedder that is a mean over words, turned by a matrix when there are several."""

    name = "additive"
    dimension = 8
    turn = np.random.default_rng(1).normal(size=(8, 8))

    def encode(self, texts):
        return np.array([self._one(text) for text in texts], dtype=np.float32).reshape(-1, 8)

    def _one(self, text):
        vectors = [np.random.default_rng(crc32(word.encode())).normal(size=8) for word in text.split()]
        mean = np.mean(vectors, axis=0)
        return mean @ self.turn if len(vectors) > 1 else mean


def texts(count, seed=0):
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, size=draw.integers(3, 9))) for _ in range(count)]


TABLE = StaticEmbedder.distil(Additive(), texts(300))


class TestTable:
    def test_gives_back_what_is_a_sum_over_words(self):
        new = texts(50, seed=9)
        want = Additive().encode(new)
        left = np.sum((TABLE.encode(new) - want) ** 2) / np.sum((want - want.mean(axis=0)) ** 2)
        assert left < 0.05
        assert TABLE.fidelity > 0.95

    def test_is_an_embedder(self):
        assert isinstance(TABLE, Embedder)
        assert TABLE.dimension == 8
        assert TABLE.name.endswith(":additive")

    @given(st.lists(st.text(max_size=20), max_size=6))
    def test_reads_each_text_alone(self, some):
        together = TABLE.encode(some)
        assert together.shape == (len(some), 8)
        assert np.isfinite(together).all()
        for row, text in zip(together, some, strict=True):
            np.testing.assert_allclose(TABLE.encode([text])[0], row, rtol=1e-5, atol=1e-6)

    def test_has_one_vector_for_all_it_does_not_know(self):
        found = TABLE.encode(["", "unseen", "another unseen", "\x00", "\U0001f600"])
        np.testing.assert_allclose(found, np.repeat(found[:1], 5, axis=0), rtol=1e-5)

    def test_does_not_depend_on_the_order_of_texts(self):
        again = StaticEmbedder.distil(Additive(), texts(300)[::-1])
        assert again.name == TABLE.name

    def test_reads_many_rows_as_it_reads_few(self):
        many = texts(600, seed=4)
        np.testing.assert_allclose(TABLE.encode(many)[-3:], TABLE.encode(many[-3:]), rtol=1e-5)

    def test_needs_texts(self):
        with pytest.raises(NotFittedError, match="50 are needed"):
            StaticEmbedder.distil(Additive(), ["!", "", *texts(20)])


class TestFile:
    def test_gives_back_the_same_table(self, tmp_path):
        TABLE.save(tmp_path / "table")
        again = StaticEmbedder.load(tmp_path / "table")
        assert (again.name, again.fidelity) == (TABLE.name, TABLE.fidelity)
        np.testing.assert_array_equal(again.encode(texts(20)), TABLE.encode(texts(20)))

    def test_that_is_foreign_is_told(self, tmp_path):
        from postopt.engagement.expecting.modelfile import ModelFile, write_model

        write_model(tmp_path / "a", "static embeddings", {"format": 1, "words": 1}, ModelFile({}, {}))
        with pytest.raises(ModelFileError, match="table of vectors"):
            StaticEmbedder.load(tmp_path / "a")
        with pytest.raises(ModelFileError):
            StaticEmbedder.load(tmp_path / "nowhere")
