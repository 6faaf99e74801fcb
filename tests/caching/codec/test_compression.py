"""Dictionaries and libraries: who can read what, and that a miss is all that happens to whoever cannot."""

from __future__ import annotations

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching import Codec, Entry
from postopt.caching.codec import MIN_COMPRESSED
from postopt.errors import CacheValueError, MissingDependencyError

OLD, NEW = b"Fresh bread for 3.50, from 7:30", b"Stale bread for 1.50, until 7:30"
TRAINED = b"\x37\xa4\x30\xec"  # with this begins a dictionary that zstandard trained


@cache
def trained():
    from postopt.caching.zstandard import train

    return train([b"bread %d for %d.50, until %d:30 " % (n, n % 7, n % 12) * 4 for n in range(300)], 2_000)


@pytest.fixture(scope="session", params=["zlib", "zstandard"])
def compression(request):
    if request.param == "zstandard":
        pytest.importorskip("zstandard")
    return request.param


@pytest.fixture
def without_zstandard(monkeypatch):
    """Return a function that hides the library, from codecs that are there already too."""

    def hide():
        for name in [name for name in sys.modules if name.partition(".")[0] == "zstandard"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(sys.modules, "postopt.caching.zstandard", raising=False)
        monkeypatch.setitem(sys.modules, "zstandard", None)

    return hide


class TestDictionaries:
    def test_they_shrink_what_resembles_them(self, compression, post, entry):
        dictionary = str(post["text"]).encode()
        bare, known = (Codec(compression=compression, dictionary=known) for known in (b"", dictionary))
        assert len(known.encode(entry(post))) < len(bare.encode(entry(post)))

    def test_a_reader_needs_the_same_one(self, compression, post, entry, reason):
        written = Codec(compression=compression, dictionary=OLD).encode(entry(post))
        assert reason(Codec(compression=compression), written) == "dictionary"
        assert reason(Codec(compression=compression, dictionary=NEW), written) == "dictionary"
        assert Codec(compression=compression, dictionary=OLD).decode(written) == entry(post)

    def test_older_ones_are_read_and_the_newest_is_written(self, compression, post, entry):
        codec = Codec(compression=compression, dictionary=NEW, dictionaries=[OLD, b"older"])
        written = {
            known: Codec(compression=compression, dictionary=known).encode(entry(post))
            for known in (OLD, NEW, b"older", b"")
        }
        for data in written.values():
            assert codec.decode(data) == entry(post)
        assert codec.encode(entry(post)) == written[NEW]
        assert Codec(compression=compression, dictionaries=[OLD]).encode(entry(post)) == written[b""]

    def test_any_compression_is_read_by_any_codec(self, compression, post, entry):
        written = Codec(compression=compression, dictionary=OLD).encode(entry(post))
        for reader in ("none", "zlib"):
            assert Codec(compression=reader, dictionary=OLD).decode(written) == entry(post)
            assert Codec(compression=reader, dictionaries=[OLD]).decode(written) == entry(post)

    def test_what_was_not_compressed_needs_none(self, compression):
        short = Codec(compression=compression, dictionary=OLD).encode(Entry(value="a" * (MIN_COMPRESSED - 1)))
        assert Codec().decode(short).value == "a" * (MIN_COMPRESSED - 1)

    def test_the_first_32_bits_of_their_digests_may_be_equal(self, compression, entry, reason):
        """Nothing else would show that a wrong one was used: zstandard's frames have no checksum."""
        one, other = (b"bread %d " % number * 20 for number in (39_826, 91_652))
        assert sha256(one).digest()[:4] == sha256(other).digest()[:4]
        written = Codec(compression=compression, dictionary=one).encode(entry("bread 39826 " * 40))
        assert reason(Codec(dictionary=other), written) == "dictionary"

    @given(place=st.integers(0, 10**6), change=st.integers(1, 255))
    def test_a_damaged_one_is_another_one(self, compression, post, entry, reason, place, change):
        """Whether it was trained or is just bytes: it is refused, or what was written with the whole one is a miss."""
        dictionary = trained() if compression == "zstandard" else OLD
        written = Codec(compression=compression, dictionary=dictionary).encode(entry(post))
        damaged = bytearray(dictionary)
        damaged[place % len(damaged)] ^= change
        try:
            reader = Codec(compression=compression, dictionary=bytes(damaged))
        except CacheValueError as error:
            assert "zstandard cannot use a dictionary" in str(error)  # noqa: PT017 - or none is raised
        else:
            assert reason(reader, written) == "dictionary"

    def test_one_that_zstandard_cannot_use_is_refused_or_a_miss(self, forged, reason):
        pytest.importorskip("zstandard")
        broken = TRAINED + bytes(range(200))
        with pytest.raises(CacheValueError, match="zstandard cannot use a dictionary of 204 bytes"):
            Codec(compression="zstandard", dictionary=broken)
        codec = Codec(dictionary=broken)  # zlib can
        written = codec.encode(Entry(value="bread " * 99))
        assert codec.decode(written).value == "bread " * 99
        number = int.from_bytes(written[10:18], "little")
        assert reason(codec, forged(compression=2, dictionary=number)) == "malformed"


class TestWithoutTheLibrary:
    def test_its_entries_are_misses(self, without_zstandard, post, entry, reason):
        pytest.importorskip("zstandard")
        written = [
            Codec(compression="zstandard", dictionary=dictionary).encode(entry(post)) for dictionary in (b"", OLD)
        ]
        without_zstandard()
        codec = Codec(dictionaries=[OLD])
        assert [reason(codec, data) for data in written * 2] == ["compression"] * 4
        assert codec.decode(codec.encode(entry(post))) == entry(post)

    def test_it_is_looked_for_once(self, without_zstandard, forged, reason, monkeypatch):
        without_zstandard()
        codec = Codec()
        assert reason(codec, forged(compression=2)) == "compression"
        monkeypatch.setattr("postopt.caching.codec._make_compressor", None)
        assert reason(codec, forged(compression=2)) == "compression"

    def test_whoever_asks_for_it_is_told(self, without_zstandard):
        without_zstandard()
        with pytest.raises(MissingDependencyError, match="zstandard"):
            Codec(compression="zstandard")


class TestThreads:
    def test_one_codec_serves_many(self, compression, busy_switching):
        codec = Codec(compression=compression, dictionary=OLD, dictionaries=[NEW])
        older = Codec(compression=compression, dictionary=NEW)

        def work(seed):
            draw = random.Random(seed)
            for number in range(60):
                value = {"text": "bread " * draw.randrange(200), "number": number}
                whole = Entry(value=value, cost=float(number))
                assert codec.decode(codec.encode(whole)) == whole
                assert codec.decode(older.encode(whole)) == whole
                assert codec.decode(b"garbage") is None

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert codec.unreadable == Counter(foreign=8 * 60)
