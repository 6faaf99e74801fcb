"""The standard library's compression, with a dictionary and a bound."""

from __future__ import annotations

import zlib

from postopt.backends.base import Bytes
from postopt.errors import CorruptDataError

WINDOW = 32_768
"""Bytes before the data that zlib can refer to: of a longer dictionary only the end is of use (RFC 1950)."""


class Zlib:
    """zlib streams, checksum included.

    Args:
        dictionary: bytes that the data is likely to repeat, the likeliest last. To read, the same is needed.
        level: 1 (quick) to 9 (small).
    """

    name = "zlib"

    def __init__(self, dictionary: bytes = b"", level: int = 6) -> None:
        self._dictionary = dictionary[-WINDOW:]
        self._level = level

    def compress(self, data: Bytes) -> bytes:
        """Return a stream of `data`."""
        stream = zlib.compressobj(self._level, zdict=self._dictionary)
        return stream.compress(data) + stream.flush()

    def decompress(self, data: Bytes, size: int) -> bytes:
        """Return the `size` bytes that were compressed; no more are ever made.

        Raises:
            CorruptDataError: the stream is damaged, or does not hold exactly that many.
        """
        stream = zlib.decompressobj(zdict=self._dictionary)
        try:
            plain = stream.decompress(data, size + 1)  # one more: 0 would mean without bound
        except zlib.error as error:
            raise CorruptDataError(f"zlib cannot decompress {len(data)} bytes: {error}") from error
        if len(plain) != size or not stream.eof or stream.unused_data:
            raise CorruptDataError(f"a zlib stream of {len(data)} bytes does not hold exactly {size}")
        return plain
