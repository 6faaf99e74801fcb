"""Bytes that are no entry are a miss with a reason: never an exception, never another value, never much memory."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching import Codec, Entry

MAGIC = b"\x9bpo\x01"
REASONS = {"foreign", "version", "truncated", "checksum", "compression", "dictionary", "too large", "malformed"}


@pytest.fixture(params=["none", "zlib", "zstandard"])
def codec(request):
    if request.param == "zstandard":
        pytest.importorskip("zstandard")
    return Codec(compression=request.param)


class TestDamage:
    def test_every_wrong_byte_is_seen(self, codec, entry, post, reason):
        whole = codec.encode(replace(entry(post), value=post["text"]))
        seen = set()
        for place in range(len(whole)):
            for change in range(1, 256):
                damaged = bytearray(whole)
                damaged[place] ^= change
                seen.add(reason(codec, damaged))
        assert seen == {"foreign", "version", "truncated", "checksum"}

    def test_every_cut_is_seen(self, codec, entry, post, reason):
        whole = codec.encode(entry(post))
        assert {reason(codec, whole[:end]) for end in range(3, len(whole))} == {"truncated"}
        assert {reason(codec, whole[start:]) for start in range(1, len(whole) + 1)} == {"foreign"}

    def test_what_stands_behind_it_is_seen(self, codec, entry, post, reason):
        whole = codec.encode(entry(post))
        assert {reason(codec, whole + bytes([byte])) for byte in range(256)} == {"truncated"}
        assert reason(codec, whole * 2) == "truncated"

    @given(data=st.data())
    def test_pieces_that_changed_places_are_seen(self, entry, post, reason, data):
        whole = Codec(compression="none").encode(entry(post))
        start, middle, end = sorted(data.draw(st.sets(st.integers(0, len(whole)), min_size=3, max_size=3)))
        swapped = whole[:start] + whole[middle:end] + whole[start:middle] + whole[end:]
        if swapped != whole:
            assert reason(Codec(), swapped) in REASONS

    @given(st.binary(max_size=200))
    def test_garbage_is_seen(self, reason, garbage):
        assert reason(Codec(), garbage) in {"foreign", "version", "truncated"}
        assert reason(Codec(), MAGIC + garbage) in {"truncated", "checksum"}

    def test_an_empty_one_is_foreign(self, reason):
        assert reason(Codec(), b"") == "foreign"

    def test_a_later_version_is_told_apart_from_damage(self, entry, post, reason, sealed):
        later = sealed(b"whatever it holds", magic=b"\x9bpo\x02")
        assert reason(Codec(), later) == "version"
        assert reason(Codec(), later[:5]) == "version"
        assert reason(Codec(), b"\x9bpo\x02" + Codec().encode(entry(post))[4:]) == "version"

    def test_the_checksum_of_another_entry_does_not_do(self, entry, post, reason):
        one, other = Codec().encode(entry(post)), Codec().encode(entry({**post, "seed": 1}))
        assert reason(Codec(), one[:-8] + other[-8:]) == "checksum"


class TestForged:
    """The checksum shows damage, not intent: whoever can write may write anything, and still nothing breaks."""

    @pytest.mark.parametrize(
        ("lie", "why"),
        [
            ({"kind": 3}, "malformed"),
            ({"kind": 255}, "malformed"),
            ({"compression": 3}, "compression"),
            ({"compression": 255, "dictionary": 5}, "dictionary"),
            ({"compression": 1, "dictionary": 5}, "dictionary"),
            ({"compression": 1}, "malformed"),
            ({"compression": 1, "value": b"no stream"}, "malformed"),
            ({"size": 0}, "malformed"),
            ({"size": 2}, "malformed"),
            ({"size": 2**32 - 1}, "too large"),
            ({"size": 2**26 + 1}, "too large"),
            ({"cost": -1.0}, "malformed"),
            ({"cost": float("inf")}, "malformed"),
            ({"cost": float("nan")}, "malformed"),
            ({"compute_seconds": float("nan")}, "malformed"),
            ({"expires_at": float("nan")}, "malformed"),
            ({"stale_until": float("nan")}, "malformed"),
            ({"priority": 8}, "malformed"),
            ({"priority": 255}, "malformed"),
            ({"count": 1}, "malformed"),
            ({"count": 0xFFFF}, "malformed"),
            ({"count": 1, "tags": b"\x05\x00ab"}, "malformed"),
            ({"count": 1, "tags": b"\xff\xff"}, "malformed"),
            ({"count": 1, "tags": b"\x02\x00\xff\xff"}, "malformed"),
            ({"value": b""}, "malformed"),
            ({"value": b"{"}, "malformed"),
            ({"value": b"NaN"}, "malformed"),
            ({"value": b'"\\ud800"'}, "malformed"),
            ({"value": b"\xff"}, "malformed"),
            ({"value": b"1 2"}, "malformed"),
            ({"value": b"1e999"}, "malformed"),
            ({"value": b"[" * 5000 + b"]" * 5000}, "malformed"),
            ({"value": b"[" * 100_000}, "malformed"),
            ({"value": b"\xff", "kind": 2}, "malformed"),
        ],
        ids=repr,
    )
    def test_a_lie_is_a_miss(self, reason, forged, json_backend, lie, why):
        assert reason(Codec(json=json_backend), forged(**lie)) == why

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "value": st.binary(max_size=60) | st.sampled_from([b"1", b"{}", b'"a"', zlib.compress(b"[1]")]),
                "kind": st.integers(0, 255) | st.integers(0, 2),
                "compression": st.integers(0, 255) | st.integers(0, 2),
                "dictionary": st.integers(0, 2**64 - 1) | st.just(0),
                "size": st.integers(0, 2**32 - 1) | st.integers(0, 60),
                "weight": st.integers(0, 2**64 - 1),
                "cost": st.floats(),
                "expires_at": st.floats(),
                "stale_until": st.floats(),
                "compute_seconds": st.floats(),
                "priority": st.integers(0, 255) | st.integers(0, 7),
                "count": st.integers(0, 0xFFFF) | st.integers(0, 3),
                "tags": st.binary(max_size=20),
            },
        )
    )
    def test_any_header_is_an_entry_or_a_miss(self, forged, numbers):
        codec = Codec()
        found = codec.decode(forged(**numbers))
        assert (found is None) == bool(codec.unreadable.total())
        assert found is None or isinstance(found, Entry)

    @given(st.binary(max_size=120))
    def test_any_body_is_an_entry_or_a_miss(self, sealed, body):
        codec = Codec()
        assert (codec.decode(sealed(body)) is None) == bool(codec.unreadable.total())

    def test_tags_that_stand_there_twice_count_once(self, forged):
        found = Codec().decode(forged(count=3, tags=b"\x01\x00b\x01\x00a\x01\x00b"))
        assert found == Entry(value=1, tags=("b", "a"))


def peak(call):
    """Return how many bytes more than before a call needed at once."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


class TestBombs:
    """A megabyte of memory, and what the entry says that it holds, are all that 50 MB in a few KB may cost."""

    SIZE = 50 * 2**20
    SAID = 2**20

    @pytest.fixture
    def zlib_bomb(self):
        return zlib.compress(bytes(self.SIZE))

    def test_zlib_makes_no_more_than_it_says(self, reason, forged, zlib_bomb):
        codec = Codec()
        bomb = forged(zlib_bomb, kind=1, compression=1, size=self.SAID)
        assert peak(lambda: reason(codec, bomb)) < 4 * self.SAID

    def test_nor_more_than_the_limit(self, reason, forged, zlib_bomb):
        codec = Codec(max_bytes=self.SAID)
        bomb = forged(zlib_bomb, kind=1, compression=1, size=self.SIZE)
        assert peak(lambda: reason(codec, bomb)) < 2**20
        assert codec.unreadable["too large"] == 1

    def test_a_dictionary_makes_no_difference(self, reason, forged):
        written = Codec(dictionary=bytes(2**15)).encode(Entry(value=bytes(self.SIZE)))
        codec = Codec(dictionary=bytes(2**15), max_bytes=self.SAID)
        assert peak(lambda: reason(codec, written)) < 2**20

    def zstandard_frame(self, said, size=SIZE):
        zstandard = pytest.importorskip("zstandard")
        frame = bytearray(zstandard.ZstdCompressor().compress(bytes(size)))
        assert frame[4] >> 6 == 2  # the size stands in four bytes: RFC 8878, 3.1.1.1
        at = 5 + (not frame[4] & 0x20)
        assert int.from_bytes(frame[at : at + 4], "little") == size
        frame[at : at + 4] = said.to_bytes(4, "little")
        return bytes(frame)

    def test_zstandard_makes_no_more_than_it_says(self, reason, forged):
        codec = Codec()
        for said in (self.SIZE, self.SAID):  # in the frame; the header says less, or the same
            bomb = forged(self.zstandard_frame(said), kind=1, compression=2, size=self.SAID)
            assert reason(codec, forged(b"x", compression=2)) == "malformed"  # its contexts are made
            assert peak(lambda bomb=bomb: reason(codec, bomb)) < 4 * self.SAID

    def test_zstandard_makes_no_more_than_the_limit(self, reason, forged):
        codec = Codec(max_bytes=self.SAID)
        bomb = forged(self.zstandard_frame(self.SIZE), kind=1, compression=2, size=self.SIZE)
        assert peak(lambda: reason(codec, bomb)) < 2**20

    def test_a_frame_that_holds_less_than_it_says_is_refused(self, reason, forged):
        frame = self.zstandard_frame(self.SAID, size=self.SAID - 1)
        assert reason(Codec(), forged(frame, kind=1, compression=2, size=self.SAID)) == "malformed"

    def test_frames_without_a_size_or_with_company_are_refused(self, reason, forged):
        zstandard = pytest.importorskip("zstandard")
        codec = Codec()
        silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1000))
        assert reason(codec, forged(silent, kind=1, compression=2, size=1000)) == "malformed"
        frame = zstandard.ZstdCompressor().compress(b"abcd")
        assert codec.decode(forged(frame, kind=1, compression=2, size=4)).value == b"abcd"
        skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
        for company in (frame, skippable, b"\x00", os.urandom(20)):
            assert reason(codec, forged(frame + company, kind=1, compression=2, size=4)) == "malformed"
        assert reason(codec, forged(skippable, kind=1, compression=2, size=0)) == "malformed"

    def test_streams_of_zlib_that_do_not_end_or_go_on_are_refused(self, reason, forged):
        stream = zlib.compress(b"abcd")
        codec = Codec()
        assert codec.decode(forged(stream, kind=1, compression=1, size=4)).value == b"abcd"
        for wrong in (stream[:-1], stream + b"\x00", stream * 2, stream[:-4], b""):
            assert reason(codec, forged(wrong, kind=1, compression=1, size=4)) == "malformed"
        for size in (0, 3, 5):
            assert reason(codec, forged(stream, kind=1, compression=1, size=size)) == "malformed"
