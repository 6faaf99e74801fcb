"""Whatever goes in, all installed JSON backends give the same value or the same error."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import uuid
from datetime import timedelta, timezone
from decimal import Decimal

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from postopt.backends.json import JSON
from postopt.backends.strict import is_plain, write

Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024  # the plainest there is


class Text(str):
    __slots__ = ()


class Whole(int): ...


class Mapping(dict): ...


class Sequence(list): ...


class Colour(enum.Enum):
    RED = "red"
    NONE = None
    NESTED = (1.5, {"a": [2**64 - 1]})
    WRONG = {1, 2}  # noqa: RUF012  # a value that no backend writes


class Level(enum.IntEnum):
    HIGH = 2**40


@dataclasses.dataclass
class Plain:
    a: object
    _b: object = None


@dataclasses.dataclass(slots=True)
class Slotted:
    a: object
    _b: object = None


BOUNDS = [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30]
# Every code point, surrogates included, and now and then a text without them.
TEXTS = st.text(max_size=8) | st.text(st.characters(exclude_categories=[]), max_size=4)
ZONES = st.timedeltas().filter(lambda d: -86400 < d.total_seconds() < 86400).map(timezone)
ZONES |= st.integers(-86399, 86399).map(lambda s: timezone(timedelta(seconds=s)))
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXTS
ODD = st.one_of(
    st.sampled_from(BOUNDS),
    st.datetimes(timezones=st.none() | ZONES),
    st.dates(),
    st.times(timezones=st.none() | ZONES).map(lambda moment: moment.replace(microsecond=0)),  # see the contract
    st.timedeltas(),
    st.uuids(),
    st.sampled_from([*Colour, *Level, Text("x"), Whole(7), Whole(2**64), Pair(1, 2), Plain, Plain(1), np.float64(1)]),
    st.sampled_from([b"a", bytearray(b"a"), Decimal(1), 1j, {1}, object(), ..., range(1), uuid.UUID]),
)
KEYS = st.text(max_size=3) | st.text(max_size=3) | TEXTS
ODD_KEYS = st.sampled_from([1, 1.5, None, True, Text("a"), Level.HIGH, (1,), b"a"])


def _containers(children):
    dicts = st.dictionaries(KEYS, children, max_size=4)
    lists = st.lists(children, max_size=4)
    return st.one_of(
        lists,
        lists.map(tuple),
        lists.map(Sequence),
        dicts,
        dicts.map(Mapping),
        st.dictionaries(KEYS | ODD_KEYS, children, max_size=2),
        children.map(Plain),
        children.map(Slotted),
    )


# Mostly values that can be written: one that cannot hides what the others would have shown.
VALUES = st.recursive(PLAIN, _containers) | st.recursive(PLAIN | PLAIN | PLAIN | ODD, _containers)


def _encoded(dumps, value):
    """Return what the text of `value` stands for, or the type of the error."""
    try:
        raw = dumps(value)
    except TypeError:
        return TypeError
    assert type(raw) is bytes
    return repr(json.loads(raw.decode()))


def _decoded(loads, data):
    try:
        return repr(loads(data))
    except ValueError:
        return ValueError


@given(value=VALUES)
@example(value={"a": float("nan"), "b": [2**64 - 1, -0.0, 1e16], "c": {"ñ": ("😀",)}})
def test_dumps_agree(json_backends, value):
    first, *others = [_encoded(backend.dumps, value) for backend in json_backends]
    assert others == [first] * len(others)


@given(value=VALUES)
def test_the_encoder_for_plain_values_agrees_with_the_one_for_all(value):
    assert _encoded(JSON.dumps, value) == _encoded(write, value)


@given(value=st.recursive(PLAIN, lambda children: st.lists(children) | st.dictionaries(KEYS, children)))
def test_exact_json_types_are_plain(value):
    assert is_plain(value)


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
INTEGERS = st.integers().map(str) | st.integers(-(2**65), 2**65).map(str)
PIECES = st.sampled_from(
    [
        *("[", "]", "{", "}", ",", ":", '"', "\\", "\\u", "\\ud83d", "\\ude00", "\\n", "d800", "0", "1", "-", "+", "."),
        *("e", "E", "9" * 19, "9" * 400, "NaN", "Infinity", "true", "false", "null", " ", "\n", "\t", "\x0b", "\x00"),
        *("\ufeff", "ñ", "😀", "\ud800", "\u2028", '"a"', '"a":', "[]", "{}", "[" * 1025, "]" * 1025),
    ]
)
JSON_VALUES = st.recursive(
    PLAIN.filter(lambda value: value == value),  # noqa: PLR0124  # no NaN
    lambda children: st.lists(children, max_size=4) | st.dictionaries(KEYS, children, max_size=4),
)


@st.composite
def _documents(draw):
    """Documents as somebody else's encoder writes them, whole or with a piece put in or taken out."""
    text = json.dumps(draw(JSON_VALUES), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(len(text), start + 3)))
        text = text[:start] + draw(PIECES | st.just("")) + text[stop:]
    return text


@st.composite
def _damaged_bytes(draw):
    raw = bytearray(draw(_documents()).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(1, 3)) if raw else 0):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw)


DATA = st.one_of(
    _documents(),
    _damaged_bytes(),
    NUMBERS,
    INTEGERS,
    st.lists(NUMBERS | INTEGERS).map(lambda numbers: f"[{','.join(numbers)}]"),
    st.lists(PIECES, max_size=8).map("".join),
    st.lists(PIECES, max_size=4).map(lambda pieces: f'"{"".join(pieces)}"'),
    st.binary(max_size=12),
)


@given(data=DATA)
@example(data='{"a":"\\ud800","a":1}')
@example(data=b'{"\xff":1}')
def test_loads_agree(json_backends, data):
    first, *others = [_decoded(backend.loads, data) for backend in json_backends]
    assert others == [first] * len(others)


@given(data=DATA)
def test_the_decoder_for_deep_documents_agrees_with_the_other(data):
    from postopt.backends.parsing import _parse_deep, as_bytes, has_lone_surrogate, is_too_deep

    def deep(data):
        raw = as_bytes(data)
        text = raw.decode()
        value = _parse_deep(text)
        if is_too_deep(raw) or has_lone_surrogate(text):
            raise ValueError(text)
        return value

    assert _decoded(deep, data) == _decoded(JSON.loads, data)


WRAPPERS = {
    "list": lambda v: [v],
    "dict": lambda v: {"a": v},
    "wide": lambda v: [0, v],
    "subclass": lambda v: Sequence([v]),
}


@given(levels=st.lists(st.sampled_from(sorted(WRAPPERS)), min_size=1, max_size=8), total=st.integers(250, 258))
def test_depth_agrees(json_backends, levels, total):
    value = 1
    for i in range(total):
        value = WRAPPERS[levels[i % len(levels)]](value)
    first, *others = [_encoded(backend.dumps, value) for backend in json_backends]
    assert others == [first] * len(others)


@given(value=VALUES)
def test_what_is_written_is_read(json_backends, value):
    """Any backend reads what any other has written, as the same value."""
    written = []
    for backend in json_backends:
        try:
            written.append(backend.dumps(value))
        except TypeError:
            return
    read = {_decoded(backend.loads, raw) for backend in json_backends for raw in written}
    assert len(read) == 1
    assert ValueError not in read
