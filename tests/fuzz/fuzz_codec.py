"""Fuzzing, guided by coverage, of all that reads bytes which somebody else may have written.

    pip install atheris
    python tests/fuzz/fuzz_codec.py entry -runs=100000

The first argument says what is fuzzed, the others are libFuzzer's: `-max_total_time=60`, a folder with a corpus, a file
that once crashed. An exception that breaks a law ends the run and leaves the input in a file.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["postopt"]):
    from postopt.caching import Codec, Entry
    from postopt.caching.remote.resp import Replies
    from postopt.caching.snapshot import read_snapshot, write_snapshot
    from postopt.errors import CacheValueError, CorruptDataError

DICTIONARY = b"Fresh bread for 3.50"
MAX_BYTES = 2**16
VALUES = (None, -0.0, [1, {"a": "ñ"}], "\ud800", b"\x00", "bread " * 40, {"text": "Fresh bread for 3.50 " * 20})
SNAPSHOT = Path(tempfile.mkdtemp()) / "snapshot"


def codec() -> Codec:
    return Codec(dictionary=DICTIONARY, max_bytes=MAX_BYTES)


def sealed(rest: bytes) -> bytes:
    """Return `rest` between the beginning and the checksum of an entry: no fuzzer finds those by itself."""
    body = b"\x9bpo\x01" + struct.pack("<I", len(rest)) + rest
    return body + hashlib.blake2b(body, digest_size=8).digest()


def check_entry(data: bytes) -> None:
    """Any bytes are an entry that comes back as it is, or a miss that is counted once; and no exception."""
    for written in (data, sealed(data)):
        reader = codec()
        found = reader.decode(written)
        assert (found is None) == (reader.unreadable.total() == 1)
        if found is None:
            continue
        assert isinstance(found, Entry)
        try:
            again = reader.encode(found)
        except CacheValueError:  # deeper than what is written, or a number beyond 64 bits that became a float
            continue
        assert repr(reader.decode(again)) == repr(found)


def check_snapshot(data: bytes) -> None:
    """Any file gives keys and entries, or CorruptDataError."""
    whole = b"postopt snapshot 1\n" + data
    for written in (data, whole + hashlib.sha256(whole).digest()):
        SNAPSHOT.write_bytes(written)
        try:
            for key, entry in read_snapshot(SNAPSHOT, codec()):
                assert isinstance(key, str)
                assert isinstance(entry, Entry)
        except CorruptDataError:
            pass


def check_replies(data: bytes) -> None:
    """However a stream is cut, the same replies come out, or CorruptDataError."""
    cut_every, stream = (data[0] or 1, data[1:]) if data else (1, b"")
    pieces = [stream[start : start + cut_every] for start in range(0, len(stream), cut_every)]
    assert _replies(pieces) == _replies([stream])


def _replies(pieces: list[bytes]) -> list[str] | None:
    reader, got = Replies(), []
    try:
        for piece in pieces:
            got += reader.feed(piece)
    except CorruptDataError:
        return None
    return [repr(reply) for reply in got]  # of NaN and of errors, only this is equal


def seeds(target: str) -> list[bytes]:
    entries = [Entry(value=value, tags=("a", "ñ"), cost=0.5, expires_at=1.8e9) for value in VALUES]
    if target == "entry":
        return [data for entry in entries for whole in [codec().encode(entry)] for data in (whole, whole[8:-8])]
    if target == "snapshot":
        write_snapshot(SNAPSHOT, enumerate(entries), codec())
        write_snapshot(SNAPSHOT, [(f"key {number}", entry) for number, entry in enumerate(entries)], codec())
        whole = SNAPSHOT.read_bytes()
        return [whole, whole[19:-32]]
    return [
        b"\x03*2\r\n$3\r\nabc\r\n:1\r\n",
        b"\x01>2\r\n+a\r\n%1\r\n_\r\n#t\r\n,1.5\r\n-ERR x\r\n=7\r\ntxt:abc\r\n(1\r\n!1\r\na\r\n",
    ]


TARGETS = {"entry": check_entry, "snapshot": check_snapshot, "replies": check_replies}

if __name__ == "__main__":
    target = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(target)):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], TARGETS[target])
        atheris.Fuzz()
