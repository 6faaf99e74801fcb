"""Settings and amounts that no part takes: refused with ValueError, in the same words everywhere."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from postopt.errors import shown


def check_count(name: str, value: object, *, least: int = 1) -> int:
    """Return an int of at least `least`."""
    if type(value) is not int or value < least:
        raise ValueError(f"{name} is {shown(value)}; an int, {least} or more, is needed")
    return value


def check_amount(name: str, value: object, what: str) -> float:
    """Return a finite number, zero or more, as a float; `what` says of what, for the message."""
    number = _as_float(value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} is {shown(value)}; {what}, zero or more, are needed")
    return number


def check_positive(name: str, value: object, what: str) -> float:
    """Return a finite number, more than zero, as a float; `what` says of what, for the message."""
    number = _as_float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} is {shown(value)}; {what}, more than zero, are needed")
    return number


def check_share(name: str, value: object, *, above: float | None = None, below: float | None = None) -> float:
    """Return a share from 0 to 1, as a float; where an end is given, it is not allowed itself."""
    share = _as_float(value)
    if not 0 <= share <= 1 or share in (above, below):
        low = "from 0" if above is None else "more than 0"
        high = "to 1" if below is None else "to less than 1"
        raise ValueError(f"{name} is {shown(value)}; a share {low} {high} is needed")
    return share


def check_name(name: str, value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {shown(value)}; a name is needed")
    return value


def check_items(name: str, value: object, what: str) -> list[Any]:  # Any: whoever asked looks at each
    """Return the items of a collection; a text is none, nor is a mapping. `what` says of what, for the message."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"{name} is {shown(value)}; {what} in a list are needed")  # noqa: TRY004 - as all others
    return list(value)


def check_path(name: str, value: str | os.PathLike[str]) -> Path:
    """Return the path of a file or a folder, there or not."""
    try:
        path = Path(value)
        if b"\0" not in os.fsencode(path):
            return path
    except (TypeError, ValueError):  # no path, or one with characters that no system writes
        pass
    raise ValueError(f"{name} is {shown(value)}; a path is needed")


def check_callable(name: str, value: object, what: str) -> None:
    """Refuse what cannot be called; `what` says what the function does, for the message."""
    if not callable(value):
        raise ValueError(f"{name} is {shown(value)}; a function is needed that {what}")  # noqa: TRY004 - as all others


def _as_float(value: object) -> float:
    """Return a number as a float, and what is none, or too large for one, as NaN."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
