"""Briefs from a file, one line at a time: whatever a line holds, it ends as a brief or as a reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, BinaryIO

from postopt.backends.json import JSON
from postopt.cli.ids import SeenIds
from postopt.cli.usage import UsageError
from postopt.errors import BriefError
from postopt.types import Brief

MAX_LINE = 1_000_000
"""Bytes of a line, or of a CSV record over several lines; no brief with fields of allowed length needs more."""
MAX_SHOWN = 2_000
"""Characters of a line that are kept to show where it was rejected."""

COLUMNS = ("id", *(field.name for field in fields(Brief)))
_LISTS = ("keywords", "forbidden")
_BOM = b"\xef\xbb\xbf"
_DEFAULT_ID = re.compile(r"line-\d+")


@dataclass(frozen=True, slots=True)
class BriefLine:
    """A brief, the line it began on (from 1), its id, and the line's text for the case that it is rejected."""

    line: int
    id: str
    brief: Brief
    input: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that holds no usable brief, and why."""

    line: int
    reason: str
    input: str


def read_briefs(file: BinaryIO, *, is_csv: bool) -> Iterator[BriefLine | BadLine]:
    """Return what each line of a JSON Lines or CSV file holds; blank lines are passed over.

    Holds one line at a time, at most `MAX_LINE` bytes of it; the ids are on disk.

    JSON Lines: an object a line, with the fields of `Brief` and an optional "id". CSV: a header with those names;
    keywords and forbidden are separated by "|" or ";"; facts come as a JSON object in the column "facts" or one a
    column named "fact:price"; an empty cell is a field not given. UTF-8 with or without a byte order mark.

    Raises:
        UsageError: the header of a CSV file cannot be used.
    """
    return _brief_lines(_csv_records(file) if is_csv else _json_lines(file))


_Parsed = tuple[int, Mapping[str, Any], str]


def _brief_lines(lines: Iterator[_Parsed | BadLine]) -> Iterator[BriefLine | BadLine]:
    with SeenIds() as seen:
        for line in lines:
            if isinstance(line, BadLine):
                yield line
                continue
            number, data, shown = line
            try:
                found = _brief_line(number, data, shown)
                if not _DEFAULT_ID.fullmatch(found.id) and not seen.add(found.id):
                    raise BriefError("id", found.id, "an id that no earlier line has")
            except ValueError as error:
                yield BadLine(number, str(error), shown)
            else:
                yield found


def _brief_line(number: int, data: Mapping[str, Any], shown: str) -> BriefLine:
    own = f"line-{number}"
    name = data.get("id")
    if name is None:
        name = own
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise BriefError("id", name, "a text of at most 200 characters, or a whole number")
    if _DEFAULT_ID.fullmatch(name) and name != own:
        raise BriefError("id", name, 'any but "line-N", which names a line that has no id')
    brief = Brief.from_mapping({field: value for field, value in data.items() if field != "id"})
    return BriefLine(number, name, brief, shown)


def _json_lines(file: BinaryIO) -> Iterator[_Parsed | BadLine]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        shown = _shown(line)
        if len(line) > MAX_LINE:
            _skip_line(file, line)
            yield BadLine(number, f"the line is too long: at most {MAX_LINE} bytes are allowed", shown)
        elif line.strip():
            try:
                yield number, _object(line.decode()), shown
            except UnicodeDecodeError as error:
                yield BadLine(number, _not_utf8(error), shown)
            except ValueError as error:
                yield BadLine(number, str(error), shown)


def _object(text: str) -> dict[str, Any]:
    try:
        data = JSON.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("not a JSON object: allowed is {...}")  # noqa: TRY004  # it is input, not an argument
    return data


def _csv_records(file: BinaryIO) -> Iterator[_Parsed | BadLine]:
    lines = _Lines(file)
    return _rows(lines, *_header(lines))


def _rows(lines: _Lines, header: list[str], delimiter: str) -> Iterator[_Parsed | BadLine]:
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        try:
            record = next(records)
            number, shown = lines.first, lines.shown()
            if any(cell.strip() for cell in record):
                yield number, _row(header, record), shown
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            yield BadLine(lines.first, _not_utf8(error), lines.shown())
        except (ValueError, csv.Error) as error:
            yield BadLine(lines.first, f"not a usable CSV record: {error}", lines.shown())


class _Lines(Iterator[str]):
    """The physical lines of a CSV file, decoded, with the bytes of the record at hand.

    Not a generator: it goes on after it has raised an error in the middle of a record.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0
        self._size = 0
        self._start = b""
        self.first = 1

    def begin(self) -> None:
        """Begin a record with the next line."""
        self.first, self._size, self._start = self._number + 1, 0, b""

    def shown(self) -> str:
        """Return the record's text so far, shortened."""
        return _shown(self._start)

    def __next__(self) -> str:
        line = self._file.readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        self._number += 1
        if self._number == 1:
            line = line.removeprefix(_BOM)
        self._size += len(line)
        if len(self._start) < MAX_SHOWN * 4:  # bytes of the longest characters
            self._start += line[: MAX_SHOWN * 4]
        if self._size > MAX_LINE:
            _skip_line(self._file, line)
            raise ValueError(f"it is too long: at most {MAX_LINE} bytes are allowed")
        return line.decode()


def _header(lines: _Lines) -> tuple[list[str], str]:
    try:
        line = next(lines, "")
    except UnicodeDecodeError as error:
        raise UsageError(f"the CSV file is {_not_utf8(error)}; spreadsheets can save it as UTF-8") from error
    except ValueError as error:  # far too long
        raise UsageError(f"the first line of the CSV file is no header: {error}") from error
    # Spreadsheets write semicolons where the comma is the decimal mark.
    delimiter = ";" if line.count(";") > line.count(",") else ","
    try:
        header = [name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise UsageError(f"the first line of the CSV file is no header: {error}") from error
    known = [name in COLUMNS or (name.startswith("fact:") and len(name) > len("fact:")) for name in header]
    allowed = f"allowed: {', '.join(COLUMNS)}, and fact:NAME for a fact"
    if not all(known):
        raise UsageError(f"the CSV file has a column {header[known.index(False)]!r}; {allowed}")
    if "topic" not in header:
        raise UsageError(f"the CSV file has no column topic; {allowed}")
    if len(set(header)) < len(header):
        raise UsageError("the CSV file has two columns of the same name")
    return header, delimiter


def _row(header: list[str], record: list[str]) -> dict[str, Any]:
    if len(record) != len(header):
        raise ValueError(f"it has {len(record)} cells where the header has {len(header)}")
    cells = {name: cell for name, cell in zip(header, record, strict=True) if cell.strip()}
    facts = {
        name.removeprefix("fact:"): cells.pop(name) for name in header if name.startswith("fact:") and name in cells
    }
    data = {name: _value(name, cell) for name, cell in cells.items()}
    if facts:
        data["facts"] = {**data.get("facts", {}), **facts}
    return data


def _value(name: str, cell: str) -> Any:
    """Return a cell as its field's type; what is none stays text, so that `Brief` says what is allowed."""
    if name in _LISTS:
        return [part.strip() for part in cell.split("|" if "|" in cell else ";") if part.strip()]
    if name == "facts":
        try:
            return _object(cell)
        except ValueError as error:
            raise ValueError(f"its facts are {error}") from error
    if name in {"max_length", "priority"} and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", cell):
        return int(cell)
    if name == "budget" and re.fullmatch(r"\s*[0-9]{1,9}(\.[0-9]{1,9})?\s*", cell):
        return float(cell)
    return cell


def _skip_line(file: BinaryIO, line: bytes) -> None:
    """Read on to the end of a line of which `line` is the beginning."""
    while line and not line.endswith(b"\n"):
        line = file.readline(MAX_LINE)


def _shown(line: bytes) -> str:
    # Bytes that are no text are shown as \xff: the result can always be written as JSON.
    return line[: MAX_SHOWN * 4].decode(errors="backslashreplace").rstrip("\r\n")[:MAX_SHOWN]


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start}"
