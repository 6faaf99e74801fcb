"""A store's entries in a file, for a warm start.

The form, version 1: a line that says what it is; each entry as the length of its key (4 bytes, little-endian), the key
in UTF-8, the length of the rest, and the rest as `Codec` makes it; at last SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from postopt._files import write_whole
from postopt.caching.base import Entry, Key
from postopt.caching.codec import Codec
from postopt.errors import CacheValueError, CorruptDataError

_TITLE = b"postopt snapshot 1\n"
_LENGTH = struct.Struct("<I")
_DIGEST_BYTES = 32
_CHUNK = 2**20


def write_snapshot(path: Path, entries: Iterable[tuple[object, Entry]], codec: Codec) -> int:
    """Write entries to a file, whole or not at all, with mode 0600; return how many.

    Those that the codec cannot encode, or whose key is no text, are left out.

    Raises:
        OSError: the file cannot be written; one that was there stays.
    """
    digest = hashlib.sha256()
    written = 0

    def pieces() -> Iterator[bytes]:
        nonlocal written
        digest.update(_TITLE)
        yield _TITLE
        for key, entry in entries:
            piece = _piece(key, entry, codec)
            if piece is not None:
                digest.update(piece)
                written += 1
                yield piece
        yield digest.digest()

    write_whole(path, pieces())
    return written


def read_snapshot(path: Path, codec: Codec) -> Iterator[tuple[Key, Entry]]:
    """Yield what `write_snapshot` wrote, nothing of a file that is damaged.

    Entries that this codec cannot read (made with a library that is not installed here) are left out.

    Raises:
        CorruptDataError: the file is damaged, or none of these; of one that has the title and the digest, and still is
            none, what stands before the fault was yielded.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        end = _checked_end(file, path)
        file.seek(len(_TITLE))
        while file.tell() < end:
            try:
                key = _read(file, end).decode("utf-8", "surrogatepass")
                data = _read(file, end)
            except ValueError as error:
                raise _corrupt(f"{path} has the digest of a snapshot, and is none") from error
            entry = codec.decode(data)
            if entry is not None:
                yield key, entry


def _piece(key: object, entry: Entry, codec: Codec) -> bytes | None:
    if not isinstance(key, str):
        return None
    try:
        data = codec.encode(entry)
    except CacheValueError:
        return None
    name = key.encode("utf-8", "surrogatepass")
    return b"".join((_LENGTH.pack(len(name)), name, _LENGTH.pack(len(data)), data))


def _checked_end(file: BinaryIO, path: Path) -> int:
    """Return where the entries end; raises CorruptDataError unless title and digest are right."""
    end = file.seek(0, 2) - _DIGEST_BYTES
    file.seek(0)
    digest = hashlib.sha256()
    if end < len(_TITLE) or not file.read(len(_TITLE)) == _TITLE:
        raise _corrupt(f"{path} is no snapshot of this version")
    file.seek(0)
    for start in range(0, end, _CHUNK):
        digest.update(file.read(min(_CHUNK, end - start)))
    if file.read() != digest.digest():
        raise _corrupt(f"{path} is damaged")
    return end


def _corrupt(message: str) -> CorruptDataError:
    return CorruptDataError(message, hint="start without it: it is only a cache")


def _read(file: BinaryIO, end: int) -> bytes:
    """Return as many bytes as the four before them say; raises ValueError if those would go beyond `end`."""
    length = int.from_bytes(file.read(_LENGTH.size), "little")
    left = end - file.tell()  # less than nothing, if there were no four
    if length > left:
        raise ValueError(f"{length} bytes are to follow, and there are {left}")
    return file.read(length)
