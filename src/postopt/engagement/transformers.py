"""Embeddings of a local transformer, by PyTorch."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from postopt._checks import check_count
from postopt._optional import needs
from postopt.clock import Clock
from postopt.engagement.embeddings import Vectors, by_length, measure_batch
from postopt.engagement.tokenizers import Tokenizer
from postopt.errors import ModelFileError, shown

with needs("torch"):
    import torch
with needs("transformers"):
    from transformers import AutoModel

# Below it a faster precision is not taken for the same model: cosine of the vectors with those of fp32.
_SAME: Final = 0.999
_PRECISIONS: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}
_MOST_TOKENS: Final = 128


class TransformersEmbedder:
    """A text encoder in a folder, as `save_pretrained` writes it, with its `tokenizer.json`; nothing is downloaded.

    A vector is the mean over a text's tokens of some layers, one after the other. By default these are the layers at
    one third, two thirds and the end of the depth: how a text is worded lies in the middle layers, and on headline
    tests a ranker finds the better of two with them more often than with the last alone (see the design note on
    ranking). `layers=(n,)`, where n is the model's number of layers, gives the usual sentence embedding, unnormalised.

    `encode` may be called from several threads; PyTorch then runs them side by side. The model is loaded at once, and
    is not shared with forked processes.

    Args:
        folder: of the model.
        layers: which hidden states to take, 0 for what goes into the first layer.
        precision: "fp32" or "bf16"; `measure` chooses.
        batch_size: texts at a time; `measure` chooses. 8 is a start for a CPU.
        most_tokens: of a text that are read.
        device: of PyTorch.

    Raises:
        ModelFileError: the folder holds no such model.
        ValueError: a layer, the precision or a count cannot be.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        layers: Sequence[int] | None = None,
        precision: str = "fp32",
        batch_size: int = 8,
        most_tokens: int = _MOST_TOKENS,
        device: str = "cpu",
    ) -> None:
        if precision not in _PRECISIONS:
            raise ValueError(f"precision is {shown(precision)}; one of {', '.join(_PRECISIONS)} is needed")
        self.precision = precision
        self.batch_size = check_count("batch_size", batch_size)
        self.device = device
        self._folder = Path(folder)
        self._most_tokens = check_count("most_tokens", most_tokens, least=2)
        self._tokenizer = Tokenizer(self._folder, self._most_tokens)
        self._model = _loaded(self._folder).to(device, _PRECISIONS[precision])
        depth = int(self._model.config.num_hidden_layers)
        self.layers = _layers(layers, depth)
        self.dimension = int(self._model.config.hidden_size) * len(self.layers)
        self.name = f"{self._folder.name}-{_digest(self._folder)}:{','.join(map(str, self.layers))}:{most_tokens}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of the texts, one row each.

        Raises:
            MemoryError: not even one text fits into the device's memory.
        """
        return self._encode(texts, self.batch_size)

    def measure(self, texts: Sequence[str], *, clock: Clock = time.perf_counter) -> None:
        """Choose precision and batch size by measuring, on texts like those that are to be embedded.

        bf16 is taken if it is faster here and its vectors are those of fp32 (cosine of 0.999 or more). Not to be called
        while other threads encode.

        Args:
            texts: a hundred or so.
            clock: of durations, in seconds.
        """
        exact, took, size = self._tried("fp32", texts, clock)
        rounded, took_rounded, _ = self._tried("bf16", texts, clock)
        if took_rounded >= took or not _alike(exact, rounded):
            self._use("fp32")
            self.batch_size = size

    def export(self, folder: str | Path) -> None:
        """Write the model to a folder that `OnnxEmbedder` reads: `model.onnx`, `tokenizer.json`, `embedder.json`.

        Raises:
            OSError: it cannot be written.
        """
        target = Path(folder)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        ids = torch.ones((2, 3), dtype=torch.int64)
        rows = {0: "rows", 1: "tokens"}
        with warnings.catch_warnings():
            # That shapes are traced for one batch; that other batches come out the same is a test.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Pooled(_loaded(self._folder), self.layers),
                (ids, ids),
                str(target / "model.onnx"),
                input_names=["ids", "mask"],
                output_names=["vectors"],
                dynamic_axes={"ids": rows, "mask": rows, "vectors": {0: "rows"}},
                opset_version=17,
                dynamo=False,  # the other way needs a library more
            )
        (target / "tokenizer.json").write_bytes((self._folder / "tokenizer.json").read_bytes())
        about = {"name": self.name, "dimension": self.dimension, "most_tokens": self._most_tokens}
        (target / "embedder.json").write_text(json.dumps(about), encoding="utf-8")

    def _use(self, precision: str) -> None:
        if precision == "fp32" != self.precision:
            # Rounded weights do not come back by widening them.
            self._model = _loaded(self._folder).to(self.device)
        self._model = self._model.to(_PRECISIONS[precision])
        self.precision = precision

    def _tried(self, precision: str, texts: Sequence[str], clock: Clock) -> tuple[Vectors, float, int]:
        """Use a precision and the best batch size for it; return the vectors, the seconds they took, and that size."""
        self._use(precision)
        self.batch_size = measure_batch(self._encode, texts, clock=clock)
        begin = clock()
        vectors = self.encode(texts)
        return vectors, clock() - begin, self.batch_size

    def _encode(self, texts: Sequence[str], batch_size: int) -> Vectors:
        read = self._tokenizer.read(texts)
        pooled = _Pooled(self._model, self.layers)

        def run(batch: list[int]) -> Vectors:
            longest = max(len(read[index]) for index in batch)
            ids = np.zeros((len(batch), longest), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, index in enumerate(batch):
                ids[row, : len(read[index])] = read[index]
                mask[row, : len(read[index])] = 1
            with torch.inference_mode():
                return self._pooled(pooled, ids, mask)

        return by_length([len(ids) for ids in read], batch_size, run, dimension=self.dimension)

    def _pooled(self, pooled: _Pooled, ids: Any, mask: Any) -> Vectors:  # Any: integer arrays
        try:
            found = pooled(torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device))
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise
        vectors: Vectors = found.cpu().numpy()
        return vectors


class _Pooled(torch.nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """The mean over tokens of some layers."""

    def __init__(self, model: Any, layers: Sequence[int]) -> None:  # Any: transformers' models have no common type
        super().__init__()
        self.model = model
        self.layers = tuple(layers)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        weight = mask.unsqueeze(-1).float()
        total = weight.sum(dim=1).clamp(min=1)
        return torch.cat([(found[layer].float() * weight).sum(dim=1) / total for layer in self.layers], dim=1)


def _loaded(folder: Path) -> Any:  # Any: transformers' models have no common type
    try:
        return AutoModel.from_pretrained(folder, local_files_only=True).eval()
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{folder} holds no model that can be loaded: {error}") from error


def _layers(layers: Sequence[int] | None, depth: int) -> tuple[int, ...]:
    if layers is None:
        return tuple(sorted({max(round(depth / 3), 1), max(round(2 * depth / 3), 1), depth}))
    if not layers or any(type(layer) is not int or not 0 <= layer <= depth for layer in layers):
        raise ValueError(f"layers is {shown(layers)}; ints from 0 to {depth} are needed")
    return tuple(layers)


def _digest(folder: Path) -> str:
    """Return what tells models apart that lie in folders of the same name."""
    digest = hashlib.sha256()
    files = [*folder.glob("*.safetensors"), *folder.glob("*.bin"), folder / "config.json", folder / "tokenizer.json"]
    for file in sorted(files):
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:12]


def _alike(a: Vectors, b: Vectors) -> bool:
    """Return whether vectors point the same way."""
    cosine = np.sum(a * b, axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-30)
    return bool(np.min(cosine, initial=1.0) >= _SAME)
