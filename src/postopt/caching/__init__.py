"""What an expensive answer is worth keeping, where, and for how long."""

from postopt.caching.base import Entry, Key, Store
from postopt.caching.coalescing import Coalescer
from postopt.caching.codec import Codec
from postopt.caching.compressed import CompressedStore
from postopt.caching.keys import cache_key
from postopt.caching.memory import MemoryStore
from postopt.caching.near import NearDuplicates
from postopt.caching.prefetch import Prefetcher
from postopt.caching.tiered import TieredCache

__all__ = [
    "Coalescer",
    "Codec",
    "CompressedStore",
    "Entry",
    "Key",
    "MemoryStore",
    "NearDuplicates",
    "Prefetcher",
    "Store",
    "TieredCache",
    "cache_key",
]
