"""LZ4 for large values: a sixth of zstandard's time, for a ratio that is half as good."""

from __future__ import annotations

from postopt._optional import needs
from postopt.backends.base import Bytes
from postopt.errors import CorruptDataError

with needs("lz4"):
    import lz4.frame


class LZ4:
    """LZ4 frames."""

    name = "lz4"

    def compress(self, data: Bytes) -> bytes:
        """Return a frame of `data`."""
        return lz4.frame.compress(data, store_size=False)  # type: ignore[no-any-return]  # lz4 has no types

    def decompress(self, data: Bytes, size: int) -> bytes:
        """Return the `size` bytes that were compressed; no more are ever made.

        Raises:
            CorruptDataError: the frame is damaged, or does not hold exactly that many.
        """
        frame = lz4.frame.LZ4FrameDecompressor()  # the plain function has no bound
        try:
            plain = frame.decompress(data, max_length=size + 1)
        except (RuntimeError, MemoryError) as error:
            raise CorruptDataError(f"lz4 cannot decompress {len(data)} bytes: {error}") from error
        if len(plain) != size or not frame.eof or frame.unused_data:
            raise CorruptDataError(f"an lz4 frame of {len(data)} bytes does not hold exactly {size}")
        return plain  # type: ignore[no-any-return]
