"""Arguments that have no answer: refused with ValueError, in the same words everywhere."""

from __future__ import annotations

import math


def check_finite(name: str, value: float) -> None:
    """Refuse NaN and infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; a finite number is needed")


def check_level(level: float) -> None:
    """Refuse what is no probability strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; a probability between 0 and 1 is needed, such as 0.95")


def check_not_empty(n: float, at_least: int = 1) -> None:
    """Refuse to answer from fewer than `at_least` observations."""
    if n < at_least:
        raise ValueError(f"{n} observations; at least {at_least} needed")
