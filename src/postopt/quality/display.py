"""A report as a table for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from postopt.judgement import Axis, Finding, QualityReport

_WIDTH = 100  # arbitrary, as no terminal is asked
_NARROW = 50  # columns below which nothing could be read; arbitrary
_MOST = 8  # findings of an axis; arbitrary: more nobody reads at once


def table(report: QualityReport, text: str | None = None, *, width: int = _WIDTH) -> str:
    """Return a report as lines: axis, value, and what was found, with the place.

    Args:
        report: what to show.
        text: the text that it is about, to quote the places that messages do not; a report alone does not hold it.
        width: most characters of a line; 50 where it is less.
    """
    width = max(width, _NARROW)
    head = "fit to publish" if report.fit else f"NOT fit to publish: {len(report.hard_failures)} hard"
    if report.acceptance is None:
        chance = report.calibration
    else:
        chance = f"accepted unchanged with probability {report.acceptance:.2f} ({report.calibration})"
    lines = [*textwrap.wrap(f"{head}; {chance}", width), ""]
    names = max((len(name) for name in report.axes), default=0)
    for axis in report.axes.values():
        lines += _row(axis, names, width)
        lines += _findings(axis, text, " " * (names + 2), width)
    return "\n".join(lines)


def _row(axis: Axis, names: int, width: int) -> list[str]:
    value = "   -" if axis.value is None else f"{axis.value:4.2f}"
    start = f"{axis.name:{names}}  {value}  "
    return textwrap.wrap(axis.says or "-", width, initial_indent=start, subsequent_indent=" " * len(start))


def _findings(axis: Axis, text: str | None, indent: str, width: int) -> Iterator[str]:
    for finding in axis.findings[:_MOST]:
        line = f"{'!' if finding.hard else '-'} {finding.rule}{_place(finding, text)}: {finding.message}"
        yield from textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent + "  ")
    if len(axis.findings) > _MOST:
        yield f"{indent}  and {len(axis.findings) - _MOST} more"


def _place(finding: Finding, text: str | None) -> str:
    if finding.span is None:
        return ""
    start, end = finding.span
    if text is None:
        return f" at {start}-{end}"
    part = " ".join(text[start:end].split())
    # What a terminal would obey, and not show.
    part = "".join(mark if mark.isprintable() else "?" for mark in part)
    if not part or f'"{part}"' in finding.message:
        return f" at {start}"
    return f' at {start}, "{part if len(part) <= 40 else part[:37] + "..."}"'
