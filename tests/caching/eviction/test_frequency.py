"""The sketch counts never too low, and too high for few."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.caching.eviction.frequency import MOST, FrequencySketch, key_hash

hashes = st.integers(0, 2**64 - 1)


class TestSketch:
    @given(seen=st.lists(st.tuples(hashes, st.integers(0, MOST)), max_size=200))
    def test_no_count_is_too_low(self, seen):
        sketch, counts = FrequencySketch(), {}
        for hashed, count in seen:
            sketch.remember(hashed, count)
            counts[hashed] = max(count, counts.get(hashed, 0))
        assert all(count <= sketch.count(hashed) <= MOST for hashed, count in counts.items())

    @given(seen=st.dictionaries(hashes, st.integers(0, MOST), max_size=200), times=st.integers(1, 4))
    def test_halved_so_often_none_is_lower_than_halved_so_often(self, seen, times):
        sketch = FrequencySketch()
        for hashed, count in seen.items():
            sketch.remember(hashed, count)
        for _ in range(times):
            sketch.halve()
        assert all(sketch.count(hashed) >= count >> times for hashed, count in seen.items())

    @given(seen=st.dictionaries(hashes, st.integers(0, MOST), max_size=200))
    def test_growing_forgets_nothing(self, seen):
        sketch = FrequencySketch()
        for hashed, count in seen.items():
            sketch.remember(hashed, count)
        before = {hashed: sketch.count(hashed) for hashed in seen}
        sketch.grow(FrequencySketch.LEAST)
        assert {hashed: sketch.count(hashed) for hashed in seen} == before

    @pytest.mark.parametrize("count", range(MOST + 1))
    def test_neighbours_in_a_byte_are_strangers(self, count):
        sketch = FrequencySketch()
        even, odd = 2 | 4 << 32, 3 | 5 << 32
        sketch.remember(even, count)
        assert (sketch.count(even), sketch.count(odd)) == (count, 0)
        sketch.remember(odd, MOST - count)
        assert (sketch.count(even), sketch.count(odd)) == (count, MOST - count)
        sketch.halve()
        assert (sketch.count(even), sketch.count(odd)) == (count // 2, (MOST - count) // 2)

    def test_a_lower_count_changes_nothing(self):
        sketch = FrequencySketch()
        sketch.remember(7, 9)
        sketch.remember(7, 3)
        assert sketch.count(7) == 9

    def test_few_strangers_pass_for_known(self):
        """A store of n entries, and four times as many that left: of two counters both have to be taken."""
        entries = 5_000
        sketch = FrequencySketch()
        sketch.grow(entries)
        for key in range(4 * entries):
            sketch.remember(key_hash(key), 1)
        strangers = sum(sketch.count(key_hash(key)) > 0 for key in range(10**6, 10**6 + 10_000))
        assert 0 < strangers < 600  # a quarter of the counters, in two rows: a sixteenth is the expected share

    def test_it_is_as_large_as_it_says(self):
        sketch = FrequencySketch()
        sketch.grow(100)
        assert len(sketch._counters) * 2 == FrequencySketch.LEAST
        sketch.grow(1_000)
        assert len(sketch._counters) * 2 == 32_768


class TestHash:
    def test_that_of_a_text_is_the_same_in_every_process(self):
        texts = ["", "key", "ñ 🙂", "tenant/sha256.1:0123/0"]
        script = f"""
import json
from postopt.caching.eviction.frequency import key_hash
print(json.dumps([key_hash(text) for text in {texts!r}]))
"""
        for seed in ("1", "2"):
            environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
            done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
            assert json.loads(done.stdout) == [key_hash(text) for text in texts]

    @pytest.mark.parametrize("key", [0, -1, 2**61 - 1, "", "\ud800", b"", None, (), 1.5, ("a", 1), frozenset()])
    def test_any_key_has_64_bits(self, key):
        assert 0 <= key_hash(key) < 2**64

    @pytest.mark.parametrize("shift", [0, 20, 32, 44])
    @pytest.mark.parametrize("kind", [int, str])
    def test_keys_in_a_row_part(self, kind, shift):
        """In all the bits that something is drawn by: 64 groups of 256 on average, and none far from that."""
        groups = [0] * 64
        for number in range(64 * 256):
            groups[key_hash(kind(number)) >> shift & 63] += 1
        assert 160 < min(groups) <= max(groups) < 352  # six standard deviations

    def test_draws_of_two_kinds_are_independent(self):
        """The shadow samples by other bits than the watch, so neither sees only what the other sees."""
        sampled = [key_hash(key) for key in Random(1).sample(range(10**9), 20_000)]
        both = sum(hashed >> 44 < 1 << 18 and (hashed >> 20 & 0xF_FFFF) < 1 << 18 for hashed in sampled)
        assert 1_250 - 210 < both < 1_250 + 210


def test_it_says_when_half_of_it_is_taken():
    sketch = FrequencySketch()
    taken = 0
    while not sketch.is_crowded():
        sketch.remember(key_hash(taken), 1)
        taken += 1
    assert 0.6 < 2 * taken / sketch.LEAST < 0.8  # two counters each, some of them shared: 1 - exp(-0.69) is half
    sketch.halve()
    assert not sketch.is_crowded()
