"""LZ4 for large values: a sixth of zstandard's time, for a ratio that is half as good."""

from __future__ import annotations

from postopt._optional import needs
from postopt.backends.base import Bytes
from postopt.errors import CorruptDataError

with needs("lz4"):
    import lz4.frame


class LZ4:
    """LZ4 frames that hold their size."""

    name = "lz4"

    def compress(self, data: Bytes) -> bytes:
        """Return a frame of `data`."""
        return lz4.frame.compress(data, store_size=True)  # type: ignore[no-any-return]  # lz4 has no types

    def decompress(self, data: Bytes, size: int) -> bytes:
        """Return the `size` bytes that were compressed; no more are ever made.

        Raises:
            CorruptDataError: the frame is damaged, or does not hold exactly that many.
        """
        try:
            # The library makes room for what a frame says it holds, and stops there.
            if lz4.frame.get_frame_info(data)["content_size"] != size:
                raise CorruptDataError(f"an lz4 frame of {len(data)} bytes does not say that it holds {size}")
            plain = lz4.frame.decompress(data)
        except (RuntimeError, MemoryError) as error:
            raise CorruptDataError(f"lz4 cannot decompress {len(data)} bytes: {error}") from error
        if len(plain) != size:
            raise CorruptDataError(f"an lz4 frame of {len(data)} bytes does not hold the {size} that it says")
        return plain  # type: ignore[no-any-return]
