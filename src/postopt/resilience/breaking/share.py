"""A share, as a setting."""

from __future__ import annotations

from postopt.errors import shown


def check_share(name: str, value: object, *, zero: bool = False) -> None:
    """Refuse what is no share: a number above zero, or `zero` too, and at most 1."""
    if isinstance(value, int | float) and not isinstance(value, bool) and (0 < value <= 1 or (zero and value == 0)):
        return
    raise ValueError(f"{name} is {shown(value)}; a share {'from 0 to 1' if zero else 'above 0 and up to 1'} is needed")
