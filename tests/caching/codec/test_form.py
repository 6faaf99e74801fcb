"""The form of version 1, byte by byte: whatever wrote entries yesterday is read tomorrow."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from postopt.caching import Codec, Entry

DICTIONARY = b"bread and butter"
LONG = Entry(value="bread and " * 40)

# Written by version 1; the last four hold what the compressing library made of 400 bytes.
JSON = (
    "9b706f01 58000000 00 00 0000000000000000 18000000 0700000000000000 000000000000d03f 0000008074d2da41 "
    "000000c0ec4fdc41 000000000000f83f 03 0200 0100 61 0200 c3b1 "
    "7b2261223a5b312c2d302e302c6e756c6c2c22c3b1225d7d 0e0c49a6120fadf7"
)
BYTES = (
    "9b706f01 3b000000 01 00 0000000000000000 02000000 0000000000000000 0000000000000000 000000000000f07f "
    "000000000000f0ff 0000000000000000 00 0000 00ff 6ba32665e37a0a3b"
)
TEXT = (
    "9b706f01 3c000000 02 00 0000000000000000 03000000 0000000000000000 0000000000000000 000000000000f0ff "
    "000000000000f0ff 0000000000000000 00 0000 eda080 c40ec9c04950bc82"
)
ZLIB = (
    "9b706f01 50000000 02 01 0000000000000000 90010000 0000000000000000 0000000000000000 000000000000f07f "
    "000000000000f0ff 0000000000000000 00 0000 789c4b2a4a4d4c5148cc4b51481a650d0216000fd489a9 df5cf98143adf639"
)
ZLIB_DICTIONARY = (
    "9b706f01 4c000000 02 01 8aad79a924e7a997 90010000 0000000000000000 0000000000000000 000000000000f07f "
    "000000000000f0ff 0000000000000000 00 0000 78bb320606084b42f04759838005000fd489a9 a101ac0ef8ebab13"
)
ZSTANDARD = (
    "9b706f01 54000000 02 02 0000000000000000 90010000 0000000000000000 0000000000000000 000000000000f07f "
    "000000000000f0ff 0000000000000000 00 0000 28b52ffd6090008d000050627265616420616e6420010083550b12 f7fa90245aa73cc3"
)
ZSTANDARD_DICTIONARY = (
    "9b706f01 4c000000 02 02 8aad79a924e7a997 90010000 0000000000000000 0000000000000000 000000000000f07f "
    "000000000000f0ff 0000000000000000 00 0000 28b52ffd6090004d0000000200822d0a269e40 14f4d97e64d0f426"
)


class TestWrittenByVersion1:
    def test_what_no_library_takes_part_in_is_the_same_to_the_byte(self, entry):
        for form, whole in (
            (JSON, entry({"a": [1, -0.0, None, "ñ"]})),
            (BYTES, Entry(value=b"\x00\xff")),
            (TEXT, Entry(value="\ud800", expires_at=-math.inf)),
        ):
            assert Codec().decode(bytes.fromhex(form)) == whole
            assert Codec().encode(whole) == bytes.fromhex(form)

    @pytest.mark.parametrize(
        ("form", "library"),
        [(ZLIB, "zlib"), (ZLIB_DICTIONARY, "zlib"), (ZSTANDARD, "zstandard"), (ZSTANDARD_DICTIONARY, "zstandard")],
    )
    def test_what_a_library_compressed_is_read(self, form, library):
        pytest.importorskip(library)
        assert Codec(dictionary=DICTIONARY).decode(bytes.fromhex(form)) == LONG


class TestJSON:
    """By the standard library, in one form: another one would give the same entry other bytes."""

    @pytest.mark.parametrize(
        ("value", "form"),
        [
            (None, "null"), ([True, False], "[true,false]"), ({"b": 1, "a": [], "": {}}, '{"b":1,"a":[],"":{}}'),
            ([1, 1.0, -0.0, 0.1, 1e16, 1e22, 1e-7, 5e-324], "[1,1.0,-0.0,0.1,1e+16,1e+22,1e-07,5e-324]"),
            ([2**64 - 1, -(2**63)], "[18446744073709551615,-9223372036854775808]"),
            (['"\\/\x00\x1f\x7f\b\f\n\r\t'], '["\\"\\\\/\\u0000\\u001f\x7f\\b\\f\\n\\r\\t"]'),
            (["é", "e\u0301", "\u2028", "🙂", "\U0010ffff"], '["é","e\u0301","\u2028","🙂","\U0010ffff"]'),
            ({"é": {"\n": 1}}, '{"é":{"\\n":1}}'),
        ],
    )  # fmt: skip
    def test_what_is_written(self, value, form):
        assert Codec().plain(value) == (0, form.encode())

    def test_whoever_reads_has_no_part_in_it(self, entry, post, json_backend):
        assert Codec(json=json_backend).encode(entry(post)) == Codec().encode(entry(post))


class TestBytes:
    @pytest.mark.parametrize("compression", ["none", "zlib"])
    def test_the_same_entry_gives_the_same_bytes(self, entry, post, compression):
        same = [entry(post), replace(entry(dict(post)), cost=0.25), replace(entry(post), tags=["a", "ñ"])]
        assert len({Codec(compression=compression).encode(whole) for whole in same}) == 1

    def test_what_does_not_shrink_stays_as_it_is(self):
        stubborn = bytes(range(256))
        assert stubborn in Codec().encode(Entry(value=stubborn))

    def test_what_is_short_stays_as_it_is(self):
        assert b"a" * 199 in Codec().encode(Entry(value="a" * 199))
        assert b"a" * 200 not in Codec().encode(Entry(value="a" * 200))
        assert b"a" * 200 in Codec(compression="none").encode(Entry(value="a" * 200))

    def test_only_the_value_is_compressed(self, entry, post):
        assert b"campaign campaign" in Codec().encode(replace(entry(post), tags=("campaign " * 40,)))
