"""What the race measures on."""

from __future__ import annotations

import math
import zlib

import pytest

from postopt.engine import payloads
from postopt.engine.records import SIZES


@pytest.mark.parametrize("size", SIZES)
def test_synthetic_posts_have_about_the_size_of_their_class(size):
    for post in payloads.synthetic(size):
        assert 0.7 * size <= len(payloads.encode(post)) <= 1.2 * size


@pytest.mark.parametrize("size", SIZES)
def test_they_are_the_same_each_time_and_different_from_each_other(size):
    assert payloads.synthetic(size) == payloads.synthetic(size)
    blobs = [payloads.encode(post) for post in payloads.synthetic(size)]
    assert len(set(blobs)) == len(blobs)


def test_they_hold_what_real_posts_hold():
    text = b"".join(payloads.encode(post) for post in payloads.synthetic(4096)).decode()
    assert any(c in text for c in "áéíóúñ")
    assert any(ord(c) > 0xFFFF for c in text)  # emoji
    assert '"language":"en"' in text
    assert '"language":"es"' in text


def test_they_compress_like_text_not_like_one_line_repeated():
    [batch] = payloads.synthetic(65536)
    blob = payloads.encode(batch)
    assert 3 < len(blob) / len(zlib.compress(blob, 6)) < 8


def test_without_objects_each_class_is_synthetic():
    chosen = payloads.complete({})
    assert {size: p.objects for size, p in chosen.items()} == {size: payloads.synthetic(size) for size in SIZES}


def test_the_callers_objects_go_to_the_nearest_class():
    short, long = {"text": "x" * 300}, ["y" * 5000]
    chosen = payloads.complete(payloads.choose([short, long]))
    assert chosen[256] == ([short], [payloads.encode(short)])
    assert chosen[4096] == ([long], [payloads.encode(long)])
    assert chosen[65536].objects == payloads.synthetic(65536)


def test_only_a_few_of_a_class_and_nothing_huge_is_measured():
    chosen = payloads.choose([*({"n": i} for i in range(100)), "z" * (payloads.LARGEST + 1)])
    assert len(chosen[256].objects) == len(payloads.synthetic(256))
    assert 65536 not in chosen


@pytest.mark.parametrize(("value", "error"), [({1, 2}, TypeError), (math.nan, ValueError)])
def test_objects_that_are_not_json_are_refused(value, error):
    with pytest.raises(error):
        payloads.choose([value])
