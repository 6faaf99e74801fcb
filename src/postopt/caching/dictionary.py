"""Dictionaries trained on what a store holds, renewed when that changes.

A short text compresses badly because it repeats little of itself; most of what it repeats stands in its likes. A
dictionary holds that once for all of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Protocol

from postopt.caching.codec import Compressor
from postopt.caching.zlib import WINDOW, Zlib
from postopt.errors import MissingDependencyError

SAMPLES = 10
"""How many bytes of samples a byte of dictionary is trained on; zstandard's manual advises a hundred, and more than
ten gains a hundredth (docs/design/0010)."""

FIRST = 8
"""The first dictionary is so many times smaller than the following, and there so many times sooner."""

MOST = 0xFFFF
"""The highest number of a dictionary; there is no training after that one."""

_DRIFTED = 0.9
_MEMORY = 0.995  # of the ratio lately: a value counts half after 140 others
_SETTLED = 500


class Library(Protocol):
    """What makes compressors and dictionaries."""

    name: str
    largest: int
    """Most bytes of a dictionary."""

    def compressor(self, dictionary: bytes) -> Compressor:
        """Return a compressor that knows `dictionary`."""
        ...

    def train(self, samples: Sequence[bytes], size: int) -> bytes:
        """Return a dictionary of at most `size` bytes, or b""."""
        ...


class ZlibLibrary:
    """The standard library: a dictionary is what the samples say, as far as it goes."""

    name = "zlib"
    largest = WINDOW

    def compressor(self, dictionary: bytes) -> Compressor:
        """Return a compressor that knows `dictionary`."""
        return Zlib(dictionary)

    def train(self, samples: Sequence[bytes], size: int) -> bytes:
        """Return the ends of some samples."""
        return b"".join(Random(0).sample(samples, len(samples)))[-size:]  # noqa: S311 - any will do


def installed_library(level: int) -> Library:
    """Return zstandard where it is installed, else the standard library."""
    try:
        # Only whoever has a compressed level needs the library.
        from postopt.caching.zstandard import ZstandardLibrary  # noqa: PLC0415
    except MissingDependencyError:
        return ZlibLibrary()
    return ZstandardLibrary(level)


class Dictionaries:
    """The dictionaries of one store, numbered; 0 is the empty one.

    Args:
        library: makes them.
        size: most bytes of each.
        start: runs the training, which takes some tenths of a second, beside everything else.
    """

    def __init__(self, library: Library, size: int, start: Callable[[Callable[[], None]], object]) -> None:
        self._library = library
        self._size = min(size, library.largest)
        self._start = start
        self._compressors = {0: library.compressor(b"")}
        self._sizes = {0: 0}
        self._current = 0
        self._samples: list[bytes] = []
        self._sampled = 0
        self._wanted = self._size // FIRST
        self._training_in = 0  # the process in which a training runs
        self._lock = threading.Lock()
        self._ratio, self._best, self._seen = 0.0, 0.0, 0

    @property
    def weight(self) -> int:
        """Bytes of all dictionaries that are still there."""
        return sum(self._sizes.values())

    @property
    def current(self) -> tuple[int, Compressor]:
        """The number and the compressor to use for what comes."""
        number = self._current
        return number, self._compressors[number]

    def compressor(self, number: int) -> Compressor | None:
        """Return the compressor that knows the dictionary of this number, or None if it is there no more."""
        return self._compressors.get(number)

    def observe(self, plain: bytes, packed: int) -> None:
        """Take note of a value and how many bytes became of it; may begin a training."""
        with self._lock:
            ratio = len(plain) / packed
            self._seen += 1
            self._ratio += (ratio - self._ratio) * max(1 - _MEMORY, 1 / self._seen)
            if self._seen >= _SETTLED:
                self._best = max(self._best, self._ratio)
                if not self._wanted and self._ratio < _DRIFTED * self._best:
                    self._wanted = self._size
            if not self._wanted or self._training_in == os.getpid():
                return
            self._samples.append(plain)
            self._sampled += len(plain)
            if self._sampled < SAMPLES * self._wanted:
                return
            self._training_in = os.getpid()
        self._start(self._train)

    def forget_unused(self, numbers: Iterable[int]) -> None:
        """Drop the dictionaries that are not among `numbers`.

        The last two stay: whoever is compressing just now may have begun with the one before.
        """
        used = {0, self._current, self._current - 1, *numbers}
        with self._lock:
            for number in self._compressors.keys() - used:
                del self._compressors[number]
                del self._sizes[number]

    def _train(self) -> None:
        with self._lock:
            samples, wanted = self._samples, self._wanted
        dictionary = self._library.train(samples, wanted)
        compressor = self._library.compressor(dictionary)
        with self._lock:
            if dictionary and self._current < MOST:
                self._current += 1  # numbers are not used again: what one stands for in an entry is for ever
                self._compressors[self._current] = compressor
                self._sizes[self._current] = len(dictionary)
            # A small one was the first: go on collecting for a large one.
            self._wanted = self._size if wanted < self._size else 0
            if not self._wanted:
                self._samples = []
                self._sampled = 0
            self._ratio = self._best = 0.0
            self._seen = self._training_in = 0
