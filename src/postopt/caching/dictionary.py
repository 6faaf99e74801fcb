"""Dictionaries trained on what a store holds, renewed when that changes.

A short text compresses badly because it repeats little of itself; most of what it repeats stands in its likes. A
dictionary holds that once for all of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Protocol

from postopt.caching.codec import Compressor
from postopt.caching.mutex import Mutex
from postopt.caching.zlib import WINDOW, Zlib
from postopt.errors import MissingDependencyError

SAMPLES = 10
"""How many bytes of samples a byte of dictionary is trained on; zstandard's manual advises a hundred, and more than
ten gains a hundredth (docs/design/0010)."""

FIRST = 8
"""The first dictionary is so many times smaller than the following, and there so many times sooner."""

KEPT = 4
"""Dictionaries at a time, the empty one aside: while entries need all of them, a new one is not taken up. It would gain
a tenth of the bytes of what comes, and the room of the old ones is lost to entries."""

MOST = 0xFFFF
"""The highest number of a dictionary; none is taken up after that one."""

_DRIFTED = 1 / 0.9
_MEMORY = 0.995  # of the share lately: a value counts half after 140 others
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

    What has been trained waits until the store takes it up with `adopt`. Any thread may call any method.

    Attributes:
        current: the number and the compressor to use for what comes.
        weight: bytes of all dictionaries that are still there.

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
        self.current = 0, self._compressors[0]
        self.weight = 0
        self._trained: tuple[int, Compressor] | None = None
        self._samples: list[bytes] = []
        self._sampled = 0
        self._wanted = self._size // FIRST
        self._training_in = 0  # the process in which a training runs
        self._lock = Mutex()
        self._share, self._least, self._seen = 0.0, math.inf, 0  # what is left of a value lately, and at best

    @property
    def is_trained(self) -> bool:
        """Whether a new dictionary waits to be taken up."""
        return self._trained is not None

    def compressor(self, number: int) -> Compressor | None:
        """Return the compressor that knows the dictionary of this number, or None if it is there no more."""
        return self._compressors.get(number)

    def observe(self, plain: bytes, packed: int) -> None:
        """Take note of a value and how many bytes became of it; may begin a training."""
        with self._lock:
            # Not the ratio: of values that stand in the dictionary, a few would make all others look like a drift.
            share = packed / len(plain)
            self._seen += 1
            self._share += (share - self._share) * max(1 - _MEMORY, 1 / self._seen)
            if self._seen >= _SETTLED:
                self._least = min(self._least, self._share)
                if not self._wanted and self._share > _DRIFTED * self._least:
                    self._wanted = self._size
            if not self._wanted or self._training_in == os.getpid():
                return
            self._samples.append(plain)
            self._sampled += len(plain)
            if self._sampled < SAMPLES * self._wanted:
                return
            self._training_in = os.getpid()
        try:
            self._start(self._train)
        except RuntimeError:  # no thread can be started: at the interpreter's end, none is
            self._trained_with(None)

    def adopt(self, numbers: Iterable[int]) -> None:
        """Drop the dictionaries that are not among `numbers`, and take up the new one if that leaves room for it.

        The current one stays: whoever is compressing just now uses it.
        """
        needed = {0, *numbers}
        with self._lock:
            if self._trained is None:  # another thread was quicker
                return
            number = self.current[0]
            for unused in self._compressors.keys() - needed - {number}:
                del self._compressors[unused]
                del self._sizes[unused]
            if len(self._compressors) <= KEPT and number < MOST:
                number += 1  # numbers are not used again: what one stands for in an entry is for ever
                self._sizes[number], self._compressors[number] = self._trained
                self.current = number, self._compressors[number]
            self._trained = None
            self.weight = sum(self._sizes.values())

    def _train(self) -> None:
        with self._lock:
            samples, wanted = self._samples, self._wanted
        trained = None
        try:
            dictionary = self._library.train(samples, wanted)
            if dictionary:
                trained = len(dictionary), self._library.compressor(dictionary)
        finally:
            self._trained_with(trained)

    def _trained_with(self, trained: tuple[int, Compressor] | None) -> None:
        with self._lock:
            self._trained = trained
            # A small one was the first: go on collecting for a large one.
            self._wanted = self._size if self._wanted < self._size else 0
            if not self._wanted:
                self._samples = []
                self._sampled = 0
            self._share, self._least = 0.0, math.inf
            self._seen = self._training_in = 0
