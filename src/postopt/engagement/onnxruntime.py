"""Embeddings of a local model in ONNX Runtime: the fastest way on a CPU, with weights of 8 bits."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from postopt._checks import check_count
from postopt._optional import needs
from postopt.clock import Clock
from postopt.engagement.embeddings import Vectors, by_length, measure_batch
from postopt.engagement.tokenizers import Tokenizer
from postopt.errors import MissingDependencyError, ModelFileError

with needs("onnxruntime"):
    import onnxruntime


class OnnxEmbedder:
    """A text encoder that `TransformersEmbedder.export` wrote, or `quantized`. May be used by any number of threads.

    Args:
        folder: with `model.onnx`, `tokenizer.json` and `embedder.json`.
        batch_size: texts at a time; `measure` chooses. 8 is a start for a CPU.
        threads: that one call uses.

    Raises:
        ModelFileError: the folder holds no such model.
        ValueError: a count cannot be.
    """

    def __init__(self, folder: str | Path, *, batch_size: int = 8, threads: int = 1) -> None:
        self.batch_size = check_count("batch_size", batch_size)
        path = Path(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = check_count("threads", threads)
        options.inter_op_num_threads = 1
        try:
            about = json.loads((path / "embedder.json").read_bytes())
            self.name = str(about["name"])
            self.dimension = int(about["dimension"])
            most_tokens = int(about["most_tokens"])
            model = (path / "model.onnx").read_bytes()
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's errors have no base of their own
            raise ModelFileError(f"{path} holds no exported model that can be loaded: {error}") from error
        self._tokenizer = Tokenizer(path, most_tokens)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of the texts, one row each."""
        return self._encode(texts, self.batch_size)

    def measure(self, texts: Sequence[str], *, clock: Clock = time.perf_counter) -> None:
        """Choose the batch size by measuring, on texts like those that are to be embedded.

        Args:
            texts: a hundred or so.
            clock: of durations, in seconds.
        """
        self.batch_size = measure_batch(self._encode, texts, clock=clock)

    def _encode(self, texts: Sequence[str], batch_size: int) -> Vectors:
        read = self._tokenizer.read(texts)

        def run(batch: list[int]) -> Vectors:
            longest = max(len(read[index]) for index in batch)
            ids = np.zeros((len(batch), longest), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, index in enumerate(batch):
                ids[row, : len(read[index])] = read[index]
                mask[row, : len(read[index])] = 1
            vectors: Vectors = self._session.run(["vectors"], {"ids": ids, "mask": mask})[0]
            return vectors

        return by_length([len(ids) for ids in read], batch_size, run, dimension=self.dimension)


def quantize(source: str | Path, target: str | Path) -> None:
    """Write an exported model again with weights of 8 bits: a quarter of the size, and other vectors.

    Raises:
        MissingDependencyError: ONNX Runtime needs the package onnx for this.
        ModelFileError: there is no exported model at `source`.
        OSError: it cannot be written.
    """
    try:
        # Needs the package onnx, which nothing else here does.
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            f"onnx cannot be imported: {error}", hint="install it with: pip install onnx"
        ) from error
    source, target = Path(source), Path(target)
    try:
        about = json.loads((source / "embedder.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{source} holds no exported model: {error}") from error
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    quantize_dynamic(source / "model.onnx", target / "model.onnx", weight_type=QuantType.QInt8)
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    (target / "embedder.json").write_text(json.dumps({**about, "name": f"{about['name']}:int8"}), encoding="utf-8")
