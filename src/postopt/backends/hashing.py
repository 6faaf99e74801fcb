"""Digests from the standard library, and what the role "hash" promises.

A digest is a function of the bytes alone, equal for bytes, bytearray and contiguous memoryview. The role "hash" is
for keys and checks that must resist an attacker (32 bytes); the role "fingerprint" (16 bytes) is not: it tells
inputs apart inside one process, where nobody plans collisions.
"""

from __future__ import annotations

import platform
from hashlib import blake2b, sha256

from postopt.backends.base import Bytes, HashFunctions


def _sha256(data: Bytes) -> bytes:
    return sha256(data).digest()


def _blake2b(data: Bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def _fingerprint(data: Bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


SHA256 = HashFunctions("sha256", platform.python_version(), _sha256)
BLAKE2B = HashFunctions("blake2b", platform.python_version(), _blake2b)
FINGERPRINT = HashFunctions("blake2b", platform.python_version(), _fingerprint)
