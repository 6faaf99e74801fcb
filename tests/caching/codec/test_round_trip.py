"""What comes back is what was given, of the same types throughout; what would not is refused."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postopt.caching import Codec, Entry
from postopt.errors import CacheValueError

DEEPEST = 254

valid_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
any_text = st.text(st.characters(), max_size=300)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | valid_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(valid_text, inner, max_size=4),
    max_leaves=20,
)
values = json_values | any_text | st.binary(max_size=400)
amounts = st.floats(0, allow_infinity=False)
times = st.floats(allow_nan=False)
entries = st.builds(
    Entry,
    value=values,
    weight=st.integers(0, 2**64 - 1),
    cost=amounts,
    priority=st.integers(0, 7),
    tags=st.lists(any_text, max_size=4),
    expires_at=times,
    stale_until=times,
    compute_seconds=amounts,
)


def told(value):
    """Return a value so that only one of the same types throughout equals it, -0.0 and the order of keys included."""
    if isinstance(value, dict):
        return ("dict", *((told(key), told(member)) for key, member in value.items()))
    if isinstance(value, list | tuple):
        return (type(value).__name__, *map(told, value))
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


def all_of(entry):
    return told([getattr(entry, field.name) for field in fields(entry)])


def nested(levels, around):
    value = 1
    for _ in range(levels):
        value = around(value)
    return value


class TestRoundTrip:
    @given(entries, st.sampled_from(["none", "zlib"]), st.sampled_from([b"", b"bread "]))
    def test_an_entry_comes_back_as_it_was(self, entry, compression, dictionary):
        codec = Codec(compression=compression, dictionary=dictionary)
        data = codec.encode(entry)
        found = codec.decode(data)
        assert all_of(found) == all_of(entry)
        assert codec.encode(found) == data
        assert not codec.unreadable.total()

    @given(entries, st.sampled_from([b"", b"bread "]))
    def test_also_by_zstandard(self, entry, dictionary):
        pytest.importorskip("zstandard")
        codec = Codec(compression="zstandard", dictionary=dictionary)
        assert all_of(codec.decode(codec.encode(entry))) == all_of(entry)

    @given(json_values)
    @example(-0.0)
    @example([1, 1.0, True, None, "1"])
    @example({"a": 2**64 - 1, "b": -(2**63), "": 5e-324, "é": 1e22})
    def test_any_reader_of_json_gives_the_same(self, json_backend, value):
        data = Codec().encode(Entry(value=value))
        assert told(Codec(json=json_backend).decode(data).value) == told(value)

    @pytest.mark.parametrize(
        "value",
        [
            None, False, True, 0, 1, -(2**63), 2**64 - 1, 0.0, -0.0, 5e-324, 1.7976931348623157e308, "", b"", [], {},
            "\ud800", "\ud83d\ude00", "\U0001f600", "\x00", "\r\n", "é", "e\u0301", b"\x9bpo\x01", "null", "[]",
            {"": {"": [{}]}}, [[], [[]]], [-0.0, 0.0],
        ],
        ids=repr,
    )  # fmt: skip
    def test_awkward_values(self, entry, value):
        codec = Codec()
        assert all_of(codec.decode(codec.encode(entry(value)))) == all_of(entry(value))

    @pytest.mark.parametrize("around", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "dicts"])
    def test_deep_nesting(self, around):
        codec = Codec()
        deep = nested(DEEPEST, around)
        assert codec.decode(codec.encode(Entry(value=deep))).value == deep
        with pytest.raises(CacheValueError, match="254 levels"):
            codec.encode(Entry(value=around(deep)))

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_any_bytes_are_read(self, entry, post, kind):
        codec = Codec()
        assert codec.decode(kind(codec.encode(entry(post)))) == entry(post)

    def test_many_tags(self):
        codec = Codec()
        most = Entry(value=1, tags=tuple(map(str, range(0xFFFF))))
        assert codec.decode(codec.encode(most)) == most
        long = Entry(value=1, tags=("a" * 0xFFFF, "é" * 0x7FFF))
        assert codec.decode(codec.encode(long)) == long


class Word(str):
    __slots__ = ()


class Number(enum.IntEnum):
    ONE = 1


def circle():
    whole = []
    whole.append({"a": whole})
    return whole


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "value",
        [
            math.nan, math.inf, [-math.inf], 2**64, -(2**63) - 1, [2**70], (1, 2), [(1,)], {1, 2}, {"a": {1}}, {1: 2},
            {None: 1}, {"a": {True: 1}}, {Word("a"): 1}, Word("a"), [Word("a")], Number.ONE, OrderedDict(a=1),
            bytearray(b"a"), [b"a"], {"a": b"a"}, object(), Entry, Decimal(1), 1j, {"a": "\ud800"}, {"\ud800": 1},
            circle(), nested(100_000, lambda inner: [inner]), range(3), iter([]),
        ],
        ids=lambda value: type(value).__name__,
    )  # fmt: skip
    def test_what_would_not_come_back_as_it_was(self, value):
        with pytest.raises(CacheValueError, match="cannot be kept as bytes"):
            Codec().encode(Entry(value=value))

    def test_tags_that_the_form_cannot_hold(self):
        with pytest.raises(CacheValueError, match="65536 tags are too many; 65,535"):
            Codec().encode(Entry(value=1, tags=tuple(map(str, range(0x10000)))))
        with pytest.raises(CacheValueError, match="a tag of 65536 bytes is too long; 65,535"):
            Codec().encode(Entry(value=1, tags=("é" * 0x8000,)))
        with pytest.raises(CacheValueError, match="tags of 103 bytes are too large; this codec takes 102"):
            Codec(max_bytes=102).encode(Entry(value=1, tags=("a" * 101,)))

    @pytest.mark.parametrize("value", ["a" * 101, "é" * 51, b"a" * 101, ["a" * 97]])
    def test_values_above_the_limit(self, value):
        for compression in ("none", "zlib"):
            with pytest.raises(CacheValueError, match=r"a value of 10[12] bytes is too large; this codec takes 100"):
                Codec(max_bytes=100, compression=compression).encode(Entry(value=value))

    def test_the_limit_itself_is_kept(self):
        codec = Codec(max_bytes=100)
        for value in ("a" * 100, b"a" * 100, ["a" * 96]):
            assert codec.decode(codec.encode(Entry(value=value))).value == value

    @pytest.mark.parametrize("max_bytes", [0, -1, 1.5, None, True, 2**30 + 1, math.inf])
    def test_a_limit_that_is_none(self, max_bytes):
        with pytest.raises(CacheValueError, match=r"max_bytes is .*; an int from 1 to 1073741824"):
            Codec(max_bytes=max_bytes)

    @pytest.mark.parametrize("compression", ["lz4", "", None, ["zlib"], 1])
    def test_a_compression_that_there_is_not(self, compression):
        with pytest.raises(CacheValueError, match="allowed: none, zlib, zstandard"):
            Codec(compression=compression)
