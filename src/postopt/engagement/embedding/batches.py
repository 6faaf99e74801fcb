"""Texts brought to a model in batches of like lengths, of a size that is measured, and halved where memory is short.

A model reads a batch as a rectangle: short texts are filled up to the longest. So texts are sorted by length before
they are cut into batches, and the vectors are put back in the order of the texts.
"""

from __future__ import annotations

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from statistics import median
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_count
from postopt.clock import Clock
from postopt.engagement.embeddings import Vectors

if TYPE_CHECKING:
    from postopt.engagement.embedding.tokenizers import Tokenizer  # needs an optional library

# What `measure_batch` tries: on a CPU small batches are often the faster ones, since they stay in its cache; a GPU
# computes thousands of short texts side by side.
BATCH_SIZES: Final = (1, 4, 8, 16, 32, 64, 128)
BATCH_SIZES_GPU: Final = (32, 64, 128, 256, 512, 1024, 2048, 4096)

# Texts a size is tried with, unless the largest size needs more; arbitrary. And rounds, of which the median counts.
_SAMPLE: Final = 128
_ROUNDS: Final = 3


class Embedded(NamedTuple):
    """What `by_length` gives.

    Attributes:
        vectors: one row for each item, in the items' order.
        batch_size: that the last batches were allowed.
        halved: how often a batch did not fit into memory.
    """

    vectors: Vectors
    batch_size: int
    halved: int


class Measured(NamedTuple):
    """What `measure_batch` gives.

    Attributes:
        batch_size: the best one.
        seconds: that its texts took then, in the median; 0 if nothing was measured.
    """

    batch_size: int
    seconds: float


class BatchedEmbedder(ABC):
    """An `Embedder` that reads tokens, batch by batch. What runs the model is left to those who inherit from it.

    Laws:
        - Where a batch does not fit into memory it is halved, and so are all after it, those of later calls too:
          `batch_size` says it. Nothing is lost and no row changes its place.
        - A text of which the tokenizer reads nothing has a vector of zeros.
        - `halved` counts these, and a call of `encode` that met any warns once (UserWarning), when it has its vectors.

    `encode` may be called from several threads.

    Attributes:
        name: of the model and of all that changes its vectors.
        dimension: of a vector.
        batch_size: texts in a batch, at most. Whoever sets it anew has that tried again.
        halved: how often a batch did not fit into memory.

    Args:
        tokenizer: reads the texts.
        batch_size: as above.
    """

    name: str
    dimension: int

    def __init__(self, tokenizer: Tokenizer, batch_size: int) -> None:
        self.batch_size = check_count("batch_size", batch_size)
        self.halved = 0
        self._tokenizer = tokenizer
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of the texts, one row each.

        Raises:
            MemoryError: not even one text fits into memory.
        """
        found = self._embedded(texts, self.batch_size)
        if found.halved:
            with self._lock:
                self.halved += found.halved
                self.batch_size = min(self.batch_size, found.batch_size)
            warnings.warn(
                f"a batch did not fit into memory: batches were halved, to {found.batch_size} texts; "
                "every text was embedded",
                UserWarning,
                stacklevel=2,
            )
        return found.vectors

    @abstractmethod
    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        """Return the vectors of a batch; raises MemoryError if it does not fit."""

    def _measured(self, texts: Sequence[str], sizes: Iterable[int], clock: Clock) -> Measured:
        """Return the size of batches that is the best for such texts, and the seconds that some of them took."""

        def encode(some: Sequence[str], size: int) -> None:
            self._embedded(some, size, halve=False)

        return measure_batch(encode, texts, sizes=sizes, clock=clock)

    def _embedded(self, texts: Sequence[str], batch_size: int, *, halve: bool = True) -> Embedded:
        read = self._tokenizer.read(texts)
        some = [index for index, tokens in enumerate(read) if tokens]

        def run(batch: list[int]) -> Vectors:
            return self._run(*_padded([read[some[index]] for index in batch]))

        lengths = [len(read[index]) for index in some]
        found = by_length(lengths, batch_size, run, dimension=self.dimension, halve=halve)
        vectors = np.zeros((len(read), self.dimension), dtype=np.float32)
        vectors[some] = found.vectors
        return found._replace(vectors=vectors)


def by_length(
    lengths: Sequence[int], batch_size: int, run: Callable[[list[int]], Vectors], *, dimension: int, halve: bool = True
) -> Embedded:
    """Return the vectors of items that `run` embeds batch by batch, the longest first, in the items' own order.

    A batch that does not fit into memory (MemoryError) is halved, and so are all after it.

    Args:
        lengths: of each item.
        batch_size: items in a batch, at most.
        run: returns the vectors of the items with these indices.
        dimension: of a vector.
        halve: False to give up instead.

    Raises:
        MemoryError: not even one item fits, or a batch does not and is not to be halved.
    """
    vectors = np.empty((len(lengths), dimension), dtype=np.float32)
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    place = halved = 0
    while place < len(order):
        batch = order[place : place + batch_size]
        try:
            vectors[batch] = run(batch)
        except MemoryError:
            if len(batch) == 1 or not halve:
                raise
            batch_size = len(batch) // 2
            halved += 1
            # The next try is made outside this clause: the error keeps what was computed in memory until it is left.
            continue
        place += len(batch)
    return Embedded(vectors, batch_size, halved)


def measure_batch(
    encode: Callable[[Sequence[str], int], object],
    texts: Sequence[str],
    *,
    sizes: Iterable[int] = BATCH_SIZES,
    clock: Clock = time.perf_counter,
) -> Measured:
    """Return the batch size with which these texts are embedded fastest, here and now.

    Sizes are tried in turn, round by round, so that whatever else the machine does meets all of them; the least median
    wins, the smaller size at a tie. A size that does not fit into memory is out. On one text, or none, the smallest
    size is returned unmeasured.

    Args:
        encode: embeds texts in batches of a size; raises MemoryError if one does not fit.
        texts: like those that are to be embedded. As many as the largest size has, and 128 at least, are used: spread
            over them where there are more, and again and again where there are fewer.
        sizes: to try.
        clock: of durations, in seconds.

    Raises:
        MemoryError: not even the smallest size fits.
        ValueError: there is no size, or one is less than 1.
    """
    tried = sorted({check_count("a batch size", size) for size in sizes})
    if not tried:
        raise ValueError("sizes is empty; at least one batch size is needed")
    if len(texts) < 2 or len(tried) == 1:
        return Measured(tried[0], 0.0)
    needed = max(_SAMPLE, tried[-1])
    sample = list(islice(cycle(list(texts)[:: max(len(texts) // needed, 1)]), needed))
    encode(sample[:2], tried[0])  # the first call of a model also loads what it needs
    took: dict[int, list[float]] = {size: [] for size in tried}
    for _ in range(_ROUNDS):
        for size in list(took):
            begin = clock()
            try:
                encode(sample, size)
            except MemoryError:
                if size == tried[0]:
                    raise
                del took[size]
            else:
                took[size].append(clock() - begin)
    seconds, size = min((median(seconds), size) for size, seconds in took.items())
    return Measured(size, seconds)


def _padded(read: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the tokens of some texts as a rectangle, and a mask that is 1 where there is one."""
    ids = np.zeros((len(read), max(map(len, read))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(read):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask
