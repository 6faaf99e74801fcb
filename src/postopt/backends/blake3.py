"""BLAKE3 on one thread: more threads were slower below a megabyte where it was measured."""

from __future__ import annotations

from postopt._optional import needs
from postopt.backends.base import Bytes, HashFunctions

with needs("blake3"):
    from blake3 import __version__, blake3


def _digest(data: Bytes) -> bytes:
    return blake3(data).digest()


HASH = HashFunctions("blake3", __version__, _digest)
