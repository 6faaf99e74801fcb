"""A file of entries is read as it was written, or refused as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching import Codec, Entry
from postopt.caching.snapshot import read_snapshot, write_snapshot
from postopt.errors import CorruptDataError

TITLE = b"postopt snapshot 1\n"
ENTRIES = [
    ("", Entry(value=None)),
    ("key", Entry(value={"text": "bread " * 60}, cost=0.5, tags=("a",), expires_at=1.8e9)),
    ("\ud800", Entry(value="\ud83d\ude00")),
    ("\U0001f600" * 300, Entry(value=b"\x00")),
    ("key", Entry(value="again")),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "snapshot"


def with_digest(entries: bytes) -> bytes:
    return TITLE + entries + hashlib.sha256(TITLE + entries).digest()


def piece(key: bytes, data: bytes) -> bytes:
    return struct.pack("<I", len(key)) + key + struct.pack("<I", len(data)) + data


class TestRoundTrip:
    def test_entries_come_back_in_order(self, path):
        assert write_snapshot(path, iter(ENTRIES), Codec()) == len(ENTRIES)
        assert list(read_snapshot(path, Codec())) == ENTRIES

    def test_nothing_is_a_snapshot_too(self, path):
        assert write_snapshot(path, [], Codec()) == 0
        assert path.read_bytes() == with_digest(b"")
        assert list(read_snapshot(path, Codec())) == []

    def test_what_has_no_bytes_is_left_out(self, path):
        others = [(1, Entry(value=1)), (b"key", Entry(value=1)), ("object", Entry(value=object())), *ENTRIES]
        assert write_snapshot(path, others, Codec()) == len(ENTRIES)
        assert list(read_snapshot(path, Codec())) == ENTRIES

    def test_what_this_codec_cannot_read_is_left_out_and_counted(self, path):
        write_snapshot(path, ENTRIES, Codec(dictionary=b"bread"))
        codec = Codec()
        assert list(read_snapshot(path, codec)) == [pair for pair in ENTRIES if pair is not ENTRIES[1]]
        assert codec.unreadable["dictionary"] == 1


class TestDamage:
    def test_every_wrong_byte_and_every_cut_is_seen_before_anything_is_read(self, path):
        write_snapshot(path, ENTRIES[:2], Codec())
        whole = path.read_bytes()
        damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole))]
        for data in (*damaged, *(whole[:end] for end in range(len(whole))), whole + b"\x00", whole * 2):
            path.write_bytes(data)
            with pytest.raises(CorruptDataError, match=r"damaged|no snapshot of this version") as caught:
                next(read_snapshot(path, Codec()))
            assert "start without it" in caught.value.hint

    def test_another_version_is_refused(self, path):
        body = TITLE.replace(b"1", b"2")
        path.write_bytes(body + hashlib.sha256(body).digest())
        with pytest.raises(CorruptDataError, match="no snapshot of this version"):
            list(read_snapshot(path, Codec()))

    def test_a_file_that_is_not_there(self, path):
        with pytest.raises(FileNotFoundError):
            list(read_snapshot(path, Codec()))


class TestForged:
    """A digest shows damage, not intent."""

    @pytest.mark.parametrize(
        "forged",
        [
            b"\x00",
            b"\x00" * 4,
            struct.pack("<I", 5) + b"key",
            struct.pack("<I", 2**32 - 1),
            struct.pack("<I", 3) + b"key" + struct.pack("<I", 1),
            struct.pack("<I", 3) + b"key" + struct.pack("<I", 2**32 - 1) + b"data",
            piece(b"\xff", b"data"),
            piece(b"key", b"") + b"\x01",
        ],
    )
    def test_what_is_no_list_of_entries_is_refused(self, path, forged):
        path.write_bytes(with_digest(forged))
        with pytest.raises(CorruptDataError, match="has the digest of a snapshot, and is none"):
            list(read_snapshot(path, Codec()))

    @given(entries=st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=99)), max_size=3), rest=st.binary())
    def test_any_file_gives_keys_and_entries_or_is_refused(self, tmp_path_factory, entries, rest):
        path = tmp_path_factory.mktemp("forged") / "snapshot"
        path.write_bytes(with_digest(b"".join(piece(*entry) for entry in entries) + rest))
        with contextlib.suppress(CorruptDataError):
            assert list(read_snapshot(path, Codec())) == []

    def test_a_length_that_lies_takes_no_memory(self, path):
        path.write_bytes(with_digest(struct.pack("<I", 2**31)))
        tracemalloc.start()
        try:
            with pytest.raises(CorruptDataError):
                list(read_snapshot(path, Codec()))
            assert tracemalloc.get_traced_memory()[1] < 2**22
        finally:
            tracemalloc.stop()
