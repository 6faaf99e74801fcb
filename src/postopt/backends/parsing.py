"""Decoding under the JSON contract, where a library would accept more or return something else.

Cheap looks at the text come first, so that ordinary documents stay with the library's own decoder: how many
brackets there are bounds how deep they can be nested, and a backslash before "ud" is needed to spell a surrogate.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from postopt.backends.strict import MAX_INTEGER, MIN_INTEGER

MAX_LOADS_DEPTH = 1024
"""Levels of array and object that `loads` accepts, as orjson does."""

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEPS)

# Every legal escape: a pair of surrogates, another code unit, or one character.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])|[^u])", re.DOTALL
)
_TOKEN = re.compile(
    r"""[ \t\n\r]* (?: ( [][{},:] )
      | ( "(?:[^"\\]|\\.)*" | -?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)? | true | false | null ) )""",
    re.VERBOSE | re.DOTALL,
)


def as_bytes(data: object) -> bytes:
    """Return the input of `loads` as bytes; raises ValueError for other types, strided views, lone surrogates."""
    if type(data) is bytes:
        return data
    if type(data) is str:
        return data.encode()
    if type(data) is bytearray or (type(data) is memoryview and data.c_contiguous):
        return bytes(data)
    raise ValueError("JSON is read from bytes, bytearray, contiguous memoryview or str")


def is_too_deep(raw: bytes) -> bool:
    """Say whether a valid document is nested too deep; of an invalid one the answer means nothing."""
    if len(raw) <= MAX_LOADS_DEPTH or raw.count(b"[") + raw.count(b"{") <= MAX_LOADS_DEPTH:
        return False
    # With escapes gone, every second piece between quotes lies outside of strings.
    outside = b"".join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    steps = map(_STEPS.__getitem__, outside.translate(None, _NOT_BRACKETS))
    return max(itertools.accumulate(steps), default=0) > MAX_LOADS_DEPTH


def has_lone_surrogate(text: str) -> bool:
    r"""Say whether a valid document spells half a surrogate pair (a \ud800 of its own)."""
    return "\\" in text and ("\\ud" in text or "\\uD" in text) and "\\" in _ESCAPE.sub("", text)


def integer(digits: str) -> int | float:
    """Return what a JSON integer stands for: an int within 64 bits, the nearest float beyond."""
    if len(digits) < 19:  # nothing shorter leaves the range
        return int(digits)
    if len(digits) <= 20 and MIN_INTEGER <= (value := int(digits)) <= MAX_INTEGER:
        return value
    return real(digits)


def real(digits: str) -> float:
    """Return a JSON number as a float; raises ValueError if it is too large for one."""
    value = float(digits)
    if value - value != 0:  # infinite
        raise ValueError("a number is too large for a double")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_int=integer, parse_float=real, parse_constant=_constant).decode


def parse(raw: bytes) -> Any:
    """Decode under the contract; raises ValueError."""
    if is_too_deep(raw):
        raise ValueError(f"nested more than {MAX_LOADS_DEPTH} levels deep")
    text = raw.decode()
    try:
        value = _decode(text)
    except RecursionError:
        # The decoder's recursion shares the caller's limit: 1,000 frames on Python 3.11.
        value = _parse_deep(text)
    if has_lone_surrogate(text):
        raise ValueError("a string holds a lone surrogate")
    return value


def _parse_deep(text: str) -> Any:
    """Decode with a list as the stack: slower, but as deep as the contract says wherever it is called from."""
    document: list[Any] = []
    open_containers: list[Any] = [document]
    keys: list[Any] = []  # of the members whose values are being read
    # What may come next: "value", "value or ]", "key", "key or }", ":" or "end" (of a member).
    expected = "value"
    for mark, literal in _tokens(text):
        container = open_containers[-1]
        if literal and expected.startswith("key") and literal[0] == '"':
            keys.append(_decode(literal))
            expected = ":"
        elif mark == ":" and expected == ":":
            expected = "value"
        elif mark == "," and expected == "end" and len(open_containers) > 1:
            expected = "key" if type(container) is dict else "value"
        elif (literal or mark in ("[", "{")) and expected.startswith("value"):
            value = _decode(literal) if literal else [] if mark == "[" else {}
            if type(container) is dict:
                container[keys.pop()] = value
            else:
                container.append(value)
            if not literal:
                open_containers.append(value)
            expected = "end" if literal else "value or ]" if mark == "[" else "key or }"
        elif mark and _closes(mark, container, expected) and len(open_containers) > 1:
            open_containers.pop()
            expected = "end"
        else:
            raise ValueError(f"unexpected {mark or literal!r}")
    if len(open_containers) > 1 or expected != "end":
        raise ValueError("the document ends too early")
    return document[0]


def _closes(mark: str, container: object, expected: str) -> bool:
    own = "}" if type(container) is dict else "]"
    return mark == own and (expected == "end" or expected.endswith(own))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        yield match[1] or "", match[2] or ""
    if text[position:].strip(" \t\n\r"):
        raise ValueError(f"unexpected text at character {position}")
