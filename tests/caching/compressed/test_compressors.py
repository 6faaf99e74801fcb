"""Three pairs of inverse functions under one contract: what comes out is whole, or an error, and never more memory."""

from __future__ import annotations

import contextlib
import importlib
import threading
import tracemalloc

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from postopt.errors import CorruptDataError, MissingDependencyError

KINDS = {"Zlib": "zlib", "Zstandard": "zstandard", "Bare": "zstandard", "LZ4": "lz4"}
"""Where they are."""
POST = b'{"text":"Fresh bread for 3.50, from 7:30 until noon","seed":null} ' * 20
SAID = 2**20
"""Bytes that a bomb says it holds."""


def kind_of(name):
    pytest.importorskip(KINDS[name])
    return getattr(importlib.import_module(f"postopt.caching.{KINDS[name]}"), name)


@pytest.fixture(scope="session", params=KINDS)
def compressor(request):
    return kind_of(request.param)(b"", 6) if request.param == "Bare" else kind_of(request.param)()


@pytest.fixture(scope="session", params=["Zlib", "Zstandard", "LZ4"])
def framed(request):
    """Those that see where their data ends: frames without a magic number are for whoever knows."""
    return kind_of(request.param)()


def peak(call):
    """Return how many bytes more than before a call needed at once."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


class TestContract:
    @given(st.binary(max_size=3_000) | st.builds(bytes.__mul__, st.binary(max_size=40), st.integers(0, 3_000)))
    def test_what_was_compressed_comes_back(self, compressor, data):
        assume(data or type(compressor).__name__ != "Bare")  # a store compresses nothing so short
        for kind in (bytes, bytearray, memoryview):
            assert compressor.decompress(kind(compressor.compress(kind(data))), len(data)) == data

    @pytest.mark.parametrize("size", [0, 1, len(POST) - 1, len(POST) + 1, 2**31])
    def test_another_size_is_an_error(self, compressor, size):
        with pytest.raises(CorruptDataError):
            compressor.decompress(compressor.compress(POST), size)

    def test_every_cut_is_an_error(self, compressor):
        whole = compressor.compress(POST)
        for end in range(len(whole)):
            with pytest.raises(CorruptDataError):
                compressor.decompress(whole[:end], len(POST))

    def test_what_stands_behind_is_an_error(self, framed):
        whole = framed.compress(POST)
        for more in (b"\x00", b"garbage", whole):
            with pytest.raises(CorruptDataError):
                framed.decompress(whole + more, len(POST))

    @given(st.data())
    def test_damage_is_an_error_or_as_many_bytes(self, compressor, data):
        damaged = bytearray(compressor.compress(POST))
        for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
            damaged[place] = data.draw(st.integers(0, 255))
        with contextlib.suppress(CorruptDataError):
            assert len(compressor.decompress(damaged, len(POST))) == len(POST)

    @given(st.binary(max_size=100), st.integers(1, 200))
    def test_garbage_is_an_error(self, framed, garbage, size):
        with pytest.raises(CorruptDataError):
            framed.decompress(b"\x00" + garbage, size)


class TestBombs:
    SIZE = 50 * 2**20

    def test_what_holds_more_than_is_said_takes_no_memory(self, compressor):
        bomb = compressor.compress(bytes(self.SIZE))
        assert len(bomb) < self.SIZE / 200

        def explode():
            with pytest.raises(CorruptDataError):
                compressor.decompress(bomb, SAID)

        explode()  # what the first call imports and makes is not counted
        assert peak(explode) < 4 * SAID


class TestZstandard:
    @pytest.fixture
    def module(self):
        pytest.importorskip("zstandard")
        return importlib.import_module("postopt.caching.zstandard")

    def test_each_thread_has_contexts_of_its_own_and_keeps_them(self, module):
        """A context serves one thread at a time: the library does not check that."""
        compressor = module.Zstandard(POST)
        here, barrier = compressor._contexts, threading.Barrier(4, timeout=60)
        contexts = []

        def look():
            pair = [here.compress.__self__, here.decompress.__self__]
            barrier.wait()  # all are alive at once, or one address might be used twice
            assert pair == [here.compress.__self__, here.decompress.__self__]
            contexts.extend(pair)

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        look()
        for thread in threads:
            thread.join()
        assert len(set(map(id, contexts))) == 8

    @given(st.integers(0, 10**6), st.integers(1, 255))
    def test_a_wrong_dictionary_is_an_error_or_other_bytes_of_that_size(self, place, change):
        """Nothing in a frame says which one it needs, so whoever keeps frames says it beside them."""
        pytest.importorskip("zstandard")
        module = importlib.import_module("postopt.caching.zstandard")
        samples = [b"bread %d for %d.50, until %d:30 " % (n, n % 7, n % 12) * 4 for n in range(300)]
        dictionary = module.train(samples, 2_000)
        written = module.Zstandard(dictionary).compress(samples[7])
        damaged = bytearray(dictionary)
        damaged[place % len(damaged)] ^= change
        try:
            found = module.Zstandard(bytes(damaged)).decompress(written, len(samples[7]))
        except ValueError:  # CacheValueError of a dictionary that is none, or CorruptDataError
            return
        assert len(found) == len(samples[7])


@pytest.mark.parametrize("name", ["Zlib", "Zstandard", "Bare"])
def test_any_level_is_read_by_any_other(make_post, name):
    kind = kind_of(name)
    data = repr([make_post(number) for number in range(20)]).encode()
    quick, small = kind(b"", 1), kind(b"", 9)
    assert len(small.compress(data)) < len(quick.compress(data))
    assert (
        quick.decompress(small.compress(data), len(data)) == small.decompress(quick.compress(data), len(data)) == data
    )


@pytest.mark.parametrize("library", ["lz4", "zstandard"])
def test_an_absent_library_says_what_to_install(hidden, library):
    with hidden(library), pytest.raises(MissingDependencyError, match=library) as caught:
        importlib.import_module(f"postopt.caching.{library}")
    assert "postopt[fast]" in caught.value.hint
