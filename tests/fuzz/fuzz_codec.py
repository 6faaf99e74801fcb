"""Fuzzing, guided by coverage, of all that reads bytes which somebody else may have written.

    nox -s fuzz
    python tests/fuzz/fuzz_codec.py entry -max_total_time=600

The first argument of the script says what is fuzzed, the others are libFuzzer's: how long, a folder with a corpus, a
file that once crashed. An exception that breaks a law ends the run with status 77 and leaves the input in a file. It
needs atheris, and zstandard.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import lzma
import struct
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["postopt"]):
    from postopt.caching import Codec, Entry
    from postopt.caching.codec import Compression
    from postopt.caching.remote.resp import Replies
    from postopt.caching.replay.trace import read_tokens, read_trace
    from postopt.caching.snapshot import read_snapshot, write_snapshot
    from postopt.errors import CacheValueError, CorruptDataError

DICTIONARY = b"Fresh bread for 3.50"
MAX_BYTES = 2**16
VALUES = (None, -0.0, [1, {"a": "ñ"}], "\ud800", b"\x00", "bread " * 40, {"text": "Fresh bread for 3.50 " * 20})
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz_codec."))


def codec(compression: Compression = "zlib") -> Codec:
    return Codec(compression=compression, dictionary=DICTIONARY, max_bytes=MAX_BYTES)


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
    path = FOLDER / "snapshot"
    whole = b"postopt snapshot 1\n" + data
    for written in (data, whole + hashlib.sha256(whole).digest()):
        path.write_bytes(written)
        try:
            for key, entry in read_snapshot(path, codec()):
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


def check_trace(data: bytes) -> None:
    """Any file gives requests and tokens, or CacheValueError, whatever its name says."""
    for ending in (".csv", ".csv.gz", ".csv.xz"):
        path = FOLDER / f"trace{ending}"
        path.write_bytes(data)
        with contextlib.suppress(CacheValueError):
            trace = read_trace(path)
            assert set(trace.keys) == set(range(len(trace.weights)))
        with contextlib.suppress(CacheValueError):
            assert all(min(pair) >= 0 for pair in read_tokens(path))


def seeds(target: str) -> list[bytes]:
    """Return what the fuzzer begins with: whole ones, and what is between the parts that no change finds by itself."""
    entries = [Entry(value=value, tags=("a", "ñ"), cost=0.5, expires_at=1.8e9) for value in VALUES]
    if target == "entry":
        written = [codec(compression).encode(entry) for compression in ("zlib", "zstandard") for entry in entries]
        return [data for whole in written for data in (whole, whole[8:-8])]
    if target == "snapshot":
        path = FOLDER / "snapshot"
        write_snapshot(path, [(f"key {number}", entry) for number, entry in enumerate(entries)], codec())
        whole = path.read_bytes()
        return [whole, whole[19:-32]]
    if target == "trace":
        text = b"t,key,in_tokens,out_tokens\n1,a,10,20\n2,b,3,1e3\n3,a,10,20\n"
        return [text, gzip.compress(text), lzma.compress(text)]
    return [
        b"\x03*2\r\n$3\r\nabc\r\n:1\r\n",
        b"\x01>2\r\n+a\r\n%1\r\n_\r\n#t\r\n,1.5\r\n-ERR x\r\n=7\r\ntxt:abc\r\n(1\r\n!1\r\na\r\n",
    ]


def run(target: str, arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process; files that once crashed are tried once each."""
    if not any(Path(argument).is_file() for argument in arguments):
        corpus = FOLDER / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds(target)):
            Path(corpus, str(number)).write_bytes(seed)
        arguments = [*arguments, str(corpus)]
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
    atheris.Fuzz()


TARGETS = {"entry": check_entry, "snapshot": check_snapshot, "replies": check_replies, "trace": check_trace}

if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
