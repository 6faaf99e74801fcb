"""Values as bytes, in the levels of a cache that hands out a value of its own to each caller."""

from __future__ import annotations

from postopt.caching.base import Entry
from postopt.caching.codec import Codec
from postopt.caching.report import Counters
from postopt.errors import CacheValueError

_MAGIC = b"\x93po\x01"  # the 1 is the version


class Packing:
    """Keeps the values of entries as bytes, if there is a codec to make them; those it did not make are no hits.

    Without a codec values are kept as they are. The two never take one for the other: bytes that look packed are not
    kept without a codec.
    """

    def __init__(self, codec: Codec | None, counters: Counters) -> None:
        self._codec = codec
        self._counters = counters

    def packed(self, entry: Entry) -> Entry:
        """Return the entry as levels keep it; raises CacheValueError for a value that cannot be kept."""
        if self._codec is None:
            if _is_packed(entry.value):
                raise CacheValueError("these bytes would be taken for a value that a codec made")
            return entry
        kind, plain = self._codec.plain(entry.value)
        return entry.holding(_MAGIC + bytes((kind,)) + plain)

    def unpacked(self, entry: Entry | None) -> Entry | None:
        """Return the entry as it was, or None if it was packed otherwise."""
        if entry is None:
            return None
        value = entry.value
        if self._codec is None:
            if not _is_packed(value):
                return entry
        elif _is_packed(value) and len(value) > len(_MAGIC):
            try:
                return entry.holding(self._codec.value_of(value[len(_MAGIC)], value[len(_MAGIC) + 1 :]))
            except ValueError:
                pass
        self._counters.unreadable += 1
        return None


def _is_packed(value: object) -> bool:
    return type(value) is bytes and value.startswith(_MAGIC)
