"""Posts in a file: CSV with a header or JSON Lines, plain or compressed, whatever its columns are called."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO
from zoneinfo import ZoneInfo

from postopt._checks import check_path
from postopt._textfile import OPENERS, opened
from postopt.errors import PostDataError, shown

KEYS: Final = ("id", "text", "title", "page", "type", "language", "published")

# The csv module refuses fields above 128 KiB; a post of 10 MB is one.
_MOST_FIELD = 2**30


def read_post_file(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    outcome: str | None = None,
    zone: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the posts of a file as the mappings that `EngagementPredictor` and `analyze_many` read.

    Holds one row at a time. A row without an id is called "line-N", N being the number of the line it ends on. Counts
    are written in digits, as 12 or 1.5e3: a separator of thousands could mean two things, and is refused.

    Args:
        path: CSV if named .csv, else JSON Lines; .gz or .xz behind it says that it is compressed.
        columns: what the file calls the keys of a post, where that differs: `{"text": "message"}`. What it does not
            have is left out.
        outcome: the column of the outcome, or several to be added up: "reactions+comments+shares". None reads
            `outcome` if there is such a column.
        zone: name of the zone of stamps that have none ("America/New_York"); None refuses such stamps.

    Raises:
        PostDataError: an option cannot be used; or, once posts are taken, the file cannot be read, a column is missing
            or there twice, or a row is malformed: it names line and column.
        ValueError: `path` is no path.
    """
    path = check_path("path", path)
    names = {key: key for key in KEYS} | _columns(columns)
    summed = ("outcome",) if outcome is None else _summed(outcome)
    needed = {"text": names["text"], **{key: names[key] for key in columns or {}}}
    wanted = (*needed.values(), *(() if outcome is None else summed))
    return _posts(path, _Format(names, wanted, summed, None if zone is None else _zone(zone)))


class _Format(NamedTuple):
    """What is read of each row.

    Attributes:
        names: the file's name for each key of a post.
        wanted: columns that each row must have.
        summed: columns whose counts are added up; those that are there, unless they are wanted too.
        zone: of stamps that have none.
    """

    names: Mapping[str, str]
    wanted: tuple[str, ...]
    summed: tuple[str, ...]
    zone: tzinfo | None


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


def _posts(path: Path, read: _Format) -> Iterator[dict[str, Any]]:
    for line, row in _rows(path, {*read.names.values(), *read.summed}):
        place = f"{path.name}, line {line}"
        if missing := [name for name in read.wanted if name not in row]:
            raise PostDataError(f"{place}: no column {shown(missing[0])}; there are {', '.join(row)}")
        post = {
            key: _value(key, row[name], f"{place}, column {name}", read.zone)
            for key, name in read.names.items()
            if name in row
        }
        if post.get("id") in ("", None):
            post["id"] = f"line-{line}"
        counts = [_count(row[name], f"{place}, column {name}") for name in read.summed if name in row]
        yield {**post, "outcome": sum(counts)} if counts else post


def _value(key: str, value: object, where: str, zone: tzinfo | None) -> object:
    if key == "published":
        return _stamp(value, zone, where)
    if isinstance(value, str) or (value is None and key != "text") or (key == "id" and type(value) is int):
        return value
    needed = {"text": "a text", "id": "a text or a whole number"}.get(key, "a text or null")
    raise PostDataError(f"{where}: {shown(value)}; {needed} is needed")


def _rows(path: Path, read: AbstractSet[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each row by column, and the number of the line it ends on."""
    plain = path.with_suffix("") if path.suffix in OPENERS else path
    with opened(path, PostDataError) as file:
        yield from _csv_rows(file, path.name, read) if plain.suffix == ".csv" else _json_rows(file, path.name)


def _csv_rows(file: TextIO, name: str, read: AbstractSet[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file, strict=True)
    row = _next(reader)
    header = list(reader.fieldnames or ())
    if twice := [column for place, column in enumerate(header) if column in read and column in header[:place]]:
        raise PostDataError(f"{name}, line 1: two columns are called {shown(twice[0])}")
    while row is not None:
        if None in row or None in row.values():
            raise PostDataError(f"{name}, line {reader.line_num}: not as many fields as the header has columns")
        yield reader.line_num, row
        row = _next(reader)


def _next(reader: csv.DictReader[str]) -> dict[str, Any] | None:
    # The limit is the whole process's, so it is lifted for no longer than one row takes.
    before = csv.field_size_limit(_MOST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def _json_rows(file: TextIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PostDataError(f"{name}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise PostDataError(f"{name}, line {number}: {shown(row)}; an object is needed")
        yield number, row


def _zone(name: str) -> tzinfo:
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
        raise PostDataError(f"{where}: {shown(value)} has no zone; say which one the file means")
    return stamp


def _count(value: object, where: str) -> float:
    number = math.nan
    separated = isinstance(value, str) and "_" in value  # which Python takes for a number
    if isinstance(value, str | int | float) and not (isinstance(value, bool) or separated):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not math.isfinite(number):  # what is negative is refused by whoever learns from it
        raise PostDataError(f"{where}: {shown(value)}; a count is needed")
    return number
