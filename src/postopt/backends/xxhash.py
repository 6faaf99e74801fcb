"""XXH3 with 128 bits: the quickest fingerprint, and no protection against planned collisions."""

from __future__ import annotations

from postopt._optional import needs
from postopt.backends.base import HashFunctions

with needs("xxhash"):
    import xxhash

FINGERPRINT = HashFunctions("xxh3", xxhash.VERSION, xxhash.xxh3_128_digest)
