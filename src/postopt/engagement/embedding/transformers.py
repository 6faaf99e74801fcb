"""Embeddings of a local transformer, by PyTorch."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_count
from postopt._optional import needs
from postopt.clock import Clock
from postopt.engagement.embedding.batches import BATCH_SIZES, BATCH_SIZES_GPU, BatchedEmbedder, Measured
from postopt.engagement.embedding.tokenizers import Tokenizer
from postopt.engagement.embeddings import Vectors, check_device
from postopt.engine import device as devices
from postopt.errors import BackendUnavailableError, ModelFileError, shown

with needs("torch"):
    import torch
with needs("transformers"):
    from transformers import AutoModel

# Below it a faster precision is not taken for the same model: cosine of the vectors with those of fp32.
_SAME: Final = 0.999
_PRECISIONS: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_OF_DTYPE: Final = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
_MOST_TOKENS: Final = 128

# What PyTorch says of memory that is short where it has no error of its own for it: on a CPU, of the driver, of cuBLAS.
_FULL: Final = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


class _Asked(NamedTuple):
    """What an embedder was made with, and what another on another device is made with."""

    precision: str | None
    batch_size: int | None
    plan: Callable[[], devices.DevicePlan]


class TransformersEmbedder(BatchedEmbedder):
    """A text encoder in a folder, as `save_pretrained` writes it, with its `tokenizer.json`; nothing is downloaded.

    A vector is the mean over a text's tokens of some layers, one after the other. By default these are the layers at
    one third, two thirds and the end of the depth: how a text is worded lies in the middle layers, and on headline
    tests a ranker finds the better of two with them more often than with the last alone (see the design note on
    ranking). `layers=(n,)`, where n is the model's number of layers, gives the usual sentence embedding, unnormalised.

    The name says nothing of device and precision: vectors are the same up to rounding, which is coarser in bf16 and
    fp16. `encode` may be called from several threads; PyTorch then runs them side by side. The model is loaded at
    once, and is not shared with forked processes.

    Attributes:
        device: "cpu" or "cuda", where it computes.
        reason: why there.
        precision: "fp32", "bf16" or "fp16".
        layers: as below.

    Args:
        folder: of the model.
        layers: which hidden states to take, 0 for what goes into the first layer.
        precision: None for the one that is planned for the device: fp32 on a CPU; `measure` chooses.
        batch_size: texts at a time; None for the one that is planned for the device, a start; `measure` chooses.
        most_tokens: of a text that are read.
        device: "cpu", "cuda", or "auto" for a GPU if there is one that works, and else the CPU.
        plan: finds out what there is; asked unless the device is "cpu".

    Raises:
        BackendUnavailableError: the device is "cuda", and there is none that works.
        ModelFileError: the folder holds no such model.
        ValueError: a layer, the precision, the device or a count cannot be.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        layers: Sequence[int] | None = None,
        precision: str | None = None,
        batch_size: int | None = None,
        most_tokens: int = _MOST_TOKENS,
        device: str = "auto",
        plan: Callable[[], devices.DevicePlan] = devices.plan,
    ) -> None:
        if precision is not None and precision not in _PRECISIONS:
            raise ValueError(f"precision is {shown(precision)}; one of {', '.join(_PRECISIONS)}, or None, is needed")
        self._folder = Path(folder)
        self._asked = _Asked(precision, batch_size, plan)
        self._most_tokens = check_count("most_tokens", most_tokens, least=2)
        planned = _planned(check_device(device), plan)
        tokenizer = Tokenizer(self._folder, self._most_tokens)
        self._model, planned = _placed(_loaded(self._folder), planned, fall_back=device == "auto")
        self.device, self.reason = planned.device, planned.reason
        self._planned = _OF_DTYPE[planned.dtype]
        self.precision = precision or self._planned
        self._model = self._model.to(_PRECISIONS[self.precision])
        depth = int(self._model.config.num_hidden_layers)
        self.layers = _layers(layers, depth)
        self.dimension = int(self._model.config.hidden_size) * len(self.layers)
        self.name = f"{self._folder.name}-{_digest(self._folder)}:{','.join(map(str, self.layers))}:{most_tokens}"
        super().__init__(tokenizer, planned.batch_size if batch_size is None else batch_size)

    def on(self, device: str) -> TransformersEmbedder:
        """Return it on a device, "auto", "cpu" or "cuda": itself if it is there, else one that is loaded anew.

        Precision and size of batches are those it was made with, or planned for that device; what `measure` found is
        not taken along.

        Raises:
            BackendUnavailableError: the device is "cuda", and there is none that works.
            ValueError: there is no such device.
        """
        if _planned(check_device(device), self._asked.plan).device == self.device:
            return self
        return TransformersEmbedder(
            self._folder, layers=self.layers, most_tokens=self._most_tokens, device=device, **self._asked._asdict()
        )

    def measure(self, texts: Sequence[str], *, clock: Clock = time.perf_counter) -> None:
        """Choose precision and batch size by measuring, on texts like those that are to be embedded.

        bf16, or fp16 where that is the fast one of a GPU, is taken if it is faster here and its vectors are those of
        fp32 (cosine of 0.999 or more). A size that does not fit into memory is not taken. Not to be called while other
        threads encode.

        Args:
            texts: a hundred or so.
            clock: of durations, in seconds.

        Raises:
            MemoryError: not even the smallest batches fit.
        """
        exact, best = self._tried("fp32", texts, clock)
        rounded, rounded_best = self._tried("fp16" if self._planned == "fp16" else "bf16", texts, clock)
        if rounded_best.seconds >= best.seconds or not _alike(exact, rounded):
            self._use("fp32")
            self.batch_size = best.batch_size

    def export(self, folder: str | Path) -> None:
        """Write the model, whole or not at all, to a folder that `OnnxEmbedder` reads.

        Args:
            folder: a new one, or an empty one.

        Raises:
            MissingDependencyError: this needs the package onnx.
            ModelFileError: the folder holds something.
            OSError: it cannot be written.
        """
        from postopt.engagement.embedding.onnx import write_exported  # noqa: PLC0415 - needs a library that embedding does not

        about: dict[str, str | int] = {"name": self.name, "dimension": self.dimension, "most_tokens": self._most_tokens}
        write_exported(folder, about, (self._folder / "tokenizer.json").read_bytes(), self._export)

    def _export(self, file: Path) -> None:
        ids = torch.ones((2, 3), dtype=torch.int64)
        rows = {0: "rows", 1: "tokens"}
        with warnings.catch_warnings():
            # That shapes are traced for one batch; that other batches come out the same is a test.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Pooled(_loaded(self._folder), self.layers),
                (ids, ids),
                str(file),
                input_names=["ids", "mask"],
                output_names=["vectors"],
                dynamic_axes={"ids": rows, "mask": rows, "vectors": {0: "rows"}},
                opset_version=17,
                dynamo=False,  # the other way needs a library more
            )

    def _use(self, precision: str) -> None:
        if precision == "fp32" != self.precision:
            # Rounded weights do not come back by widening them.
            self._model = _loaded(self._folder).to(self.device)
        self._model = self._model.to(_PRECISIONS[precision])
        self.precision = precision

    def _tried(self, precision: str, texts: Sequence[str], clock: Clock) -> tuple[Vectors, Measured]:
        """Use a precision and the best batch size for it; return the vectors, that size and how long it took."""
        self._use(precision)
        best = self._measured(texts, BATCH_SIZES_GPU if self.device == "cuda" else BATCH_SIZES, clock)
        self.batch_size = best.batch_size
        return self.encode(texts), best

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        pooled = _Pooled(self._model, self.layers)
        try:
            with torch.inference_mode():
                found = pooled(torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device))
            vectors: Vectors = found.cpu().numpy()
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _FULL):
                raise MemoryError(str(error)) from error
            raise
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


def _planned(device: str, plan: Callable[[], devices.DevicePlan]) -> devices.DevicePlan:
    """Return the plan for a device.

    Raises:
        BackendUnavailableError: the device is "cuda", and there is none.
    """
    if device == "cpu":
        return devices.cpu("asked for")
    found = plan()
    if device == "cuda" != found.device:
        raise BackendUnavailableError(
            f"device is cuda, and there is none: {found.reason}", hint='device="auto" takes what there is'
        )
    return found


def _placed(
    model: Any, planned: devices.DevicePlan, *, fall_back: bool
) -> tuple[Any, devices.DevicePlan]:  # Any: transformers' models have no common type
    """Return a model on the planned device, or on the CPU if that does not work, and the plan for where it is.

    Raises:
        BackendUnavailableError: it does not work, and is not to fall back.
    """
    try:
        return model.to(planned.device), planned
    except (RuntimeError, AssertionError) as error:  # the second if torch is no CUDA build after all
        if not fall_back:
            raise BackendUnavailableError(f"device is {planned.device}, and does not work: {error}") from error
        return model.to("cpu"), devices.cpu(f"{planned.device} does not work: {error}")


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
