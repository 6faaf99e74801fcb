"""A report as a fragment of HTML for notebooks: inline style, every text escaped, no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Row = tuple[str, str, str, str, str, Sequence[str]]

_TEXTS = "text-align:left;vertical-align:top;padding:2px 1em 2px 0"
_CELL = f"{_TEXTS};white-space:nowrap"


def page(
    headline: Sequence[str],
    header: Sequence[str],
    rows: Sequence[Row],
    legend: Sequence[str],
    lists: Iterable[tuple[str, Sequence[str]]],
) -> str:
    """Return the headline, the table with its legend, and titled lists; the last entry of a row is a list of texts."""
    score, *rest = headline
    parts = [f"<p><b>{escape(score)}</b></p>", *map(_paragraph, rest)]
    if rows:
        parts += [_table(header, rows), *map(_paragraph, legend)]
    for title, texts in lists:
        parts.append(f"<p><b>{escape(title)}</b></p><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>")
    return f"<div>{''.join(parts)}</div>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(header: Sequence[str], rows: Sequence[Row]) -> str:
    lines = ["".join(f'<th style="{_CELL}">{escape(text)}</th>' for text in header)]
    for *texts, numbers in rows:
        cells = "".join(f'<td style="{_CELL}">{escape(text)}</td>' for text in texts)
        # Lines may break between candidates, not inside one.
        shown = " ".join(
            f'<span style="white-space:nowrap;padding-right:1em">{escape(text)}</span>' for text in numbers
        )
        lines.append(f'{cells}<td style="{_TEXTS}">{shown}</td>')
    return f'<table style="border-collapse:collapse">{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'
