"""Posts in a file: CSV with a header or JSON Lines, plain or compressed, whatever its columns are called."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime, tzinfo
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO, TypeAlias
from zoneinfo import ZoneInfo

from postopt._checks import check_path
from postopt._textfile import OPENERS, opened
from postopt.errors import PostDataError, shown

KEYS: Final = ("id", "text", "title", "page", "type", "language", "published")

# The csv module refuses fields above 128 KiB; a post of 10 MB is one.
_MOST_FIELD = 2**30

# What Python takes for a number, though a spreadsheet may mean another: 1_000, and 1.234 for 1,234.
_SEPARATED: Final = re.compile(r".*_.*|[1-9][0-9]{0,2}(\.[0-9]{3})+", re.DOTALL)


def read_post_file(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    outcome: str | None = None,
    zone: str | None = None,
    needed: Collection[str] = (),
    on_fault: Callable[[str, PostDataError], object] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the posts of a file as the mappings that `EngagementPredictor` and `analyze_many` read.

    Holds one row at a time. A row without an id is called "line-N", N being the number of the line it ends on. Counts
    are written in digits, as 12 or 1.5e3: a separator of thousands could mean two things, and is refused, and so is
    1.234. A column is taken, too, whose heading differs only in case. Which of comma, semicolon and tab separates the
    cells of a CSV file is read off its first line.

    Args:
        path: CSV if named .csv or .tsv, else JSON Lines; .gz or .xz behind it says that it is compressed.
        columns: what the file calls the keys of a post, where that differs: `{"text": "message"}`. What it does not
            have is left out.
        outcome: the column of the outcome, or several to be added up: "reactions+comments+shares". None reads
            `outcome` if there is such a column.
        zone: name of the zone of stamps that have none ("America/New_York"); None refuses such stamps.
        needed: keys of which each post must have a value besides its text, such as "published" and "outcome".
        on_fault: called for each malformed row, which is then left out, with a name for it ("line-7") and what is
            wrong with it; None raises that.

    Raises:
        PostDataError: an option cannot be used; or, once posts are taken, the file cannot be read, a column is missing
            or there twice, or a row is malformed: it names line and column.
        ValueError: `path` is no path.
    """
    path = check_path("path", path)
    names = {key: key for key in KEYS} | _columns(columns)
    summed = ("outcome",) if outcome is None else _summed(outcome)
    if strange := [key for key in needed if key not in (*KEYS, "outcome")]:
        raise PostDataError(f"needed names {shown(strange[0])}; a post has {', '.join(KEYS)} and outcome")
    if on_fault is not None and not callable(on_fault):
        raise PostDataError(f"on_fault is {shown(on_fault)}; a function or None is needed")
    wanted = dict.fromkeys(("text", *(columns or {}), *needed, *(() if outcome is None else ("outcome",))))
    return _posts(path, _Format(names, tuple(wanted), frozenset(needed), summed, _zone(zone)), on_fault)


class _Format(NamedTuple):
    """What is read of each row.

    Attributes:
        names: the file's name for each key of a post.
        wanted: keys whose columns each row must have.
        needed: those of them that must have a value, too.
        summed: columns whose counts are added up; those that are there, unless the outcome is wanted.
        zone: of stamps that have none.
    """

    names: Mapping[str, str]
    wanted: tuple[str, ...]
    needed: frozenset[str]
    summed: tuple[str, ...]
    zone: tzinfo | None

    def columns_of(self, key: str) -> tuple[str, ...]:
        """Return what a key of a post is read from."""
        return self.summed if key == "outcome" else (self.names[key],)

    def headings(self, row: Collection[str], place: str) -> dict[str, str]:
        """Return how the row writes the names of the columns that it has.

        Raises:
            PostDataError: one that is wanted is missing.
        """
        alike: dict[str, list[str]] = {}
        for heading in row:
            alike.setdefault(heading.strip().casefold(), []).append(heading)
        found = {name: name for name in (*self.names.values(), *self.summed) if name in row}
        for name in {*self.names.values(), *self.summed} - found.keys():
            if len(others := alike.get(name.casefold(), [])) == 1:
                found[name] = others[0]
        for key in self.wanted:
            if missing := [name for name in self.columns_of(key) if name not in found]:
                there = f"no column {shown(missing[0])}; there are {', '.join(row) or 'none'}"
                raise PostDataError(
                    f"{place}: {there}", hint=_MENDED_BY["outcome" if key == "outcome" else ""].format(key)
                )
        return found


_MENDED_BY: Final = {
    "": 'Say which one it is: --column {0}=NAME on the command line, columns={{"{0}": "NAME"}} in Python.',
    "outcome": 'Say which ones add up to it: --outcome NAME+NAME on the command line, outcome="NAME+NAME" in Python.',
}


def _columns(columns: object) -> dict[str, str]:
    if not isinstance(columns, Mapping | None):
        raise PostDataError(f"columns is {shown(columns)}; a mapping from keys of a post to names of columns is needed")
    names = dict(columns or {})
    if strange := [key for key in names if key not in KEYS]:
        raise PostDataError(f"columns names {shown(strange[0])}; a post has {', '.join(KEYS)}")
    for key, name in names.items():
        if not isinstance(name, str):
            raise PostDataError(f"columns names {shown(name)} for {key}; the name of a column is needed")
    return names


def _summed(outcome: object) -> tuple[str, ...]:
    if not isinstance(outcome, str):
        raise PostDataError(f"outcome is {shown(outcome)}; the name of a column, or several joined by +, is needed")
    return tuple(name.strip() for name in outcome.split("+"))


def _posts(
    path: Path, read: _Format, on_fault: Callable[[str, PostDataError], object] | None
) -> Iterator[dict[str, Any]]:
    columns: tuple[str, ...] | None = None
    headings: Mapping[str, str] = {}
    for line, row in _rows(path, {*read.names.values(), *read.summed}):
        place = f"{path.name}, line {line}"
        try:
            if isinstance(row, PostDataError):
                raise row
            if tuple(row) != columns:
                headings, columns = read.headings(row, place), tuple(row)
            post = _post({name: row[heading] for name, heading in headings.items()}, read, line, place)
        except PostDataError as fault:
            if on_fault is None or (columns is None and _is_csv(path)):  # a column that is missing is so in all rows
                raise
            on_fault(f"line-{line}", fault)
        else:
            yield post


def _post(row: Mapping[str, object], read: _Format, line: int, place: str) -> dict[str, Any]:
    post = {
        key: _value(key, row[name], f"{place}, column {name}", read.zone)
        for key, name in read.names.items()
        if name in row
    }
    if post.get("id") in ("", None):
        post["id"] = f"line-{line}"
    counts = [_count(row[name], f"{place}, column {name}") for name in read.summed if name in row]
    if counts:
        post["outcome"] = sum(counts)
    for key in read.needed:
        if post[key] in ("", None):
            name = " + ".join(read.columns_of(key))
            raise PostDataError(f"{place}, column {name}: there is nothing; {_NEEDED.get(key, 'a text')} is needed")
    return post


_NEEDED: Final = {"published": "a time", "outcome": "a count"}


def _value(key: str, value: object, where: str, zone: tzinfo | None) -> object:
    if key == "published":
        return _stamp(value, zone, where)
    if isinstance(value, str) or (value is None and key != "text") or (key == "id" and type(value) is int):
        return value
    needed = {"text": "a text", "id": "a text or a whole number"}.get(key, "a text or null")
    raise PostDataError(f"{where}: {shown(value)}; {needed} is needed")


_Row: TypeAlias = tuple[int, dict[str, Any] | PostDataError]


def _rows(path: Path, read: AbstractSet[str]) -> Iterator[_Row]:
    """Give each row by column, or what is wrong with it, and the number of the line it ends on."""
    with opened(path, PostDataError) as file:
        yield from _csv_rows(file, path.name, read) if _is_csv(path) else _json_rows(file, path.name)


def _is_csv(path: Path) -> bool:
    plain = path.with_suffix("") if path.suffix.lower() in OPENERS else path
    return plain.suffix.lower() in (".csv", ".tsv")


def _csv_rows(file: TextIO, name: str, read: AbstractSet[str]) -> Iterator[_Row]:
    first = file.readline()
    unquoted = re.sub('"[^"]*"', "", first)
    # Spreadsheets write semicolons where the comma is the decimal mark.
    delimiter = max(",;\t", key=unquoted.count)
    reader = csv.DictReader(chain([first], file), delimiter=delimiter, strict=True)
    row = _next(reader)
    header = list(reader.fieldnames or ())
    if twice := [column for place, column in enumerate(header) if column in read and column in header[:place]]:
        raise PostDataError(f"{name}, line 1: two columns are called {shown(twice[0])}")
    while row is not None:
        if None in row or None in row.values():
            fault = PostDataError(f"{name}, line {reader.line_num}: not as many fields as the header has columns")
            yield reader.line_num, fault
        else:
            yield reader.line_num, row
        row = _next(reader)


def _next(reader: csv.DictReader[str]) -> dict[str, Any] | None:
    # The limit is the whole process's, so it is lifted for no longer than one row takes.
    before = csv.field_size_limit(_MOST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def _json_rows(file: TextIO, name: str) -> Iterator[_Row]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        yield number, _object(line, f"{name}, line {number}")


def _object(line: str, place: str) -> dict[str, Any] | PostDataError:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        fault = PostDataError(f"{place}: not JSON: {error}")
        fault.__cause__ = error
        return fault
    return row if isinstance(row, dict) else PostDataError(f"{place}: {shown(row)}; an object is needed")


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, TypeError, ValueError, LookupError) as error:
        raise PostDataError(f"zone is {shown(name)}; a name such as America/New_York is needed") from error


def _stamp(value: object, default: tzinfo | None, where: str) -> datetime | None:
    if value in ("", None):
        return None
    try:
        stamp = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PostDataError(f"{where}: {shown(value)}; a time such as 2016-05-24T18:30:00-04:00 is needed") from error
    if stamp.utcoffset() is None and default is not None:
        stamp = stamp.replace(tzinfo=default)
    if stamp.utcoffset() is None:
        raise PostDataError(
            f"{where}: {shown(value)} has no zone; say which one the file means",
            hint='Such as: --zone Europe/Madrid on the command line, zone="Europe/Madrid" in Python.',
        )
    return stamp


def _count(value: object, where: str) -> float:
    number = math.nan
    separated = isinstance(value, str) and _SEPARATED.fullmatch(value.strip())
    if isinstance(value, str | int | float) and not (isinstance(value, bool) or separated):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not 0 <= number < math.inf:
        raise PostDataError(f"{where}: {shown(value)}; a count is needed")
    return number
