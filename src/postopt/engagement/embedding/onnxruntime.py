"""Embeddings of a local model in ONNX Runtime: the fastest way on a CPU, with weights of 8 bits."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_count
from postopt._optional import needs
from postopt.clock import Clock
from postopt.engagement.embedding.batches import BATCH_SIZES, BatchedEmbedder
from postopt.engagement.embedding.tokenizers import Tokenizer
from postopt.engagement.embeddings import Vectors
from postopt.errors import ModelFileError

with needs("onnxruntime"):
    import onnxruntime

# What ONNX Runtime says of memory that is short, for which it has no error of its own: by its arena, without one, and
# without one where Microsoft's compiler built it. Which class of error says so has changed between versions.
_FULL: Final = ("Failed to allocate memory", "std::bad_alloc", "bad allocation")


class OnnxEmbedder(BatchedEmbedder):
    """A text encoder that `TransformersEmbedder.export` wrote, or `quantize`, on the CPU.

    Args:
        folder: with `model.onnx`, `tokenizer.json` and `embedder.json`.
        batch_size: texts at a time; `measure` chooses. 8 is a start.
        threads: that one call uses.

    Raises:
        ModelFileError: the folder holds no such model.
        ValueError: a count cannot be.
    """

    def __init__(self, folder: str | Path, *, batch_size: int = 8, threads: int = 1) -> None:
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
        super().__init__(Tokenizer(path, most_tokens), batch_size)

    def measure(self, texts: Sequence[str], *, clock: Clock = time.perf_counter) -> None:
        """Choose the batch size by measuring, on texts like those that are to be embedded.

        Args:
            texts: a hundred or so.
            clock: of durations, in seconds.
        """
        self.batch_size = self._measured(texts, BATCH_SIZES, clock).batch_size

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        try:
            vectors: Vectors = self._session.run(["vectors"], {"ids": ids, "mask": mask})[0]
        except Exception as error:  # the library's errors have no base of their own
            if any(words in str(error) for words in _FULL):
                raise MemoryError(str(error)) from error
            raise
        return vectors


def quantize(source: str | Path, target: str | Path) -> None:
    """Write an exported model again with weights of 8 bits, whole or not at all: a quarter of the size, other vectors.

    Args:
        source: what `export` wrote.
        target: a new folder, or an empty one.

    Raises:
        MissingDependencyError: this needs the package onnx.
        ModelFileError: there is no exported model at `source`, or `target` holds something.
        OSError: it cannot be written.
    """
    with needs("onnx"):
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - imports onnx
    from postopt.engagement.embedding.onnx import write_exported  # noqa: PLC0415 - needs a library that embedding does not

    folder = Path(source)
    try:
        about = json.loads((folder / "embedder.json").read_bytes())
        name, tokenizer = str(about["name"]), (folder / "tokenizer.json").read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{folder} holds no exported model: {error}") from error

    def write(path: Path) -> None:
        try:
            quantize_dynamic(folder / "model.onnx", path, weight_type=QuantType.QInt8)
        except Exception as error:  # the libraries' errors have no base of their own
            raise ModelFileError(f"{folder} holds no exported model that can be read: {error}") from error

    write_exported(target, {**about, "name": f"{name}:int8"}, tokenizer, write)
