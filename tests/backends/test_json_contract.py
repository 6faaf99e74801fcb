"""The JSON contract, row by row: what each library does with odd input differs, what our backends do does not."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
import json
import math
import sys
import uuid
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from postopt.backends.parsing import MAX_LOADS_DEPTH, _parse_deep, as_bytes, has_lone_surrogate
from postopt.backends.strict import MAX_DUMPS_DEPTH

NOON = datetime(2024, 2, 29, 12, 30, 1, 5)  # noqa: DTZ001  # a naive one is a case of its own
ID = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
Pair = collections.namedtuple("Pair", "a b")  # noqa: PYI024  # the plainest there is


class Text(str):
    __slots__ = ()


class Whole(int): ...


class Real(float): ...


class Mapping(dict):
    def items(self):
        return []


class Sequence(list):
    def __iter__(self):
        return iter(["pretended"])


class Colour(enum.Enum):
    RED = "red"
    NESTED = (1, {"a": None})
    UNKNOWN = object()


class Level(enum.IntEnum):
    HIGH = 3


class Tone(enum.StrEnum):
    URGENT = "urgent"


class Stored(str, enum.Enum):  # noqa: UP042  # a StrEnum's value is its text, which this one's is not
    MEMBER = "stored"

    def __new__(cls, value):
        member = str.__new__(cls, value)
        member._value_ = "not the text"
        return member


class Meta(enum.EnumMeta): ...


class Foreign(enum.Enum, metaclass=Meta):
    A = 1


@dataclasses.dataclass
class Plain:
    a: object
    _hidden: int = 2


@dataclasses.dataclass(slots=True)
class Slotted:
    a: object
    _hidden: int = 2


@dataclasses.dataclass
class Empty: ...


class Undecorated(Plain): ...


class Zone(tzinfo):
    def utcoffset(self, moment):
        return timedelta(hours=5, minutes=45)


class Nowhere(tzinfo):
    def utcoffset(self, moment):
        return None


def with_attribute(name, value):
    instance = Plain(1)
    vars(instance)[name] = value
    return instance


def at(**offset):
    return NOON.replace(tzinfo=timezone(timedelta(**offset)))


ITSELF = object()
# What is encoded, and what the text stands for.
ENCODED = {
    "NaN": (math.nan, None),
    "infinities": ([math.inf, -math.inf], [None, None]),
    "integers at the bounds": ([-(2**63), 2**63, 2**64 - 1], [-(2**63), 2**63, 2**64 - 1]),
    "floats": ([0.1, 5e-324, 1.7976931348623157e308, -0.0, 1.0, 1e16, 1e-5], ITSELF),
    "emoji, accents, markup": ({"ñ": "😀 </script> \u2028 é"}, ITSELF),
    "control characters": ('"\\/\b\f\n\r\t\x00\x1f\x7f', ITSELF),
    "empty": ([[], {}, "", {"": [[]]}], ITSELF),
    "datetime naive": (NOON, "2024-02-29T12:30:01.000005"),
    "datetime without fraction": (NOON.replace(microsecond=0), "2024-02-29T12:30:01"),
    "datetime UTC": (NOON.replace(tzinfo=UTC), "2024-02-29T12:30:01.000005+00:00"),
    "datetime ahead": (at(hours=5, minutes=30), "2024-02-29T12:30:01.000005+05:30"),
    "datetime behind": (at(hours=-3, minutes=-30), "2024-02-29T12:30:01.000005-03:30"),
    "datetime with seconds in its offset": (at(hours=1, seconds=30), "2024-02-29T12:30:01.000005+01:01"),
    "datetime with seconds, rounded down": (at(hours=-1, seconds=-29), "2024-02-29T12:30:01.000005-01:00"),
    "datetime with microseconds in its offset": (at(microseconds=500), "2024-02-29T12:30:01.000005+00:00"),
    "datetime in a zone of one's own": (NOON.replace(tzinfo=Zone()), "2024-02-29T12:30:01.000005+05:45"),
    "datetime of year 1": (NOON.replace(year=1, month=1), "0001-01-29T12:30:01.000005"),
    "date": (date(987, 6, 5), "0987-06-05"),
    "time": ([time(1, 2), time(23, 59, 59)], ["01:02:00", "23:59:59"]),
    "UUID": (ID, str(ID)),
    "Enum": ([Colour.RED, Colour.NESTED], ["red", [1, {"a": None}]]),
    "IntEnum, StrEnum": ([Level.HIGH, Tone.URGENT], [3, "urgent"]),
    "Enum that is a str": (Stored.MEMBER, "stored"),
    "subclass of str": (Text("x"), "x"),
    "subclass of int": (Whole(3), 3),
    "subclass of list": (Sequence([1]), [1]),
    "subclass of dict": (Mapping(a=1), {"a": 1}),
    "OrderedDict, defaultdict, Counter": (
        [collections.OrderedDict(a=1), collections.defaultdict(int, a=1), collections.Counter("a")],
        [{"a": 1}] * 3,
    ),
    "numpy's str": (np.str_("x"), "x"),
    "tuple": ((1, ("a", ())), [1, ["a", []]]),
    "dataclass": (Plain([1]), {"a": [1]}),
    "dataclass with slots": (Slotted(Slotted(1)), {"a": {"a": 1}}),
    "dataclass without members": (Empty(), {}),
    "dataclass with another attribute": (with_attribute("b", 2), {"a": 1, "b": 2}),
}
REFUSED = {
    "integer above": 2**64,
    "integer below": -(2**63) - 1,
    "integer far above": 10**400,
    "integer beyond the limit of int to str": 10**5000,
    "subclass of int above": Whole(2**64),
    "int as key": {1: 2},
    "float as key": {1.5: 1},
    "None as key": {None: 1},
    "bool as key": {True: 1},
    "the same key twice, once a str": {1: 1, "1": 2},
    "StrEnum as key": {Tone.URGENT: 1},
    "subclass of str as key": {Text("a"): 1},
    "datetime as key": {NOON: 1},
    "time with zone": time(1, 2, tzinfo=UTC),
    "bytes": b"a",
    "bytearray": bytearray(b"a"),
    "memoryview": memoryview(b"a"),
    "Decimal": Decimal("1.1"),
    "Fraction": Fraction(1, 2),
    "complex": 1j,
    "set": {1},
    "frozenset": frozenset(),
    "timedelta": timedelta(1),
    "namedtuple": Pair(1, 2),
    "subclass of float": Real(1.5),
    "subclass of datetime": type("D", (datetime,), {})(2024, 1, 1),
    "subclass of UUID": type("U", (uuid.UUID,), {})(int=1),
    "generator": (i for i in (1,)),
    "range": range(2),
    "deque": collections.deque(),
    "UserDict": collections.UserDict(a=1),
    "class": Plain,
    "object": object(),
    "Enum of an unknown object": Colour.UNKNOWN,
    "Enum with a metaclass": Foreign.A,
    "dataclass not decorated": Undecorated(1),
    "dataclass with an odd key": with_attribute(3, 1),
    "numpy's float64": np.float64(1.5),
    "numpy's float32": np.float32(1.5),
    "numpy's int64": np.int64(1),
    "numpy's bool": np.bool_(True),
    "numpy's array": np.zeros(2),
    "lone surrogate": "\ud800",
    "surrogate pair as two": "\ud83d\ude00",
    "lone surrogate in a key": {"\udfff": 1},
}


class TestDumps:
    @pytest.mark.parametrize("row", ENCODED)
    def test_encodes(self, json_backend, row):
        value, expected = ENCODED[row]
        expected = value if expected is ITSELF else expected
        for wrapped, stands_for in ((value, expected), ([value], [expected]), ({"k": value}, {"k": expected})):
            raw = json_backend.dumps(wrapped)
            assert type(raw) is bytes
            assert repr(json.loads(raw.decode())) == repr(stands_for)

    @pytest.mark.parametrize("row", REFUSED)
    def test_refuses(self, json_backend, row):
        for wrapped in (REFUSED[row], [REFUSED[row]], {"k": (REFUSED[row],)}):
            with pytest.raises(TypeError):
                json_backend.dumps(wrapped)

    def test_writes_utf8_without_spaces_or_needless_escapes(self, json_backend):
        assert json_backend.dumps({"é": ["😀/</", 1]}) == '{"é":["😀/</",1]}'.encode()

    def test_zoneinfo(self, json_backend):
        try:
            madrid = zoneinfo.ZoneInfo("Europe/Madrid")
        except zoneinfo.ZoneInfoNotFoundError:
            pytest.skip("no time zone database is installed")
        assert json_backend.dumps(datetime(2024, 7, 1, tzinfo=madrid)) == b'"2024-07-01T00:00:00+02:00"'
        # Local mean time, 14 min 44 s behind.
        assert json_backend.dumps(datetime(1800, 1, 1, tzinfo=madrid)) == b'"1800-01-01T00:00:00-00:15"'

    def test_time_with_microseconds(self, json_backend):
        if json_backend.name == "orjson":
            pytest.skip("outside of the contract: orjson 3.13.0 writes 10 ms as .10000")
        assert json_backend.dumps(time(1, 2, 3, 10_000)) == b'"01:02:03.010000"'

    def test_zone_without_offset(self, json_backend):
        if json_backend.name == "orjson":
            pytest.skip("outside of the contract: orjson reads what is no offset as one")
        with pytest.raises(TypeError):
            json_backend.dumps(NOON.replace(tzinfo=Nowhere()))

    @pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"a": v}, Plain, Slotted, lambda v: Sequence([v])])
    def test_depth(self, json_backend, wrap):
        if json_backend.name == "orjson" and wrap in (Plain, Slotted):
            pytest.skip("outside of the contract: versions of orjson count dataclasses differently")
        value = 1
        for _ in range(MAX_DUMPS_DEPTH):
            value = wrap(value)
        assert json_backend.dumps(value)
        with pytest.raises(TypeError):
            json_backend.dumps(wrap(value))

    def test_tuples_are_not_counted(self, json_backend):
        value = ()
        for _ in range(300):
            value = (value,)
        if json_backend.name == "orjson":
            pytest.skip("outside of the contract: versions differ, and thousands of tuples end the process")
        assert json_backend.dumps(value) == b"[" * 301 + b"]" * 301

    @pytest.mark.parametrize("branches", [1, 2])
    def test_cycles(self, json_backend, branches):
        cycle = []
        cycle.extend([{"a": cycle}] * branches)
        with pytest.raises(TypeError):
            json_backend.dumps(cycle)


DECODED = [
    (b'"\\u00f1\\ud83d\\ude00"', "ñ😀"),
    ('"ñ\U0001f600"', "ñ😀"),
    (b'"\\\\ud800 \\\\\\\\ud800"', "\\ud800 \\\\ud800"),
    (b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\x7f"', '"\\/\b\f\n\r\t\x00\x7f'),
    (b"[0,-0,-0.0,0e5,-0e5,1E5,1e-400]", [0, 0, -0.0, 0.0, -0.0, 100000.0, 0.0]),
    (b"18446744073709551615", 2**64 - 1),
    (b"18446744073709551616", 1.8446744073709552e19),
    (b"-9223372036854775808", -(2**63)),
    (b"-9223372036854775809", -9.223372036854775808e18),
    (b"9007199254740992999999999999999", 9.007199254740993e30),
    (b"1" + b"0" * 308, 1e308),
    (b"1.7976931348623158e308", sys.float_info.max),
    (b"0." + b"0" * 400 + b"1", 0.0),
    (b"0.0012345678901234567890", 0.001234567890123456789),
    (b"1" + b"0" * 5000 + b"e-5000", 1.0),
    (b"1e" + b"0" * 50 + b"1", 10.0),
    (b" \t\r\n[ 1 , { } ] ", [1, {}]),
    (b'{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
    (bytearray(b"[1]"), [1]),
    (memoryview(b"[1]x")[:3], [1]),
    (memoryview(bytearray(b"null")), None),
]
NOT_DECODED = [
    *(b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b"nan"),
    *(b"1e400", b"-1e400", b"1e0400", b"1" + b"0" * 309, b"-1" + b"0" * 400, b"9" * 5000, b"[1.8e308]", b"1E+309"),
    *(b"01", b"-", b"1.", b".5", b"+1", b"1e", b"1e+", b"--1", b"0x1", b"1_0", "\u0661"),
    *(b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83dx"', b'"\\\\\\ud800"'),
    *(b'{"a":"\\ud800","a":1}', b'{"\\uD800":1}', '"\ud800"', '"\ud83d\ude00"', "\ud800"),
    *(b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b'{"\xff":1}', b"\xff"),
    *(b"\xef\xbb\xbf1", "\ufeff1", "1".encode("utf-16"), "[1]".encode("utf-16-le"), b"1\x00", b"\x00"),
    *(b'"\n"', b'"\x00"', b'"\x1f"', b'"\\x"', b'"\\u12g4"', b'"\\u00"', b'"a', b"'a'"),
    *(b"", b" ", b"[", b"]", b"{", b"}", b"[1,]", b"[,1]", b'{"a":1,}', b'{"a"}', b'{"a":}', b"{a:1}", b"{1:1}"),
    *(b"[1 2]", b'{"a":1 "b":2}', b"1 2", b"[1]]", b"[1]x", b"//\n1", b"tru", b"True", b"\x0b1", "\xa01", "1\ufeff"),
]
NOT_TEXT = [None, 1, [1], Text("1"), array.array("b", b"1"), memoryview(b"[x1x]x")[::2], type("B", (bytes,), {})(b"1")]


def _name(value):
    """Name a case by its bytes: the repr of a memoryview is an address, and test processes must agree on names."""
    return ascii(bytes(value) if isinstance(value, memoryview) else value)[:40]


class TestLoads:
    @pytest.mark.parametrize(("data", "expected"), DECODED, ids=_name)
    def test_decodes(self, json_backend, data, expected):
        assert repr(json_backend.loads(data)) == repr(expected)

    @pytest.mark.parametrize("data", NOT_DECODED, ids=_name)
    def test_refuses(self, json_backend, data):
        with pytest.raises(ValueError):
            json_backend.loads(data)

    @pytest.mark.parametrize("data", NOT_TEXT, ids=lambda value: type(value).__name__)
    def test_refuses_other_types(self, json_backend, data):
        with pytest.raises(ValueError):
            json_backend.loads(data)

    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('{"]": ', "}")])
    def test_depth(self, json_backend, opening, closing):
        def nested(levels):
            return opening * levels + "1" + closing * levels

        value, depth = json_backend.loads(nested(MAX_LOADS_DEPTH)), 0
        while value != 1:
            (value,) = value if type(value) is list else value.values()
            depth += 1
        assert depth == MAX_LOADS_DEPTH
        for more in (1, 50, 100_000):
            with pytest.raises(ValueError):
                json_backend.loads(nested(MAX_LOADS_DEPTH + more))

    def test_brackets_in_strings_do_not_count(self, json_backend):
        texts = ["[" * 2000, '"' + "{" * 2000, "\\", "]" * 3000, '\\"' + "[" * 2000]
        assert json_backend.loads(json.dumps(texts)) == texts
        hidden = '["' + "]" * 2000 + '",' + "[" * MAX_LOADS_DEPTH + "]" * MAX_LOADS_DEPTH + "]"
        with pytest.raises(ValueError):
            json_backend.loads(hidden)

    def test_wide_documents_are_not_deep(self, json_backend):
        rows = [{"a": [i]} for i in range(2000)]
        assert json_backend.loads(json.dumps(rows)) == rows


def _from_deep_down(function):
    """Call `function` where few frames are left of the recursion limit."""
    depth, frame = 0, sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back

    def descend(levels):
        return function() if levels == 0 else descend(levels - 1)

    return descend(sys.getrecursionlimit() - depth - 60)


class TestFromADeepCallStack:
    def test_dumps(self, json_backend):
        value = "ñ"
        for _ in range(MAX_DUMPS_DEPTH):
            value = [value]
        raw = _from_deep_down(lambda: json_backend.dumps(value))
        assert raw == b"[" * MAX_DUMPS_DEPTH + '"ñ"'.encode() + b"]" * MAX_DUMPS_DEPTH

    def test_loads(self, json_backend):
        raw = b'[{"a":' * 512 + b"2" + b"}]" * 512
        value, depth = _from_deep_down(lambda: json_backend.loads(raw)), 0
        while value != 2:
            value, depth = value[0]["a"], depth + 2
        assert depth == 1024

    @pytest.mark.parametrize("data", NOT_DECODED, ids=_name)
    def test_refuses_the_same(self, data):
        """The standard library's way for deep documents reads the same grammar."""

        def parse():
            text = as_bytes(data).decode()
            _parse_deep(text)
            if has_lone_surrogate(text):
                raise ValueError(text)

        with pytest.raises(ValueError):
            parse()

    @pytest.mark.parametrize(("data", "expected"), DECODED, ids=_name)
    def test_decodes_the_same(self, data, expected):
        assert repr(_parse_deep(as_bytes(data).decode())) == repr(expected)
