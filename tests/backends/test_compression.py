"""Compression gives back what it got, or raises: whatever the bytes, whatever happened to them, in any thread."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import CorruptDataError

POST = "¿Café en Málaga? ☕ 20 % menos hasta el sábado, solo en la tienda. ".encode()
INPUTS = {
    "empty": b"",
    "one byte": b"\x00",
    "a post": POST,
    "noise": random.Random(0).randbytes(5000),
    "repeated": POST * 1000,
    "1 MB of zeros": bytes(2**20),
    "1 MB of noise": random.Random(1).randbytes(2**20),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_round_trip(compression_backend, name, kind):
    packed = compression_backend.compress(kind(INPUTS[name]))
    assert type(packed) is bytes
    assert compression_backend.decompress(kind(packed)) == INPUTS[name]


@given(data=st.binary(max_size=2000) | st.text(max_size=2000).map(lambda text: text.encode()))
def test_round_trip_of_anything(compression_backend, data):
    assert compression_backend.decompress(compression_backend.compress(data)) == data


def test_repeated_text_shrinks(compression_backend):
    assert len(compression_backend.compress(POST * 100)) < 10 * len(POST)


@pytest.mark.parametrize("name", ["empty", "one byte", "a post"])
def test_every_truncation_raises(compression_backend, name):
    packed = compression_backend.compress(INPUTS[name])
    for length in range(len(packed)):
        with pytest.raises(CorruptDataError):
            compression_backend.decompress(packed[:length])


@pytest.mark.parametrize("name", ["empty", "one byte", "a post", "repeated"])
def test_every_flipped_bit_is_noticed_or_harmless(compression_backend, name):
    packed = compression_backend.compress(INPUTS[name])
    refused = 0
    for bit in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            # Some bits of a header mean nothing: the answer is then right.
            assert compression_backend.decompress(bytes(damaged)) == INPUTS[name]
        except CorruptDataError:
            refused += 1
    assert refused > 7 * len(packed)


@given(data=st.binary(max_size=60), damage=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1))
def test_overwritten_bytes_are_noticed_or_harmless(compression_backend, data, damage):
    packed = bytearray(compression_backend.compress(data))
    for position, byte in damage:
        packed[position % len(packed)] = byte
    try:
        answer = compression_backend.decompress(bytes(packed))
    except CorruptDataError:
        return
    assert answer == data


@given(data=st.binary(max_size=200))
def test_foreign_bytes_raise(compression_backend, data):
    with pytest.raises(CorruptDataError):
        compression_backend.decompress(data)


def test_bytes_that_follow_raise(compression_backend):
    packed = compression_backend.compress(POST)
    for more in (b"\x00", packed, compression_backend.compress(b"")):
        with pytest.raises(CorruptDataError):
            compression_backend.decompress(packed + more)


def test_threads_do_not_disturb_each_other(compression_backend):
    results = {}

    def work(seed):
        data = random.Random(seed).randbytes(3000) + POST * seed
        results[seed] = all(
            compression_backend.decompress(compression_backend.compress(data)) == data for _ in range(30)
        )

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(8), True)


@pytest.mark.parametrize("library", ["zlib", "lz4", "zstandard"])
def test_either_goal_reads_the_other(library):
    if library == "zlib":
        from postopt.backends.compression import ZLIB_SIZE as SIZE
        from postopt.backends.compression import ZLIB_SPEED as SPEED
    elif library == "lz4":
        pytest.importorskip("lz4")
        from postopt.backends.lz4 import SIZE, SPEED
    else:
        pytest.importorskip("zstandard")
        from postopt.backends.zstandard import SIZE, SPEED
    for data in (b"", POST * 100):
        assert SPEED.decompress(SIZE.compress(data)) == SIZE.decompress(SPEED.compress(data)) == data
    assert len(SIZE.compress(POST * 100)) <= len(SPEED.compress(POST * 100))
