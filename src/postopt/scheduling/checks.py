"""Numbers that are refused with ValueError, in the same words everywhere."""

from __future__ import annotations

import sys

from postopt.errors import shown


def check_number(
    name: str, value: object, *, least: float, most: float = sys.float_info.max, whole: bool = False
) -> None:
    """Refuse what is no number from `least` to `most` (any finite one), or not a whole one, or a bool.

    Raises:
        ValueError: it names the argument, what it is, and what is needed.
    """
    kinds = int if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value <= most:
        needed = "a whole number" if whole else "a number"
        raise ValueError(f"{name} is {shown(value)}; {needed} from {least:g} to {most:g} is needed")
