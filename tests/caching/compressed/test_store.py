"""What is kept in which bytes, within which bounds, and what callers that do not await get."""

from __future__ import annotations

import math
import os
import struct

import pytest

from postopt.caching import Codec, CompressedStore, Entry
from postopt.caching.codec import MIN_COMPRESSED
from postopt.caching.compressed import LARGE
from postopt.caching.eviction import LRU
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock

TEXT, BYTES = 2, 1
PLAIN, LIBRARY, LZ4 = 0, 1, 2


def head(data):
    """Return kind, compression, dictionary and size out of the bytes of a value."""
    how, number, size = struct.unpack_from("<BHI", data)
    return how >> 2, how & 3, number, size


class TestBytes:
    def test_what_is_short_is_kept_as_it_is(self, make, packed):
        store = make()
        store.set_nowait("key", "a" * (MIN_COMPRESSED - 1))
        assert packed(store, "key") == bytes([TEXT << 2 | PLAIN]) + b"a" * (MIN_COMPRESSED - 1)
        store.set_nowait("key", "a" * MIN_COMPRESSED)
        assert head(packed(store, "key")) == (TEXT, LIBRARY, 0, MIN_COMPRESSED)
        assert len(packed(store, "key")) < 50

    @pytest.mark.parametrize("size", [MIN_COMPRESSED, 5_000, LARGE, LARGE + 1])
    def test_what_does_not_shrink_is_kept_as_it_is(self, make, packed, size):
        store, noise = make(), os.urandom(size)
        store.set_nowait("key", noise)
        assert packed(store, "key") == bytes([BYTES << 2 | PLAIN]) + noise
        assert store.get_nowait("key") == noise

    def test_large_values_are_for_lz4_where_it_is_installed(self, make, packed):
        store = make(max_bytes=2**24)
        for size in (LARGE - 1, LARGE):
            value = ("bread and butter " * LARGE)[:size]
            store.set_nowait("key", value)
            kind, how, _, kept = head(packed(store, "key"))
            assert (kind, kept) == (TEXT, size)
            assert how == (LZ4 if size == LARGE and make.library == "zstandard" else LIBRARY)
            assert store.get_nowait("key") == value
            assert len(packed(store, "key")) < size / 50

    def test_each_library_may_be_absent_without_the_other(self, hidden, make_post):
        for library in ("zstandard", "lz4"):
            with hidden(library):
                store = CompressedStore()
            for value in (make_post(1), {"text": "bread " * LARGE}):
                store.set_nowait("key", value)
                assert store.get_nowait("key") == value

    def test_the_library_that_is_installed_is_used(self, make):
        assert make()._dictionaries._library.name == make.library

    def test_the_weight_is_what_the_bytes_take(self, make, make_post):
        store = make()
        store.set_entry_nowait("key", Entry(value=make_post(1), weight=7))
        assert 300 < store.entry_nowait("key").weight == store._store.stats().bytes < 1_000

    def test_posts_of_one_kind_take_a_third(self, make, fill, packed):
        store = make(max_bytes=2**22)
        keys = fill(store, 900)
        plain = sum(len(Codec().plain(store.get_nowait(key))[1]) for key in keys[400:])
        ratio = plain / sum(len(packed(store, key)) for key in keys[400:])
        assert ratio > (2.8 if make.library == "zstandard" else 2)


class TestBounds:
    def test_entries_and_dictionaries_share_the_room(self, make, make_post, taken):
        store = make(max_bytes=100_000)
        most = 0
        for number in range(1_200):
            store.set_nowait(f"{number}", make_post(number))
            assert taken(store) <= 100_000
            most = max(most, taken(store))
        assert store._dictionaries.weight > 0
        assert most > 95_000
        assert len(store) > 150

    def test_a_value_that_is_larger_than_the_store_is_refused_and_the_older_one_gone(self, make):
        store = make(max_bytes=1_000)
        assert store.set_nowait("key", "small")
        assert not store.set_nowait("key", os.urandom(2_000))
        assert (store.get_nowait("key"), len(store)) == (None, 0)

    @pytest.mark.parametrize("max_bytes", [0, -1, 1.5, None, True, 2**63])
    def test_a_bound_that_is_none(self, make, max_bytes):
        with pytest.raises(CacheValueError, match="max_bytes"):
            make(max_bytes=max_bytes)

    def test_shrink_gives_up_the_least_valuable(self, make, fill):
        store = make(policy=LRU())
        keys = fill(store, 20)
        before = store._store.stats().bytes
        freed = store.shrink(before // 2)
        assert before // 2 <= freed == before - store._store.stats().bytes
        assert [key for key in keys if store.get_nowait(key)] == keys[-len(store) :]

    def test_clear_leaves_the_dictionaries(self, make, fill):
        store = make(max_bytes=2**20)
        fill(store, 400)
        weight = store._dictionaries.weight
        store.clear()
        assert (len(store), store._dictionaries.weight) == (0, weight)
        assert weight > 0


class TestCalls:
    def test_a_default_is_for_what_is_not_there(self, make):
        store = make()
        assert store.get_nowait("key") is None
        assert store.get_nowait("key", "default") == "default"
        store.set_nowait("key", None)
        assert store.get_nowait("key", "default") is None
        assert store.delete_nowait("key")
        assert not store.delete_nowait("key")

    def test_a_stale_value_is_only_in_its_entry(self, make):
        clock = ScriptedClock(100.0)
        store = make(clock=clock)
        store.set_entry_nowait("key", Entry(value="v" * 300, expires_at=110, stale_until=120))
        clock.advance(10)
        assert store.get_nowait("key", "default") == "default"
        assert store.entry_nowait("key").value == "v" * 300
        clock.advance(10)
        assert store.entry_nowait("key") is None

    def test_arguments_arrive(self, make):
        store = make(clock=ScriptedClock(100.0))
        store.set_nowait("key", "v" * 300, cost=0.5, priority=3, ttl=10, tags={"b", "a"})
        entry = store.entry_nowait("key")
        assert (entry.cost, entry.priority, entry.expires_at, entry.tags) == (0.5, 3, 110, ("a", "b"))
        assert store.invalidate_tag_nowait("a") == 1
        assert store.invalidate_tag_nowait("a") == 0

    @pytest.mark.parametrize(
        "wrong",
        [
            {"cost": -1}, {"cost": math.nan}, {"priority": 8}, {"ttl": -1}, {"ttl": math.nan},
            {"tags": "text"}, {"tags": [1]}, {"tags": None},
        ],
        ids=repr,
    )  # fmt: skip
    def test_arguments_that_are_none(self, make, wrong):
        store = make()
        with pytest.raises(CacheValueError, match=next(iter(wrong))):
            store.set_nowait("key", "value", **wrong)

    @pytest.mark.parametrize("value", [object(), (1, 2), {1: 2}, math.nan, 2**64])
    def test_a_value_that_has_no_bytes_leaves_no_older_one(self, make, value):
        store = make()
        store.set_nowait("key", "older")
        with pytest.raises(CacheValueError, match="cannot be kept as bytes"):
            store.set_nowait("key", value)
        assert store.get_nowait("key") is None

    def test_the_codec_says_how_large_a_value_may_be(self, make):
        store = make(codec=Codec(max_bytes=100))
        with pytest.raises(CacheValueError, match="too large; this codec takes 100"):
            store.set_nowait("key", "a" * 101)
        assert store.set_nowait("key", "a" * 100)

    def test_a_value_is_a_copy(self, make, make_post):
        store, value = make(), make_post(1)
        store.set_nowait("key", value)
        store.get_nowait("key")["text"] = "changed"
        assert store.get_nowait("key") == value


class TestReports:
    def test_what_it_holds_and_what_became_of_the_rest(self, make, fill, taken):
        store = make(max_bytes=50_000)
        keys = fill(store, 300, cost=2.0)
        found = [key for key in keys if store.get_nowait(key) is not None]
        stats = store.stats()
        assert (stats.entries, stats.hits, stats.misses) == (len(found), len(found), 300 - len(found))
        assert stats.bytes == taken(store) <= stats.max_bytes == 50_000
        assert stats.dictionary_bytes == store._dictionaries.weight > 0
        assert stats.evicted + stats.refused == 300 - len(found)
        assert stats.hit_ratio == len(found) / 300
        assert (stats.unreadable, stats.ended) == (0, 0)
        assert stats.cost_wasted == 2.0 * stats.evicted

    def test_whoever_wants_to_know_is_told_of_values_as_they_were(self, make, fill, make_post):
        left = {}
        store = make(max_bytes=50_000, on_evict=left.setdefault)
        keys = fill(store, 300, tags=["a"])
        assert left.keys() == {key for key in keys if store.get_nowait(key) is None}
        for number, key in enumerate(keys):
            assert key not in left or left[key].value == make_post(number)
        assert {entry.tags for entry in left.values()} == {("a",)}
        assert store.unreadable == 0


class TestWhatCannotBeRead:
    @pytest.mark.parametrize("ask", ["get_nowait", "entry_nowait", "peek_nowait"])
    @pytest.mark.parametrize(
        "data",
        [
            struct.pack("<BHI", TEXT << 2 | LIBRARY, 9, 300) + b"made with a dictionary that there is not",
            struct.pack("<BHI", TEXT << 2 | LIBRARY, 0, 300) + b"damaged",
            struct.pack("<BHI", TEXT << 2 | LZ4, 0, 300) + b"damaged",
            bytes([5 << 2 | PLAIN]) + b"no such kind",
            b"\x00{",
        ],
    )
    def test_it_is_a_miss_that_is_counted_once_and_gone(self, make, ask, data):
        store = make()
        store._store.set_nowait("key", data)
        assert getattr(store, ask)("key") is None
        assert getattr(store, ask)("key") is None
        assert (store.unreadable, len(store)) == (1, 0)


@pytest.mark.parametrize("level", [0, 20, 9.0, None, "9"])
def test_a_level_that_zstandard_does_not_have(level):
    with pytest.raises(CacheValueError, match="level"):
        CompressedStore(level=level)
