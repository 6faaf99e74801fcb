import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.remote.sse import EventStream


def events_of(data, *cuts, **settings):
    """The data of the events in `data`, fed in pieces."""
    stream = EventStream(**settings)
    places = [0, *sorted(cuts), len(data)]
    return [event for start, end in pairwise(places) for event in stream.feed(data[start:end])]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [b"a", b"b", b"c"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b"data: a", []),
        (b"data: a\n", []),
        (b": comment\n\ndata: a\n: comment\n\n", [b"a"]),
        (b"\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b"event: e\n\n", []),
        (b"retry: 5\nnonsense\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"id: 1\ndata: a\n\nid: 1\ndata: a\n\nid: 2\ndata: a\n\n", [b"a", b"a", b"a"]),
        (b"id: 1\ndata: a\n\nid: 1\ndata: b\n\nid: 1\ndata: b\n\n", [b"a", b"b", b"b"]),
        (b"id: 1\ndata: a\n\ndata: a\n\n", [b"a", b"a"]),
        (b"id: \x00\ndata: a\n\nid: \x00\ndata: a\n\n", [b"a", b"a"]),
        (b"data: \xff\n\n", [b"\xff"]),
    ],
)
def test_events(data, expected):
    assert events_of(data) == expected


LINES = st.sampled_from(
    [
        b"data: x",
        b"data: y",
        b"data:",
        b"",
        b"",
        b": c",
        b"event: e",
        b"id: 1",
        b"id: 2",
        b"id",
        b"\xf0\x9f\x99\x82",
        b"z",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(st.booleans(), st.lists(st.tuples(LINES, ENDS), max_size=30), st.data())
def test_the_events_are_the_same_however_the_bytes_are_cut(mark, lines, draw):
    data = (b"\xef\xbb\xbf" if mark else b"") + b"".join(line + end for line, end in lines)
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=12))
    assert events_of(data, *cuts) == events_of(data) == events_of(data, *range(len(data)))


@given(st.lists(st.text(max_size=20), max_size=8), ENDS)
def test_what_is_sent_is_received(texts, end):
    data = b"".join(b"data: " + json.dumps(text).encode() + end + end for text in texts)
    assert [json.loads(event) for event in events_of(data)] == texts


class TestBound:
    @pytest.mark.parametrize("data", [b"data: " + b"x" * 200, b"data: x\n" * 40, b"data\n" * 40, b"x" * 200 + b"\n"])
    @pytest.mark.parametrize("step", [1, 7, 1000])
    def test_an_event_that_is_too_large_is_refused_however_it_is_cut(self, data, step):
        with pytest.raises(ValueError, match="more than 100 bytes"):
            events_of(data, *range(0, len(data), step), max_bytes=100)

    def test_many_small_ones_are_not(self):
        assert len(events_of(b"data: x\n\n" * 10_000, max_bytes=100)) == 10_000

    def test_a_long_line_in_small_pieces_takes_linear_time(self):
        """Joining it anew at each piece would take minutes."""
        stream = EventStream(max_bytes=2**24)
        for _ in range(2**17):
            stream.feed(b"x" * 64)
        assert stream.feed(b"\ndata: a\n\n") == [b"a"]
