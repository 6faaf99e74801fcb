"""Zstandard frames with a content checksum.

A context costs three to six times as much as compressing a short post with it, and may serve one thread at a time:
each thread makes its own and keeps them.
"""

from __future__ import annotations

import threading

from postopt._optional import needs
from postopt.backends.base import Bytes, CompressionFunctions
from postopt.errors import CorruptDataError

with needs("zstandard"):
    import zstandard


class _Contexts(threading.local):
    """The calling thread's contexts: `threading.local` runs the constructor once in each thread."""

    def __init__(self, level: int) -> None:
        self.compress = zstandard.ZstdCompressor(level=level, write_checksum=True).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_EMPTY = zstandard.ZstdCompressor(write_checksum=True).compress(b"")


def _backend(level: int) -> CompressionFunctions:
    contexts = _Contexts(level)

    def compress(data: Bytes) -> bytes:
        return contexts.compress(data)

    def decompress(data: Bytes) -> bytes:
        try:
            plain = contexts.decompress(data, allow_extra_data=False)
        except (zstandard.ZstdError, MemoryError) as error:
            raise CorruptDataError(f"zstandard cannot decompress {len(data)} bytes: {error}") from error
        # The library looks no further once a header says "0 bytes", damaged or not.
        if not plain and data != _EMPTY:
            raise CorruptDataError(f"{len(data)} bytes claim to be an empty zstandard frame, but are not")
        return plain

    return CompressionFunctions("zstandard", zstandard.__version__, compress, decompress)


SPEED = _backend(1)
SIZE = _backend(12)
