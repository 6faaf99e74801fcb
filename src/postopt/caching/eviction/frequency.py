"""How often keys were asked for lately, those that are gone included, in four bits each."""

from __future__ import annotations

from collections.abc import Hashable
from zlib import crc32

MOST = 15
"""As far as a counter counts; twice as many and more are alike to whoever has to choose."""

_HALVED = bytes((byte >> 5 << 4) | (byte & 15) >> 1 for byte in range(256))


def key_hash(key: Hashable) -> int:
    """Return 64 bits of a key; of text the same in every process, so that a run can be replayed."""
    number = crc32(key.encode("utf-8", "surrogatepass")) if type(key) is str else hash(key) & 0xFFFF_FFFF_FFFF_FFFF
    # Two rounds of the finalizer of SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014): neighbours part.
    number = (number ^ number >> 30) * 0xBF58_476D_1CE4_E5B9 & 0xFFFF_FFFF_FFFF_FFFF
    number = (number ^ number >> 27) * 0x94D0_49BB_1331_11EB & 0xFFFF_FFFF_FFFF_FFFF
    return number ^ number >> 31


class FrequencySketch:
    """Counts of keys that are never too low, and too high for few: a count-min sketch of two rows in one array.

    A key is two counters, and the lower one is its count. To remember a count raises both to it and no further, so
    that keys share counters without adding up. `halve` is how counts grow old.

    Source: G. Cormode, S. Muthukrishnan, "An improved data stream summary: the count-min sketch", J. Algorithms 55,
    2005; halving as in G. Einziger, R. Friedman, B. Manes, "TinyLFU", ACM Trans. Storage 13, 2017.
    """

    __slots__ = ("_counters", "_mask")

    LEAST = 8192
    """Counters of the smallest sketch."""

    PER_ENTRY = 32
    """Counters for each entry of a store: with half as many, a tenth of the newcomers would pass for known ones."""

    def __init__(self) -> None:
        self._counters = bytearray(self.LEAST // 2)  # two in a byte
        self._mask = self.LEAST - 1

    def count(self, hashed: int) -> int:
        """Return the count of the key with this `key_hash`, `MOST` at most."""
        first, second = hashed & self._mask, hashed >> 32 & self._mask
        counters = self._counters
        return min(counters[first >> 1] >> (first & 1) * 4 & 15, counters[second >> 1] >> (second & 1) * 4 & 15)

    def remember(self, hashed: int, count: int) -> None:
        """Let the count of this key be `count` at least."""
        for place in (hashed & self._mask, hashed >> 32 & self._mask):
            shift = (place & 1) * 4
            byte = self._counters[place >> 1]
            if byte >> shift & 15 < count:
                self._counters[place >> 1] = byte & ~(15 << shift) | count << shift

    def is_crowded(self) -> bool:
        """Say whether half of the counters are taken: of the keys never counted, one of four then seems known."""
        return self._counters.count(0) * 4 < len(self._counters)  # two counters in a byte, each as likely taken

    def halve(self) -> None:
        """Halve all counts."""
        self._counters = self._counters.translate(_HALVED)

    def grow(self, entries: int) -> None:
        """Make room for a store of so many entries; counts stay."""
        while self._mask + 1 < entries * self.PER_ENTRY:
            self._counters = self._counters * 2
            self._mask = 2 * self._mask + 1
