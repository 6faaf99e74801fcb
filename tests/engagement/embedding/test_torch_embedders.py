"""Embedders that run a model: a tiny one with random weights, made here. Needs torch and transformers."""

import json
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from postopt.engagement.embedding.transformers import TransformersEmbedder  # noqa: E402
from postopt.engagement.embeddings import Embedder, embed  # noqa: E402 - after the skips
from postopt.engine import device as devices  # noqa: E402
from postopt.errors import BackendUnavailableError, MissingDependencyError, ModelFileError  # noqa: E402

TEXTS = ["one", "two three four five six", "", "one two", "unknown \ud800 words " * 30, "six five four three two one"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "model"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "one", "two", "three", "four", "five", "six"]
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(path)
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def on_cpu(folder, **settings):
    return TransformersEmbedder(folder, device="cpu", **settings)


class TestTransformersEmbedder:
    def test_is_the_mean_over_tokens_of_its_layers(self, folder):
        found = on_cpu(folder, most_tokens=32)
        assert isinstance(found, Embedder)
        assert (found.layers, found.dimension) == ((1, 2, 3), 48)
        model = transformers.AutoModel.from_pretrained(folder).eval()
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([[2, 4, 5, 3]]), output_hidden_states=True).hidden_states
        want = np.concatenate([states[layer][0].mean(dim=0).numpy() for layer in (1, 2, 3)])
        np.testing.assert_allclose(found.encode(["one two"])[0], want, rtol=1e-4, atol=1e-5)

    def test_reads_each_text_alone(self, folder):
        one, many = (on_cpu(folder, batch_size=size, most_tokens=32) for size in (1, 5))
        np.testing.assert_allclose(one.encode(TEXTS), many.encode(TEXTS), rtol=1e-4, atol=1e-5)
        assert embed(many, []).shape == (0, 48)

    def test_takes_the_layers_it_is_given(self, folder):
        every, last = on_cpu(folder), on_cpu(folder, layers=(3,))
        np.testing.assert_allclose(last.encode(["one"]), every.encode(["one"])[:, 32:], rtol=1e-5, atol=1e-6)
        assert last.name != every.name

    def test_has_near_vectors_in_bf16(self, folder):
        exact, rounded = (on_cpu(folder, precision=precision) for precision in ("fp32", "bf16"))
        a, b = exact.encode(["one two"])[0], rounded.encode(["one two"])[0]
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.99
        assert exact.name == rounded.name

    @pytest.mark.parametrize("faster", ["fp32", "bf16"])
    def test_takes_the_faster_precision_if_it_says_the_same(self, folder, faster, monkeypatch):
        monkeypatch.setattr("postopt.engagement.embedding.transformers.BATCH_SIZES", (16, 64))
        found = on_cpu(folder, most_tokens=32)
        exact = found.encode(TEXTS)
        now = 0.0

        def clock():
            nonlocal now
            now += 1.0 if found.precision == faster else 2.0
            return now

        found.measure(TEXTS * 3, clock=clock)
        assert found.precision == faster
        assert found.batch_size == 16  # each takes as long, and the smallest wins a tie
        np.testing.assert_allclose(found.encode(TEXTS), exact, atol=0.05)
        if faster == "fp32":
            np.testing.assert_allclose(found.encode(TEXTS), exact, rtol=1e-4, atol=1e-5)

    def test_halves_batches_that_do_not_fit(self, folder, monkeypatch):
        found = on_cpu(folder, most_tokens=32, batch_size=4)
        want = found.encode(TEXTS)
        whole = found._model.forward

        def small(input_ids, **settings):
            if len(input_ids) > 1:
                raise torch.OutOfMemoryError("full")
            return whole(input_ids=input_ids, **settings)

        monkeypatch.setattr(found._model, "forward", small)
        with pytest.warns(UserWarning, match="halved, to 1 texts"):
            np.testing.assert_allclose(found.encode(TEXTS), want, rtol=1e-4, atol=1e-5)
        assert (found.halved, found.batch_size) == (2, 1)

    @pytest.mark.parametrize("message", ["CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when"])
    def test_takes_other_words_for_short_memory(self, folder, monkeypatch, message):
        found = on_cpu(folder)

        def full(**_):
            raise RuntimeError(message)

        monkeypatch.setattr(found._model, "forward", full)
        with pytest.raises(MemoryError, match=message):
            found.encode(["one"])

    def test_measures_no_size_that_does_not_fit(self, folder, monkeypatch):
        found = on_cpu(folder, most_tokens=32)
        loaded = transformers.BertModel.forward
        monkeypatch.setattr("postopt.engagement.embedding.transformers.BATCH_SIZES", (8, 16, 64))

        def small(self, input_ids, **settings):
            if len(input_ids) > 8:
                raise torch.OutOfMemoryError("full")
            return loaded(self, input_ids=input_ids, **settings)

        monkeypatch.setattr(transformers.BertModel, "forward", small)
        found.measure(TEXTS * 3)
        assert (found.batch_size, found.halved) == (8, 0)

    def test_passes_other_failures_on(self, folder, monkeypatch):
        found = on_cpu(folder)

        def broken(**_):
            raise RuntimeError("broken")

        monkeypatch.setattr(found._model, "forward", broken)
        with pytest.raises(RuntimeError, match="broken"):
            found.encode(["one"])

    @pytest.mark.parametrize(
        "settings",
        [
            {"layers": ()},
            {"layers": (4,)},
            {"layers": (-1,)},
            {"precision": "fp8"},
            {"device": "tpu"},
            {"device": None},
            {"batch_size": 0},
            {"most_tokens": 1},
        ],
    )
    def test_refuses_settings_that_cannot_be(self, folder, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            TransformersEmbedder(folder, **settings)

    def test_needs_a_model_and_its_tokenizer(self, folder, tmp_path):
        with pytest.raises(ModelFileError, match=r"tokenizer\.json"):
            on_cpu(tmp_path)
        (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
        with pytest.raises(ModelFileError, match="no model"):
            on_cpu(tmp_path)


class TestDevice:
    @pytest.fixture
    def without(self, monkeypatch):
        """A machine without a GPU, whatever this one has."""
        monkeypatch.setattr(torch.nn.Module, "to", _to_cpu(torch.nn.Module.to))

    def test_that_is_asked_for_and_not_there_is_refused(self, folder):
        with pytest.raises(BackendUnavailableError, match="there is none: the driver sees no device"):
            TransformersEmbedder(folder, device="cuda", plan=lambda: devices.cpu("the driver sees no device"))

    def test_that_is_asked_for_and_does_not_work_is_refused(self, folder, without):
        with pytest.raises(BackendUnavailableError, match="cuda, and does not work: scripted failure"):
            TransformersEmbedder(folder, device="cuda", plan=lambda: GPU)

    def test_is_left_where_it_does_not_work(self, folder, without):
        found = TransformersEmbedder(folder, plan=lambda: GPU)
        assert (found.device, found.precision, found.batch_size) == ("cpu", "fp32", 32)
        assert found.reason == "cuda does not work: scripted failure"

    def test_is_planned(self, folder):
        plan = devices.DevicePlan("cpu", "bfloat16", 128, "a CPU of the future")
        found = TransformersEmbedder(folder, plan=lambda: plan)
        assert (found.device, found.precision, found.batch_size) == ("cpu", "bf16", 128)
        assert found.reason == "a CPU of the future"
        chosen = TransformersEmbedder(folder, precision="fp32", batch_size=3, plan=lambda: plan)
        assert (chosen.precision, chosen.batch_size) == ("fp32", 3)

    def test_cpu_asks_nobody(self, folder):
        def nobody():
            raise AssertionError

        found = TransformersEmbedder(folder, device="cpu", plan=nobody)
        assert (found.device, found.reason, found.on("cpu")) == ("cpu", "asked for", found)

    def test_may_change(self, folder, monkeypatch):
        asked = iter([GPU, GPU, devices.cpu("gone"), devices.cpu("gone")])
        monkeypatch.setattr(torch.nn.Module, "to", _to_anywhere(torch.nn.Module.to))
        first = TransformersEmbedder(folder, layers=(1, 2), most_tokens=16, plan=lambda: next(asked))
        assert (first.device, first.precision, first.batch_size) == ("cuda", "fp16", 128)
        assert first.on("auto") is first
        moved = first.on("cpu")
        assert (moved.device, moved.precision, moved.batch_size) == ("cpu", "fp32", 32)
        assert (moved.name, moved.dimension, moved.layers) == (first.name, first.dimension, first.layers)
        assert moved.on("auto") is moved
        with pytest.raises(BackendUnavailableError, match="gone"):
            moved.on("cuda")
        with pytest.raises(ValueError, match="device"):
            moved.on("tpu")

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
    def test_changes_no_vector_in_fp32(self, folder):
        here = TransformersEmbedder(folder, device="cpu", precision="fp32", most_tokens=32)
        there = here.on("cuda")
        assert there.device == "cuda"
        np.testing.assert_allclose(there.encode(TEXTS), here.encode(TEXTS), rtol=0, atol=1e-5)


GPU = devices.DevicePlan("cuda", "float16", 128, "a GPU", 2**30)


def _to_cpu(to):
    def scripted(self, *place):
        if place == ("cuda",):
            raise RuntimeError("scripted failure")
        return to(self, *place)

    return scripted


def _to_anywhere(to):
    return lambda self, *place: self if place == ("cuda",) else to(self, *place)


@pytest.fixture(scope="module")
def exported(folder, tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="an export needs onnx")
    path = tmp_path_factory.mktemp("onnx")
    on_cpu(folder, most_tokens=32).export(path / "fp32")
    return path


class TestOnnxEmbedder:
    def test_has_the_same_vectors(self, folder, exported):
        from postopt.engagement.embedding.onnxruntime import OnnxEmbedder

        torch_s, found = on_cpu(folder, most_tokens=32), OnnxEmbedder(exported / "fp32", batch_size=3)
        np.testing.assert_allclose(found.encode(TEXTS), torch_s.encode(TEXTS), rtol=1e-3, atol=1e-4)
        assert (found.name, found.dimension) == (torch_s.name, torch_s.dimension)
        found.measure(TEXTS)
        assert found.encode([]).shape == (0, 48)

    def test_may_have_weights_of_8_bits(self, exported):
        from postopt.engagement.embedding.onnxruntime import OnnxEmbedder, quantize

        quantize(exported / "fp32", exported / "int8")
        exact, small = OnnxEmbedder(exported / "fp32"), OnnxEmbedder(exported / "int8")
        a, b = exact.encode(["one two six"])[0], small.encode(["one two six"])[0]
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.9
        assert small.name == f"{exact.name}:int8"

    def test_needs_an_exported_model(self, exported, tmp_path):
        from postopt.engagement.embedding.onnxruntime import OnnxEmbedder, quantize

        with pytest.raises(ModelFileError, match="no exported model"):
            OnnxEmbedder(tmp_path)
        with pytest.raises(ModelFileError, match="no exported model"):
            quantize(tmp_path, tmp_path / "out")
        (tmp_path / "embedder.json").write_text(json.dumps({"name": "a", "dimension": 1, "most_tokens": 2}))
        (tmp_path / "model.onnx").write_bytes(b"damaged")
        with pytest.raises(ModelFileError, match="no exported model"):
            OnnxEmbedder(tmp_path)

    @pytest.mark.parametrize("left", ["tokenizer.json", "model.onnx"])
    def test_is_not_quantised_from_half_of_it(self, exported, tmp_path, left):
        from postopt.engagement.embedding.onnxruntime import quantize

        shutil.copytree(exported / "fp32", tmp_path / "half")
        (tmp_path / "half" / left).unlink()
        with pytest.raises(ModelFileError, match="no exported model"):
            quantize(tmp_path / "half", tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir()] == ["half"]

    def test_is_written_for_its_owner_only(self, exported):
        from postopt.engagement.embedding.onnxruntime import quantize

        quantize(exported / "fp32", exported / "new" / "owned")
        for folder in (exported / "fp32", exported / "new" / "owned"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
                "embedder.json": 0o600,
                "model.onnx": 0o600,
                "tokenizer.json": 0o600,
            }

    def test_is_written_to_a_new_or_empty_folder(self, folder, tmp_path):
        pytest.importorskip("onnx", reason="an export needs onnx")
        embedder = on_cpu(folder)
        (tmp_path / "empty").mkdir()
        embedder.export(tmp_path / "empty")
        (tmp_path / "file").write_text("mine")
        for place in ("empty", "file"):
            with pytest.raises(ModelFileError, match="is there, and not empty"):
                embedder.export(tmp_path / place)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
        assert (tmp_path / "file").read_text() == "mine"

    @pytest.mark.parametrize("error", [OSError(28, "no space left"), KeyboardInterrupt()])
    def test_is_not_there_after_a_failure(self, folder, tmp_path, monkeypatch, error):
        pytest.importorskip("onnx", reason="an export needs onnx")

        def fail(_, __, path, **___):
            Path(path).write_bytes(b"half")
            raise error

        monkeypatch.setattr(torch.onnx, "export", fail)
        with pytest.raises(type(error)):
            on_cpu(folder).export(tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_says_what_quantising_needs(self, exported, monkeypatch):
        import sys

        from postopt.engagement.embedding.onnxruntime import quantize

        monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
        with pytest.raises(MissingDependencyError, match="onnx cannot be imported") as caught:
            quantize(exported / "fp32", exported / "never")
        assert "postopt[embed]" in caught.value.hint
