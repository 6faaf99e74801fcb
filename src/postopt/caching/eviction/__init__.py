"""Which entries a full memory store gives up: `Density` by default, or one of the textbook's policies."""

from postopt.caching.eviction.density import Density
from postopt.caching.eviction.gdsf import GDSF
from postopt.caching.eviction.lfu import LFU
from postopt.caching.eviction.lru import LRU
from postopt.caching.eviction.policy import Newcomer, Policy
from postopt.caching.eviction.s3fifo import S3FIFO

__all__ = ["GDSF", "LFU", "LRU", "S3FIFO", "Density", "Newcomer", "Policy"]
