"""The canonical form: the published vectors of RFC 8785, and the laws that keys made of it rely on."""

from __future__ import annotations

import json
import math
import random
import struct
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.backends.json import JSON, canonical

# RFC 8785, appendix B: IEEE 754 bits and what they are written as.
NUMBERS = """
0000000000000000 0
8000000000000000 0
0000000000000001 5e-324
8000000000000001 -5e-324
7fefffffffffffff 1.7976931348623157e+308
ffefffffffffffff -1.7976931348623157e+308
4340000000000000 9007199254740992
c340000000000000 -9007199254740992
4430000000000000 295147905179352830000
44b52d02c7e14af5 9.999999999999997e+22
44b52d02c7e14af6 1e+23
44b52d02c7e14af7 1.0000000000000001e+23
444b1ae4d6e2ef4e 999999999999999700000
444b1ae4d6e2ef4f 999999999999999900000
444b1ae4d6e2ef50 1e+21
3eb0c6f7a0b5ed8c 9.999999999999997e-7
3eb0c6f7a0b5ed8d 0.000001
41b3de4355555553 333333333.3333332
41b3de4355555554 333333333.33333325
41b3de4355555555 333333333.3333333
41b3de4355555556 333333333.3333334
41b3de4355555557 333333333.33333343
becbf647612f3696 -0.0000033333333333333333
43143ff3c1cb0959 1424953923781206.2
"""


@pytest.mark.parametrize("row", NUMBERS.split("\n")[1:-1])
def test_numbers(row):
    bits, expected = row.split()
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == expected.encode()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1.0, b"1"),
        (-0.5, b"-0.5"),
        (1e16, b"10000000000000000"),
        (1.5e-5, b"0.000015"),
        (123e18, b"123000000000000000000"),
    ],
)
def test_more_numbers(number, expected):
    assert canonical(number) == expected


def test_structure():
    """RFC 8785, section 3.2.2: white space goes, escapes are the shortest, members are sorted."""
    data = json.loads(
        r"""{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
             "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"""
    )
    assert canonical(data).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )


def test_keys_are_sorted_by_utf16_code_units():
    """RFC 8785, section 3.2.3; by code points the face would come after U+FB33."""
    keys = ["€", "\r", "\ufb33", "1", "😀", "\x80", "ö"]
    assert list(json.loads(canonical(dict.fromkeys(keys)))) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


def test_integers_are_exact():
    assert (
        canonical([2**53 + 1, 2**64 - 1, -(2**63)]) == b"[9007199254740993,18446744073709551615,-9223372036854775808]"
    )


def test_converts_what_dumps_converts():
    moment, name = datetime(2024, 1, 1, tzinfo=UTC), uuid.UUID(int=1)
    assert canonical({"b": moment, "a": (name,)}) == (
        b'{"a":["00000000-0000-0000-0000-000000000001"],"b":"2024-01-01T00:00:00+00:00"}'
    )


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**64, b"a", {1: 2}, {1: 2, "a": 3}, {"é": 1, 2: 3}, "\ud800", {"\ud800": 1}, {1}]
)
def test_refuses(value):
    with pytest.raises(TypeError):
        canonical(value)
    with pytest.raises(TypeError):
        canonical({"k": [value]})


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(FLOATS)
def test_numbers_are_read_back(number):
    assert float(canonical(number)) == number


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=3), children, max_size=5),
)


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(value, order: random.Random):
    def shuffled(value):
        if isinstance(value, dict):
            members = [(name, shuffled(member)) for name, member in value.items()]
            order.shuffle(members)
            return dict(members)
        return [shuffled(member) for member in value] if isinstance(value, list) else value

    assert canonical(shuffled(value)) == canonical(value)


@given(VALUES)
def test_is_its_own_canonical_form(value):
    assert canonical(JSON.loads(canonical(value))) == canonical(value)
