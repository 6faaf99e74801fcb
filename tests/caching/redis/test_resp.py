"""Redis' protocol: whatever the bytes are cut into, the same replies come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching.remote.resp import Push, Replies, ReplyError, pack
from postopt.errors import CorruptDataError


class Double(float):
    """A number that stands for itself in `wire`."""


def wire(reply):
    """Return a reply as a server sends it."""
    if reply is None:
        return b"_\r\n"
    if isinstance(reply, bool):
        return b"#t\r\n" if reply else b"#f\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, float):
        return b",%r\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    if isinstance(reply, ReplyError):
        return b"-%b\r\n" % str(reply).encode()
    kind = b">" if isinstance(reply, Push) else b"*"
    return b"%b%d\r\n" % (kind, len(reply)) + b"".join(map(wire, reply))


def same(reply):
    """Return a reply with what is compared by identity made comparable."""
    if isinstance(reply, ReplyError):
        return ("error", str(reply))
    if isinstance(reply, list):
        return (type(reply), *map(same, reply))
    return (type(reply), reply)


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.binary(max_size=40),
    st.just(b"in\r\nside"),
    st.just(ReplyError("ERR something")),
)
replies = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=3).map(Push), max_leaves=8
)


@given(sent=st.lists(replies, max_size=6), data=st.data())
def test_replies_come_out_however_the_bytes_are_cut(sent, data):
    stream = b"".join(map(wire, sent))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    reader = Replies()
    got = [
        reply
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for reply in reader.feed(stream[start:end])
    ]
    assert list(map(same, got)) == list(map(same, sent))


@given(sent=st.lists(replies, min_size=1, max_size=3))
def test_replies_come_out_byte_by_byte_and_each_as_soon_as_it_is_whole(sent):
    reader = Replies()
    for reply in sent:
        *most, last = [] if not (data := wire(reply)) else [data[i : i + 1] for i in range(len(data))]
        assert not any(reader.feed(byte) for byte in most)
        assert list(map(same, reader.feed(last))) == [same(reply)]


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"+OK\r\n", b"OK"),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*0\r\n", []),
        (b"(123456789012345678901234567890\r\n", 123456789012345678901234567890),
        (b"=7\r\ntxt:abc\r\n", b"abc"),
        (b"~2\r\n:1\r\n:2\r\n", [1, 2]),
        (b"%1\r\n+a\r\n:1\r\n", [b"a", 1]),
        (b",inf\r\n", float("inf")),
        (b"*2\r\n*1\r\n:1\r\n*0\r\n", [[1], []]),
    ],
)
def test_other_forms(data, reply):
    assert Replies().feed(data) == [reply]


def test_an_error_is_a_value_with_a_code():
    short, long = Replies().feed(b"-NOSCRIPT no script\r\n!9\r\nOOM a\r\nb \r\n")
    assert (short.code, str(short)) == ("NOSCRIPT", "NOSCRIPT no script")
    assert (long.code, str(long)) == ("OOM", "OOM a\r\nb ")


def test_deep_nesting_is_no_recursion():
    [reply] = Replies().feed(b"*1\r\n" * 100_000 + b":7\r\n")
    for _ in range(100_000):
        [reply] = reply
    assert reply == 7


def test_a_large_reply_in_small_pieces_is_read_once():
    size, piece = 2**22, 2**12
    reader = Replies()
    stream = b"$%d\r\n" % size + bytes(size) + b"\r\n"
    for at in range(0, size, piece):
        assert reader.feed(stream[at : at + piece]) == []
        assert reader._size == at + piece  # nothing was copied together yet
    assert reader.feed(stream[size:]) == [bytes(size)]


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n", b"\r\n", b"$x\r\n", b"*1.5\r\n", b":\r\n", b",\r\n", b"?1\r\n"]
)
def test_what_is_not_the_protocol_is_refused(data):
    with pytest.raises(CorruptDataError):
        Replies().feed(data)


@given(st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=4), max_size=4))
def test_commands_are_arrays_of_strings(commands):
    assert Replies().feed(pack(map(tuple, commands))) == commands
