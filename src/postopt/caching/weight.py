"""How many bytes of memory a value takes."""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import chain
from types import MemberDescriptorType
from typing import Any

MOST_PARTS = 10_000
"""As many objects of one value are counted; of one with more, the rest is not."""

_CONTAINERS = (list, tuple, set, frozenset)


def weigh(value: Any) -> int:
    """Return the bytes of `value` and of what it holds, as far as lists, tuples, sets, dicts and attributes tell.

    An object that stands in it twice is counted once. What a value shares with others (interned texts, small
    numbers, classes) is counted as its own.
    """
    if type(value) is str:
        return sys.getsizeof(value)
    total = 0
    seen: set[int] = set()
    pending = [value]
    while pending and len(seen) < MOST_PARTS:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        total += sys.getsizeof(part, 0)
        if isinstance(part, str | bytes | bytearray | int | float | type):
            continue
        if isinstance(part, dict):
            pending.extend(chain.from_iterable(part.items()))
        elif isinstance(part, _CONTAINERS):
            pending.extend(part)
        else:
            pending.extend(_attributes(part))
    return total


def _attributes(part: Any) -> list[Any]:
    # By what the class says, not by asking the object: that may run code of its own.
    held: list[Any] = [vars(part)] if type(part).__dictoffset__ else []
    for kind in type(part).__mro__:
        if "__slots__" in vars(kind):
            for member in vars(kind).values():
                if isinstance(member, MemberDescriptorType):
                    with suppress(AttributeError):  # not set
                        held.append(member.__get__(part))
    return held
