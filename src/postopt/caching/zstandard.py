"""Zstandard with dictionaries, and a bound.

A dictionary gives a short text what a long one has: something to repeat. The contexts that hold it are costly to
make and serve one thread at a time, so each thread makes its own once.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from postopt._optional import needs
from postopt.backends.base import Bytes
from postopt.errors import CacheValueError, CorruptDataError

with needs("zstandard"):
    import zstandard


class Zstandard:
    """zstandard frames that hold their size; checksums are left to whoever frames them.

    Args:
        dictionary: what `train` returned, or any bytes that the data is likely to repeat. To read, the same is needed.
        level: 1 (quick) to 19 (small).

    Raises:
        CacheValueError: the dictionary begins like one that was trained, and is none.
    """

    name = "zstandard"

    def __init__(self, dictionary: bytes = b"", level: int = 3) -> None:
        try:
            self._contexts = _Contexts(dictionary, level)
        except zstandard.ZstdError as error:
            raise CacheValueError(f"zstandard cannot use a dictionary of {len(dictionary)} bytes: {error}") from error

    def compress(self, data: Bytes) -> bytes:
        """Return a frame of `data`."""
        return self._contexts.compress(data)

    def decompress(self, data: Bytes, size: int) -> bytes:
        """Return the `size` bytes that were compressed; no more are ever made.

        Raises:
            CorruptDataError: the frame is damaged, or does not hold exactly that many.
        """
        try:
            # The library makes room for what a frame says it holds, before it looks further.
            if zstandard.frame_content_size(data) != size:
                raise CorruptDataError(f"a zstandard frame of {len(data)} bytes does not say that it holds {size}")
            # It raises if the frame then holds another number.
            return self._contexts.decompress(data, allow_extra_data=False)
        except (zstandard.ZstdError, MemoryError) as error:
            raise CorruptDataError(f"zstandard cannot decompress {len(data)} bytes: {error}") from error


class Bare:
    """zstandard frames without magic number and size, for whoever keeps the size beside them, in memory.

    Of a post that is one byte in sixty; and leaving it to others to look for what stands behind a frame saves 0.4 of
    the 2.3 us that `Zstandard` takes to read one.

    Args:
        dictionary: what `train` returned. To read, the same is needed.
        level: as in `Zstandard`.
    """

    def __init__(self, dictionary: bytes, level: int) -> None:
        self._contexts = _BareContexts(dictionary, level)

    def compress(self, data: Bytes) -> bytes:
        """Return a frame of `data`."""
        return self._contexts.compress(data)

    def decompress(self, data: Bytes, size: int) -> bytes:
        """Return the `size` bytes that were compressed; no more are ever made.

        Raises:
            CorruptDataError: the frame is damaged, or does not hold exactly that many.
        """
        try:
            plain = self._contexts.decompress(data, size or 1)  # 0 stands for whatever the frame says
        except (zstandard.ZstdError, MemoryError) as error:
            raise CorruptDataError(f"zstandard cannot decompress {len(data)} bytes: {error}") from error
        if len(plain) != size:
            raise CorruptDataError(f"a zstandard frame of {len(data)} bytes holds {len(plain)}, not {size}")
        return plain


class _Contexts(threading.local):
    """The calling thread's contexts: `threading.local` runs the constructor once in each thread."""

    def __init__(self, dictionary: bytes, level: int) -> None:
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        # The id would repeat what the header around the frame says.
        self.compress = zstandard.ZstdCompressor(level=level, dict_data=known, write_dict_id=False).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=known).decompress


class _BareContexts(threading.local):
    """The same, without magic number and size."""

    def __init__(self, dictionary: bytes, level: int) -> None:
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        form = zstandard.FORMAT_ZSTD1_MAGICLESS
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level, format=form, write_dict_id=False, write_content_size=False
        )
        self.compress = zstandard.ZstdCompressor(compression_params=parameters, dict_data=known).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=known, format=form).decompress


def train(samples: Sequence[bytes], size: int, *, level: int = 3) -> bytes:
    """Return a dictionary of at most `size` bytes made from `samples`, or b"" if they are too few or too short.

    Method: COVER (M. Liao, D. Petri, A. Moffat, A. Wirth, "Effective construction of relative Lempel-Ziv
    dictionaries", WWW 2016), as the library has it, with its default parameters.
    """
    try:
        return zstandard.train_dictionary(size, list(samples), level=level).as_bytes()
    except zstandard.ZstdError:
        return b""


class ZstandardLibrary:
    """Makes compressors and dictionaries.

    Args:
        level: as in `Zstandard`.
    """

    name = "zstandard"
    largest = 256 * 1024  # beyond, posts gain a tenth for each doubling, and each thread's contexts grow as much

    def __init__(self, level: int = 9) -> None:
        self._level = level

    def compressor(self, dictionary: bytes) -> Bare:
        """Return a compressor that knows `dictionary`."""
        return Bare(dictionary, self._level)

    def train(self, samples: Sequence[bytes], size: int) -> bytes:
        """Return a dictionary of at most `size` bytes, or b"" if the samples are too few or too short."""
        return train(samples, size, level=self._level)
