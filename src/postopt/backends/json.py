"""The one JSON contract, and the standard library's backend under it.

Whichever backend runs, the same call gives the same value or the same type of error. What orjson does is the
contract, because orjson is handed out raw; the other backends are adapted to it and pay for that. The text itself
may differ (`1e16` or `1e+16`): whatever is hashed, signed or compared as bytes is made by `canonical`.

Both ways: RFC 8259, UTF-8, no byte order mark, no NaN or Infinity, no lone surrogates.

`dumps(value) -> bytes` raises TypeError and nothing else::

    str                   as it is, unescaped where JSON allows; lone surrogates raise
    int                   -2**63 to 2**64 - 1; others raise
    float                 the shortest digits that give it back; NaN and infinities become
                          null
    bool, None            true, false, null
    list, tuple           array; subclasses of list too, of tuple (namedtuples) raise
    dict                  object; keys must be exactly str: other types and subclasses raise
    str, int, dict, list  subclasses of these are written as what they store
    Enum                  its value; of members that are also str, int, list or dict what
                          these store, and of those whose class has a metaclass of its own
                          only these
    dataclass             object of its attributes without those that begin with "_"; with
                          __slots__, of its fields; a subclass that is not decorated itself
                          raises
    datetime              ISO 8601; with offset if it is aware (UTC is +00:00), the offset
                          rounded to minutes
    date, time            ISO 8601; a time with a time zone raises
    UUID                  text in hexadecimal with hyphens
    anything else         raises: bytes, bytearray, memoryview, set, Decimal, complex,
                          timedelta, generators, numpy's scalars and arrays, subclasses of
                          float, tuple, datetime, date, time and UUID, ...
    depth                 254 levels of dict and list around a scalar; more, and cycles,
                          raise

`loads(data)` raises ValueError and nothing else::

    data                  str, bytes, bytearray or contiguous memoryview; other types and
                          subclasses raise
    text                  one document; escaped or raw lone surrogates, invalid UTF-8, a
                          byte order mark, control characters in strings, trailing commas
                          and text after the end raise
    integers              int from -2**63 to 2**64 - 1, beyond that the nearest float
    other numbers         the nearest float; a number too large for a double raises
    duplicate keys        the last one wins, at the place of the first
    depth                 1024 levels; more raise

Outside of the contract, because orjson does not do it reliably (checked with 3.10.0 and 3.13.0):

* a time of day with microseconds: it drops a zero from .010000 to .099999. Those of datetimes are right.
* whether tuples, dataclasses and an empty list or dict count as levels: its versions differ. It does not check
  tuples nested by the thousands, and may end the process.
* objects whose own code fails while they are read (a slot without a value, a property or a time zone that raises):
  it may end the process; the others let the exception through.

Candidates that cannot be adapted, and so are none: ujson (reads `01` and strings with raw line feeds, and nothing
shows it), rapidjson (slower than msgspec once adapted, and than the standard library where it reads), yyjson (4.0
returns mojibake for each text that is not ASCII), simdjson (reads only).
"""

from __future__ import annotations

import platform
from typing import Any

from postopt.backends.base import Bytes, JSONFunctions
from postopt.backends.parsing import as_bytes, parse
from postopt.backends.strict import canonical, compact, is_plain, write

__all__ = ["JSON", "canonical"]


def _dumps(value: Any) -> bytes:
    if is_plain(value):
        try:
            return compact(value).encode()
        except (ValueError, RecursionError):
            pass  # NaN or a lone surrogate; or the stack is nearly full
    return write(value)


def _loads(data: Bytes | str) -> Any:
    return parse(as_bytes(data))


JSON = JSONFunctions("stdlib", platform.python_version(), _dumps, _loads)
