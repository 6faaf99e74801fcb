"""ONNX Runtime where memory is short: the session is scripted, what it says is what ONNX Runtime 1.32 says."""

import json

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from postopt.engagement.embedding.onnxruntime import OnnxEmbedder  # noqa: E402 - after the skips

NODE = "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Expand node. Status Message: "
FULL = [
    f"{NODE}bfc_arena.cc:360 AllocateRawInternal(size_t) Failed to allocate memory for requested buffer of size 64",
    f"{NODE}std::bad_alloc",
    f"{NODE}bad allocation",
]
TEXTS = ["a", "b c d", "c", "", "a b", "d d d d", "b"]


class Session:
    """Gives each text the sum of its tokens; refuses a batch of more than `room` texts."""

    def __init__(self, *, room, error):
        self.room, self.error = room, error
        self.tried = []

    def run(self, _, given):
        self.tried.append(len(given["ids"]))
        if len(given["ids"]) > self.room:
            raise self.error
        return [np.sum(given["ids"] * given["mask"], axis=1, keepdims=True, dtype=np.float32)]


@pytest.fixture
def embedder(tmp_path, monkeypatch):
    words = {word: number for number, word in enumerate(("[UNK]", "a", "b", "c", "d"))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "embedder.json").write_text(json.dumps({"name": "sums", "dimension": 1, "most_tokens": 9}))
    (tmp_path / "model.onnx").write_bytes(b"scripted")

    def make(session, **settings):
        monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: session)
        return OnnxEmbedder(tmp_path, **settings)

    return make


@pytest.mark.parametrize("message", FULL)
def test_a_batch_that_does_not_fit_is_halved_and_every_text_keeps_its_place(embedder, message):
    session = Session(room=2, error=onnxruntime.capi.onnxruntime_pybind11_state.Fail(message))
    found = embedder(session, batch_size=8)
    with pytest.warns(UserWarning, match="halved, to 1 texts; every text was embedded"):
        vectors = found.encode(TEXTS)
    assert vectors.ravel().tolist() == [1, 9, 3, 0, 3, 16, 2]
    assert session.tried[:3] == [6, 3, 1]
    assert (found.halved, found.batch_size) == (2, 1)


@pytest.mark.parametrize("message", FULL)
def test_one_text_that_does_not_fit_is_an_error_of_memory(embedder, message):
    error = onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException(message)
    with pytest.raises(MemoryError, match=r"memory|alloc") as caught:
        embedder(Session(room=0, error=error)).encode(["a"])
    assert caught.value.__cause__ is error


def test_a_size_that_does_not_fit_is_not_measured(embedder):
    session = Session(room=4, error=onnxruntime.capi.onnxruntime_pybind11_state.Fail(FULL[0]))
    found = embedder(session)
    found.measure(TEXTS, clock=lambda: 0.0)
    assert found.batch_size <= 4
    assert found.halved == 0


def test_other_failures_are_passed_on(embedder):
    error = onnxruntime.capi.onnxruntime_pybind11_state.Fail(f"{NODE}Integer overflow")
    session = Session(room=0, error=error)
    with pytest.raises(type(error), match="Integer overflow"):
        embedder(session).encode(TEXTS)
    assert session.tried == [6]
