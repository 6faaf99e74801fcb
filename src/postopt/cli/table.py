"""Rows as a terminal shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from postopt.cli.layout import printable

_NARROW = 24
"""Columns that the last cell gets at the least, however wide the others are."""


def table(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return rows, the first of them the header, with their cells below one another.

    Args:
        rows: cells, as many in each row.
        width: columns of the terminal, within which the last cell is wrapped; None wraps nothing.
    """
    shown = [[printable(cell).replace("\n", " ").replace("\t", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    indent = sum(widths[:-1]) + 2 * (len(widths) - 1)
    lines = []
    for row in shown:
        first = "".join(f"{cell:<{columns}}  " for cell, columns in zip(row[:-1], widths[:-1], strict=True))
        last = [row[-1]] if width is None else textwrap.wrap(row[-1], max(width - indent, _NARROW))
        lines += [(first + "".join(last[:1])).rstrip(), *(" " * indent + line for line in last[1:])]
    return "\n".join(lines)
