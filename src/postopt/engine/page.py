"""Texts and tables as a fragment of HTML for notebooks: inline style, every text escaped, no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CELL = ' style="text-align:left;padding:0 1em 0 0;vertical-align:top"'

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def page(headline: str, tables: Iterable[Table], items: Iterable[str]) -> str:
    """Return a headline, tables of (header, rows), and a list."""
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    parts = (f"<p><b>{escape(headline)}</b></p>", *map(_table, tables), f"<ul>{listed}</ul>" if listed else "")
    return f"<div>{''.join(parts)}</div>"


def _table(table: Table) -> str:
    header, rows = table
    head = _row("th", header)
    return f'<table style="border-collapse:collapse">{head}{"".join(_row("td", row) for row in rows)}</table>'


def _row(tag: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}{_CELL}>{escape(text)}</{tag}>' for text in texts)}</tr>"
