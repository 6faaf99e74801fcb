"""Sizes and durations in words."""

from __future__ import annotations

from postopt.engine.records import Cell


def payload(role: str, size: int) -> str:
    """Return a size class in words: "4 KB", "256 B", or "32 rows" for scoring; "" for none."""
    if not size:
        return ""
    if role == "scoring":
        return f"{size} rows" if size > 1 else "1 row"
    return f"{size // 1024} KB" if size >= 1024 else f"{size} B"


def task(cell: Cell) -> str:
    """Return what one call in `cell` does: "dumps of 4 KB", "compressing 4 KB"."""
    size = payload(cell.role, cell.size)
    return f"compressing {size}" if cell.role == "compression" else f"{cell.goal} of {size}"


def percent(share: float) -> str:
    """Return a share in per cent: "0.4 %", "12 %"."""
    return f"{share * 100:.{1 if share < 0.0995 else 0}f} %"


def duration(seconds: float) -> str:
    """Return a duration with three digits and its unit: "1.23 us"."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * factor:  # what three digits would write as 1000 of the next smaller unit
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
