"""msgspec, adapted to the JSON contract.

It encodes more than the contract allows (bytes, sets, Decimal, any integer, keys that are numbers) and differently
(UTC as Z), so only what `is_plain` reaches its encoder. It decodes all but long integers as the contract says.
"""

from __future__ import annotations

from typing import Any

from postopt._optional import needs
from postopt.backends.base import Bytes, JSONFunctions
from postopt.backends.parsing import as_bytes, is_too_deep, parse
from postopt.backends.strict import is_plain, write

with needs("msgspec"):
    import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

# Digits all alike, points kept, anything else a space: an integer beyond 64 bits shows as 19 digits after a space.
_SHAPES = bytes(ord("0") if byte in b"0123456789" else byte if byte == ord(".") else ord(" ") for byte in range(256))
_LONG = b"0" * 19


def _dumps(value: Any) -> bytes:
    if is_plain(value):
        try:
            return _encode(value)
        except (UnicodeEncodeError, RecursionError):
            pass  # a lone surrogate, or the stack is nearly full
    return write(value)


def _may_leave_range(raw: bytes) -> bool:
    shapes = raw.translate(_SHAPES)
    # The first search is quick and settles most documents, the second also tells integers from fractions.
    return _LONG in shapes and b" " + _LONG in b" " + shapes


def _loads(data: Bytes | str) -> Any:
    raw = as_bytes(data)
    if _may_leave_range(raw) or is_too_deep(raw):
        return parse(raw)
    try:
        return _decode(raw)
    except RecursionError:
        return parse(raw)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


JSON = JSONFunctions("msgspec", msgspec.__version__, _dumps, _loads)
