"""Texts as vectors of a local model: what such a model must offer, and how texts are brought to it in batches.

A model reads a batch as a rectangle: short texts are filled up to the longest. So texts are sorted by length before
they are cut into batches, and the vectors are put back in the order of the texts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_count
from postopt.clock import Clock
from postopt.errors import ModelError

Vectors: TypeAlias = NDArray[np.float32]

# What `measure_batch` tries: on a CPU small batches are often the faster ones, since they stay in its cache.
BATCH_SIZES: Final = (1, 4, 8, 16, 32, 64, 128)

# Texts a size is tried with; arbitrary. And how many rounds, of which the median counts.
_SAMPLE: Final = 128
_ROUNDS: Final = 3


@runtime_checkable
class Embedder(Protocol):
    """Something that turns texts into vectors.

    Guarantees:
        - row i is of text i, of `dimension` finite numbers, and depends on that text alone up to rounding;
        - `name` names the model and all that changes its vectors, so that equal names mean equal vectors.
    """

    name: str
    dimension: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a float32 array of (texts, dimension); no texts give an array of no rows.

        Raises:
            ModelError: the model cannot embed them.
        """
        ...


def embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Return what an embedder says of the texts, checked: one row of finite numbers each.

    Raises:
        ModelError: it returned anything else.
    """
    needed = (len(texts), embedder.dimension)
    try:
        vectors = np.asarray(embedder.encode(list(texts)), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ModelError(f"embedder {embedder.name} returned no array of numbers: {error}") from error
    if vectors.shape != needed:
        raise ModelError(f"embedder {embedder.name} returned an array of {vectors.shape}; {needed} is needed")
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ModelError(f"embedder {embedder.name} returned a number that is not finite for text {row}")
    return vectors


def by_length(
    lengths: Sequence[int], batch_size: int, run: Callable[[list[int]], Vectors], *, dimension: int
) -> Vectors:
    """Return the vectors of items that `run` embeds batch by batch, the longest first, in the items' own order.

    A batch that does not fit into memory (MemoryError) is halved, and so are all after it.

    Args:
        lengths: of each item.
        batch_size: items in a batch, at most.
        run: returns the vectors of the items with these indices.
        dimension: of a vector.

    Raises:
        MemoryError: not even one item fits.
    """
    vectors = np.empty((len(lengths), dimension), dtype=np.float32)
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    place = 0
    while place < len(order):
        batch = order[place : place + batch_size]
        try:
            vectors[batch] = run(batch)
        except MemoryError:
            if batch_size == 1:
                raise
            batch_size = max(min(batch_size, len(batch)) // 2, 1)
            continue
        place += len(batch)
    return vectors


def measure_batch(
    encode: Callable[[Sequence[str], int], object],
    texts: Sequence[str],
    *,
    sizes: Iterable[int] = BATCH_SIZES,
    clock: Clock = time.perf_counter,
) -> int:
    """Return the batch size with which these texts are embedded fastest, here and now.

    Sizes are tried in turn, round by round, so that whatever else the machine does meets all of them; the least median
    wins, the smaller size at a tie. On one text, or none, the smallest size is returned unmeasured.

    Args:
        encode: embeds texts in batches of a size.
        texts: like those that are to be embedded; at most 128, spread over them, are used.
        sizes: to try.
        clock: of durations, in seconds.

    Raises:
        ValueError: there is no size, or one is less than 1.
    """
    tried = sorted({check_count("a batch size", size) for size in sizes})
    if not tried:
        raise ValueError("sizes is empty; at least one batch size is needed")
    sample = list(texts)[:: max(len(texts) // _SAMPLE, 1)][:_SAMPLE]
    if len(sample) < 2 or len(tried) == 1:
        return tried[0]
    encode(sample[:2], tried[0])  # the first call of a model also loads what it needs
    took: dict[int, list[float]] = {size: [] for size in tried}
    for _ in range(_ROUNDS):
        for size, seconds in took.items():
            begin = clock()
            encode(sample, size)
            seconds.append(clock() - begin)
    return min(tried, key=lambda size: sorted(took[size])[_ROUNDS // 2])
