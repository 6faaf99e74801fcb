"""Past tests in a file, to be replayed."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from postopt._textfile import opened
from postopt.errors import ReplayError, shown

_TEXT = ("headline", "text")
_RISK = ("randomization_risk", "risk")
_PERIOD = ("test_week", "week")
_MOST = 10**12


@dataclass(frozen=True, slots=True)
class PastTest:
    """One randomised test that is over.

    Attributes:
        id: of the test.
        arms: (text, n, successes) of each arm.
        period: when it ran, as the file says it, or "".
        risk: whether the file says that its assignment may have been faulty.
    """

    id: str
    arms: tuple[tuple[str, int, int], ...]
    period: str = ""
    risk: bool = False


def read_tests(path: str | os.PathLike[str], *, alike: str | None = None) -> list[PastTest]:
    """Return the tests of a CSV file, plain or as .gz or .xz, in the order of their first rows.

    Columns, one row for each arm: test_id, impressions, clicks, and headline or text; optionally test_week or week,
    randomization_risk or risk (0 or 1). Others, `arm` among them, are not looked at. Tests with one arm are left out.

    Args:
        path: of the file.
        alike: a column in which arms have to be alike to be compared, such as the picture's; a test whose arms differ
            there comes as several with one id.

    Raises:
        ReplayError: the file cannot be read or decoded, a column is missing, or a row is malformed; it names the line
            and the column.
    """
    rows: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    notes: dict[str, tuple[str, bool]] = {}
    for line, row in _rows(Path(path), () if alike is None else (alike,)):
        test = row["test_id"]
        if not test:
            raise ReplayError(f"line {line}, column test_id: empty; the test's id is needed")
        n, clicks = _count(row, "impressions", line), _count(row, "clicks", line)
        if clicks > n:
            raise ReplayError(f"line {line}, column clicks: {clicks} clicks of {n} impressions cannot be")
        rows.setdefault((test, row[alike] if alike else ""), []).append((_first(row, _TEXT), n, clicks))
        period, risk = _first(row, _PERIOD), _first(row, _RISK)
        if risk not in ("", "0", "1"):
            raise ReplayError(f"line {line}, column risk: {shown(risk)}; 0 or 1 is needed")
        before = notes.get(test, (period, False))
        notes[test] = (before[0], before[1] or risk == "1")
    return [PastTest(test, tuple(arms), *notes[test]) for (test, _), arms in rows.items() if len(arms) > 1]


def _rows(path: Path, further: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Give each row by column, and the number of the line it ends on."""
    with opened(path, ReplayError) as file:
        reader = csv.DictReader(file, strict=True)
        names = reader.fieldnames or ()
        for name in ("test_id", "impressions", "clicks", *further):
            if name not in names:
                raise ReplayError(f"{path.name}: no column {name}; there are {', '.join(names) or 'none'}")
        if not any(name in names for name in _TEXT):
            raise ReplayError(f"{path.name}: no column {' or '.join(_TEXT)}; there are {', '.join(names)}")
        for row in reader:
            if None in row or None in row.values():
                raise ReplayError(f"line {reader.line_num}: not as many fields as the header has columns")
            yield reader.line_num, row


def _count(row: Mapping[str, str], name: str, line: int) -> int:
    text = row[name].strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 13 and int(text) <= _MOST):
        raise ReplayError(f"line {line}, column {name}: {shown(row[name])}; a whole number from 0 to {_MOST} is needed")
    return int(text)


def _first(row: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if name in row), "").strip()
