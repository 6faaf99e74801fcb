"""What is asked of an embedder."""

import numpy as np
import pytest

from postopt.engagement.embeddings import Embedder, check_embedder, embed
from postopt.errors import ModelError


class Lengths:
    name = "lengths"
    dimension = 1

    def encode(self, texts):
        return np.array([[len(text)] for text in texts], dtype=np.float32).reshape(-1, 1)


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

    @pytest.mark.parametrize("thing", [None, 3, "model", Lengths, object()])
    def test_is_not_anything(self, thing):
        with pytest.raises(ValueError, match="a name, a dimension and encode"):
            check_embedder(thing)
