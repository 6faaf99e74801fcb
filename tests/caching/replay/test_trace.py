"""Traces are read in every form that is promised, and what is no trace is refused with a reason."""

from __future__ import annotations

import gzip
import lzma
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching.replay.trace import TIERS, read_tokens, read_trace
from postopt.errors import CacheValueError

REQUESTS = "t,key,size\n1,b,5\n2,a,5\n3,b,5\n4,ñ,5\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file, by the ending of its name, and returns its path."""

    def write(text, name="trace.csv"):
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode()
        path.write_bytes({".xz": lzma.compress, ".gz": gzip.compress}.get(path.suffix, bytes)(data))
        return path

    return write


class TestForms:
    @pytest.mark.parametrize("name", ["trace.csv", "trace.csv.xz", "trace.csv.gz", "trace", "trace.xz"])
    def test_plain_and_compressed(self, write, name):
        trace = read_trace(write(REQUESTS, name))
        assert trace.name == "trace"
        assert trace.keys == [0, 1, 0, 2]
        assert (trace.weights, trace.costs) == ([1] * 3, [1.0] * 3)
        assert trace.is_uniform

    @pytest.mark.parametrize("name", ["2026.05.01.csv", "2026.05.01.csv.xz", "2026.05.01"])
    def test_a_name_may_hold_dots(self, write, name):
        assert read_trace(write(REQUESTS, name)).name == "2026.05.01"

    @pytest.mark.parametrize(
        "text",
        [
            REQUESTS.replace("\n", "\r\n"),
            "\ufeff" + REQUESTS,  # as spreadsheets write
            REQUESTS.rstrip("\n"),
            REQUESTS.replace("\n", "\n\n"),
            REQUESTS.replace("b,", '"b",'),
            "key\nb\na\nb\nñ\n",
            "key,t\nb,1\na\nb,3,4,5\nñ\n",
        ],
    )
    def test_the_same_requests_in_other_words(self, write, text):
        assert read_trace(write(text)).keys == [0, 1, 0, 2]

    def test_a_key_may_be_any_text(self, write):
        assert read_trace(write('key,t\n"a\nb",1\n"",2\n"a,b",3\n"a\nb",4\n')).keys == [0, 1, 2, 0]

    def test_weights_and_costs_are_those_of_the_first_request(self, write):
        trace = read_trace(write("key,cost,weight\na,0.5,10\nb,0,0\na,9,9\nc,1e3,2.6\n"))
        assert (trace.keys, trace.weights, trace.costs) == ([0, 1, 0, 2], [10, 1, 3], [0.5, 0.0, 1000.0])
        assert not trace.is_uniform

    @pytest.mark.parametrize("wrong", ["", "dear", "nan", "-1", "inf"])
    @pytest.mark.parametrize("column", ["cost", "weight"])
    def test_those_that_are_no_numbers(self, write, column, wrong):
        with pytest.raises(CacheValueError, match=f"as {column}"):
            read_trace(write(f"key,{column}\na,{wrong}\n"))

    def test_one_request_is_a_trace(self, write):
        assert read_trace(write("key\na\n")).keys == [0]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "has no column key"),
            ("\n\n", "has no column key"),
            ("t,size\n1,2\n", "has no column key"),
            ("Key\na\n", "has no column key"),
            ("key\n", "holds no requests"),
            ("t,key\n1,a\n2\n", "has too few columns in line 3"),
            (b"key\n\xff\xfe\n", "cannot be read as CSV"),
            (bytes(range(256)) * 9, "cannot be read as CSV"),
            ("key\n" + "a" * 200_000, "cannot be read as CSV"),
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_what_is_no_trace(self, write, text, why):
        path = write(text)
        with pytest.raises(CacheValueError, match=f"^{re.escape(str(path))} {why}"):
            read_trace(path)

    @pytest.mark.parametrize("ending", [".xz", ".gz"])
    def test_what_is_not_compressed_as_its_name_says(self, tmp_path, ending):
        path = tmp_path / f"trace.csv{ending}"
        for data in (b"", REQUESTS.encode(), lzma.compress(b"")[:10], gzip.compress(b"")[:12]):
            path.write_bytes(data)
            with pytest.raises(CacheValueError, match=r"cannot be read as CSV|has no column key"):
                read_trace(path)

    @pytest.mark.parametrize("ending", [".xz", ".gz"])
    def test_every_wrong_byte_and_every_cut_is_an_error_or_another_trace(self, write, ending):
        path = write(REQUESTS * 3, f"trace.csv{ending}")
        whole = path.read_bytes()
        damaged = [whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :] for place in range(len(whole))]
        refused = 0
        for data in (*damaged, *(whole[:end] for end in range(len(whole)))):
            path.write_bytes(data)
            try:
                read_trace(path)
            except CacheValueError:
                refused += 1
        assert refused > len(whole)  # in the name and the time of gzip nothing can be wrong

    def test_a_file_that_cannot_be_read(self, tmp_path):
        for path in (tmp_path / "absent.csv", tmp_path / "absent.csv.xz", tmp_path):
            with pytest.raises(OSError, match=re.escape(str(path))):
                read_trace(path)


class TestTokens:
    def test_pairs_in_order(self, write):
        path = write("t,out_tokens,in_tokens\n1,20,100\n2,0,1e3\n")
        assert read_tokens(path) == [(100, 20), (1000, 0)]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("in_tokens,out\n1,2\n", "has no column out_tokens"),
            ("a\n1\n", "has no column in_tokens, out_tokens"),
            ("in_tokens,out_tokens\n", "holds no tokens"),
            ("in_tokens,out_tokens\n1,2\n1,many\n", "holds 'many' as tokens; a number from 0"),
            ("in_tokens,out_tokens\n1,\n", "holds '' as tokens"),
            ("in_tokens,out_tokens\n-1,2\n", "holds '-1' as tokens"),
            ("in_tokens,out_tokens\nnan,2\n", "holds 'nan' as tokens"),
            ("in_tokens,out_tokens\n1,inf\n", "holds 'inf' as tokens"),
            ("in_tokens,out_tokens\n1,1e300\n", "holds '1e300' as tokens"),
            ("in_tokens,out_tokens\n1\n", "has too few columns in line 2"),
        ],
    )
    def test_what_are_none(self, write, text, why):
        path = write(text)
        with pytest.raises(CacheValueError, match=f"^{re.escape(f'{path} {why}')}"):
            read_tokens(path)

    @given(st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 900)), min_size=1, max_size=9), st.integers())
    def test_weights_and_costs_are_those_of_drawn_texts(self, trace_of, tokens, seed):
        trace = trace_of([number % 90 for number in range(100)]).with_tokens(tokens, seed=seed)
        drawn = Counter(zip(trace.weights, trace.costs, strict=True))
        possible = {(500 + round(4.5 * out), (given + 4 * out) * tier) for given, out in tokens for tier in TIERS}
        assert drawn.keys() <= possible
        assert drawn.total() == 90
        assert trace.keys == [number % 90 for number in range(100)]

    def test_the_same_seed_draws_the_same(self, trace_of):
        trace, tokens = trace_of(range(90)), [(number, number * 7 % 50) for number in range(40)]
        assert trace.with_tokens(tokens, seed=1) == trace.with_tokens(tokens, seed=1)
        assert trace.with_tokens(tokens, seed=1) != trace.with_tokens(tokens, seed=2)
        assert not trace.with_tokens(tokens).is_uniform
