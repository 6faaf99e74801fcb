"""What an expensive answer is worth keeping, where, and for how long."""

from postopt.caching.base import Entry, Key, Store
from postopt.caching.codec import Codec
from postopt.caching.keys import cache_key

__all__ = ["Codec", "Entry", "Key", "Store", "cache_key"]
