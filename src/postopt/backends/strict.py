"""Encoding under the JSON contract, where a library would accept more or write something else.

Two ways, chosen by what a value holds:

* `is_plain` looks at every member once. Of values that pass, every library makes the same JSON, so its own
  encoder may run (NaN, lone surrogates and a nearly full stack are left to that encoder's exceptions).
* `write` encodes everything else here: it converts what the contract converts, refuses what it refuses, and keeps
  its own stack, so that neither the depth of the value nor that of the caller matters.

`canonical` is `write` with sorted keys and the number format of RFC 8785.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

MAX_DUMPS_DEPTH = 254
"""Levels of dict and list that `dumps` accepts: orjson counts them in one byte."""
MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**64 - 1

_SCALARS = frozenset({str, float, bool, type(None)})
_EXACT = _SCALARS | {int, dict, list, tuple}

# Separators without spaces, as orjson and msgspec write. Cycles are found by their depth.
compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_sorted_compact = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), sort_keys=True
).encode


def is_plain(  # noqa: C901, PLR0912  # one loop: a call for each member would double its cost
    root: object, *, tuples: bool = True
) -> bool:
    """Say whether `root` holds nothing but exact JSON types, text keys, 64-bit integers and at most 254 levels.

    Tuples pass as arrays unless `tuples` is false, which is for whoever needs the same types back.
    """
    pending: list[tuple[Iterable[Any], int]] = [((root,), 0)]
    pop, push = pending.pop, pending.append
    # Last in, first out: a cycle then runs into the limit at once instead of filling the memory.
    while pending:
        members, depth = pop()
        for value in members:
            kind = type(value)
            if kind in _SCALARS:
                continue
            if kind is int:
                if not MIN_INTEGER <= value <= MAX_INTEGER:
                    return False
            elif kind is dict:
                if depth == MAX_DUMPS_DEPTH:
                    return False
                for key in value:
                    if type(key) is not str:
                        return False
                push((value.values(), depth + 1))
            elif kind is list:
                if depth == MAX_DUMPS_DEPTH:
                    return False
                push((value, depth + 1))
            elif kind is tuple and tuples:
                push((value, depth))
            else:
                return False
    return True


def write(root: object) -> bytes:
    """Encode `root` under the contract; raises TypeError."""
    return _write(root, _number, dict.items)


def canonical(root: object) -> bytes:
    """Encode `root` so that equal values give equal bytes, whatever is installed (RFC 8785, JCS).

    Keys are sorted by their UTF-16 code units, floats are written as ECMAScript does (1.0 is `1`, -0.0 is `0`).
    Two departures from the RFC, so that different values keep different keys: integers are written exactly up to 64
    bits where the RFC rounds them to doubles, and what `dumps` converts (datetimes, UUIDs, ...) is converted.

    Raises:
        TypeError: what `dumps` refuses, and NaN and infinities: as null they would equal None.
    """
    if _has_plain_order(root):
        try:
            return _sorted_compact(root).encode()
        except (ValueError, RecursionError):
            pass  # a lone surrogate; or the stack is nearly full
    return _write(root, _ecmascript, _sorted_items)


def _has_plain_order(root: object) -> bool:
    """Say whether Python's own encoder writes `root` in the canonical form.

    That is so for exact JSON types without floats, 64-bit integers and ASCII keys, less than 16 levels deep: what needs
    no conversion, and sorts by code points as by UTF-16.
    """
    level: list[Any] = [root]
    for _ in range(16):
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str or value is None or kind is bool:
                continue
            if kind is int:
                if not MIN_INTEGER <= value <= MAX_INTEGER:
                    return False
            elif kind is dict:
                if not all(type(key) is str and key.isascii() for key in value):
                    return False
                below.extend(value.values())
            elif kind is list or kind is tuple:
                below.extend(value)
            else:
                return False
        if not below:
            return True
        level = below
    return False


_Items = Callable[[dict[str, Any]], Iterable[tuple[str, Any]]]


def _write(root: object, number: Callable[[float], str], items_of: _Items) -> bytes:
    parts: list[str] = []
    # Each open container: its remaining members with the text that leads them in, what closes it, its depth.
    frames: list[tuple[Iterator[tuple[str, Any]], str, int]] = [(iter([("", root)]), "", 0)]
    while frames:
        members, closing, depth = frames[-1]
        for lead, member in members:
            value = member if type(member) in _EXACT else _reduce(member)
            kind = type(value)
            if kind is dict or kind is list or kind is tuple:
                # Tuples are not counted, as in orjson 3.13: only the contract's dicts and lists must be.
                inside = depth if kind is tuple else depth + 1
                if inside > MAX_DUMPS_DEPTH:
                    raise TypeError(f"nested more than {MAX_DUMPS_DEPTH} levels deep, or a cycle")
                parts.append(lead)
                if not value:
                    parts.append("{}" if kind is dict else "[]")
                    continue
                if kind is dict:
                    frames.append((_led_by_keys(items_of(value)), "}", inside))
                else:
                    frames.append((_led_by_commas(value), "]", inside))
                break
            parts.append(lead)
            parts.append(_scalar(value, kind, number))
        else:
            parts.append(closing)
            frames.pop()
    try:
        return "".join(parts).encode()
    except UnicodeEncodeError as error:
        raise TypeError(f"text is not valid Unicode: {error.reason}") from error


def _led_by_commas(values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    lead = "["
    for value in values:
        yield lead, value
        lead = ","


def _led_by_keys(items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    lead = "{"
    for key, value in items:
        if type(key) is not str:
            raise TypeError(f"keys are str, not {type(key).__name__}")
        yield f"{lead}{compact(key)}:", value
        lead = ","


def _sorted_items(value: dict[str, Any]) -> list[tuple[str, Any]]:
    if "".join(value).isascii():  # joining raises TypeError for keys that are no str
        return sorted(value.items(), key=itemgetter(0))
    # surrogatepass: a lone surrogate is refused with a better message when all is encoded.
    return sorted(value.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))


def _scalar(value: Any, kind: type, number: Callable[[float], str]) -> str:
    if kind is str:
        return compact(value)
    if kind is float:
        return number(value)
    if kind is int:
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            raise TypeError("an integer exceeds 64 bits")
        return int.__repr__(value)
    return "null" if value is None else "true" if value else "false"


def _number(value: float) -> str:
    return float.__repr__(value) if math.isfinite(value) else "null"


def _ecmascript(value: float) -> str:
    """Format as ECMA-262 Number::toString does: the shortest digits that give `value` back."""
    if not math.isfinite(value):
        raise TypeError("NaN and infinities have no canonical form")
    if value == 0:
        return "0"
    text = float.__repr__(value)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text.removesuffix(".0")
    # Python leaves positional notation below 1e-4 and from 1e16, ECMAScript below 1e-6 and from 1e21.
    sign = "-" if value < 0 else ""
    digits = mantissa.lstrip("-").replace(".", "")
    point = 1 + int(exponent)  # digits before the decimal point
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if 0 < point <= 21:
        return sign + digits.ljust(point, "0")
    return f"{mantissa}e{point - 1:+d}"


def _reduce(value: Any) -> Any:
    """Turn a value that is of no exact JSON type into one that is, in the order in which orjson looks at types."""
    kind = type(value)
    # The unbound methods below read what the subclass stores, not what it may pretend.
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return int.__int__(value)
    if issubclass(kind, list):
        return list.copy(value)
    if issubclass(kind, dict):
        return dict.copy(value)
    if type(kind) is enum.EnumMeta:
        inner = value.value
        return inner if type(inner) in _EXACT else _reduce(inner)
    if "__dataclass_fields__" in vars(kind):
        return _dataclass_members(value)
    text = _timestamp(value)
    if text is not None:
        return text
    raise TypeError(f"{kind.__name__} is not JSON serializable")


def _dataclass_members(value: Any) -> dict[str, Any]:
    if "__slots__" in vars(type(value)) or not hasattr(value, "__dict__"):
        names = (field.name for field in dataclasses.fields(value))
        return {name: getattr(value, name) for name in names if not name.startswith("_")}
    return {
        name: member
        for name, member in vars(value).items()
        if type(name) is not str or not name.startswith("_")  # other keys are refused where they are written
    }


def _timestamp(value: Any) -> str | None:
    """Return the text of a datetime, date, time or UUID, and None for any other type."""
    kind = type(value)
    if kind is _imported("datetime", "datetime"):
        return value.isoformat() if value.tzinfo is None else _aware(value)
    if kind is _imported("datetime", "date"):
        return str(value)
    if kind is _imported("datetime", "time"):
        if value.tzinfo is not None:
            raise TypeError("a time with a time zone but no date has no offset")
        return value.isoformat()  # type: ignore[no-any-return]
    if kind is _imported("uuid", "UUID"):
        return str(value)
    return None


def _imported(module: str, name: str) -> object:
    # An instance exists only where its module is imported already: importing uuid alone takes milliseconds.
    return getattr(sys.modules.get(module), name, module)


def _aware(value: Any) -> str:
    offset = value.utcoffset()
    if offset is None:
        raise TypeError("a datetime whose time zone has no offset")
    moment = value.replace(tzinfo=None).isoformat()
    # As RFC 3339 advises and orjson does, an offset with seconds is rounded to minutes (and 59 min 30 s to ":60").
    behind = offset.days < 0 and offset.seconds
    seconds = 86400 - offset.seconds if behind else offset.seconds
    hours, rest = divmod(seconds, 3600)
    return f"{moment}{'-' if behind else '+'}{hours:02d}:{(rest + 30) // 60:02d}"
