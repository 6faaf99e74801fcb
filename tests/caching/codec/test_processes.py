"""What one process writes, another reads, whatever is installed there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from postopt.caching import Codec, Entry

OPTIONAL = ["orjson", "msgspec", "zstandard", "lz4", "xxhash", "blake3", "numpy"]
DICTIONARY = b"Fresh bread for 3.50, from 7:30"
VALUES = [
    None,
    "\ud800",
    b"\x00",
    [1, -0.0, {"b": "\u00f1", "a": 2**64 - 1}],
    "Fresh bread for 3.50. " * 30,
    {"text": "Fresh bread for 3.50, from 7:30. " * 30, "cost": 0.1},
]
SCRIPT = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL!r}))
from postopt.caching import Codec, Entry
codec = Codec(dictionary={DICTIONARY!r})
for line in sys.stdin:
    found = codec.decode(bytes.fromhex(line))
    print("-" if found is None else codec.encode(found).hex())
for value in {VALUES!r}:
    print(codec.encode(Entry(value=value, tags=("a",), cost=0.5)).hex())
print(codec.unreadable["compression"], codec.unreadable.total())
"""


def elsewhere(written):
    """Return what a process without any optional library makes of entries: what it writes, and its last line."""
    given = "".join(f"{data.hex()}\n" for data in written)
    done = subprocess.run([sys.executable, "-c", SCRIPT], input=given, capture_output=True, text=True, check=True)
    *lines, last = done.stdout.splitlines()
    return [None if line == "-" else bytes.fromhex(line) for line in lines], last


def written_here(compression):
    codec = Codec(compression=compression, dictionary=DICTIONARY)
    return [codec.encode(Entry(value=value, tags=("a",), cost=0.5)) for value in VALUES]


def test_both_write_the_same_bytes_and_read_them():
    here = written_here("zlib")
    there, last = elsewhere(here)
    assert there == here * 2  # read and written again, and written
    assert last == "0 0"


def test_what_needs_a_library_is_a_miss_where_it_is_not_installed():
    pytest.importorskip("zstandard")
    there, last = elsewhere(written_here("zstandard"))
    assert [data is None for data in there[: len(VALUES)]] == [False] * 4 + [True] * 2
    assert last == "2 2"
