"""Bounds, how sure they are, and from how much."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """Bounds that hold with probability `level`, from `n` observations."""

    low: float
    high: float
    level: float
    n: float
