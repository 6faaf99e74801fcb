"""Compression from the standard library, and what the role "compression" promises.

Every backend writes a frame with a checksum. Input that is damaged, truncated, followed by more bytes or foreign
raises `CorruptDataError` with the library's error as the cause; wrong data is never returned. Each library has two
objects, for the goals "speed" and "size"; both read what either has written. "size" stays within a few
milliseconds for 64 KB, so that it may run while somebody waits.
"""

from __future__ import annotations

import functools
import platform
import zlib

from postopt.backends.base import Bytes, CompressionFunctions
from postopt.errors import CorruptDataError


def _compress(level: int, data: Bytes) -> bytes:
    return zlib.compress(data, level)


def _decompress(data: Bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data)
    except zlib.error as error:
        raise CorruptDataError(f"zlib cannot decompress {len(data)} bytes: {error}") from error
    if not stream.eof or stream.unused_data:
        raise CorruptDataError(f"{len(data)} bytes are {'truncated' if not stream.eof else 'too many'}")
    return plain


ZLIB_SPEED = CompressionFunctions("zlib", platform.python_version(), functools.partial(_compress, 1), _decompress)
ZLIB_SIZE = CompressionFunctions("zlib", platform.python_version(), functools.partial(_compress, 9), _decompress)
